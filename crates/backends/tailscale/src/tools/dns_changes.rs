//! Name resolution: nameservers, search paths, MagicDNS.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dns::{DnsState, ResolverRow};
use crate::call::Call;
use crate::client::Tailscale;
use crate::ids::{Address, Domain};

/// Name resolution after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DnsChanged {
    /// As read afterwards.
    pub(super) dns: DnsState,
    /// What to know about it.
    pub(super) notes: Vec<String>,
}

/// `POST` that replaces one part.
fn set_call(tailnet: &str, template: &'static str, body: Value) -> Call {
    Call::post("dns_set", template, &[&tailnet])
        .json(body)
        .scope("dns")
        .vendor_only()
        .idempotent()
}

pub(super) fn dns_target(tailscale: &Tailscale) -> Vec<Target> {
    vec![Target {
        kind: "dns".to_owned(),
        id: tailscale.tailnet.clone(),
        name: None,
        tags: Vec::new(),
    }]
}

pub(super) fn addresses(rows: &[ResolverRow]) -> Vec<String> {
    rows.iter().map(|row| row.address.clone()).collect()
}

fn mismatch(field: &'static str, wanted: &[String], found: &[String]) -> Vec<Mismatch> {
    let differs = wanted != found;
    let mismatch = differs.then(|| Mismatch {
        field,
        wanted: wanted.join(", "),
        found: found.join(", "),
    });
    mismatch.into_iter().collect()
}

fn preview_of(field: &str, before: &[String], after: &[String], impact: Vec<String>) -> Preview {
    Preview {
        summary: format!("replace the tailnet's {}", field.replace('_', " ")),
        changes: vec![Change {
            field: field.to_owned(),
            from: Some(before.join(", ")),
            to: Some(after.join(", ")),
        }],
        impact,
    }
}

/// Which nameservers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetNameservers {
    /// All nameservers from then on; none leaves devices their own, and switches MagicDNS off.
    #[schemars(length(max = 20))]
    nameservers: Vec<Address>,
}

impl SetNameservers {
    fn texts(&self) -> Vec<String> {
        self.nameservers.iter().map(ToString::to_string).collect()
    }
}

const NO_NAMESERVER: &str =
    "without a nameserver MagicDNS goes off: names of devices stop resolving";

/// Replace the nameservers that all devices of the tailnet use.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:dns:write",
    title = "Set nameservers",
    timeout = 90,
    preview = preview_nameservers,
    targets = nameservers_targets,
    inverse = undo_nameservers,
    read_back = check_nameservers
)]
pub(crate) async fn set_tailscale_dns_nameservers(
    tailscale: &Tailscale,
    args: SetNameservers,
) -> ToolResult<DnsChanged> {
    let before = tailscale.dns().await?;
    let body = json!({ "dns": args.texts() });
    let call = set_call(&tailscale.tailnet, "/tailnet/{}/dns/nameservers", body);
    tailscale.api.done(&call).await?;
    let dns = tailscale.dns().await?;
    let off = before.magic_dns && !dns.magic_dns;
    let note = "MagicDNS is off now: `set_tailscale_dns_preferences` switches it on once there is a nameserver";
    Ok(DnsChanged {
        dns,
        notes: off.then(|| note.to_owned()).into_iter().collect(),
    })
}

async fn preview_nameservers(tailscale: &Tailscale, args: &SetNameservers) -> ToolResult<Preview> {
    let before = tailscale.dns().await?;
    let off = args.nameservers.is_empty() && before.magic_dns;
    let impact = off.then(|| NO_NAMESERVER.to_owned()).into_iter().collect();
    Ok(preview_of(
        "nameservers",
        &addresses(&before.nameservers),
        &args.texts(),
        impact,
    ))
}

async fn nameservers_targets(tailscale: &Tailscale, _: &SetNameservers) -> ToolResult<Vec<Target>> {
    Ok(dns_target(tailscale))
}

async fn undo_nameservers(
    tailscale: &Tailscale,
    args: &SetNameservers,
) -> ToolResult<Option<Inverse>> {
    let before = addresses(&tailscale.dns().await?.nameservers);
    Ok((before != args.texts()).then(|| Inverse {
        tool: "set_tailscale_dns_nameservers".to_owned(),
        arguments: json!({ "nameservers": before }),
    }))
}

async fn check_nameservers(
    _: &Tailscale,
    args: &SetNameservers,
    done: &DnsChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(mismatch(
        "nameservers",
        &args.texts(),
        &addresses(&done.dns.nameservers),
    ))
}

/// Whether devices are found by their names.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPreferences {
    /// Whether devices are found by their names; needs a nameserver.
    magic_dns: bool,
}

/// Switch MagicDNS, by which devices are found by their names, on or off.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:dns:write",
    title = "Set MagicDNS",
    timeout = 90,
    preview = preview_preferences,
    targets = preferences_targets,
    inverse = undo_preferences,
    read_back = check_preferences
)]
pub(crate) async fn set_tailscale_dns_preferences(
    tailscale: &Tailscale,
    args: SetPreferences,
) -> ToolResult<DnsChanged> {
    let body = json!({ "magicDNS": args.magic_dns });
    let call = set_call(&tailscale.tailnet, "/tailnet/{}/dns/preferences", body);
    tailscale.api.done(&call).await?;
    Ok(DnsChanged {
        dns: tailscale.dns().await?,
        notes: Vec::new(),
    })
}

async fn preview_preferences(tailscale: &Tailscale, args: &SetPreferences) -> ToolResult<Preview> {
    let before = tailscale.dns().await?.magic_dns;
    let off = before && !args.magic_dns;
    let impact = off.then(|| "names of devices stop resolving".to_owned());
    Ok(Preview {
        summary: format!(
            "switch MagicDNS {}",
            if args.magic_dns { "on" } else { "off" }
        ),
        changes: vec![Change {
            field: "magic_dns".to_owned(),
            from: Some(before.to_string()),
            to: Some(args.magic_dns.to_string()),
        }],
        impact: impact.into_iter().collect(),
    })
}

async fn preferences_targets(tailscale: &Tailscale, _: &SetPreferences) -> ToolResult<Vec<Target>> {
    Ok(dns_target(tailscale))
}

async fn undo_preferences(
    tailscale: &Tailscale,
    args: &SetPreferences,
) -> ToolResult<Option<Inverse>> {
    let before = tailscale.dns().await?.magic_dns;
    Ok((before != args.magic_dns).then(|| Inverse {
        tool: "set_tailscale_dns_preferences".to_owned(),
        arguments: json!({ "magic_dns": before }),
    }))
}

async fn check_preferences(
    _: &Tailscale,
    args: &SetPreferences,
    done: &DnsChanged,
) -> ToolResult<Vec<Mismatch>> {
    let (wanted, found) = (args.magic_dns.to_string(), done.dns.magic_dns.to_string());
    Ok(mismatch("magic_dns", &[wanted], &[found]))
}

/// Which search paths.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSearchPaths {
    /// All domains from then on that short names are tried in.
    #[schemars(length(max = 20))]
    search_paths: Vec<Domain>,
}

impl SetSearchPaths {
    fn texts(&self) -> Vec<String> {
        self.search_paths.iter().map(ToString::to_string).collect()
    }
}

/// Replace the domains in which short names are looked up.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:dns:write",
    title = "Set search paths",
    timeout = 90,
    preview = preview_search_paths,
    targets = search_paths_targets,
    inverse = undo_search_paths,
    read_back = check_search_paths
)]
pub(crate) async fn set_tailscale_search_paths(
    tailscale: &Tailscale,
    args: SetSearchPaths,
) -> ToolResult<DnsChanged> {
    let body = json!({ "searchPaths": args.texts() });
    let call = set_call(&tailscale.tailnet, "/tailnet/{}/dns/searchpaths", body);
    tailscale.api.done(&call).await?;
    Ok(DnsChanged {
        dns: tailscale.dns().await?,
        notes: Vec::new(),
    })
}

async fn preview_search_paths(tailscale: &Tailscale, args: &SetSearchPaths) -> ToolResult<Preview> {
    let before = tailscale.dns().await?.search_paths;
    Ok(preview_of(
        "search_paths",
        &before,
        &args.texts(),
        Vec::new(),
    ))
}

async fn search_paths_targets(
    tailscale: &Tailscale,
    _: &SetSearchPaths,
) -> ToolResult<Vec<Target>> {
    Ok(dns_target(tailscale))
}

async fn undo_search_paths(
    tailscale: &Tailscale,
    args: &SetSearchPaths,
) -> ToolResult<Option<Inverse>> {
    let before = tailscale.dns().await?.search_paths;
    Ok((before != args.texts()).then(|| Inverse {
        tool: "set_tailscale_search_paths".to_owned(),
        arguments: json!({ "search_paths": before }),
    }))
}

async fn check_search_paths(
    _: &Tailscale,
    args: &SetSearchPaths,
    done: &DnsChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(mismatch(
        "search_paths",
        &args.texts(),
        &done.dns.search_paths,
    ))
}
