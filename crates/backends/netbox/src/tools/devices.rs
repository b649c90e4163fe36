//! Devices.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::choices::{DeviceStatus, word};
use crate::client::NetBox;
use crate::ids::{Named, Words};
use crate::kinds::{DEVICE, DEVICE_ROLE, DEVICE_TYPE, MANUFACTURER, PLATFORM, RACK, SITE, TENANT};
use crate::types::{Device, chosen, filled, label, slugs};

/// What a short row is made of.
const BRIEF: &str = "id,name,display,status,role,site,primary_ip";
/// What a whole row is made of; config contexts are left out, which make answers huge.
pub(super) const DETAIL: &str = "id,name,display,status,role,site,primary_ip,device_type,platform,serial,asset_tag,location,rack,position,face,cluster,tenant,description,comments,tags,custom_fields";

/// Which devices.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListDevices {
    /// Text in name, serial number, asset tag, description or comments.
    q: Option<Words>,
    /// With this in its name.
    name: Option<Words>,
    /// At this site, by name, slug or id; as all below that name an object.
    site: Option<Named>,
    /// In this role.
    role: Option<Named>,
    /// With this status.
    status: Option<DeviceStatus>,
    /// In this rack.
    rack: Option<Named>,
    /// Of this manufacturer.
    manufacturer: Option<Named>,
    /// Of this type.
    device_type: Option<Named>,
    /// On this platform.
    platform: Option<Named>,
    /// Of this tenant.
    tenant: Option<Named>,
    /// With this tag, by slug.
    tag: Option<Named>,
    /// With an interface of this MAC address.
    mac_address: Option<Words>,
    /// Only those with a primary address, or only those without.
    has_primary_ip: Option<bool>,
    /// Tell type, rack, serial number and the like too.
    detail: bool,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A device.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DeviceRow {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) status: Option<String>,
    pub(super) role: Option<String>,
    pub(super) site: Option<String>,
    pub(super) primary_ip: Option<String>,
    /// This and what follows only with `detail`.
    pub(super) manufacturer: Option<String>,
    pub(super) device_type: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) asset_tag: Option<String>,
    pub(super) location: Option<String>,
    pub(super) rack: Option<String>,
    /// Lowest unit that it takes.
    pub(super) position: Option<f64>,
    pub(super) face: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) description: Option<String>,
    pub(super) comments: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) custom_fields: Map<String, Value>,
}

impl DeviceRow {
    pub(super) fn of(row: Device) -> Self {
        let mut custom_fields = row.custom_fields;
        custom_fields.retain(|_, value| !value.is_null());
        Self {
            id: row.id,
            name: filled(row.name).unwrap_or(row.display),
            status: chosen(row.status.as_ref()),
            role: label(row.role.as_ref()),
            site: label(row.site.as_ref()),
            primary_ip: row.primary_ip.map(|ip| ip.address),
            manufacturer: row
                .device_type
                .as_ref()
                .and_then(|kind| label(kind.manufacturer.as_ref())),
            device_type: filled(row.device_type.map(|kind| kind.model)),
            platform: label(row.platform.as_ref()),
            serial: filled(row.serial),
            asset_tag: filled(row.asset_tag),
            location: label(row.location.as_ref()),
            rack: label(row.rack.as_ref()),
            position: row.position,
            face: chosen(row.face.as_ref()),
            cluster: label(row.cluster.as_ref()),
            tenant: label(row.tenant.as_ref()),
            description: filled(row.description),
            comments: filled(row.comments),
            tags: slugs(&row.tags),
            custom_fields,
        }
    }
}

/// List devices recorded in NetBox, by site, role, rack, status, type or text; short rows unless `detail` is set.
#[tool(
    read,
    open_world,
    permission = "netbox:device:read",
    title = "List devices",
    timeout = 60,
    untrusted("items.*.description", "items.*.comments")
)]
pub(crate) async fn list_devices(
    netbox: &NetBox,
    args: ListDevices,
) -> ToolResult<Page<DeviceRow>> {
    let maybe =
        async |of, field, named: &Option<Named>| netbox.maybe(of, field, named.as_ref()).await;
    let call = Call::list(&DEVICE)
        .with("fields", if args.detail { DETAIL } else { BRIEF })
        .with_opt("q", args.q)
        .with_opt("name__ic", args.name)
        .with_opt("site_id", maybe(&SITE, "site", &args.site).await?)
        .with_opt("role_id", maybe(&DEVICE_ROLE, "role", &args.role).await?)
        .with_opt("status", args.status.map(word))
        .with_opt("rack_id", maybe(&RACK, "rack", &args.rack).await?)
        .with_opt(
            "manufacturer_id",
            maybe(&MANUFACTURER, "manufacturer", &args.manufacturer).await?,
        )
        .with_opt(
            "device_type_id",
            maybe(&DEVICE_TYPE, "device_type", &args.device_type).await?,
        )
        .with_opt(
            "platform_id",
            maybe(&PLATFORM, "platform", &args.platform).await?,
        )
        .with_opt("tenant_id", maybe(&TENANT, "tenant", &args.tenant).await?)
        .with_opt("tag", args.tag)
        .with_opt("mac_address", args.mac_address)
        .with_opt("has_primary_ip", args.has_primary_ip);
    let page = netbox
        .page::<Device>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(DeviceRow::of))
}
