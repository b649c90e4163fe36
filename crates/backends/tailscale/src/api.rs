//! The API of one control server: signs requests, renews tokens, reads answers.

use std::time::Duration;

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_upstream::{Client, ClientConfig, Overflow, Request, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::auth::Auth;
use crate::call::Call;
use crate::config::{Config, Flavor, Login};
use crate::explain::Who;

/// Most bytes of the API's description.
const MOST_DESCRIPTION: usize = 8 * 1024 * 1024;

pub(crate) struct Api {
    pub(crate) env: Env,
    pub(crate) who: Who,
    pub(crate) flavor: Flavor,
    client: Client,
    auth: Auth,
}

impl Api {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        let login = config.login()?;
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
                is_client: matches!(login, Login::Client { .. }),
            },
            flavor: config.flavor(),
            client,
            auth: Auth::new(login, &config.scopes),
        })
    }

    /// A successful answer.
    pub(crate) async fn data<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<T> {
        self.send(call).await?.json().map_err(ToolError::from)
    }

    /// Sends a call whose answer has nothing of interest: an empty body, `null`, or the object.
    pub(crate) async fn done(&self, call: &Call) -> ToolResult<()> {
        self.send(call).await.map(drop)
    }

    /// A successful answer with its headers.
    pub(crate) async fn send(&self, call: &Call) -> ToolResult<Response> {
        if self.flavor == Flavor::Headscale && !call.headscale {
            return Err(self.not_in_headscale());
        }
        let mut renewed = false;
        loop {
            let proof = self.auth.proof(self).await?;
            let response = self.send_once(proof.sign(call.request())).await?;
            // Refused before anything was done, so even a change may be sent again.
            if response.status == StatusCode::UNAUTHORIZED
                && !renewed
                && self.auth.forget(&proof).await
            {
                renewed = true;
                continue;
            }
            return self.who.accepted(response, call, &self.env.redactor);
        }
    }

    /// Sends a request as it is; whatever the status.
    pub(crate) async fn send_once(&self, request: Request) -> ToolResult<Response> {
        self.client.send(request).await.map_err(ToolError::from)
    }

    /// `GET {base}?outputOpenapiSchema=true`, which anybody may read: the API's description, as
    /// OpenAPI; nothing where this is another control server that has none.
    pub(crate) async fn description(&self) -> ToolResult<Option<Vec<u8>>> {
        let request = Request::get("api_description", "", &[])
            .query("outputOpenapiSchema", true)
            .max_body(MOST_DESCRIPTION, Overflow::Fail)
            .redirects(2);
        let response = self.send_once(request).await?;
        if response.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = response.checked().map_err(ToolError::from)?;
        Ok(Some(response.body.to_vec()))
    }

    fn not_in_headscale(&self) -> ToolError {
        let message = "Headscale does not have this call";
        ToolError::new(Code::UpstreamRejected, message)
            .reason("not_supported")
            .hint(format!(
                "if this is no Headscale, set `{}.flavor = \"tailscale\"`; names and policies of a Headscale are set in its own configuration",
                self.who.section
            ))
            .instance(self.who.instance.clone())
    }
}
