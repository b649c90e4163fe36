//! The API of one cluster behind one or several hosts.

use std::sync::atomic::{AtomicUsize, Ordering};

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::Secret;
use homelab_proxmox_api::{Auth, Door, Granted, Proof, Style};
use homelab_upstream::{
    Bytes, Client, ClientConfig, Fault, Overflow, Request, Response, StatusCode, UpstreamError, Url,
};
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::config::{Config, section};
use crate::explain::Who;
use crate::ids::Upid;
use crate::types::Answer;

/// How Proxmox VE wants its requests signed.
const STYLE: Style = Style {
    token: "PVEAPIToken",
    joint: '=',
    cookie: "PVEAuthCookie",
    encoded: false,
};

/// One cluster. Every node answers for all of them, so the one that answered last is asked first.
pub(crate) struct Api {
    pub(crate) env: Env,
    pub(crate) who: Who,
    hosts: Vec<Client>,
    /// Addresses of the hosts, in the same order.
    urls: Vec<Url>,
    /// Index of the host that answered last.
    preferred: AtomicUsize,
    auth: Auth,
}

impl Api {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        let urls = config.base_urls()?;
        let login = config.login()?;
        // With several hosts, asking the next one is the repetition.
        let retries = if urls.len() > 1 { 0 } else { 2 };
        let hosts = urls
            .iter()
            .map(|url| {
                env.client(ClientConfig {
                    base_url: Some(url.clone()),
                    timeout: std::time::Duration::from_secs(config.timeout_s),
                    connect_timeout: std::time::Duration::from_secs(config.connect_timeout_s),
                    retries,
                    tls: config.tls.clone(),
                    ..ClientConfig::new(instance)
                })
            })
            .collect::<ToolResult<Vec<_>>>()?;
        let (name, is_token) = login.name();
        Ok(Self {
            env: env.clone(),
            who: Who {
                instance: instance.to_owned(),
                section: section(instance),
                name,
                is_token,
            },
            hosts,
            urls,
            preferred: AtomicUsize::new(0),
            auth: Auth::new(STYLE, login),
        })
    }

    /// The `data` of a successful answer.
    pub(crate) async fn data<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<T> {
        self.answer(call).await.map(|answer| answer.data)
    }

    /// The `data` of a successful answer, where Proxmox answers `null` for nothing.
    pub(crate) async fn list<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<Vec<T>> {
        Ok(self.data::<Option<Vec<T>>>(call).await?.unwrap_or_default())
    }

    /// A successful answer.
    pub(crate) async fn answer<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<Answer<T>> {
        let response = self.send(call).await?;
        response.json().map_err(|error| self.who.unanswered(error))
    }

    /// Sends a call whose answer has nothing of interest.
    pub(crate) async fn done(&self, call: &Call) -> ToolResult<()> {
        self.send(call).await.map(drop)
    }

    /// Sends a call that starts a task. `None` where Proxmox did it at once.
    pub(crate) async fn task(&self, call: &Call) -> ToolResult<Option<Upid>> {
        let text: Option<String> = self.data(call).await?;
        self.upid(text)
    }

    /// The task id in an answer.
    pub(crate) fn upid(&self, text: Option<String>) -> ToolResult<Option<Upid>> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let message = format!(
                "`{}` accepted the request, but answered no task id that we can read",
                self.who.instance
            );
            ToolError::new(Code::UpstreamRejected, message)
                .reason("unexpected_answer")
                .hint("see `list_tasks` for what it is doing")
                .instance(self.who.instance.clone())
        })
    }

    /// A page of the server itself, beside its API and without credentials; `None` if there is none
    /// for everybody.
    pub(crate) async fn page(&self, path: &str, most: usize) -> ToolResult<Option<Bytes>> {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.hosts.len();
        let mut failed = None;
        for step in 0..count {
            let index = (first + step) % count;
            let (Some(host), Some(url)) = (self.hosts.get(index), self.urls.get(index)) else {
                continue;
            };
            let mut url = url.clone();
            url.set_path(path);
            let request = Request::get_url("api_description", url)
                .max_body(most, Overflow::Fail)
                .redirects(0);
            let page = host.send(request).await.and_then(|page| {
                let is_there = !is_hidden(page.status);
                is_there.then(|| page.checked()).transpose()
            });
            match page {
                Ok(page) => return Ok(page.map(|page| page.body)),
                Err(error) => failed = Some(self.who.unanswered(error)),
            }
        }
        Err(failed.unwrap_or_else(|| ToolError::internal("no host to ask")))
    }

    /// The whole answer, whatever it holds, and its status.
    pub(crate) async fn raw(&self, call: &Call) -> ToolResult<(u16, Bytes)> {
        let response = self.send(call).await?;
        Ok((response.status.as_u16(), response.body))
    }

    async fn send(&self, call: &Call) -> ToolResult<Response> {
        let mut renewed = false;
        loop {
            let proof = self.auth.proof(self).await?;
            let response = self.ask(call, &proof).await?;
            // Refused before anything was done, so even a change may be sent again.
            if response.status == StatusCode::UNAUTHORIZED
                && !renewed
                && self.auth.forget(&proof).await
            {
                renewed = true;
                continue;
            }
            return self.who.accepted(response, call);
        }
    }

    /// Asks the hosts in turn, beginning with the one that answered last.
    ///
    /// What is not idempotent goes to another host only if it never left for the one before.
    pub(crate) async fn ask(&self, call: &Call, proof: &Proof) -> ToolResult<Response> {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.hosts.len();
        let mut failed: Option<ToolError> = None;
        for step in 0..count {
            let index = (first + step) % count;
            let Some(host) = self.hosts.get(index) else {
                continue;
            };
            let is_last = step + 1 == count;
            let request = proof.sign(call.request(), &call.method);
            match host.send(request).await {
                Ok(response) if !is_last && call.idempotent && is_of_another(response.status) => {
                    failed = self.who.accepted(response, call).err();
                }
                Ok(response) => {
                    if !is_of_another(response.status) {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    return Ok(response);
                }
                Err(error) => {
                    let goes_on = never_left(&error) || call.idempotent && may_pass(&error);
                    let error = self.who.unanswered(error);
                    if !goes_on {
                        return Err(error);
                    }
                    failed = Some(error);
                }
            }
        }
        let error = failed.unwrap_or_else(|| ToolError::internal("no host to ask"));
        Err(if count > 1 {
            all_failed(&error, count)
        } else {
            error
        })
    }
}

impl Door for Api {
    fn env(&self) -> &Env {
        &self.env
    }

    fn section(&self) -> &str {
        &self.who.section
    }

    async fn ticket(&self, user: &str, password: &Secret) -> ToolResult<Granted> {
        let call = ticket_call(user, password);
        let response = self.ask(&call, &Proof::None).await?;
        let response = self.who.accepted(response, &call)?;
        let granted: Answer<Granted> = response
            .json()
            .map_err(|error| self.who.unanswered(error))?;
        Ok(granted.data)
    }

    fn not_accepted(&self, detail: &str) -> ToolError {
        self.who.not_accepted(detail)
    }
}

/// `POST /access/ticket`.
fn ticket_call(user: &str, password: &Secret) -> Call {
    Call::post("login", "/access/ticket", &[])
        .with("username", user)
        .secret("password", password)
        .idempotent()
}

/// Statuses of a page that is not there, or not for everybody.
fn is_hidden(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 404)
}

/// Statuses by which a host says that it could not pass the request on, or is not ready.
fn is_of_another(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504 | 595..=599)
}

/// Whether the request cannot have had an effect, because no connection came about. A certificate
/// that is not trusted is not among these: it has to be looked at.
fn never_left(error: &UpstreamError) -> bool {
    matches!(
        error.fault(),
        Fault::Dns | Fault::Refused | Fault::NoRoute | Fault::ConnectTimeout(_) | Fault::Connect(_)
    )
}

fn may_pass(error: &UpstreamError) -> bool {
    matches!(
        error.fault(),
        Fault::Lost | Fault::Timeout { .. } | Fault::Cut { .. }
    )
}

fn all_failed(error: &ToolError, count: usize) -> ToolError {
    let mut envelope = error.envelope().clone();
    envelope.message = format!(
        "none of {count} hosts answers; the last: {}",
        envelope.message
    );
    envelope.into()
}
