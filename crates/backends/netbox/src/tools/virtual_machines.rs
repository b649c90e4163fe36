//! Virtual machines.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::choices::{VmStatus, word};
use crate::client::NetBox;
use crate::ids::{Named, Words};
use crate::kinds::{CLUSTER, DEVICE, DEVICE_ROLE, SITE, TENANT, VIRTUAL_MACHINE};
use crate::types::{VirtualMachine, chosen, filled, label, slugs};

/// What a row is made of.
const FIELDS: &str = "id,name,status,site,cluster,device,role,tenant,platform,primary_ip,vcpus,memory,disk,description,tags";

/// Which virtual machines.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListVirtualMachines {
    /// Text in name, description or comments.
    q: Option<Words>,
    /// In this cluster, by name or id; as all below that name an object.
    cluster: Option<Named>,
    /// On this device.
    device: Option<Named>,
    /// At this site.
    site: Option<Named>,
    /// In this role.
    role: Option<Named>,
    /// Of this tenant.
    tenant: Option<Named>,
    /// With this status.
    status: Option<VmStatus>,
    /// With this tag, by slug.
    tag: Option<Named>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A virtual machine.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct VirtualMachineRow {
    id: u64,
    name: String,
    status: Option<String>,
    cluster: Option<String>,
    /// The device that it runs on.
    device: Option<String>,
    site: Option<String>,
    role: Option<String>,
    tenant: Option<String>,
    platform: Option<String>,
    primary_ip: Option<String>,
    vcpus: Option<f64>,
    memory_mb: Option<u64>,
    disk_mb: Option<u64>,
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

impl VirtualMachineRow {
    fn of(row: VirtualMachine) -> Self {
        Self {
            id: row.id,
            name: row.name,
            status: chosen(row.status.as_ref()),
            cluster: label(row.cluster.as_ref()),
            device: label(row.device.as_ref()),
            site: label(row.site.as_ref()),
            role: label(row.role.as_ref()),
            tenant: label(row.tenant.as_ref()),
            platform: label(row.platform.as_ref()),
            primary_ip: row.primary_ip.map(|ip| ip.address),
            vcpus: row.vcpus,
            memory_mb: row.memory,
            disk_mb: row.disk,
            description: filled(row.description),
            tags: slugs(&row.tags),
        }
    }
}

/// List virtual machines recorded in NetBox, by cluster, device, site, status or text.
#[tool(
    read,
    open_world,
    permission = "netbox:virtual_machine:read",
    title = "List virtual machines",
    timeout = 60,
    untrusted("items.*.description")
)]
pub(crate) async fn list_virtual_machines(
    netbox: &NetBox,
    args: ListVirtualMachines,
) -> ToolResult<Page<VirtualMachineRow>> {
    let maybe =
        async |of, field, named: &Option<Named>| netbox.maybe(of, field, named.as_ref()).await;
    let call = Call::list(&VIRTUAL_MACHINE)
        .with("fields", FIELDS)
        .with_opt("q", args.q)
        .with_opt(
            "cluster_id",
            maybe(&CLUSTER, "cluster", &args.cluster).await?,
        )
        .with_opt("device_id", maybe(&DEVICE, "device", &args.device).await?)
        .with_opt("site_id", maybe(&SITE, "site", &args.site).await?)
        .with_opt("role_id", maybe(&DEVICE_ROLE, "role", &args.role).await?)
        .with_opt("tenant_id", maybe(&TENANT, "tenant", &args.tenant).await?)
        .with_opt("status", args.status.map(word))
        .with_opt("tag", args.tag);
    let page = netbox
        .page::<VirtualMachine>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(VirtualMachineRow::of))
}
