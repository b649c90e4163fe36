//! Forwarded ports. Only the old API knows them.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::Source;
use crate::call::Call;
use crate::client::Unifi;
use crate::page::page;
use crate::site::{Site, SiteName};
use crate::types::ForwardRow;

/// Which forwarded ports.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPortForwards {
    /// Only those that are on, or off.
    enabled: Option<bool>,
    /// The site; default the configured one.
    site: Option<SiteName>,
    /// Rows per page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

/// A forwarded port.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ForwardItem {
    id: String,
    name: String,
    enabled: bool,
    /// `tcp`, `udp` or `tcp_udp`.
    protocol: Option<String>,
    /// Who may use it; `any` is the whole Internet.
    from: Option<String>,
    /// Port at the gateway.
    port: Option<String>,
    /// Address that it leads to.
    to: Option<String>,
    /// Port that it leads to.
    to_port: Option<String>,
}

/// A page of forwarded ports.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ForwardPage {
    #[serde(flatten)]
    page: Page<ForwardItem>,
    /// The API that told it.
    api: Source,
}

/// List the ports that are forwarded from the Internet into the network.
#[tool(read, open_world, permission = "unifi:portforward:read", timeout = 60)]
pub(crate) async fn list_port_forwards(
    unifi: &Unifi,
    args: ListPortForwards,
) -> ToolResult<ForwardPage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let mut rows = unifi.forwards(&site).await?;
    rows.retain(|row| args.enabled.is_none_or(|enabled| row.enabled == enabled));
    let key = |row: &ForwardItem| format!("{}\u{1}{}", row.name.to_lowercase(), row.id);
    Ok(ForwardPage {
        page: page(rows, args.limit, args.cursor.as_deref(), key)?,
        api: Source::Legacy,
    })
}

/// Which forwarded port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPortForwardEnabled {
    /// Its `id` in `list_port_forwards`, or its name.
    #[schemars(length(min = 1, max = 128))]
    forward: String,
    /// On or off.
    enabled: bool,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A forwarded port after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ForwardChanged {
    /// As read afterwards.
    forward: ForwardItem,
    /// The API that did it.
    api: Source,
}

/// Open or close a port that is forwarded from the Internet.
#[tool(
    critical,
    idempotent,
    open_world,
    permission = "unifi:portforward:update",
    title = "Open or close a forwarded port",
    timeout = 60,
    effect = effect,
    preview = preview_forward,
    targets = forward_targets,
    inverse = undo_forward,
    read_back = check_forward
)]
pub(crate) async fn set_port_forward_enabled(
    unifi: &Unifi,
    args: SetPortForwardEnabled,
) -> ToolResult<ForwardChanged> {
    let site = unifi.site(args.site.as_ref()).await?;
    let forward = unifi.forward_named(&site, &args.forward).await?;
    if forward.enabled != args.enabled {
        let template = "/api/s/{}/rest/portforward/{}";
        let body = json!({ "enabled": args.enabled });
        let call = Call::put(
            "port_forward_update",
            template,
            &[&site.name, &forward.id],
            body,
        );
        unifi.api.done(&call).await?;
    }
    Ok(ForwardChanged {
        forward: unifi.forward_named(&site, &forward.id).await?,
        api: Source::Legacy,
    })
}

/// Closing a port lets nobody in.
fn effect(_unifi: &Unifi, args: &SetPortForwardEnabled) -> Effect {
    if args.enabled {
        Effect::Critical
    } else {
        Effect::Destructive
    }
}

impl Unifi {
    async fn forwards(&self, site: &Site) -> ToolResult<Vec<ForwardItem>> {
        let call = Call::get("port_forwards", "/api/s/{}/rest/portforward", &[&site.name]);
        let rows: Vec<ForwardRow> = self.api.rows(&call).await?;
        let item = |row: ForwardRow| ForwardItem {
            name: row.name.unwrap_or_else(|| row.id.clone()),
            enabled: row.enabled.unwrap_or(true),
            protocol: row.proto,
            from: row.src,
            port: row.dst_port,
            to: row.fwd,
            to_port: row.fwd_port,
            id: row.id,
        };
        Ok(rows.into_iter().map(item).collect())
    }

    async fn forward_named(&self, site: &Site, wanted: &str) -> ToolResult<ForwardItem> {
        let rows = self.forwards(site).await?;
        let is = |row: &&ForwardItem| {
            row.id == wanted || row.name.to_lowercase() == wanted.to_lowercase()
        };
        let found: Vec<&ForwardItem> = rows.iter().filter(is).collect();
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(
                ToolError::not_found(format!("no forwarded port `{wanted}`"))
                    .reason("object_not_found")
                    .field("forward")
                    .hint("call `list_port_forwards` to see what there is"),
            ),
            several => {
                let ids: Vec<String> = several.iter().map(|one| format!("`{}`", one.id)).collect();
                Err(
                    ToolError::invalid("forward", format!("`{wanted}` is the name of several"))
                        .reason("ambiguous_name")
                        .hint(format!("say which by its id: {}", ids.join(", "))),
                )
            }
        }
    }
}

async fn preview_forward(unifi: &Unifi, args: &SetPortForwardEnabled) -> ToolResult<Preview> {
    let site = unifi.site(args.site.as_ref()).await?;
    let forward = unifi.forward_named(&site, &args.forward).await?;
    let to = format!(
        "{}:{}",
        forward.to.as_deref().unwrap_or("?"),
        forward.to_port.as_deref().unwrap_or("?")
    );
    let impact = if args.enabled {
        let from = forward.from.as_deref().unwrap_or("any");
        format!("`{from}` reaches {to} from the Internet")
    } else {
        format!("nobody reaches {to} from the Internet any more")
    };
    Ok(Preview {
        summary: format!("switch the forwarded port `{}`", forward.name),
        changes: vec![Change {
            field: "enabled".to_owned(),
            from: Some(forward.enabled.to_string()),
            to: Some(args.enabled.to_string()),
        }],
        impact: vec![impact],
    })
}

async fn forward_targets(unifi: &Unifi, args: &SetPortForwardEnabled) -> ToolResult<Vec<Target>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let forward = unifi.forward_named(&site, &args.forward).await?;
    Ok(vec![Target {
        kind: "port_forward".to_owned(),
        id: forward.id,
        name: Some(forward.name),
        tags: Vec::new(),
    }])
}

async fn undo_forward(unifi: &Unifi, args: &SetPortForwardEnabled) -> ToolResult<Option<Inverse>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let forward = unifi.forward_named(&site, &args.forward).await?;
    let mut arguments = json!({ "forward": forward.id, "enabled": forward.enabled });
    if let Some(site) = &args.site {
        arguments["site"] = json!(site);
    }
    Ok((forward.enabled != args.enabled).then(|| Inverse {
        tool: "set_port_forward_enabled".to_owned(),
        arguments,
    }))
}

async fn check_forward(
    _unifi: &Unifi,
    args: &SetPortForwardEnabled,
    done: &ForwardChanged,
) -> ToolResult<Vec<Mismatch>> {
    let is = done.forward.enabled;
    let mismatch = (is != args.enabled).then(|| Mismatch {
        field: "enabled",
        wanted: args.enabled.to_string(),
        found: is.to_string(),
    });
    Ok(mismatch.into_iter().collect())
}
