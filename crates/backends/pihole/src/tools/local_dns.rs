//! Names of the lab that Pi-hole itself knows: addresses (`dns.hosts`) and aliases
//! (`dns.cnameRecords`).

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::net::Ip;
use homelab_core::page::Page;
use homelab_core::tool::{Change, Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rules::{clean_domain, page};
use crate::client::Pihole;
use crate::each::{OnHosts, all_took, on_each, target};
use crate::host::Host;
use crate::records::{ALIASES, Line, LocalName, Step, adding, lines, removing, step_call};
use crate::types::DnsConfig;

/// Which names.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListLocalDns {
    /// Only those whose name or value has this text.
    #[schemars(length(max = 253))]
    search: Option<String>,
    /// The Pi-hole to ask; default the first of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 900))]
    cursor: Option<String>,
}

/// The name, and what it stands for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddLocalDns {
    /// The name, such as `nas.lab.example`.
    #[schemars(length(min = 1, max = 253))]
    name: String,
    /// Its IP address, for an A or AAAA record.
    #[schemars(length(max = 45))]
    ip: Option<String>,
    /// The name that it is an alias of, for a CNAME record; Pi-hole must know that name itself.
    #[schemars(length(max = 253))]
    target: Option<String>,
    /// Seconds that an alias may be remembered.
    #[schemars(range(min = 1, max = 604_800))]
    ttl_s: Option<u32>,
    /// Take the place of what the name stands for now; default false.
    #[serde(default)]
    replace: bool,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Which name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveLocalDns {
    /// The name.
    #[schemars(length(min = 1, max = 253))]
    name: String,
    /// Only where it stands for this address or target; default all.
    #[schemars(length(max = 253))]
    value: Option<String>,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// A name after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LocalNameSet {
    /// What the name stands for, as read afterwards.
    records: Vec<LocalName>,
    /// False where it was so before.
    changed: bool,
}

/// List the names of the lab that Pi-hole itself answers: addresses and aliases.
#[tool(
    read,
    open_world,
    permission = "pihole:local_dns:read",
    title = "List local DNS records",
    timeout = 90
)]
pub(crate) async fn list_local_dns(
    pihole: &Pihole,
    args: ListLocalDns,
) -> ToolResult<Page<LocalName>> {
    let dns = pihole.host(args.host.as_deref())?.dns().await?;
    let wanted = args.search.as_deref().unwrap_or_default().to_lowercase();
    let mut rows: Vec<LocalName> = lines(&dns)
        .into_iter()
        .flat_map(|line| line.names())
        .collect();
    rows.retain(|row| row.name.contains(&wanted) || row.value.contains(&wanted));
    rows.sort_by_key(LocalName::key);
    rows.dedup();
    page(rows, args.limit, args.cursor.as_deref(), LocalName::key)
}

/// Add a local name with its address or as an alias, on all Pi-holes of the instance.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:local_dns:add",
    title = "Add a local DNS record",
    timeout = 180,
    preview = preview_add,
    targets = add_targets,
    inverse = undo_add,
    read_back = all_took
)]
pub(crate) async fn add_local_dns(
    pihole: &Pihole,
    args: AddLocalDns,
) -> ToolResult<OnHosts<LocalNameSet>> {
    let wanted = args.wanted()?;
    let (wanted, replace) = (&wanted, args.replace);
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| async move {
        let steps = adding(&host.dns().await?, wanted, replace, &host.name)?;
        host.local_names(&wanted.name, steps).await
    })
    .await
}

/// Remove a local name, on all Pi-holes of the instance.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pihole:local_dns:remove",
    title = "Remove a local DNS record",
    timeout = 180,
    preview = preview_remove,
    targets = remove_targets,
    inverse = undo_remove,
    read_back = all_took
)]
pub(crate) async fn remove_local_dns(
    pihole: &Pihole,
    args: RemoveLocalDns,
) -> ToolResult<OnHosts<LocalNameSet>> {
    let (name, value) = args.cleaned()?;
    let (name, value) = (name.as_str(), value.as_deref());
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| async move {
        let steps = removing(&host.dns().await?, name, value);
        host.local_names(name, steps).await
    })
    .await
}

impl Host {
    /// Takes the steps, and reads what the name stands for then.
    async fn local_names(&self, name: &str, steps: Vec<Step>) -> ToolResult<LocalNameSet> {
        for step in &steps {
            self.take_step(step).await?;
        }
        let dns = self.dns().await?;
        let mut records: Vec<LocalName> = lines(&dns).iter().flat_map(Line::names).collect();
        records.retain(|row| row.name == name);
        Ok(LocalNameSet {
            records,
            changed: !steps.is_empty(),
        })
    }

    pub(super) async fn take_step(&self, step: &Step) -> ToolResult<()> {
        match step {
            Step::Add(..) => self.done(&step_call(step)).await?,
            // What is gone already is gone.
            Step::Remove(..) => drop(self.removed(&step_call(step)).await?),
        }
        // It restarts for aliases, and only for them.
        if let Step::Add(ALIASES, _) | Step::Remove(ALIASES, _) = step {
            self.settled().await?;
        }
        Ok(())
    }
}

impl AddLocalDns {
    fn wanted(&self) -> ToolResult<LocalName> {
        let name = clean_domain("name", &self.name)?;
        match (&self.ip, &self.target) {
            (Some(ip), None) => {
                if self.ttl_s.is_some() {
                    let message = "an address has no `ttl_s` here";
                    return Err(ToolError::invalid("ttl_s", message));
                }
                let ip: Ip = ip
                    .parse()
                    .map_err(|what: String| ToolError::invalid("ip", what))?;
                Ok(LocalName {
                    name,
                    of_type: if ip.0.is_ipv6() { "AAAA" } else { "A" }.to_owned(),
                    value: ip.to_string(),
                    ttl_s: None,
                })
            }
            (None, Some(to)) => {
                let value = clean_domain("target", to)?;
                if value == name {
                    return Err(ToolError::invalid(
                        "target",
                        "a name cannot be its own alias",
                    ));
                }
                Ok(LocalName {
                    name,
                    of_type: "CNAME".to_owned(),
                    value,
                    ttl_s: self.ttl_s,
                })
            }
            _ => Err(ToolError::invalid(
                "ip",
                "give `ip` or `target`, and not both",
            )),
        }
    }
}

impl RemoveLocalDns {
    fn cleaned(&self) -> ToolResult<(String, Option<String>)> {
        let name = clean_domain("name", &self.name)?;
        let value = self.value.as_deref().map(|text| match text.parse::<Ip>() {
            Ok(ip) => ip.to_string(),
            Err(_) => text.trim().trim_end_matches('.').to_lowercase(),
        });
        Ok((name, value))
    }
}

async fn changes(
    pihole: &Pihole,
    host: Option<&str>,
    steps: impl Fn(&DnsConfig, &str) -> ToolResult<Vec<Step>>,
) -> ToolResult<Vec<Change>> {
    let mut changes = Vec::new();
    for host in pihole.chosen(host)? {
        for step in steps(&host.dns().await?, &host.name)? {
            let (from, to, setting) = match step {
                Step::Add(setting, line) => (None, Some(line), setting),
                Step::Remove(setting, line) => (Some(line), None, setting),
            };
            changes.push(Change {
                field: format!("dns.{setting} on {}", host.name),
                from,
                to,
            });
        }
    }
    Ok(changes)
}

async fn preview_add(pihole: &Pihole, args: &AddLocalDns) -> ToolResult<Preview> {
    let wanted = args.wanted()?;
    let steps = |dns: &DnsConfig, host: &str| adding(dns, &wanted, args.replace, host);
    Ok(Preview {
        summary: format!("let `{}` stand for `{}`", wanted.name, wanted.value),
        changes: changes(pihole, args.host.as_deref(), steps).await?,
        impact: if wanted.of_type == "CNAME" {
            vec!["Pi-hole restarts: no names are resolved for some seconds".to_owned()]
        } else {
            Vec::new()
        },
    })
}

async fn preview_remove(pihole: &Pihole, args: &RemoveLocalDns) -> ToolResult<Preview> {
    let (name, value) = args.cleaned()?;
    let steps = |dns: &DnsConfig, _: &str| Ok(removing(dns, &name, value.as_deref()));
    Ok(Preview {
        summary: format!("remove the local name `{name}`"),
        changes: changes(pihole, args.host.as_deref(), steps).await?,
        impact: vec![format!("what looks for `{name}` does not find it any more")],
    })
}

async fn add_targets(_pihole: &Pihole, args: &AddLocalDns) -> ToolResult<Vec<Target>> {
    Ok(vec![target("local_name", &args.wanted()?.name)])
}

async fn remove_targets(_pihole: &Pihole, args: &RemoveLocalDns) -> ToolResult<Vec<Target>> {
    Ok(vec![target("local_name", &args.cleaned()?.0)])
}

/// What a name stands for on the first Pi-hole.
async fn before(pihole: &Pihole, host: Option<&str>, name: &str) -> ToolResult<Vec<LocalName>> {
    let dns = pihole.host(host)?.dns().await?;
    let mut rows: Vec<LocalName> = lines(&dns).iter().flat_map(Line::names).collect();
    rows.retain(|row| row.name == name);
    Ok(rows)
}

/// The call that puts one record back.
fn putting_back(row: &LocalName, host: Option<&str>) -> Inverse {
    let mut arguments = json!({ "name": row.name, "replace": true, "host": host });
    if row.of_type == "CNAME" {
        arguments["target"] = json!(row.value);
        arguments["ttl_s"] = json!(row.ttl_s);
    } else {
        arguments["ip"] = json!(row.value);
    }
    Inverse {
        tool: "add_local_dns".to_owned(),
        arguments,
    }
}

async fn undo_add(pihole: &Pihole, args: &AddLocalDns) -> ToolResult<Option<Inverse>> {
    let wanted = args.wanted()?;
    let rows = before(pihole, args.host.as_deref(), &wanted.name).await?;
    Ok(match rows.as_slice() {
        [] => Some(Inverse {
            tool: "remove_local_dns".to_owned(),
            arguments: json!({ "name": wanted.name, "value": wanted.value, "host": args.host }),
        }),
        [row] if args.replace && *row != wanted && row.of_type == wanted.of_type => {
            Some(putting_back(row, args.host.as_deref()))
        }
        _ => None,
    })
}

async fn undo_remove(pihole: &Pihole, args: &RemoveLocalDns) -> ToolResult<Option<Inverse>> {
    let (name, value) = args.cleaned()?;
    let mut rows = before(pihole, args.host.as_deref(), &name).await?;
    rows.retain(|row| value.as_ref().is_none_or(|value| row.value == *value));
    Ok(match rows.as_slice() {
        [row] => Some(putting_back(row, args.host.as_deref())),
        _ => None,
    })
}
