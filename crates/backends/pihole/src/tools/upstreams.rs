//! Whom it asks what it does not know.

use std::net::IpAddr;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::Call;
use crate::client::Pihole;
use crate::each::{OnHosts, failures, gathered, targets_of};
use crate::host::Host;
use crate::times::{percent, rounded};
use crate::types::Upstreams;

/// Where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetUpstreams {
    /// The Pi-hole to ask; default the first of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Which servers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetUpstreams {
    /// All upstream servers from now on, each as `IP` or `IP#PORT`.
    #[schemars(length(min = 1, max = 8), inner(length(min = 2, max = 60)))]
    servers: Vec<String>,
    /// Only on this Pi-hole; default all of the instance, one after the other.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Upstream servers and how they did.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UpstreamList {
    /// As configured: `IP` or `IP#PORT`.
    servers: Vec<String>,
    /// Of the last 24 hours; `blocklist` and `cache` are Pi-hole itself.
    statistics: Vec<UpstreamFigures>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct UpstreamFigures {
    ip: Option<String>,
    name: Option<String>,
    port: Option<i64>,
    queries: u64,
    percent: Option<f64>,
    response_ms: Option<f64>,
}

/// Upstream servers after a change.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct UpstreamsSet {
    /// As read afterwards.
    servers: Vec<String>,
    before: Vec<String>,
    /// Whether it answered again after its restart.
    answers: bool,
}

/// Get the upstream DNS servers, and how much and how fast each answered in the last 24 hours.
#[tool(
    read,
    open_world,
    permission = "pihole:upstream:read",
    title = "Get the upstream DNS servers",
    timeout = 90
)]
pub(crate) async fn get_upstream_dns(
    pihole: &Pihole,
    args: GetUpstreams,
) -> ToolResult<UpstreamList> {
    let host = pihole.host(args.host.as_deref())?;
    let call = Call::get("upstreams", "/api/stats/upstreams", &[]);
    let (dns, found) = tokio::join!(host.dns(), host.json::<Upstreams>(&call));
    let (dns, found) = (dns?, found?);
    let statistics = found.upstreams.into_iter().map(|row| UpstreamFigures {
        percent: percent(row.count, found.total_queries),
        response_ms: (row.statistics.response > 0.0)
            .then(|| rounded(row.statistics.response * 1000.0)),
        ip: row.ip,
        name: row.name,
        port: (row.port > 0).then_some(row.port),
        queries: row.count,
    });
    Ok(UpstreamList {
        servers: dns.upstreams,
        statistics: statistics.collect(),
    })
}

/// Replace the upstream DNS servers and wait until Pi-hole answers again; wrong ones leave the house without DNS.
#[tool(
    critical,
    idempotent,
    open_world,
    permission = "pihole:upstream:set",
    title = "Set the upstream DNS servers",
    timeout = 300,
    preview = preview_set,
    targets = set_targets,
    inverse = undo_set,
    read_back = check_set
)]
pub(crate) async fn set_upstream_dns(
    pihole: &Pihole,
    args: SetUpstreams,
) -> ToolResult<OnHosts<UpstreamsSet>> {
    let servers = args.servers()?;
    // One after the other, and no further after a failure: one that still answers is enough.
    let mut results = Vec::new();
    let mut failed = false;
    for host in pihole.chosen(args.host.as_deref())? {
        let result = if failed {
            Err(ToolError::new(
                Code::Conflict,
                "left as it was, because another failed before",
            )
            .reason("not_tried")
            .hint("look at the one that failed first"))
        } else {
            set_on(host, &servers).await
        };
        failed |= result.is_err();
        results.push((host.name.clone(), result));
    }
    gathered(results.into_iter())
}

async fn set_on(host: &Host, servers: &[String]) -> ToolResult<UpstreamsSet> {
    let before = host.dns().await?.upstreams;
    if before == servers {
        return Ok(UpstreamsSet {
            servers: before.clone(),
            before,
            answers: true,
        });
    }
    host.done(&set_call(servers)).await?;
    let state = host.settled().await?;
    if state.blocking == "failed" {
        // Its resolver did not come back: what worked before is put back.
        host.done(&set_call(&before)).await?;
        let back = host.settled().await?;
        let message = format!(
            "the resolver of `{}` did not start with these servers",
            host.name
        );
        return Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("rolled_back")
            .hint(format!(
                "the servers from before are set again, and its blocking is `{}`",
                back.blocking
            )));
    }
    Ok(UpstreamsSet {
        servers: host.dns().await?.upstreams,
        before,
        answers: true,
    })
}

fn set_call(servers: &[String]) -> Call {
    Call::new(
        "set_upstreams",
        homelab_upstream::Method::PATCH,
        "/api/config",
        &[],
    )
    .body(json!({ "config": { "dns": { "upstreams": servers } } }))
}

impl SetUpstreams {
    fn servers(&self) -> ToolResult<Vec<String>> {
        if self.servers.is_empty() || self.servers.len() > 8 {
            return Err(ToolError::invalid(
                "servers",
                "these are not 1 to 8 servers",
            ));
        }
        let mut servers = Vec::new();
        for text in &self.servers {
            let server = server(text)?;
            if servers.contains(&server) {
                let message = format!("`{server}` is named twice");
                return Err(ToolError::invalid("servers", message));
            }
            servers.push(server);
        }
        Ok(servers)
    }
}

/// `IP` or `IP#PORT`; what else dnsmasq would take is not taken, because most of it is a mistake.
fn server(text: &str) -> ToolResult<String> {
    let text = text.trim();
    let (ip, port) = match text.split_once('#') {
        Some((ip, port)) => (ip, Some(port)),
        None => (text, None),
    };
    let wrong = |what: &str| {
        ToolError::invalid("servers", format!("`{text}` {what}"))
            .hint("write an IP address, with `#` and a port if it is not 53: `192.0.2.1#5335`")
    };
    let ip: IpAddr = ip.parse().map_err(|_| wrong("is no IP address"))?;
    if ip.is_unspecified() || ip.is_multicast() {
        return Err(wrong("cannot be asked"));
    }
    match port.map(str::parse::<u16>) {
        None => Ok(ip.to_string()),
        Some(Ok(port)) if port > 0 => Ok(format!("{ip}#{port}")),
        Some(_) => Err(wrong("has a port that is none")),
    }
}

async fn preview_set(pihole: &Pihole, args: &SetUpstreams) -> ToolResult<Preview> {
    let servers = args.servers()?;
    let mut changes = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        changes.push(Change {
            field: format!("upstreams of {}", host.name),
            from: Some(host.dns().await?.upstreams.join(", ")),
            to: Some(servers.join(", ")),
        });
    }
    Ok(Preview {
        summary: format!("ask {} for all names from now on", servers.join(", ")),
        changes,
        impact: vec![
            "Pi-hole restarts: no names are resolved for some seconds".to_owned(),
            "if the new servers do not answer, no names are resolved at all".to_owned(),
        ],
    })
}

async fn set_targets(pihole: &Pihole, args: &SetUpstreams) -> ToolResult<Vec<Target>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    Ok(targets_of(&hosts))
}

async fn undo_set(pihole: &Pihole, args: &SetUpstreams) -> ToolResult<Option<Inverse>> {
    let servers = args.servers()?;
    let before = pihole.host(args.host.as_deref())?.dns().await?.upstreams;
    // What is written otherwise than we write it cannot be put back by this tool.
    let ours = before.iter().all(|text| server(text).is_ok());
    Ok(
        (ours && !before.is_empty() && before != servers).then(|| Inverse {
            tool: "set_upstream_dns".to_owned(),
            arguments: json!({ "servers": before, "host": args.host }),
        }),
    )
}

async fn check_set(
    _pihole: &Pihole,
    args: &SetUpstreams,
    done: &OnHosts<UpstreamsSet>,
) -> ToolResult<Vec<Mismatch>> {
    let wanted = args.servers()?;
    let mut mismatches = failures(done);
    let differing = done.hosts.iter().filter_map(|host| host.result.as_ref());
    mismatches.extend(
        differing
            .filter(|set| set.servers != wanted)
            .map(|set| Mismatch {
                field: "servers",
                wanted: wanted.join(", "),
                found: set.servers.join(", "),
            }),
    );
    Ok(mismatches)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("192.0.2.1", "192.0.2.1")]
    #[case(" 127.0.0.1#5335 ", "127.0.0.1#5335")]
    #[case("2001:DB8::1#53", "2001:db8::1#53")]
    fn servers_are_addresses(#[case] text: &str, #[case] wanted: &str) {
        assert_eq!(server(text).unwrap(), wanted);
    }

    #[rstest]
    #[case("dns.example")]
    #[case("192.0.2.1:53")]
    #[case("192.0.2.1#0")]
    #[case("192.0.2.1#70000")]
    #[case("0.0.0.0")]
    #[case("192.0.2.1#53@eth0")]
    fn everything_else_is_refused(#[case] text: &str) {
        assert!(server(text).is_err());
    }

    #[test]
    fn the_whole_list_is_sent() {
        assert_eq!(
            set_call(&["192.0.2.1".to_owned()]).line(),
            r#"PATCH /api/config {"config":{"dns":{"upstreams":["192.0.2.1"]}}}"#
        );
    }
}
