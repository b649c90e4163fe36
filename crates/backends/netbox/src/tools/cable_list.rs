//! Cables as they are recorded.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::choices::{CableStatus, CableType, word};
use crate::client::NetBox;
use crate::ids::{Named, Words};
use crate::kinds::{CABLE, DEVICE, RACK, SITE};
use crate::types::{Cable, Peer, Termination, chosen, filled, slugs};

/// Which cables.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListCables {
    /// Text in the label.
    q: Option<Words>,
    /// With an end at this device, by name or id; as all below that name an object.
    device: Option<Named>,
    /// With an end in this rack.
    rack: Option<Named>,
    /// With an end at this site.
    site: Option<Named>,
    /// Of this type.
    r#type: Option<CableType>,
    /// With this status.
    status: Option<CableStatus>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A cable.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct CableRow {
    pub(super) id: u64,
    /// Ends on one side, as `device: port`.
    pub(super) a: Vec<String>,
    /// Ends on the other.
    pub(super) b: Vec<String>,
    pub(super) r#type: Option<String>,
    pub(super) status: Option<String>,
    pub(super) label: Option<String>,
    /// Six hexadecimal digits.
    pub(super) color: Option<String>,
    /// With its unit.
    pub(super) length: Option<String>,
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
}

impl CableRow {
    pub(super) fn of(row: Cable) -> Self {
        let unit = chosen(row.length_unit.as_ref()).unwrap_or_default();
        Self {
            id: row.id,
            a: ends(&row.a_terminations),
            b: ends(&row.b_terminations),
            r#type: chosen(row.kind.as_ref()),
            status: chosen(row.status.as_ref()),
            label: filled(row.label),
            color: filled(row.color),
            length: row
                .length
                .map(|length| format!("{length} {unit}").trim().to_owned()),
            description: filled(row.description),
            tags: slugs(&row.tags),
        }
    }
}

/// `device: port` of each end.
pub(super) fn ends(side: &[Termination]) -> Vec<String> {
    let end = |end: &Termination| {
        let known = end.object.as_ref().map(Peer::label);
        known.unwrap_or_else(|| format!("{} {}", end.object_type, end.object_id))
    };
    side.iter().map(end).collect()
}

/// List recorded cables with both ends, by device, rack, site, type or label.
#[tool(
    read,
    open_world,
    permission = "netbox:cable:read",
    title = "List cables",
    timeout = 60,
    untrusted("items.*.description", "items.*.label")
)]
pub(crate) async fn list_cables(netbox: &NetBox, args: ListCables) -> ToolResult<Page<CableRow>> {
    let maybe =
        async |of, field, named: &Option<Named>| netbox.maybe(of, field, named.as_ref()).await;
    let call = Call::list(&CABLE)
        .with_opt("q", args.q)
        .with_opt("device_id", maybe(&DEVICE, "device", &args.device).await?)
        .with_opt("rack_id", maybe(&RACK, "rack", &args.rack).await?)
        .with_opt("site_id", maybe(&SITE, "site", &args.site).await?)
        .with_opt("type", args.r#type.map(word))
        .with_opt("status", args.status.map(word));
    let page = netbox
        .page::<Cable>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(CableRow::of))
}
