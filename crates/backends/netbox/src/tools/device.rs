//! One device with what belongs to it.

use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::addresses::AddressRow;
use super::devices::{DETAIL, DeviceRow};
use super::interfaces::InterfaceRow;
use crate::call::Call;
use crate::client::NetBox;
use crate::ids::Named;
use crate::kinds::{DEVICE, INTERFACE, IP_ADDRESS};
use crate::types::{Device, IpAddress, Port};

/// Interfaces that are told of one device.
const MOST: u64 = 100;

/// Which device.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetDevice {
    /// The device, by name or id.
    device: Named,
}

/// A device with its interfaces and addresses.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeviceWhole {
    device: DeviceRow,
    /// The first hundred; `list_interfaces` tells all.
    interfaces: Vec<InterfaceRow>,
    /// How many interfaces there are.
    interface_count: u64,
    /// The first hundred; `list_ip_addresses` tells all.
    addresses: Vec<AddressRow>,
}

/// Show a device with its place, its interfaces, what they are connected to, and its addresses.
#[tool(
    read,
    open_world,
    permission = "netbox:device:read",
    title = "Show a device",
    timeout = 60,
    untrusted(
        "device.description",
        "device.comments",
        "interfaces.*.description",
        "addresses.*.description"
    )
)]
pub(crate) async fn get_device(netbox: &NetBox, args: GetDevice) -> ToolResult<DeviceWhole> {
    let found = netbox.resolve(&DEVICE, "device", &args.device).await?;
    let device: Device = netbox
        .api
        .read(&Call::one(&DEVICE, found.id).with("fields", DETAIL))
        .await?;
    let of_device = |of| Call::list(of).with("device_id", found.id);
    let (interfaces, interface_count) = netbox.all::<Port>(&of_device(&INTERFACE), MOST).await?;
    let (addresses, _) = netbox
        .all::<IpAddress>(&of_device(&IP_ADDRESS), MOST)
        .await?;
    Ok(DeviceWhole {
        device: DeviceRow::of(device),
        interfaces: interfaces.into_iter().map(InterfaceRow::of).collect(),
        interface_count,
        addresses: addresses.into_iter().map(AddressRow::of).collect(),
    })
}
