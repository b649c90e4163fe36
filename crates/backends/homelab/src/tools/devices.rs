//! Reading devices.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::inventory::{Device, Status};
use homelab_core::net::Ip;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{DeviceFilter, Found};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Homelab, alternatives, stored};
use crate::remembered::{Remembered, about};
use crate::types::{DeviceRow, ServiceRow};

/// Which devices.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListDevices {
    /// Such as `compute`, `network`, `storage`, `power`, `iot`.
    #[schemars(length(max = 64))]
    category: Option<String>,
    /// Last known status.
    status: Option<Status>,
    /// Such as `server`, `switch`, `access_point`, `nas`, `camera`.
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    kind: Option<String>,
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// List the lab's devices: servers, switches, access points, NAS, UPS, cameras and other hardware, by category, status or type.
#[tool(read, permission = "homelab:device:read", title = "List devices")]
pub(crate) async fn homelab_list_devices(
    lab: &Homelab,
    args: ListDevices,
) -> ToolResult<Page<DeviceRow>> {
    let filter = DeviceFilter {
        category: args.category,
        status: args.status,
        kind: args.kind,
        tag: None,
    };
    let page = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let devices = lab.inventory().devices(&filter, &page).await;
    Ok(devices.map_err(stored)?.map(DeviceRow::from))
}

/// Which device.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetDevice {
    /// Name or id.
    #[schemars(length(min = 1, max = 255))]
    name: Option<String>,
    /// IPv4 or IPv6 address, instead of the name.
    #[schemars(length(max = 45))]
    ip: Option<Ip>,
}

/// A device with what belongs to it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeviceDetails {
    device: Device,
    /// Services that run on it.
    services: Vec<ServiceRow>,
    /// Pass this as `target` to `homelab_get_credentials`.
    credentials_ref: Option<String>,
    /// The newest memories about it and its services, as far as you may read them.
    memories: Vec<Remembered>,
}

/// Get everything known about one device, by name or IP address: hardware, serial, MAC, OS, location, tags, the services on it, and what is remembered of it.
#[tool(
    read,
    permission = "homelab:device:read",
    title = "Get a device",
    untrusted("memories.text")
)]
pub(crate) async fn homelab_get_device(
    lab: &Homelab,
    args: GetDevice,
    ctx: &CallContext,
) -> ToolResult<DeviceDetails> {
    let device = match (args.name.as_deref(), args.ip) {
        (None, None) => {
            return Err(
                ToolError::invalid("name", "neither `name` nor `ip` is given")
                    .hint("give one of them, or call `homelab_list_devices`"),
            );
        }
        (None, Some(ip)) => by_ip(lab, ip).await?,
        (Some(name), None) => lab.find::<Device>("name", name).await?,
        (Some(name), Some(ip)) => {
            let device = lab.find::<Device>("name", name).await?;
            if device.ip != Some(ip) {
                let message = format!("the device `{name}` does not have the address `{ip}`");
                return Err(
                    ToolError::invalid("ip", message).hint("give only one of `name` and `ip`")
                );
            }
            device
        }
    };
    let services = lab.services_on(&device.name).await?;
    let has_credentials = !lab.credentials(&device.name).await?.is_empty();
    let mut things = vec![about("devices", &device.name)];
    things.extend(
        services
            .iter()
            .map(|one| about("services", &one.service_name)),
    );
    Ok(DeviceDetails {
        memories: lab.remembered(ctx, things).await,
        services: services.into_iter().map(ServiceRow::from).collect(),
        credentials_ref: has_credentials.then(|| device.name.clone()),
        device,
    })
}

async fn by_ip(lab: &Homelab, ip: Ip) -> ToolResult<Device> {
    let mut devices = lab.inventory().devices_by_ip(ip).await.map_err(stored)?;
    match devices.len() {
        1 => Ok(devices.remove(0)),
        0 => {
            let found = lab.lookup(ip).await?;
            Err(
                ToolError::not_found(format!("no device has the address `{ip}`"))
                    .field("ip")
                    .hint(whose(&found)),
            )
        }
        _ => {
            let names: Vec<String> = devices.into_iter().map(|device| device.name).collect();
            let message = format!("several devices have the address `{ip}`");
            Err(ToolError::new(Code::Conflict, message)
                .reason("ambiguous_ip")
                .field("ip")
                .hint(format!("ask by name: {}", alternatives(&names))))
        }
    }
}

fn whose(found: &[Found]) -> String {
    match found.first() {
        None => "call `homelab_list_devices` to see what there is".to_owned(),
        Some(found) => format!(
            "it belongs to `{}` in `{}`: call `homelab_lookup_ip`",
            found.name, found.entity
        ),
    }
}
