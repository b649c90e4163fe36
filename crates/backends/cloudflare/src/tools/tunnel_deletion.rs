//! Deletions of tunnels.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::tunnels::{TunnelItem, ingress_of};
use crate::client::Cloudflare;
use crate::ids::TunnelArg;

/// Which tunnel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteTunnel {
    /// The tunnel, by name or id.
    tunnel: TunnelArg,
}

/// Delete a Cloudflare tunnel that nothing runs any more, with its configuration and routes; its DNS
/// records stay. It cannot be brought back.
#[tool(
    destructive,
    open_world,
    permission = "cloudflare:tunnel:delete",
    title = "Delete a Cloudflare tunnel",
    timeout = 60,
    preview = preview_delete,
    targets = delete_targets,
    read_back = check_delete
)]
pub(crate) async fn delete_cloudflare_tunnel(
    cloudflare: &Cloudflare,
    args: DeleteTunnel,
) -> ToolResult<TunnelItem> {
    let account = cloudflare.account().await?;
    let tunnel = cloudflare.tunnel(&account, &args.tunnel).await?;
    cloudflare.delete_tunnel(&account, &tunnel.id).await?;
    Ok(TunnelItem::from(&tunnel))
}

async fn preview_delete(cloudflare: &Cloudflare, args: &DeleteTunnel) -> ToolResult<Preview> {
    let account = cloudflare.account().await?;
    let tunnel = cloudflare.tunnel(&account, &args.tunnel).await?;
    let connectors = cloudflare.connectors(&account, &tunnel.id).await?.len();
    let config = cloudflare.tunnel_config(&account, &tunnel.id).await?;
    let mut impact: Vec<String> = ingress_of(&config)
        .iter()
        .filter_map(|rule| Some(format!("`{}` leads nowhere", rule.hostname()?)))
        .collect();
    if connectors > 0 {
        impact.push(format!(
            "{connectors} connectors run it, which makes this fail"
        ));
    }
    Ok(Preview {
        summary: format!("delete the tunnel `{}`", tunnel.name),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(cloudflare: &Cloudflare, args: &DeleteTunnel) -> ToolResult<Vec<Target>> {
    let account = cloudflare.account().await?;
    let tunnel = cloudflare.tunnel(&account, &args.tunnel).await?;
    Ok(vec![tunnel.target()])
}

async fn check_delete(
    cloudflare: &Cloudflare,
    _args: &DeleteTunnel,
    done: &TunnelItem,
) -> ToolResult<Vec<Mismatch>> {
    let account = cloudflare.account().await?;
    let filters = [
        ("uuid", done.id().to_owned()),
        ("is_deleted", "false".to_owned()),
    ];
    let there = !cloudflare.tunnels(&account, &filters).await?.is_empty();
    let mismatch = there.then(|| Mismatch {
        field: "tunnel",
        wanted: "not there".to_owned(),
        found: done.id().to_owned(),
    });
    Ok(mismatch.into_iter().collect())
}
