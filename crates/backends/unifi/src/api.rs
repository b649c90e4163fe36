//! The APIs of one console: finds out what is there, signs requests, reads answers.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use homelab_backend::Env;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{Client, ClientConfig, HeaderName, Overflow, Request, Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, OnceCell};

use crate::auth::{Session, Sessions};
use crate::call::{Call, Part};
use crate::config::{Config, Login};
use crate::explain::{By, Said, Who};
use crate::types::{Answer, Info, Paged, Rows};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Rows of a page of the official API, at most.
const PAGE: usize = 200;
/// Most rows that are read of one list.
const MOST_ROWS: usize = 20_000;

/// Which API an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The official one.
    Integration,
    /// The old one.
    Legacy,
    /// The official one, with what only the old one tells.
    Both,
}

/// Where the application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// On a console or gateway, below `/proxy/network`.
    UnifiOs,
    /// By itself, without a prefix.
    Classic,
}

/// A release of the Network application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) text: String,
    numbers: (u32, u32),
}

impl Version {
    pub(crate) fn read(text: &str) -> Self {
        let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
        Self {
            numbers: (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)),
            text: text.to_owned(),
        }
    }
}

/// Parts of the official API that came one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Sites, devices, clients.
    Basics,
    /// Vouchers, actions on guests.
    Guests,
    /// Networks, WLANs, firewall zones.
    Networks,
    /// Firewall policies, DNS records, adoption of devices.
    Policies,
}

impl Feature {
    fn since(self) -> (u32, u32) {
        match self {
            Self::Basics => (9, 0),
            Self::Guests => (9, 1),
            Self::Networks => (10, 0),
            Self::Policies => (10, 1),
        }
    }
}

/// What is there, found out once.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    pub(crate) flavour: Flavour,
    /// The release, where the official API can be used.
    pub(crate) official: Option<Version>,
}

pub(crate) struct Api {
    pub(crate) env: Env,
    pub(crate) who: Who,
    /// At the console's root.
    pub(crate) root: Client,
    /// Below `/proxy/network`.
    application: Client,
    key: Option<SecretRef>,
    login: Option<Login>,
    sessions: Mutex<Sessions>,
    console: OnceCell<Console>,
}

impl Api {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        let login = config.login()?;
        let base = config.base_url()?;
        let client = |path: &str| {
            let mut url = base.clone();
            url.set_path(path);
            env.client(ClientConfig {
                base_url: Some(url),
                timeout: Duration::from_secs(config.timeout_s),
                tls: config.tls.clone(),
                ..ClientConfig::new(instance)
            })
        };
        Ok(Self {
            env: env.clone(),
            who: Who {
                instance: instance.to_owned(),
                section: format!("servers.{instance}"),
                user: login.as_ref().map(|login| login.user.clone()),
            },
            root: client("/")?,
            application: client("/proxy/network")?,
            key: config.api_key.clone(),
            login,
            sessions: Mutex::default(),
            console: OnceCell::new(),
        })
    }

    /// What is there; asked once, and again after a failure.
    pub(crate) async fn console(&self) -> ToolResult<&Console> {
        self.console.get_or_try_init(|| self.look()).await
    }

    async fn look(&self) -> ToolResult<Console> {
        // The page itself is of no interest.
        let request = Request::get("detect", "/", &[])
            .redirects(0)
            .max_body(4096, Overflow::Cut);
        let response = self.root.send(request).await?;
        let flavour = match response.status.as_u16() {
            200 => Flavour::UnifiOs,
            301..=308 => Flavour::Classic,
            _ => {
                return Err(response.checked().err().map_or_else(
                    || ToolError::internal("a status is neither a success nor a failure"),
                    ToolError::from,
                ));
            }
        };
        let without = Console {
            flavour,
            official: None,
        };
        // An application that runs by itself takes no keys.
        if self.key.is_none() || flavour == Flavour::Classic {
            return Ok(without);
        }
        let call = Call::get("info", "/integration/v1/info", &[]);
        let response = self.ask_by_key(&call).await?;
        // It came with release 9.0.
        if response.status == StatusCode::NOT_FOUND {
            return Ok(without);
        }
        let response = self.accepted(response, &call, By::Key)?;
        let info: Info = response.json()?;
        Ok(Console {
            flavour,
            official: Some(Version::read(&info.application_version)),
        })
    }

    /// Whether the official API can do this here.
    pub(crate) async fn has(&self, feature: Feature) -> ToolResult<bool> {
        let console = self.console().await?;
        let version = console.official.as_ref();
        Ok(version.is_some_and(|version| version.numbers >= feature.since()))
    }

    /// All rows of a list of the official API.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        template: &'static str,
        path: &[&(dyn Display + Sync)],
    ) -> ToolResult<Vec<T>> {
        let mut rows = Vec::new();
        loop {
            let call = Call::get(operation, template, path)
                .query("offset", rows.len())
                .query("limit", PAGE);
            let page: Paged<T> = self.json(&call).await?;
            let came = page.data.len();
            rows.extend(page.data);
            let all = usize::try_from(page.total_count).unwrap_or(usize::MAX);
            if came == 0 || rows.len() >= all || rows.len() >= MOST_ROWS {
                return Ok(rows);
            }
        }
    }

    /// A successful answer, read as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<T> {
        let response = self.send(call).await?;
        response.json().map_err(ToolError::from)
    }

    /// The rows of a successful answer of the old API.
    pub(crate) async fn rows<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<Vec<T>> {
        self.json::<Rows<T>>(call).await.map(|rows| rows.data)
    }

    /// Sends a call whose answer has nothing of interest.
    pub(crate) async fn done(&self, call: &Call) -> ToolResult<()> {
        self.send(call).await.map(drop)
    }

    /// A call of the whole official API: status and body of a successful answer.
    pub(crate) async fn raw(&self, call: &Call) -> ToolResult<(u16, Vec<u8>)> {
        let response = self.send(call).await?;
        Ok((response.status.as_u16(), response.body.to_vec()))
    }

    /// The description of the official API that the application serves beside it.
    pub(crate) async fn description(&self) -> ToolResult<Vec<u8>> {
        let call = Call::get("api_description", "/api-docs/integration.json", &[]);
        let response = self.ask_by_key(&call).await?;
        let response = self.accepted(response, &call, By::Key)?;
        Ok(response.body.to_vec())
    }

    async fn send(&self, call: &Call) -> ToolResult<Response> {
        if call.part == Part::Integration {
            let response = self.ask_by_key(call).await?;
            return self.accepted(response, call, By::Key);
        }
        let flavour = self.console().await?.flavour;
        match &self.login {
            Some(login) => self.by_session(call, login, flavour).await,
            None if flavour == Flavour::Classic => Err(self
                .who
                .needs_local_account("a Network application that runs by itself takes no keys")),
            None => self.legacy_by_key(call).await,
        }
    }

    /// Sends a call of the old API with the key, which some consoles allow, most of them for
    /// reading alone.
    async fn legacy_by_key(&self, call: &Call) -> ToolResult<Response> {
        let response = self.ask_by_key(call).await?;
        if matches!(response.status.as_u16(), 401 | 403) {
            let why = match (call.reads, &self.console().await?.official) {
                (true, Some(_)) => "its old API is not open to the key",
                (true, None) => {
                    "it runs a release before 9.0, whose only API is not open to the key"
                }
                (false, _) => "the key may not change anything in its old API",
            };
            let status = response.status.as_u16();
            return Err(self.who.needs_local_account(why).upstream_status(status));
        }
        self.accepted(response, call, By::Key)
    }

    async fn ask_by_key(&self, call: &Call) -> ToolResult<Response> {
        let Some(key) = &self.key else {
            return Err(ToolError::internal(
                "the official API is asked without a key",
            ));
        };
        let key = self.env.secret(key).await?;
        let request = call.request().secret_header(API_KEY, &key);
        Ok(self.application.send(request).await?)
    }

    async fn by_session(
        &self,
        call: &Call,
        login: &Login,
        flavour: Flavour,
    ) -> ToolResult<Response> {
        let mut renewed = false;
        loop {
            let session = self
                .sessions
                .lock()
                .await
                .current(self, login, flavour)
                .await?;
            let response = self.ask(call, &session, flavour).await?;
            let ended = !is_right(&response, call) && {
                let said = Said::read(&response.body, &self.env.redactor);
                response.status == StatusCode::UNAUTHORIZED
                    || said.needs_login()
                    || (response.status == StatusCode::FORBIDDEN && said.is_csrf())
            };
            // Refused before anything was done, so even a change may be sent again.
            if ended && !renewed {
                self.sessions.lock().await.forget(&session);
                renewed = true;
                continue;
            }
            return self.accepted(response, call, By::Session);
        }
    }

    async fn ask(
        &self,
        call: &Call,
        session: &Arc<Session>,
        flavour: Flavour,
    ) -> ToolResult<Response> {
        let client = match flavour {
            Flavour::UnifiOs => &self.application,
            Flavour::Classic => &self.root,
        };
        let get = call.method == homelab_upstream::Method::GET;
        let response = client.send(session.sign(call.request(), get)).await?;
        session.follow(&response.headers, self);
        Ok(response)
    }

    /// The answer if it is a success, which a status of 200 is not always.
    fn accepted(&self, response: Response, call: &Call, by: By) -> ToolResult<Response> {
        let status = response.status.as_u16();
        let body = response.body.trim_ascii_start();
        if response.status.is_success() && body.starts_with(b"<") {
            return Err(self.who.starting(status));
        }
        if is_right(&response, call) {
            return Ok(response);
        }
        let said = Said::read(&response.body, &self.env.redactor);
        Err(self.who.refused(response, &said, call, by))
    }
}

/// Whether an answer is a success: the old API refuses with a status of 200 too.
fn is_right(response: &Response, call: &Call) -> bool {
    let refused = || {
        let answer: Option<Answer> = serde_json::from_slice(&response.body).ok();
        answer.is_some_and(|answer| answer.meta.rc == "error")
    };
    response.status.is_success() && !(call.part == Part::Legacy && refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        let has = |text: &str, feature: Feature| Version::read(text).numbers >= feature.since();

        assert!(has("10.5.66", Feature::Policies) && has("9.0.114", Feature::Basics));
        assert!(!has("10.0.162", Feature::Policies) && !has("9.0.114", Feature::Guests));
        assert!(!has("nonsense", Feature::Basics));
    }
}
