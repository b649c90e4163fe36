//! The endpoints of tunnels: one method for each.

use homelab_core::error::{ToolError, ToolResult};
use homelab_upstream::Method;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::client::Cloudflare;
use crate::ids::{AccountId, TunnelArg};
use crate::types::{Connector, Route, Tunnel, TunnelConfig};

const TUNNEL_READ: &str = "Account: Cloudflare Tunnel, Read";
const TUNNEL_EDIT: &str = "Account: Cloudflare Tunnel, Edit";
const TUNNELS: &str = "/accounts/{}/cfd_tunnel";
const TUNNEL: &str = "/accounts/{}/cfd_tunnel/{}";
const CONFIGURATION: &str = "/accounts/{}/cfd_tunnel/{}/configurations";

impl Cloudflare {
    /// `GET /accounts/{account_id}/cfd_tunnel`, without deleted ones unless they are asked for.
    pub(crate) async fn tunnels(
        &self,
        account: &AccountId,
        filters: &[(&'static str, String)],
    ) -> ToolResult<Vec<Tunnel>> {
        let mut call = Call::new("tunnels", Method::GET, TUNNELS, &[account], TUNNEL_READ);
        for (name, value) in filters {
            call = call.query(name, value);
        }
        self.api.all(&call, 100).await
    }

    /// The tunnel of this name or id.
    pub(crate) async fn tunnel(
        &self,
        account: &AccountId,
        given: &TunnelArg,
    ) -> ToolResult<Tunnel> {
        let missing = || {
            ToolError::not_found(format!("no tunnel `{given}`"))
                .reason("tunnel_not_found")
                .field("tunnel")
                .hint("see `list_cloudflare_tunnels`")
                .instance(self.api.who.instance.clone())
        };
        let found = if given.is_id() {
            let call = Call::new(
                "tunnel",
                Method::GET,
                TUNNEL,
                &[account, given],
                TUNNEL_READ,
            );
            self.api.maybe::<Tunnel>(&call).await?
        } else {
            let filters = [
                ("name", given.to_string()),
                ("is_deleted", "false".to_owned()),
            ];
            let found = self.tunnels(account, &filters).await?;
            found.into_iter().find(|one| one.name == given.as_str())
        };
        found
            .filter(|tunnel| tunnel.deleted_at.is_none())
            .ok_or_else(missing)
    }

    /// `GET …/connections`: the connectors that run.
    pub(crate) async fn connectors(
        &self,
        account: &AccountId,
        tunnel: &str,
    ) -> ToolResult<Vec<Connector>> {
        let template = "/accounts/{}/cfd_tunnel/{}/connections";
        let call = Call::new(
            "connections",
            Method::GET,
            template,
            &[account, &tunnel],
            TUNNEL_READ,
        );
        self.api.result(&call).await
    }

    /// `GET …/configurations`.
    pub(crate) async fn tunnel_config(
        &self,
        account: &AccountId,
        tunnel: &str,
    ) -> ToolResult<TunnelConfig> {
        let call = Call::new(
            "tunnel_config",
            Method::GET,
            CONFIGURATION,
            &[account, &tunnel],
            TUNNEL_READ,
        );
        self.api.result(&call).await
    }

    /// `PUT …/configurations`: all of it.
    pub(crate) async fn put_tunnel_config(
        &self,
        account: &AccountId,
        tunnel: &str,
        config: &Map<String, Value>,
    ) -> ToolResult<TunnelConfig> {
        let call = Call::new(
            "tunnel_configure",
            Method::PUT,
            CONFIGURATION,
            &[account, &tunnel],
            TUNNEL_EDIT,
        );
        self.api
            .result(&call.body(json!({ "config": config })))
            .await
    }

    /// `POST /accounts/{account_id}/cfd_tunnel`. The answer's secret is forgotten here.
    pub(crate) async fn create_tunnel(
        &self,
        account: &AccountId,
        name: &str,
        source: &str,
    ) -> ToolResult<Tunnel> {
        let call = Call::new(
            "tunnel_create",
            Method::POST,
            TUNNELS,
            &[account],
            TUNNEL_EDIT,
        );
        let body = json!({ "name": name, "config_src": source });
        self.api.result(&call.body(body)).await
    }

    /// `DELETE /accounts/{account_id}/cfd_tunnel/{tunnel_id}`.
    pub(crate) async fn delete_tunnel(&self, account: &AccountId, tunnel: &str) -> ToolResult<()> {
        let call = Call::new(
            "tunnel_delete",
            Method::DELETE,
            TUNNEL,
            &[account, &tunnel],
            TUNNEL_EDIT,
        );
        self.api.done(&call).await
    }

    /// `GET …/token`: what `cloudflared` runs with.
    pub(crate) async fn tunnel_token(
        &self,
        account: &AccountId,
        tunnel: &str,
    ) -> ToolResult<String> {
        let template = "/accounts/{}/cfd_tunnel/{}/token";
        let call = Call::new(
            "tunnel_token",
            Method::GET,
            template,
            &[account, &tunnel],
            TUNNEL_EDIT,
        );
        self.api.result(&call).await
    }

    /// `GET /accounts/{account_id}/teamnet/routes`: private networks behind tunnels.
    pub(crate) async fn routes(&self, account: &AccountId) -> ToolResult<Vec<Route>> {
        let template = "/accounts/{}/teamnet/routes";
        let call = Call::new("routes", Method::GET, template, &[account], TUNNEL_READ);
        self.api.all(&call.query("is_deleted", false), 100).await
    }
}
