//! Tunnels, as they are.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::secret::Secret;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::Cloudflare;
use crate::ids::{AccountId, TunnelArg};
use crate::types::{Connector, Route, Tunnel, TunnelConfig};
use homelab_backend::page::page;

/// Tunnels that are asked at a time.
const AT_A_TIME: usize = 4;

/// State of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It never ran.
    Inactive,
    /// Some of its connections are gone.
    Degraded,
    /// It runs.
    Healthy,
    /// It ran, and does not.
    Down,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Degraded => "degraded",
            Self::Healthy => "healthy",
            Self::Down => "down",
        }
    }
}

/// Which tunnels.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListTunnels {
    /// Only in this state.
    status: Option<Status>,
    /// Only the one of this name.
    #[schemars(length(max = 100))]
    name: Option<String>,
    /// Only names that begin with this.
    #[schemars(length(max = 100))]
    include_prefix: Option<String>,
    /// No names that begin with this.
    #[schemars(length(max = 100))]
    exclude_prefix: Option<String>,
    /// Deleted tunnels instead of those that are there.
    is_deleted: bool,
    /// With each one's connectors and public host names; a request or two more for each row.
    details: bool,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A tunnel.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TunnelItem {
    id: String,
    name: String,
    /// `inactive`, `degraded`, `healthy` or `down`.
    status: Option<String>,
    /// Where it is configured: `cloudflare`, or `local` beside its connector.
    config_src: Option<String>,
    created_at: Option<String>,
    deleted_at: Option<String>,
    /// Since when it runs.
    conns_active_at: Option<String>,
    /// Since when it does not.
    conns_inactive_at: Option<String>,
    /// What runs it, where asked for.
    connectors: Option<Vec<ConnectorItem>>,
    /// Where requests go, where asked for; in the order in which they are tried.
    ingress: Option<Vec<IngressItem>>,
}

/// A `cloudflared` that runs a tunnel.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ConnectorItem {
    id: String,
    version: Option<String>,
    arch: Option<String>,
    run_at: Option<String>,
    /// The address that it comes from.
    origin_ip: Option<String>,
    /// Data centres that it is connected to.
    colos: Vec<String>,
    /// Connections that are lost and are being made again.
    reconnecting: usize,
}

/// A rule of a tunnel's configuration.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct IngressItem {
    /// Absent for what takes all requests.
    pub(crate) hostname: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) service: String,
    #[serde(rename = "originRequest")]
    origin_request: Option<Map<String, Value>>,
}

impl TunnelItem {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl IngressItem {
    pub(crate) fn hostname(&self) -> Option<&str> {
        self.hostname.as_deref()
    }
}

impl From<&Tunnel> for TunnelItem {
    fn from(tunnel: &Tunnel) -> Self {
        Self {
            id: tunnel.id.clone(),
            name: tunnel.name.clone(),
            status: tunnel.status.clone(),
            config_src: tunnel.config_src.clone(),
            created_at: tunnel.created_at.clone(),
            deleted_at: tunnel.deleted_at.clone(),
            conns_active_at: tunnel.conns_active_at.clone(),
            conns_inactive_at: tunnel.conns_inactive_at.clone(),
            connectors: None,
            ingress: None,
        }
    }
}

impl From<Connector> for ConnectorItem {
    fn from(connector: Connector) -> Self {
        let connections = connector.conns.unwrap_or_default();
        Self {
            id: connector.id,
            version: connector.version,
            arch: connector.arch,
            run_at: connector.run_at,
            origin_ip: connections.iter().find_map(|one| one.origin_ip.clone()),
            reconnecting: connections
                .iter()
                .filter(|one| one.is_pending_reconnect)
                .count(),
            colos: connections
                .into_iter()
                .filter_map(|one| one.colo_name)
                .collect(),
        }
    }
}

/// The rules of a configuration.
pub(crate) fn ingress_of(config: &TunnelConfig) -> Vec<IngressItem> {
    let rules = config
        .config
        .as_ref()
        .and_then(|config| config.get("ingress"));
    let rules = rules.and_then(Value::as_array).into_iter().flatten();
    let text = |rule: &Value, name: &str| {
        let text = rule[name].as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    rules
        .map(|rule| IngressItem {
            hostname: text(rule, "hostname"),
            path: text(rule, "path"),
            service: text(rule, "service").unwrap_or_default(),
            origin_request: rule["originRequest"]
                .as_object()
                .filter(|fields| !fields.is_empty())
                .cloned(),
        })
        .collect()
}

/// List Cloudflare tunnels with status and times, with `details` also their connectors and public host
/// names. Deleted ones are left out.
#[tool(
    read,
    open_world,
    permission = "cloudflare:tunnel:read",
    title = "List Cloudflare tunnels",
    timeout = 90
)]
pub(crate) async fn list_cloudflare_tunnels(
    cloudflare: &Cloudflare,
    args: ListTunnels,
) -> ToolResult<Page<TunnelItem>> {
    let account = cloudflare.account().await?;
    let filters = [
        ("status", args.status.map(|status| status.name().to_owned())),
        ("name", args.name),
        ("include_prefix", args.include_prefix),
        ("exclude_prefix", args.exclude_prefix),
        ("is_deleted", Some(args.is_deleted.to_string())),
    ];
    let filters: Vec<(&str, String)> = filters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let rows = cloudflare.tunnels(&account, &filters).await?;
    let key = |tunnel: &Tunnel| format!("{}\u{1}{}", tunnel.name, tunnel.id);
    let page = page(rows, args.limit, args.cursor.as_deref(), key)?;
    let (total, next_cursor) = (page.total, page.next_cursor);
    let items = if args.details {
        let each = page.items.into_iter().map(|tunnel| {
            let account = account.clone();
            async move { detailed(cloudflare, &account, &tunnel).await }
        });
        stream::iter(each).buffered(AT_A_TIME).try_collect().await?
    } else {
        page.items.iter().map(TunnelItem::from).collect()
    };
    Ok(Page {
        items,
        total,
        next_cursor,
    })
}

async fn detailed(
    cloudflare: &Cloudflare,
    account: &AccountId,
    tunnel: &Tunnel,
) -> ToolResult<TunnelItem> {
    let mut item = TunnelItem::from(tunnel);
    let connectors = cloudflare.connectors(account, &tunnel.id).await?;
    item.connectors = Some(connectors.into_iter().map(ConnectorItem::from).collect());
    // What stands beside a connector is not known here.
    if tunnel.config_src.as_deref() != Some("local") {
        let config = cloudflare.tunnel_config(account, &tunnel.id).await?;
        item.ingress = Some(ingress_of(&config));
    }
    Ok(item)
}

/// Which tunnel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetTunnel {
    /// The tunnel, by name or id.
    tunnel: TunnelArg,
}

/// Show one Cloudflare tunnel with its connectors, where they run from, and the services behind its
/// public host names.
#[tool(
    read,
    open_world,
    permission = "cloudflare:tunnel:read",
    title = "Show a Cloudflare tunnel"
)]
pub(crate) async fn get_cloudflare_tunnel(
    cloudflare: &Cloudflare,
    args: GetTunnel,
) -> ToolResult<TunnelItem> {
    let account = cloudflare.account().await?;
    let tunnel = cloudflare.tunnel(&account, &args.tunnel).await?;
    detailed(cloudflare, &account, &tunnel).await
}

/// Which routes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListRoutes {
    /// Only those of this tunnel, by name or id.
    tunnel: Option<TunnelArg>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A private network behind a tunnel.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RouteItem {
    id: String,
    network: String,
    tunnel_id: Option<String>,
    tunnel_name: Option<String>,
    virtual_network: Option<String>,
    comment: Option<String>,
}

/// List the private networks that are reachable through tunnels.
#[tool(
    read,
    open_world,
    permission = "cloudflare:tunnel:read",
    title = "List tunnel routes"
)]
pub(crate) async fn list_tunnel_routes(
    cloudflare: &Cloudflare,
    args: ListRoutes,
) -> ToolResult<Page<RouteItem>> {
    let account = cloudflare.account().await?;
    let mut rows = cloudflare.routes(&account).await?;
    if let Some(tunnel) = &args.tunnel {
        let tunnel = cloudflare.tunnel(&account, tunnel).await?;
        rows.retain(|route| route.tunnel_id.as_ref() == Some(&tunnel.id));
    }
    let key = |route: &Route| format!("{}\u{1}{}", route.network, route.id);
    let page = page(rows, args.limit, args.cursor.as_deref(), key)?;
    Ok(page.map(|route| RouteItem {
        id: route.id,
        network: route.network,
        tunnel_id: route.tunnel_id,
        tunnel_name: route.tunnel_name,
        virtual_network: route.virtual_network_name,
        comment: route.comment.filter(|text| !text.is_empty()),
    }))
}

/// What a connector runs with.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TunnelToken {
    /// Name of the tunnel.
    tunnel: String,
    /// For `cloudflared tunnel run --token …`. Who has it can answer for all of the tunnel's host names.
    token: String,
}

/// Show the token with which `cloudflared` runs a tunnel; a secret.
#[tool(
    read,
    secret,
    open_world,
    permission = "cloudflare:tunnel:token",
    title = "Show a tunnel's token",
    sensitive_output("token")
)]
pub(crate) async fn get_tunnel_token(
    cloudflare: &Cloudflare,
    args: GetTunnel,
) -> ToolResult<TunnelToken> {
    let account = cloudflare.account().await?;
    let tunnel = cloudflare.tunnel(&account, &args.tunnel).await?;
    let token = cloudflare.tunnel_token(&account, &tunnel.id).await?;
    cloudflare
        .api
        .env
        .redactor
        .learn(&Secret::new(token.clone()));
    Ok(TunnelToken {
        tunnel: tunnel.name,
        token,
    })
}
