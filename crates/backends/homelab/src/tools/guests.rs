//! Virtual machines and containers.

use homelab_core::error::ToolResult;
use homelab_core::inventory::Status;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::VmFilter;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::client::{Homelab, stored};
use crate::types::GuestRow;

/// Statuses as both the inventory and hypervisors call them.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum GuestStatus {
    Running,
    Online,
    Stopped,
    Offline,
    Maintenance,
    Unknown,
}

impl From<GuestStatus> for Status {
    fn from(status: GuestStatus) -> Self {
        match status {
            GuestStatus::Running | GuestStatus::Online => Self::Online,
            GuestStatus::Stopped | GuestStatus::Offline => Self::Offline,
            GuestStatus::Maintenance => Self::Maintenance,
            GuestStatus::Unknown => Self::Unknown,
        }
    }
}

/// Which guests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListVms {
    /// Last known status; `running` means `online`, `stopped` means `offline`.
    status: Option<GuestStatus>,
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// List the virtual machines and containers in the inventory, with VMID, host node, IP, cores and memory.
#[tool(read, permission = "homelab:vm:read", title = "List virtual machines")]
pub(crate) async fn homelab_list_vms(lab: &Homelab, args: ListVms) -> ToolResult<Page<GuestRow>> {
    let filter = VmFilter {
        status: args.status.map(Status::from),
        host: None,
    };
    let page = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let guests = lab.inventory().virtual_machines(&filter, &page).await;
    let guests = guests.map_err(stored)?;
    let ids = guests.items.iter().map(|guest| guest.id.clone());
    let mut seen = lab.seen(ids.collect()).await?;
    Ok(guests.map(|guest| {
        let last = seen.remove(&guest.id);
        let mut row = GuestRow::from(guest);
        row.seen = last;
        row
    }))
}
