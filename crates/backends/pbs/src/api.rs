//! The API of one server: signs requests, renews tickets, reads answers.

use std::time::Duration;

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::Secret;
use homelab_proxmox_api::{Auth, Door, Granted, Proof, Style};
use homelab_upstream::{Bytes, Client, ClientConfig, Overflow, Request, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::config::Config;
use crate::explain::Who;
use crate::types::Answer;
use crate::upid::Upid;

/// Most bytes of an answer: the list of a store's snapshots cannot be asked for in pages.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// How the server wants its requests signed. A colon stands before a token's secret, where Proxmox VE
/// wants an equals sign; release 4 has a cookie of another name, and reads this one too.
const STYLE: Style = Style {
    token: "PBSAPIToken",
    joint: ':',
    cookie: "PBSAuthCookie",
    encoded: true,
};

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
        let (name, is_token) = login.name();
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
            auth: Auth::new(STYLE, login),
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
        let request = call.request().max_body(MAX_BODY, Overflow::Fail);
        let request = proof.sign(request, &call.method);
        self.client.send(request).await.map_err(ToolError::from)
    }

    /// The answer if it is a success.
    pub(crate) fn accepted(&self, response: Response, call: &Call) -> ToolResult<Response> {
        self.who.accepted(response, call, &self.env.redactor)
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
        let response = self.accepted(response, &call)?;
        let granted: Answer<Granted> = response.json().map_err(ToolError::from)?;
        Ok(granted.data)
    }

    fn not_accepted(&self, detail: &str) -> ToolError {
        self.who.not_accepted(detail)
    }
}

/// `POST /access/ticket`. Without `http-only`, which only release 4 knows, the answer holds the
/// ticket in every release.
fn ticket_call(user: &str, password: &Secret) -> Call {
    Call::post("login", "/access/ticket", &[])
        .with("username", user)
        .secret("password", password)
        .idempotent()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_asks_for_nothing_that_an_older_release_refuses() {
        let call = ticket_call("root@pam", &Secret::new("x"));

        assert_eq!(
            call.line(),
            "POST /access/ticket?username=root@pam&password=x"
        );
    }
}
