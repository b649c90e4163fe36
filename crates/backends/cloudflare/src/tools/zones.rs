//! Zones, and the token that sees them.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::{NoArgs, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Cloudflare;
use crate::ids::ZoneName;
use crate::types::Zone;
use homelab_backend::page::page;

/// Which zones.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListZones {
    /// Only the one of this name.
    name: Option<ZoneName>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A zone.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ZoneItem {
    id: String,
    name: String,
    /// `active`, `pending`, `moved` and the like.
    status: Option<String>,
    /// Whether Cloudflare only answers DNS for it.
    paused: bool,
    plan: Option<String>,
    account_id: Option<String>,
    name_servers: Vec<String>,
}

impl From<Zone> for ZoneItem {
    fn from(zone: Zone) -> Self {
        Self {
            id: zone.id,
            name: zone.name,
            status: zone.status,
            paused: zone.paused,
            plan: zone.plan.and_then(|plan| plan.name),
            account_id: zone.account.map(|account| account.id),
            name_servers: zone.name_servers.unwrap_or_default(),
        }
    }
}

/// List the zones (domains) that the token is for, with status, plan and name servers.
#[tool(
    read,
    open_world,
    permission = "cloudflare:zone:read",
    title = "List zones"
)]
pub(crate) async fn list_zones(
    cloudflare: &Cloudflare,
    args: ListZones,
) -> ToolResult<Page<ZoneItem>> {
    let name = args.name.as_ref().map(ZoneName::as_str);
    let rows = cloudflare.zones(name).await?;
    let key = |zone: &Zone| format!("{}\u{1}{}", zone.name, zone.id);
    let page = page(rows, args.limit, args.cursor.as_deref(), key)?;
    Ok(page.map(ZoneItem::from))
}

/// The token's state.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TokenState {
    /// The token's id, which is no secret.
    id: Option<String>,
    /// `active`, `disabled` or `expired`.
    status: String,
    /// `user` or `account`: whose token it is.
    owner: String,
    not_before: Option<String>,
    expires_on: Option<String>,
    /// How many zones it is for.
    zones: Option<usize>,
}

/// Verify the configured API token: whether it is active, when it ends, and how many zones it is for.
#[tool(
    read,
    open_world,
    permission = "cloudflare:token:read",
    title = "Verify the API token"
)]
pub(crate) async fn verify_cloudflare_token(
    cloudflare: &Cloudflare,
    _args: NoArgs,
) -> ToolResult<TokenState> {
    let (token, owner) = cloudflare.verify().await?;
    // One that is not active sees nothing, and one may be for no zones at all.
    let zones = cloudflare.zones(None).await.ok().map(|zones| zones.len());
    Ok(TokenState {
        id: token.id,
        status: token.status,
        owner: owner.to_owned(),
        not_before: token.not_before,
        expires_on: token.expires_on,
        zones,
    })
}
