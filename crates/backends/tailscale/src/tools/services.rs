//! Services: names and addresses of the tailnet's own that devices answer for.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Tailscale;
use crate::ids::ServiceName;
use crate::types::{Service, ServiceHost, ServiceHosts, Services, given};
use homelab_backend::page::page;

/// Which services.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListServices {
    /// This one alone, with the devices that answer for it, such as `svc:web`.
    service: Option<ServiceName>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A service.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ServiceItem {
    /// Its name, `svc:` and a label.
    service: String,
    /// Its addresses in the tailnet.
    addresses: Vec<String>,
    /// Its ports, such as `tcp:443`.
    ports: Vec<String>,
    tags: Vec<String>,
    comment: Option<String>,
    /// The devices that answer for it; only where one service is asked for.
    hosts: Option<Vec<HostItem>>,
}

/// A device that answers for a service.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HostItem {
    device_id: String,
    /// Its name; absent where the device is gone.
    device: Option<String>,
    /// `not-approved`, `approved:auto` or `approved:manual`.
    approval: String,
    /// Whether the device is set up for it, in the control server's words.
    configured: String,
    online: Option<bool>,
}

/// List the services of the tailnet with addresses, ports and tags; of one, also the devices that answer
/// for it and whether they are approved.
#[tool(
    read,
    open_world,
    permission = "tailscale:service:read",
    title = "List services",
    timeout = 60,
    untrusted("items.*.comment")
)]
pub(crate) async fn list_tailscale_services(
    tailscale: &Tailscale,
    args: ListServices,
) -> ToolResult<Page<ServiceItem>> {
    let rows = match &args.service {
        None => tailscale.services().await?,
        Some(name) => vec![tailscale.service(name).await?],
    };
    let mut rows: Vec<ServiceItem> = rows.into_iter().map(ServiceItem::of).collect();
    if let (Some(name), [row]) = (&args.service, &mut rows[..]) {
        row.hosts = Some(tailscale.service_hosts(name).await?);
    }
    let key = |row: &ServiceItem| row.service.clone();
    page(rows, args.limit, args.cursor.as_deref(), key)
}

impl ServiceItem {
    fn of(service: Service) -> Self {
        Self {
            service: service.name,
            addresses: service.addrs,
            ports: service.ports,
            tags: service.tags,
            comment: given(service.comment),
            hosts: None,
        }
    }
}

impl Tailscale {
    /// `GET /tailnet/{tailnet}/services`.
    pub(crate) async fn services(&self) -> ToolResult<Vec<Service>> {
        let call = Call::get("services", "/tailnet/{}/services", &[&self.tailnet])
            .scope("services:read")
            .vendor_only();
        Ok(self.api.data::<Services>(&call).await?.vip_services)
    }

    /// `GET /tailnet/{tailnet}/services/{name}`.
    async fn service(&self, name: &ServiceName) -> ToolResult<Service> {
        let path = "/tailnet/{}/services/{}";
        let call = Call::get("service", path, &[&self.tailnet, name])
            .scope("services:read")
            .vendor_only();
        self.api.data(&call).await.map_err(|error| {
            if error.envelope().upstream_status != Some(404) {
                return error;
            }
            ToolError::new(
                Code::NotFound,
                format!("no service `{}` in the tailnet", name.as_ref()),
            )
            .reason("object_not_found")
            .field("service")
            .hint("call `list_tailscale_services` without `service`")
        })
    }

    /// `GET /tailnet/{tailnet}/services/{name}/devices`, with the devices' names.
    async fn service_hosts(&self, name: &ServiceName) -> ToolResult<Vec<HostItem>> {
        let path = "/tailnet/{}/services/{}/devices";
        let call = Call::get("service_hosts", path, &[&self.tailnet, name])
            .scope("services")
            .vendor_only();
        let hosts = self.api.data::<ServiceHosts>(&call).await?.hosts;
        let devices = if hosts.is_empty() {
            Vec::new()
        } else {
            self.devices(false).await?
        };
        let item = |host: ServiceHost| {
            let mut all = devices.iter();
            let device = all.find(|device| device.node_id == host.stable_node_id);
            HostItem {
                device: device.map(|device| device.short_name().to_owned()),
                online: device.and_then(|device| device.connected_to_control),
                device_id: host.stable_node_id,
                approval: host.approval_level,
                configured: host.configured,
            }
        };
        Ok(hosts.into_iter().map(item).collect())
    }
}
