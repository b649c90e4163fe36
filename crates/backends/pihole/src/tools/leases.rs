//! Addresses of Pi-hole's own DHCP server.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::Deserialize;

use super::rules::page;
use crate::client::Pihole;
use crate::dhcp::Lease;

/// Which leases.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListLeases {
    /// Only those whose address, MAC address or name has this text.
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

/// List the addresses that Pi-hole's DHCP server gave out or keeps for a client.
#[tool(
    read,
    open_world,
    permission = "pihole:dhcp:read",
    title = "List DHCP leases",
    timeout = 90,
    untrusted("items.name")
)]
pub(crate) async fn list_dhcp_leases(pihole: &Pihole, args: ListLeases) -> ToolResult<Page<Lease>> {
    let wanted = args.search.as_deref().unwrap_or_default().to_lowercase();
    let mut rows = pihole.host(args.host.as_deref())?.leases().await?;
    rows.retain(|row| row.has(&wanted));
    page(rows, args.limit, args.cursor.as_deref(), Lease::key)
}
