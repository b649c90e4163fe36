//! Addresses as they are recorded.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::choices::{IpStatus, word};
use crate::client::NetBox;
use crate::ids::{HostRef, Named, PrefixRef, Words, host};
use crate::kinds::{DEVICE, IP_ADDRESS, TENANT, VIRTUAL_MACHINE};
use crate::resolve::Table;
use crate::types::{Brief, IpAddress, chosen, filled, label, slugs};

/// Which addresses.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListIpAddresses {
    /// Text in address, DNS name or description.
    q: Option<Words>,
    /// This address, with or without its length.
    address: Option<HostRef>,
    /// Within this network, or the prefix of this id.
    prefix: Option<PrefixRef>,
    /// In this VRF, by name or id; `global` for those in none.
    vrf: Option<Named>,
    /// Assigned to interfaces of this device.
    device: Option<Named>,
    /// Assigned to interfaces of this virtual machine.
    virtual_machine: Option<Named>,
    /// Of this tenant.
    tenant: Option<Named>,
    /// With this status.
    status: Option<IpStatus>,
    /// With this tag, by slug.
    tag: Option<Named>,
    /// Only those assigned to an interface, or only those that are not.
    assigned: Option<bool>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// An address.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct AddressRow {
    pub(super) id: u64,
    /// With the length of its prefix.
    pub(super) address: String,
    pub(super) status: Option<String>,
    pub(super) role: Option<String>,
    pub(super) dns_name: Option<String>,
    /// Absent in the global table.
    pub(super) vrf: Option<String>,
    /// `device: interface`.
    pub(super) assigned_to: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
}

impl AddressRow {
    pub(super) fn of(row: IpAddress) -> Self {
        Self {
            id: row.id,
            assigned_to: assigned_to(&row),
            address: row.address,
            status: chosen(row.status.as_ref()),
            role: chosen(row.role.as_ref()),
            dns_name: filled(row.dns_name),
            vrf: label(row.vrf.as_ref()),
            tenant: label(row.tenant.as_ref()),
            description: filled(row.description),
            tags: slugs(&row.tags),
        }
    }
}

/// `device: interface`, or whatever else it is assigned to.
pub(super) fn assigned_to(row: &IpAddress) -> Option<String> {
    let to = row.assigned_object.as_ref()?;
    let name = to.name.clone().unwrap_or_else(|| to.display.clone());
    let owner = to.device.as_ref().or(to.virtual_machine.as_ref());
    Some(match owner.map(Brief::label) {
        Some(owner) => format!("{owner}: {name}"),
        None => name,
    })
}

/// List recorded IP addresses, by network, device, virtual machine, status or text.
#[tool(
    read,
    open_world,
    permission = "netbox:address:read",
    title = "List IP addresses",
    timeout = 60,
    untrusted("items.*.description", "items.*.dns_name")
)]
pub(crate) async fn list_ip_addresses(
    netbox: &NetBox,
    args: ListIpAddresses,
) -> ToolResult<Page<AddressRow>> {
    let (parent, of_prefix) = match &args.prefix {
        None => (None, None),
        Some(named) => {
            if let Err(network) = named.read() {
                (Some(network.to_string()), None)
            } else {
                let prefix = netbox.prefix(named, None).await?;
                let table = Table::of(prefix.vrf.as_ref());
                (Some(prefix.prefix), table.filter())
            }
        }
    };
    let table = netbox.table(args.vrf.as_ref()).await?;
    let call = Call::list(&IP_ADDRESS)
        .with_opt("q", args.q)
        .with_opt(
            "address",
            args.address.and_then(|address| host(address.as_str())),
        )
        .with_opt("parent", parent)
        .with_opt("vrf_id", table.filter().or(of_prefix))
        .with_opt(
            "device_id",
            netbox
                .maybe(&DEVICE, "device", args.device.as_ref())
                .await?,
        )
        .with_opt(
            "virtual_machine_id",
            netbox
                .maybe(
                    &VIRTUAL_MACHINE,
                    "virtual_machine",
                    args.virtual_machine.as_ref(),
                )
                .await?,
        )
        .with_opt(
            "tenant_id",
            netbox
                .maybe(&TENANT, "tenant", args.tenant.as_ref())
                .await?,
        )
        .with_opt("status", args.status.map(word))
        .with_opt("tag", args.tag)
        .with_opt("assigned_to_interface", args.assigned);
    let page = netbox
        .page::<IpAddress>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(AddressRow::of))
}
