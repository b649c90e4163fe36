//! Nameservers for names below a domain.

use std::collections::BTreeMap;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dns::DnsState;
use super::dns_changes::{DnsChanged, addresses, dns_target};
use crate::call::Call;
use crate::client::Tailscale;
use crate::ids::{Address, Domain};

/// What happens to domains that are not named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SplitMode {
    /// They stay.
    #[default]
    Merge,
    /// They go.
    Replace,
}

/// Nameservers of a domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Nameservers(#[schemars(length(max = 20))] Vec<Address>);

/// Which nameservers for which domains.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSplitDns {
    /// Nameservers by domain, such as `{"lab.example": ["192.0.2.66"]}`; an empty list clears a domain.
    #[schemars(length(max = 100))]
    domains: BTreeMap<String, Nameservers>,
    /// `merge` (default) leaves other domains as they are, `replace` clears them.
    #[serde(default)]
    mode: SplitMode,
}

/// By domain.
type Servers = BTreeMap<String, Vec<String>>;

impl SetSplitDns {
    fn check(&self) -> ToolResult<()> {
        for (domain, servers) in &self.domains {
            let field = format!("domains.{domain}");
            if let Err(what) = domain.parse::<Domain>() {
                return Err(ToolError::invalid(field, what));
            }
            if servers.0.len() > 20 {
                let message = "a domain has 20 nameservers at most";
                return Err(ToolError::invalid(field, message));
            }
        }
        if self.domains.is_empty() && self.mode == SplitMode::Merge {
            return Err(ToolError::invalid("domains", "no domain is named"));
        }
        Ok(())
    }

    fn named(&self) -> Servers {
        let texts = |servers: &Nameservers| servers.0.iter().map(ToString::to_string).collect();
        self.domains
            .iter()
            .map(|(domain, servers)| (domain.clone(), texts(servers)))
            .collect()
    }

    /// What there is afterwards.
    fn wanted(&self, before: &Servers) -> Servers {
        let mut wanted = match self.mode {
            SplitMode::Merge => before.clone(),
            SplitMode::Replace => Servers::new(),
        };
        wanted.extend(self.named());
        wanted.retain(|_, servers| !servers.is_empty());
        wanted
    }

    /// `PATCH` merges, `null` clears a domain; `PUT` replaces everything.
    fn call(&self, tailnet: &str) -> Call {
        const TEMPLATE: &str = "/tailnet/{}/dns/split-dns";
        let body: serde_json::Map<String, Value> = self
            .named()
            .into_iter()
            .filter(|(_, servers)| self.mode == SplitMode::Merge || !servers.is_empty())
            .map(|(domain, servers)| {
                let value = if servers.is_empty() {
                    Value::Null
                } else {
                    json!(servers)
                };
                (domain, value)
            })
            .collect();
        let call = match self.mode {
            SplitMode::Merge => Call::patch("dns_split_merge", TEMPLATE, &[&tailnet]),
            SplitMode::Replace => Call::put("dns_split_replace", TEMPLATE, &[&tailnet]),
        };
        call.json(Value::Object(body))
            .scope("dns")
            .vendor_only()
            .idempotent()
    }
}

fn servers(dns: &DnsState) -> Servers {
    dns.split_dns
        .iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(domain, rows)| (domain.clone(), addresses(rows)))
        .collect()
}

/// Set which nameservers answer for names below a domain (split DNS), such as the lab's own.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:dns:write",
    title = "Set split DNS",
    timeout = 90,
    effect = split_effect,
    preview = preview_split,
    targets = split_targets,
    inverse = undo_split,
    read_back = check_split
)]
pub(crate) async fn set_split_dns(
    tailscale: &Tailscale,
    args: SetSplitDns,
) -> ToolResult<DnsChanged> {
    args.check()?;
    tailscale.api.done(&args.call(&tailscale.tailnet)).await?;
    Ok(DnsChanged {
        dns: tailscale.dns().await?,
        notes: Vec::new(),
    })
}

/// Naming servers for domains takes none away.
fn split_effect(_: &Tailscale, args: &SetSplitDns) -> Effect {
    let clears = args.domains.values().any(|servers| servers.0.is_empty());
    if args.mode == SplitMode::Merge && !clears {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

async fn preview_split(tailscale: &Tailscale, args: &SetSplitDns) -> ToolResult<Preview> {
    args.check()?;
    let before = servers(&tailscale.dns().await?);
    let after = args.wanted(&before);
    let domains = before
        .keys()
        .chain(after.keys().filter(|domain| !before.contains_key(*domain)));
    let list = |servers: &Servers, domain: &String| servers.get(domain).map(|all| all.join(", "));
    let changes = domains
        .map(|domain| Change {
            field: domain.clone(),
            from: list(&before, domain),
            to: list(&after, domain),
        })
        .filter(|change| change.from != change.to)
        .collect();
    Ok(Preview {
        summary: "change which nameservers answer for which domains".to_owned(),
        changes,
        impact: Vec::new(),
    })
}

async fn split_targets(tailscale: &Tailscale, _: &SetSplitDns) -> ToolResult<Vec<Target>> {
    Ok(dns_target(tailscale))
}

async fn undo_split(tailscale: &Tailscale, args: &SetSplitDns) -> ToolResult<Option<Inverse>> {
    args.check()?;
    let before = servers(&tailscale.dns().await?);
    if args.wanted(&before) == before {
        return Ok(None);
    }
    let domains: Servers = match args.mode {
        SplitMode::Replace => before,
        // Domains that others set meanwhile are left alone.
        SplitMode::Merge => args
            .domains
            .keys()
            .map(|domain| {
                (
                    domain.clone(),
                    before.get(domain).cloned().unwrap_or_default(),
                )
            })
            .collect(),
    };
    Ok(Some(Inverse {
        tool: "set_split_dns".to_owned(),
        arguments: json!({ "domains": domains, "mode": args.mode }),
    }))
}

async fn check_split(
    _: &Tailscale,
    args: &SetSplitDns,
    done: &DnsChanged,
) -> ToolResult<Vec<Mismatch>> {
    let found = servers(&done.dns);
    let wanted = args.wanted(&found);
    let mismatch = (wanted != found).then(|| Mismatch {
        field: "domains",
        wanted: json!(wanted).to_string(),
        found: json!(found).to_string(),
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(domains: Value, mode: SplitMode) -> SetSplitDns {
        SetSplitDns {
            domains: serde_json::from_value(domains).unwrap(),
            mode,
        }
    }

    #[test]
    fn merging_clears_with_null_and_replacing_leaves_out() {
        let domains = json!({"a.example": ["192.0.2.66"], "b.example": []});

        assert_eq!(
            args(domains.clone(), SplitMode::Merge).call("-").line(),
            r#"PATCH /tailnet/-/dns/split-dns {"a.example":["192.0.2.66"],"b.example":null}"#
        );
        assert_eq!(
            args(domains, SplitMode::Replace).call("-").line(),
            r#"PUT /tailnet/-/dns/split-dns {"a.example":["192.0.2.66"]}"#
        );
    }
}
