//! One Portainer as the tools see it: one method for each endpoint of its API that several read.
//!
//! Source: Portainer API documentation (2.44). What the user interface calls environment, the API
//! calls endpoint.

use std::time::Duration;

use homelab_backend::{Env, Learnt};
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{Client, ClientConfig, HeaderName, Overflow, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::config::Config;
use crate::explain::Who;
use crate::types::{
    Container, Dashboard, Endpoint, EngineInfo, Me, Network, Stack, StackFile, Stats, Status,
};
use crate::whole_api::Description;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Environments asked for at a time.
const PER_PAGE: usize = 100;
/// Pages asked for at most.
const MOST_PAGES: usize = 50;
/// A snapshot comes with the raw listing of its engine.
const MAX_SNAPSHOT: usize = 32 * 1024 * 1024;

/// One instance of the server.
pub(crate) struct Portainer {
    pub(crate) env: Env,
    pub(crate) who: Who,
    pub(crate) config: Config,
    client: Client,
    key: SecretRef,
    status: Learnt<Status>,
    pub(crate) description: Description,
}

impl Portainer {
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        let key = config.key()?;
        let description = Description::new(instance, config.api_schema.clone(), env)?;
        let client = env.client(ClientConfig {
            base_url: Some(config.base_url()?),
            timeout: Duration::from_secs(config.timeout_s),
            tls: config.tls.clone(),
            ..ClientConfig::new(instance)
        })?;
        Ok(Self {
            env: env.clone(),
            who: Who {
                instance: instance.to_owned(),
                section: format!("servers.{instance}"),
            },
            config,
            client,
            key,
            status: Learnt::new(),
            description,
        })
    }

    pub(crate) fn now(&self) -> Micros {
        self.env.clock.now()
    }

    /// `GET /system/status`, asked once.
    pub(crate) async fn status(&self) -> ToolResult<Status> {
        self.status.or_ask(self.asked_status()).await
    }

    /// The version, if it was asked for.
    pub(crate) fn known_status(&self) -> Option<Status> {
        self.status.known()
    }

    /// `GET /system/status`, or its older address `GET /status`.
    pub(crate) async fn fresh_status(&self) -> ToolResult<Status> {
        self.status.ask(self.asked_status()).await
    }

    async fn asked_status(&self) -> ToolResult<Status> {
        match self
            .one(Request::get("status", "/system/status", &[]))
            .await
        {
            Err(error) if error.envelope().reason.as_deref() == Some("not_supported") => {
                self.one(Request::get("status", "/status", &[])).await
            }
            result => result,
        }
    }

    /// Refuses to change stacks of a server whose addresses are other ones.
    ///
    /// # Errors
    /// `upstream_rejected` with reason `not_supported`.
    pub(crate) async fn recent(&self) -> ToolResult<()> {
        // It may have been updated since it was asked.
        if self.status().await?.is_recent() || self.fresh_status().await?.is_recent() {
            return Ok(());
        }
        let status = self.status().await?;
        let message = format!(
            "Portainer {} is too old: 2.19 or newer is needed to change stacks",
            status.version
        );
        Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("not_supported")
            .hint("update Portainer"))
    }

    /// `GET /users/me`: whose token it is.
    pub(crate) async fn me(&self) -> ToolResult<Me> {
        self.one(Request::get("me", "/users/me", &[]).query("noEndpointAuthorizations", true))
            .await
    }

    /// `GET /stacks`, of one environment if one is given.
    pub(crate) async fn stacks(&self, endpoint: Option<u64>) -> ToolResult<Vec<Stack>> {
        let filters = endpoint.map(|id| json!({ "EndpointID": id }).to_string());
        self.list(Request::get("stacks", "/stacks", &[]).query_opt("filters", filters))
            .await
    }

    /// `GET /stacks/{id}`.
    pub(crate) async fn stack(&self, id: u64) -> ToolResult<Option<Stack>> {
        let request = Request::get("stack", "/stacks/{}", &[&id]);
        self.maybe(request).await
    }

    /// `GET /stacks/{id}/file`.
    pub(crate) async fn stack_file(&self, id: u64) -> ToolResult<Option<String>> {
        let request = Request::get("stack_file", "/stacks/{}/file", &[&id]);
        let found: Option<StackFile> = self.maybe(request).await?;
        Ok(found.map(|file| file.stack_file_content))
    }

    /// `GET /endpoints`, all of them, without the raw listings of their engines.
    pub(crate) async fn endpoints(&self) -> ToolResult<Vec<Endpoint>> {
        let mut found: Vec<Endpoint> = Vec::new();
        for page in 0..MOST_PAGES {
            let request = Request::get("endpoints", "/endpoints", &[])
                .query("start", page * PER_PAGE + 1)
                .query("limit", PER_PAGE)
                .query("excludeSnapshots", true);
            let rows: Vec<Endpoint> = self.list(request).await?;
            let last = rows.len() < PER_PAGE;
            found.extend(rows);
            if last {
                break;
            }
        }
        found.sort_by_key(|endpoint| endpoint.id);
        // Where a page repeats what another had.
        found.dedup_by_key(|endpoint| endpoint.id);
        Ok(found)
    }

    /// `GET /endpoints/{id}` without its snapshot.
    pub(crate) async fn endpoint(&self, id: u64) -> ToolResult<Option<Endpoint>> {
        let request =
            Request::get("endpoint", "/endpoints/{}", &[&id]).query("excludeSnapshot", true);
        self.maybe(request).await
    }

    /// `GET /endpoints/{id}` with its snapshot.
    pub(crate) async fn snapshot(&self, id: u64) -> ToolResult<Option<Endpoint>> {
        let request = Request::get("snapshot", "/endpoints/{}", &[&id])
            .max_body(MAX_SNAPSHOT, Overflow::Fail);
        self.maybe(request).await
    }

    /// `GET /docker/{id}/dashboard`: what the engine has right now.
    pub(crate) async fn dashboard(&self, id: u64) -> ToolResult<Dashboard> {
        let request = Request::get("dashboard", "/docker/{}/dashboard", &[&id]);
        self.one(request).await
    }

    /// `GET /containers/json` of an engine, through Portainer.
    pub(crate) async fn containers(&self, id: u64, all: bool) -> ToolResult<Vec<Container>> {
        let request = Request::get("containers", "/endpoints/{}/docker/containers/json", &[&id])
            .query("all", all)
            .max_body(MAX_SNAPSHOT, Overflow::Fail);
        self.list(request).await
    }

    /// `GET /networks` of an engine, through Portainer.
    pub(crate) async fn networks(&self, id: u64) -> ToolResult<Vec<Network>> {
        let request = Request::get("networks", "/endpoints/{}/docker/networks", &[&id]);
        self.list(request).await
    }

    /// `GET /info` of an engine, through Portainer.
    pub(crate) async fn engine_info(&self, id: u64) -> ToolResult<EngineInfo> {
        let request = Request::get("engine_info", "/endpoints/{}/docker/info", &[&id]);
        self.one(request).await
    }

    /// `GET /containers/{id}/stats` of an engine, once, through Portainer.
    pub(crate) async fn stats(&self, id: u64, container: &str) -> ToolResult<Option<Stats>> {
        let template = "/endpoints/{}/docker/containers/{}/stats";
        let request = Request::get("stats", template, &[&id, &container]).query("stream", false);
        self.maybe(request).await
    }

    /// An object that must be there.
    pub(crate) async fn one<T: DeserializeOwned>(&self, request: Request) -> ToolResult<T> {
        let found = self.maybe(request).await?;
        found.ok_or_else(|| {
            ToolError::new(
                Code::UpstreamRejected,
                format!("`{}` says that this is not there", self.who.instance),
            )
            .reason("not_supported")
            .hint("this version or edition may lack it, or it was removed meanwhile")
        })
    }

    /// An object; `None` if there is none.
    pub(crate) async fn maybe<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> ToolResult<Option<T>> {
        match self.send(request).await? {
            Some(response) => response.json().map(Some).map_err(ToolError::from),
            None => Ok(None),
        }
    }

    /// A list; some versions answer 204 or `null` for an empty one.
    pub(crate) async fn list<T: DeserializeOwned>(&self, request: Request) -> ToolResult<Vec<T>> {
        let Some(response) = self.send(request).await? else {
            return Ok(Vec::new());
        };
        if response.status == StatusCode::NO_CONTENT {
            return Ok(Vec::new());
        }
        let rows: Option<Vec<T>> = response.json().map_err(ToolError::from)?;
        Ok(rows.unwrap_or_default())
    }

    /// Sends it with the access token; `None` if the server says that the object is not there.
    pub(crate) async fn send(&self, request: Request) -> ToolResult<Option<Response>> {
        let key = self.env.secret(&self.key).await?;
        // The token must not follow a redirect: it is reported instead.
        let request = request.redirects(0).secret_header(API_KEY, &key);
        let response = self.client.send(request).await.map_err(ToolError::from)?;
        self.who.found(response, &self.env.redactor)
    }
}
