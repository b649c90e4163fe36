//! Who is connected, known and blocked.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Source;
use crate::client::Unifi;
use crate::page::page;
use crate::people::{ClientItem, ClientType};
use crate::site::SiteName;

/// Which clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Connected now.
    #[default]
    Active,
    /// Ever seen and not forgotten.
    Known,
    /// Kept out by `block_client` or by hand.
    Blocked,
}

/// Which clients to list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListClients {
    /// Only those connected this way.
    #[serde(rename = "type")]
    kind: Option<ClientType>,
    /// Which of them; default `active`. The others need the old API.
    #[serde(default)]
    status: Status,
    /// Only those whose name, MAC or IP address, network or SSID contains this.
    #[schemars(length(min = 1, max = 100))]
    search: Option<String>,
    /// The site; default the configured one.
    site: Option<SiteName>,
    /// Rows per page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

/// A page of clients.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClientPage {
    #[serde(flatten)]
    page: Page<ClientItem>,
    /// The API that told it.
    api: Source,
    /// What is missing, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// List the clients of the network: connected, known or blocked, wired, wireless or through a VPN.
#[tool(
    read,
    open_world,
    permission = "unifi:client:read",
    timeout = 60,
    untrusted("items.name", "items.hostname")
)]
pub(crate) async fn list_clients(unifi: &Unifi, args: ListClients) -> ToolResult<ClientPage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let (mut rows, api, notes) = match args.status {
        Status::Active => {
            let clients = unifi.active(&site).await?;
            (clients.told.rows, clients.told.api, clients.notes)
        }
        Status::Known | Status::Blocked => {
            (unifi.everyone(&site).await?, Source::Legacy, Vec::new())
        }
    };
    rows.retain(|row| {
        (args.kind.is_none() || row.kind == args.kind)
            && (args.status != Status::Blocked || row.blocked == Some(true))
            && args.search.as_ref().is_none_or(|text| row.has(text))
    });
    Ok(ClientPage {
        page: page(rows, args.limit, args.cursor.as_deref(), ClientItem::key)?,
        api,
        notes,
    })
}

/// Which client.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetClient {
    /// MAC address, name, IP address or id.
    #[schemars(length(min = 1, max = 128))]
    client: String,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A client.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClientDetail {
    client: ClientItem,
    /// The API that told it.
    api: Source,
    /// What is missing, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Show one client: its addresses, network, switch port or access point, signal and traffic, and
/// whether it is blocked.
#[tool(
    read,
    open_world,
    permission = "unifi:client:read",
    timeout = 60,
    untrusted("client.name", "client.hostname")
)]
pub(crate) async fn get_client(unifi: &Unifi, args: GetClient) -> ToolResult<ClientDetail> {
    let site = unifi.site(args.site.as_ref()).await?;
    let found = unifi.client_named(&site, &args.client).await?;
    let mut client = found.client;
    client.resolve_uplink(&unifi.devices(&site).await?);
    Ok(ClientDetail {
        client,
        api: found.api,
        notes: found.notes,
    })
}
