//! Interfaces of devices and of virtual machines.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::NetBox;
use crate::ids::{Named, Words};
use crate::kinds::{DEVICE, INTERFACE, VIRTUAL_MACHINE, VM_INTERFACE};
use crate::types::{Brief, Peer, Port, chosen, filled, label};

/// Whose interfaces.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListInterfaces {
    /// Of this device, by name or id; or else `virtual_machine`.
    device: Option<Named>,
    /// Of this virtual machine, by name or id; or else `device`.
    virtual_machine: Option<Named>,
    /// Text in name, label or description.
    q: Option<Words>,
    /// Only those with a cable, or only those without; of devices alone.
    cabled: Option<bool>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// An interface.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct InterfaceRow {
    id: u64,
    name: String,
    /// The device or virtual machine.
    of: Option<String>,
    r#type: Option<String>,
    enabled: Option<bool>,
    mgmt_only: Option<bool>,
    mtu: Option<u32>,
    mac_address: Option<String>,
    /// `access`, `tagged`, `tagged-all` or `q-in-q`.
    mode: Option<String>,
    untagged_vlan: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tagged_vlans: Vec<String>,
    /// Id of the cable.
    cable: Option<u64>,
    /// What is at the other end, as `device: port`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    connected_to: Vec<String>,
    description: Option<String>,
}

impl InterfaceRow {
    pub(super) fn of(row: Port) -> Self {
        let owner = row.device.as_ref().or(row.virtual_machine.as_ref());
        let peers = row.connected_endpoints.unwrap_or_default();
        Self {
            id: row.id,
            name: row.name,
            of: label(owner),
            r#type: chosen(row.kind.as_ref()),
            enabled: row.enabled,
            mgmt_only: row.mgmt_only.then_some(true),
            mtu: row.mtu,
            mac_address: filled(row.mac_address),
            mode: chosen(row.mode.as_ref()),
            untagged_vlan: row.untagged_vlan.map(|vlan| vlan.display),
            tagged_vlans: row
                .tagged_vlans
                .into_iter()
                .map(|vlan| vlan.display)
                .collect(),
            cable: row.cable.as_ref().map(|cable: &Brief| cable.id),
            connected_to: peers.iter().map(Peer::label).collect(),
            description: filled(row.description),
        }
    }
}

/// List the interfaces of a device or virtual machine with their VLANs, MAC addresses and what they are connected to.
#[tool(
    read,
    open_world,
    permission = "netbox:interface:read",
    title = "List interfaces",
    timeout = 60,
    untrusted("items.*.description")
)]
pub(crate) async fn list_interfaces(
    netbox: &NetBox,
    args: ListInterfaces,
) -> ToolResult<Page<InterfaceRow>> {
    let call = match (&args.device, &args.virtual_machine) {
        (Some(device), None) => {
            let device = netbox.resolve(&DEVICE, "device", device).await?;
            Call::list(&INTERFACE)
                .with("device_id", device.id)
                .with_opt("cabled", args.cabled)
        }
        (None, Some(_)) if args.cabled.is_some() => {
            let message = "interfaces of virtual machines have no cables";
            return Err(ToolError::invalid("cabled", message).hint("leave `cabled` out"));
        }
        (None, Some(machine)) => {
            let machine = netbox
                .resolve(&VIRTUAL_MACHINE, "virtual_machine", machine)
                .await?;
            Call::list(&VM_INTERFACE).with("virtual_machine_id", machine.id)
        }
        (Some(_), Some(_)) => {
            let message = "both a device and a virtual machine are named";
            return Err(
                ToolError::invalid("virtual_machine", message).hint("leave one of them out")
            );
        }
        (None, None) => {
            let message = "neither a device nor a virtual machine is named";
            return Err(ToolError::invalid("device", message)
                .hint("to find an interface anywhere, call `search`"));
        }
    };
    let call = call.with_opt("q", args.q);
    let page = netbox
        .page::<Port>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(InterfaceRow::of))
}
