//! Prefixes.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::choices::{PrefixStatus, word};
use crate::client::NetBox;
use crate::ids::{HostRef, Named, Words};
use crate::kinds::{IPAM_ROLE, PREFIX, SITE, TENANT};
use crate::types::{Prefix, chosen, filled, label, slugs};

/// Which prefixes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListPrefixes {
    /// Text in prefix or description.
    q: Option<Words>,
    /// That this address or network lies in.
    contains: Option<HostRef>,
    /// In this VRF, by name or id; `global` for those in none.
    vrf: Option<Named>,
    /// At this site, by name, slug or id; as all below that name an object.
    site: Option<Named>,
    /// In this role.
    role: Option<Named>,
    /// Of this tenant.
    tenant: Option<Named>,
    /// With this VLAN id.
    #[schemars(range(min = 1, max = 4094))]
    vid: Option<u16>,
    /// With this status.
    status: Option<PrefixStatus>,
    /// With this tag, by slug.
    tag: Option<Named>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A prefix.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct PrefixRow {
    pub(super) id: u64,
    pub(super) prefix: String,
    pub(super) status: Option<String>,
    /// Absent in the global table.
    pub(super) vrf: Option<String>,
    /// Site, location or region that it is for.
    pub(super) scope: Option<String>,
    /// Name and VLAN id.
    pub(super) vlan: Option<String>,
    pub(super) role: Option<String>,
    pub(super) tenant: Option<String>,
    /// All of its addresses can be used, the first and last too.
    pub(super) is_pool: Option<bool>,
    /// It counts as full.
    pub(super) mark_utilized: Option<bool>,
    /// Prefixes within it.
    pub(super) children: Option<u64>,
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
}

impl PrefixRow {
    pub(super) fn of(row: Prefix) -> Self {
        Self {
            id: row.id,
            prefix: row.prefix,
            status: chosen(row.status.as_ref()),
            vrf: label(row.vrf.as_ref()),
            scope: label(row.scope.as_ref()),
            vlan: row.vlan.map(|vlan| vlan.display),
            role: label(row.role.as_ref()),
            tenant: label(row.tenant.as_ref()),
            is_pool: row.is_pool.then_some(true),
            mark_utilized: row.mark_utilized.then_some(true),
            children: row.children,
            description: filled(row.description),
            tags: slugs(&row.tags),
        }
    }
}

/// List the prefixes (networks), by site, VRF, VLAN, role, or the address that they must contain.
#[tool(
    read,
    open_world,
    permission = "netbox:prefix:read",
    title = "List prefixes",
    timeout = 60,
    untrusted("items.*.description")
)]
pub(crate) async fn list_prefixes(
    netbox: &NetBox,
    args: ListPrefixes,
) -> ToolResult<Page<PrefixRow>> {
    let maybe =
        async |of, field, named: &Option<Named>| netbox.maybe(of, field, named.as_ref()).await;
    let call = Call::list(&PREFIX)
        .with_opt("q", args.q)
        .with_opt("contains", args.contains)
        .with_opt("vrf_id", netbox.table(args.vrf.as_ref()).await?.filter())
        .with_opt("site_id", maybe(&SITE, "site", &args.site).await?)
        .with_opt("role_id", maybe(&IPAM_ROLE, "role", &args.role).await?)
        .with_opt("tenant_id", maybe(&TENANT, "tenant", &args.tenant).await?)
        .with_opt("vlan_vid", args.vid)
        .with_opt("status", args.status.map(word))
        .with_opt("tag", args.tag);
    let page = netbox
        .page::<Prefix>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(PrefixRow::of))
}
