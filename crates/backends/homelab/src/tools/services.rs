//! Reading services.

use homelab_core::error::ToolResult;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::ServiceFilter;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::client::{Homelab, stored};
use crate::types::ServiceRow;

/// Which services.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListServices {
    /// Name of the device or virtual machine they run on.
    #[schemars(length(max = 255))]
    device: Option<String>,
    /// Such as `monitoring`, `media`, `dns`, `database`.
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

/// List services (web apps, databases, DNS, …) with URL, port, health endpoint, and the device or virtual machine they run on.
#[tool(read, permission = "homelab:service:read", title = "List services")]
pub(crate) async fn homelab_list_services(
    lab: &Homelab,
    args: ListServices,
) -> ToolResult<Page<ServiceRow>> {
    let device = match &args.device {
        Some(name) => Some(lab.place("device", name).await?),
        None => None,
    };
    let filter = ServiceFilter {
        device,
        kind: args.kind,
    };
    let page = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let services = lab.inventory().services(&filter, &page).await;
    let services = services.map_err(stored)?;
    let ids = services.items.iter().map(|service| service.id.clone());
    let mut seen = lab.seen(ids.collect()).await?;
    Ok(services.map(|service| {
        let last = seen.remove(&service.id);
        let mut row = ServiceRow::from(service);
        row.seen = last;
        row
    }))
}
