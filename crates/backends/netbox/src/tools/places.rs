//! Sites and racks.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::NetBox;
use crate::ids::{Named, Words};
use crate::kinds::{RACK, SITE, TENANT};
use crate::types::{Rack, Site, chosen, filled, label};

/// Which sites.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListSites {
    /// Text in name, facility, description, address or comments.
    q: Option<Words>,
    /// Of this tenant, by name, slug or id.
    tenant: Option<Named>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A site.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SiteRow {
    id: u64,
    name: String,
    slug: String,
    status: Option<String>,
    region: Option<String>,
    tenant: Option<String>,
    description: Option<String>,
    devices: Option<u64>,
    racks: Option<u64>,
    prefixes: Option<u64>,
    vlans: Option<u64>,
    virtual_machines: Option<u64>,
}

/// List the sites with how many devices, racks, prefixes and VLANs each has.
#[tool(
    read,
    open_world,
    permission = "netbox:site:read",
    title = "List sites",
    timeout = 60,
    untrusted("items.*.description")
)]
pub(crate) async fn list_sites(netbox: &NetBox, args: ListSites) -> ToolResult<Page<SiteRow>> {
    let call = Call::list(&SITE).with_opt("q", args.q).with_opt(
        "tenant_id",
        netbox
            .maybe(&TENANT, "tenant", args.tenant.as_ref())
            .await?,
    );
    let page = netbox
        .page::<Site>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(|row| SiteRow {
        id: row.id,
        name: row.name,
        slug: row.slug,
        status: chosen(row.status.as_ref()),
        region: label(row.region.as_ref()),
        tenant: label(row.tenant.as_ref()),
        description: filled(row.description),
        devices: row.device_count,
        racks: row.rack_count,
        prefixes: row.prefix_count,
        vlans: row.vlan_count,
        virtual_machines: row.virtualmachine_count,
    }))
}

/// Which racks.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListRacks {
    /// Text in name, serial number, asset tag, description or comments.
    q: Option<Words>,
    /// At this site, by name, slug or id.
    site: Option<Named>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A rack.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RackRow {
    id: u64,
    name: String,
    site: Option<String>,
    location: Option<String>,
    status: Option<String>,
    role: Option<String>,
    /// Its height in units.
    u_height: Option<u32>,
    devices: Option<u64>,
    description: Option<String>,
}

/// List the racks with their place, their height and how many devices are in each.
#[tool(
    read,
    open_world,
    permission = "netbox:rack:read",
    title = "List racks",
    timeout = 60,
    untrusted("items.*.description")
)]
pub(crate) async fn list_racks(netbox: &NetBox, args: ListRacks) -> ToolResult<Page<RackRow>> {
    let call = Call::list(&RACK).with_opt("q", args.q).with_opt(
        "site_id",
        netbox.maybe(&SITE, "site", args.site.as_ref()).await?,
    );
    let page = netbox
        .page::<Rack>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(|row| RackRow {
        id: row.id,
        name: row.name,
        site: label(row.site.as_ref()),
        location: label(row.location.as_ref()),
        status: chosen(row.status.as_ref()),
        role: label(row.role.as_ref()),
        u_height: row.u_height,
        devices: row.device_count,
        description: filled(row.description),
    }))
}
