//! Networks, firewall rules, whose an address is.

use homelab_core::error::ToolResult;
use homelab_core::inventory::Address;
use homelab_core::net::Ip;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::Found;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Homelab, stored};
use crate::types::{NetworkRow, RuleRow};

/// Which page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPage {
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// List networks, subnets and VLANs with CIDR, gateway, DNS, DHCP pool, purpose, and how many addresses are allocated.
#[tool(
    read,
    permission = "homelab:network:read",
    title = "List networks and VLANs"
)]
pub(crate) async fn homelab_list_networks(
    lab: &Homelab,
    args: ListPage,
) -> ToolResult<Page<NetworkRow>> {
    let page = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let networks = lab.inventory().networks(&page).await.map_err(stored)?;
    let mut rows = networks.map(NetworkRow::from);
    for row in &mut rows.items {
        // One row of the list is enough for its total.
        let one = PageRequest::first(1);
        let addresses = lab.inventory().addresses(Some(&row.name), &one).await;
        row.allocated = Some(addresses.map_err(stored)?.total);
    }
    Ok(rows)
}

/// List the documented firewall rules: action, source, destination, protocol, port, and whether each is enabled.
#[tool(
    read,
    permission = "homelab:firewall:read",
    title = "List firewall rules"
)]
pub(crate) async fn homelab_list_firewall_rules(
    lab: &Homelab,
    args: ListPage,
) -> ToolResult<Page<RuleRow>> {
    let page = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let rules = lab.inventory().firewall_rules(&page).await;
    Ok(rules.map_err(stored)?.map(RuleRow::from))
}

/// Which address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupIp {
    /// IPv4 or IPv6 address.
    #[schemars(length(max = 45))]
    ip: Ip,
}

/// Whose an address is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct IpDetails {
    /// In canonical spelling.
    ip: Ip,
    /// Whether nothing in the inventory has it.
    free: bool,
    /// The allocation, if one is recorded.
    allocation: Option<Address>,
    /// Everything that has the address.
    found: Vec<Found>,
    /// The network it lies in.
    network: Option<NetworkRow>,
}

/// Look up an IP address: who has it (device, virtual machine, service, allocation), in which network it lies, or that it is free.
#[tool(
    read,
    permission = "homelab:network:read",
    title = "Look up an IP address"
)]
pub(crate) async fn homelab_lookup_ip(lab: &Homelab, args: LookupIp) -> ToolResult<IpDetails> {
    let found = lab.lookup(args.ip).await?;
    Ok(IpDetails {
        ip: args.ip,
        free: found.is_empty(),
        allocation: lab.get::<Address>(&args.ip.to_string()).await?,
        found,
        network: lab.network_of(args.ip).await?.map(NetworkRow::from),
    })
}
