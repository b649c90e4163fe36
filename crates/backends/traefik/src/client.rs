//! One Traefik as the tools see it: one method for each endpoint of its API.
//!
//! Source: Traefik documentation, "API & Dashboard", endpoints. The API only reads.

use std::sync::Arc;
use std::time::Duration;

use homelab_backend::{Env, Learnt};
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_upstream::{Client, ClientConfig, Request, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::config::{Config, Login};
use crate::explain::Who;
use crate::files::Files;
use crate::protocol::Protocol;
use crate::types::{Certificate, EntryPoint, Middleware, Overview, Router, Service, Version};

/// Objects asked for at a time.
const PER_PAGE: usize = 500;
/// Pages asked for at most.
const MOST_PAGES: usize = 40;
/// Tells on which page there is more; 1 means there is none.
const NEXT_PAGE: &str = "x-next-page";

/// One instance of the server; clones share everything.
#[derive(Clone)]
pub(crate) struct Traefik(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) env: Env,
    pub(crate) who: Who,
    pub(crate) config: Config,
    client: Client,
    login: Login,
    version: Learnt<Version>,
    /// Where changes go, if that is set.
    files: Option<Files>,
    /// One change at a time: each waits until Traefik serves it.
    pub(crate) changing: Mutex<()>,
}

impl std::ops::Deref for Traefik {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Traefik {
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        let login = config.login()?;
        let client = env.client(ClientConfig {
            base_url: Some(config.base_url()?),
            timeout: Duration::from_secs(config.timeout_s),
            tls: config.tls.clone(),
            ..ClientConfig::new(instance)
        })?;
        let files = Files::open(&config, env)?;
        Ok(Self(Arc::new(Inner {
            env: env.clone(),
            who: Who {
                instance: instance.to_owned(),
                section: format!("servers.{instance}"),
                signed: login != Login::None,
            },
            config,
            client,
            login,
            version: Learnt::new(),
            files,
            changing: Mutex::new(()),
        })))
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Micros {
        self.env.clock.now()
    }

    /// Where changes go.
    ///
    /// # Errors
    /// `not_configured` if no directory is set.
    pub(crate) fn files(&self) -> ToolResult<&Files> {
        self.files.as_ref().ok_or_else(|| {
            let (instance, section) = (&self.who.instance, &self.who.section);
            ToolError::new(
                Code::NotConfigured,
                format!("`{instance}` can only be read: its API changes nothing, and no directory for files is set"),
            )
            .reason("setting_missing")
            .field(format!("{section}.directory"))
            .hint(format!(
                "set `{section}.directory` to the `directory` of Traefik's file provider (with `watch`), and `{section}.ssh_host` if it is on another host"
            ))
        })
    }

    /// `GET /api/version`, asked once.
    pub(crate) async fn version(&self) -> ToolResult<Version> {
        self.version.or_ask(self.asked_version()).await
    }

    /// The version, if it was asked for.
    pub(crate) fn known_version(&self) -> Option<Version> {
        self.version.known()
    }

    /// `GET /api/version`, asked anew.
    pub(crate) async fn fresh_version(&self) -> ToolResult<Version> {
        self.version.ask(self.asked_version()).await
    }

    async fn asked_version(&self) -> ToolResult<Version> {
        self.one("version", "/api/version").await
    }

    /// `GET /api/overview`.
    pub(crate) async fn overview(&self) -> ToolResult<Overview> {
        self.one("overview", "/api/overview").await
    }

    /// `GET /api/entrypoints`.
    pub(crate) async fn entry_points(&self) -> ToolResult<Vec<EntryPoint>> {
        self.all(|| Request::get("entry_points", "/api/entrypoints", &[]))
            .await
    }

    /// `GET /api/{protocol}/routers`.
    pub(crate) async fn routers(
        &self,
        protocol: Protocol,
        search: &Search,
    ) -> ToolResult<Vec<Router>> {
        self.all(|| search.on(Request::get("routers", "/api/{}/routers", &[&protocol])))
            .await
    }

    /// `GET /api/{protocol}/routers/{name}`.
    pub(crate) async fn router(
        &self,
        protocol: Protocol,
        name: &str,
    ) -> ToolResult<Option<Router>> {
        let request = Request::get("router", "/api/{}/routers/{}", &[&protocol, &name]);
        self.maybe(request).await
    }

    /// `GET /api/{protocol}/services`.
    pub(crate) async fn services(
        &self,
        protocol: Protocol,
        search: &Search,
    ) -> ToolResult<Vec<Service>> {
        self.all(|| search.on(Request::get("services", "/api/{}/services", &[&protocol])))
            .await
    }

    /// `GET /api/{protocol}/services/{name}`.
    pub(crate) async fn service(
        &self,
        protocol: Protocol,
        name: &str,
    ) -> ToolResult<Option<Service>> {
        let request = Request::get("service", "/api/{}/services/{}", &[&protocol, &name]);
        self.maybe(request).await
    }

    /// `GET /api/{protocol}/middlewares`; UDP has none.
    pub(crate) async fn middlewares(
        &self,
        protocol: Protocol,
        search: &Search,
    ) -> ToolResult<Vec<Middleware>> {
        if protocol == Protocol::Udp {
            return Ok(Vec::new());
        }
        self.all(|| {
            search.on(Request::get(
                "middlewares",
                "/api/{}/middlewares",
                &[&protocol],
            ))
        })
        .await
    }

    /// `GET /api/http/middlewares/{name}`.
    pub(crate) async fn middleware(&self, name: &str) -> ToolResult<Option<Middleware>> {
        let request = Request::get("middleware", "/api/http/middlewares/{}", &[&name]);
        self.maybe(request).await
    }

    /// `GET /api/certificates`; `None` before 3.7, which does not have it.
    pub(crate) async fn certificates(&self) -> ToolResult<Option<Vec<Certificate>>> {
        let version = self.version().await?.numbers();
        if version != (0, 0) && version < (3, 7) {
            return Ok(None);
        }
        self.all(|| Request::get("certificates", "/api/certificates", &[]))
            .await
            .map(Some)
    }

    async fn one<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &'static str,
    ) -> ToolResult<T> {
        let found = self.maybe(Request::get(operation, path, &[])).await?;
        found.ok_or_else(|| ToolError::internal("Traefik says that a fixed address is not there"))
    }

    /// An object; `None` if there is none of that name.
    async fn maybe<T: DeserializeOwned>(&self, request: Request) -> ToolResult<Option<T>> {
        match self.send(request).await? {
            Some(response) => response.json().map(Some).map_err(ToolError::from),
            None => Ok(None),
        }
    }

    /// Every object of a list, page by page.
    async fn all<T: DeserializeOwned>(&self, request: impl Fn() -> Request) -> ToolResult<Vec<T>> {
        let mut found = Vec::new();
        for page in 1..=MOST_PAGES {
            let request = request().query("page", page).query("per_page", PER_PAGE);
            let Some(response) = self.send(request).await? else {
                break;
            };
            let rows: Option<Vec<T>> = response.json().map_err(ToolError::from)?;
            found.extend(rows.unwrap_or_default());
            let next = response.headers.get(NEXT_PAGE);
            let next = next.and_then(|next| next.to_str().ok()?.parse().ok());
            if next.is_none_or(|next: usize| next <= page) {
                return Ok(found);
            }
        }
        let instance = &self.who.instance;
        let message = format!(
            "`{instance}` has more than {} objects of this sort",
            found.len()
        );
        Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("too_many")
            .hint("narrow it with `search`")
            .instance(instance.clone()))
    }

    async fn send(&self, request: Request) -> ToolResult<Option<Response>> {
        // Credentials must not follow a redirect: it is reported instead.
        let request = request.redirects(0);
        let request = match &self.login {
            Login::None => request,
            Login::Basic { user, password } => {
                request.basic(user, &self.env.secret(password).await?)
            }
            Login::Header { name, value } => {
                request.secret_header(name.clone(), &self.env.secret(value).await?)
            }
        };
        let response = self.client.send(request).await.map_err(ToolError::from)?;
        self.who.found(response, &self.env.redactor)
    }
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// Part of a name, rule or service.
    pub(crate) text: Option<String>,
    /// `enabled`, `disabled` or `warning`.
    pub(crate) status: Option<&'static str>,
}

impl Search {
    fn on(&self, request: Request) -> Request {
        request
            .query_opt("search", self.text.as_ref())
            .query_opt("status", self.status)
    }
}

/// A provider's configuration of a middleware: the member that has its type's name.
pub(crate) fn middleware_config(found: &Middleware) -> Option<(&String, &Value)> {
    let types: Vec<&str> = crate::fields::all_middleware_types().collect();
    let mut members = found.rest.iter();
    members.find(|(name, _)| types.iter().any(|known| known.eq_ignore_ascii_case(name)))
}
