//! VLANs.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::choices::{VlanStatus, word};
use crate::client::NetBox;
use crate::ids::{Named, Words};
use crate::kinds::{IPAM_ROLE, SITE, TENANT, VLAN, VLAN_GROUP};
use crate::types::{Vlan, chosen, filled, label, slugs};

/// Which VLANs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListVlans {
    /// Text in name or description, or a VLAN id.
    q: Option<Words>,
    /// With this VLAN id.
    #[schemars(range(min = 1, max = 4094))]
    vid: Option<u16>,
    /// At this site, by name, slug or id; as all below that name an object.
    site: Option<Named>,
    /// In this group.
    group: Option<Named>,
    /// In this role.
    role: Option<Named>,
    /// Of this tenant.
    tenant: Option<Named>,
    /// With this status.
    status: Option<VlanStatus>,
    /// With this tag, by slug.
    tag: Option<Named>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A VLAN.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct VlanRow {
    pub(super) id: u64,
    pub(super) vid: u16,
    pub(super) name: String,
    pub(super) site: Option<String>,
    pub(super) group: Option<String>,
    pub(super) status: Option<String>,
    pub(super) role: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) qinq_role: Option<String>,
    pub(super) description: Option<String>,
    /// Prefixes that are in it.
    pub(super) prefixes: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
}

impl VlanRow {
    pub(super) fn of(row: Vlan) -> Self {
        Self {
            id: row.id,
            vid: row.vid,
            name: row.name,
            site: label(row.site.as_ref()),
            group: label(row.group.as_ref()),
            status: chosen(row.status.as_ref()),
            role: label(row.role.as_ref()),
            tenant: label(row.tenant.as_ref()),
            qinq_role: chosen(row.qinq_role.as_ref()),
            description: filled(row.description),
            prefixes: row.prefix_count,
            tags: slugs(&row.tags),
        }
    }
}

/// List the VLANs, by site, group, role or VLAN id.
#[tool(
    read,
    open_world,
    permission = "netbox:vlan:read",
    title = "List VLANs",
    timeout = 60,
    untrusted("items.*.description")
)]
pub(crate) async fn list_vlans(netbox: &NetBox, args: ListVlans) -> ToolResult<Page<VlanRow>> {
    let maybe =
        async |of, field, named: &Option<Named>| netbox.maybe(of, field, named.as_ref()).await;
    let call = Call::list(&VLAN)
        .with_opt("q", args.q)
        .with_opt("vid", args.vid)
        .with_opt("site_id", maybe(&SITE, "site", &args.site).await?)
        .with_opt("group_id", maybe(&VLAN_GROUP, "group", &args.group).await?)
        .with_opt("role_id", maybe(&IPAM_ROLE, "role", &args.role).await?)
        .with_opt("tenant_id", maybe(&TENANT, "tenant", &args.tenant).await?)
        .with_opt("status", args.status.map(word))
        .with_opt("tag", args.tag);
    let page = netbox
        .page::<Vlan>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(VlanRow::of))
}
