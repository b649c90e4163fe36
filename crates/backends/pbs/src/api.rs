//! The API of one server: signs requests, renews tickets, reads answers.

use std::time::Duration;

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_upstream::{Bytes, Client, ClientConfig, Overflow, Request, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::auth::{Auth, Proof};
use crate::call::Call;
use crate::config::{Config, Login};
use crate::explain::Who;
use crate::types::Answer;
use crate::upid::Upid;

pub(crate) struct Api {
    pub(crate) env: Env,
    pub(crate) who: Who,
    client: Client,
    url: Url,
    auth: Auth,
}

impl Api {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        let login = config.login()?;
        let url = config.base_url()?;
        let client = env.client(ClientConfig {
            base_url: Some(url.clone()),
            timeout: Duration::from_secs(config.timeout_s),
            tls: config.tls.clone(),
            ..ClientConfig::new(instance)
        })?;
        let (name, is_token) = match &login {
            Login::Token { id, .. } => (id.clone(), true),
            Login::Password { user, .. } => (user.clone(), false),
        };
        Ok(Self {
            env: env.clone(),
            who: Who {
                instance: instance.to_owned(),
                section: format!("servers.{instance}"),
                name,
                is_token,
            },
            client,
            url,
            auth: Auth::new(login),
        })
    }

    /// The `data` of a successful answer.
    pub(crate) async fn data<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<T> {
        self.answer(call).await.map(|answer| answer.data)
    }

    /// The `data` of a successful answer, where the server may answer `null` for nothing.
    pub(crate) async fn list<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<Vec<T>> {
        Ok(self.data::<Option<Vec<T>>>(call).await?.unwrap_or_default())
    }

    /// A successful answer.
    pub(crate) async fn answer<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<Answer<T>> {
        let response = self.send(call).await?;
        response.json().map_err(ToolError::from)
    }

    /// Sends a call whose answer has nothing of interest.
    pub(crate) async fn done(&self, call: &Call) -> ToolResult<()> {
        self.send(call).await.map(drop)
    }

    /// Sends a call that starts a task.
    ///
    /// # Errors
    /// Besides those of the request, `unexpected_answer` if the answer names no task: whether one
    /// runs is not known then.
    pub(crate) async fn task(&self, call: &Call) -> ToolResult<Upid> {
        self.maybe_task(call).await?.ok_or_else(|| self.no_task())
    }

    /// Sends a call that starts a task, which not every release names.
    pub(crate) async fn maybe_task(&self, call: &Call) -> ToolResult<Option<Upid>> {
        let text: Option<String> = self.data(call).await?;
        match text {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| self.no_task()),
        }
    }

    pub(crate) fn no_task(&self) -> ToolError {
        let instance = &self.who.instance;
        let message =
            format!("`{instance}` accepted the request, but named no task that we can read");
        ToolError::new(Code::UpstreamRejected, message)
            .reason("unexpected_answer")
            .hint("see `list_tasks` for what it is doing")
            .instance(instance.clone())
    }

    /// A page of the server itself, beside its API and without credentials; `None` if there is none
    /// for everybody.
    pub(crate) async fn page(&self, path: &str, most: usize) -> ToolResult<Option<Bytes>> {
        let mut url = self.url.clone();
        url.set_path(path);
        let request = Request::get_url("api_description", url)
            .max_body(most, Overflow::Fail)
            .redirects(0);
        let page = self.client.send(request).await?;
        if matches!(page.status.as_u16(), 401 | 403 | 404) {
            return Ok(None);
        }
        Ok(Some(page.checked()?.body))
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
            return self.accepted(response, call);
        }
    }

    /// Sends it once, signed; whatever the status.
    pub(crate) async fn ask(&self, call: &Call, proof: &Proof) -> ToolResult<Response> {
        let request = proof.sign(call.request(), &call.method);
        self.client.send(request).await.map_err(ToolError::from)
    }

    /// The answer if it is a success.
    pub(crate) fn accepted(&self, response: Response, call: &Call) -> ToolResult<Response> {
        self.who.accepted(response, call, &self.env.redactor)
    }
}
