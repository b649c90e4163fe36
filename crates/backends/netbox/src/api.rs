//! The API of one NetBox: signs requests, knows its version, reads answers.

use std::time::Duration;

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::{Client, ClientConfig, Overflow, Response, header};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use crate::call::Call;
use crate::config::{Config, TOKEN_HINT, check_token};
use crate::explain::Who;
use crate::types::{Status, Version};

/// The oldest version that the tools are written for.
const OLDEST: (u32, u32) = (4, 2);
/// The first version that takes a message for the change log.
const MESSAGES_SINCE: (u32, u32) = (4, 4);
/// What the change log says of a call of the whole API.
const RAW_MESSAGE: &str = "homelab-mcp: call_api";
/// Longest message of the change log.
const LONGEST_MESSAGE: usize = 200;

pub(crate) struct Api {
    pub(crate) env: Env,
    pub(crate) who: Who,
    client: Client,
    token: SecretRef,
    version: OnceCell<Version>,
}

/// An object with the tag that it has in this state.
pub(crate) struct Tagged<T> {
    pub(crate) value: T,
    /// Absent before NetBox 4.6.
    pub(crate) etag: Option<String>,
    /// Under which NetBox logged the request.
    pub(crate) request_id: Option<String>,
}

impl Api {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
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
            client,
            token: config.token()?.clone(),
            version: OnceCell::new(),
        })
    }

    /// `GET /status/`, asked once.
    pub(crate) async fn version(&self) -> ToolResult<&Version> {
        self.version.get_or_try_init(|| self.fresh_version()).await
    }

    /// `GET /status/`, asked anew.
    pub(crate) async fn fresh_version(&self) -> ToolResult<Version> {
        let call = Call::get("status", "/status/");
        let status: Status = self.ask(&call, None).await?.json()?;
        Version::of(&status).ok_or_else(|| {
            let message = format!("`{}` does not say which version it is", self.who.instance);
            ToolError::new(Code::UpstreamRejected, message).reason("unexpected_answer")
        })
    }

    /// Whether the tools are written for this version.
    pub(crate) fn supported(&self, version: &Version) -> ToolResult<()> {
        let hint = match version.numbers {
            numbers if numbers < OLDEST => "update NetBox to 4.2 or newer",
            (4, _) => return Ok(()),
            _ => "update homelab-mcp, or keep NetBox at version 4",
        };
        let message = format!(
            "`{}` is NetBox {}, and the tools are written for 4.2 and later, below 5",
            self.who.instance, version.text
        );
        Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("version_unsupported")
            .hint(hint))
    }

    /// Reads a successful answer.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<T> {
        Ok(self.tagged(call, None).await?.value)
    }

    /// Reads a successful answer with its tag. `by` is who asks for a change.
    pub(crate) async fn tagged<T: DeserializeOwned>(
        &self,
        call: &Call,
        by: Option<&By<'_>>,
    ) -> ToolResult<Tagged<T>> {
        let response = self.send(call, by).await?;
        Ok(Tagged {
            value: response.json()?,
            etag: text(&response, header::ETAG.as_str()),
            request_id: text(&response, "x-request-id"),
        })
    }

    /// Sends a change whose answer has nothing of interest; the id under which it was logged.
    pub(crate) async fn done(&self, call: &Call, by: &By<'_>) -> ToolResult<Option<String>> {
        let response = self.send(call, Some(by)).await?;
        Ok(text(&response, "x-request-id"))
    }

    /// A call of the whole API: status and body of a successful answer.
    pub(crate) async fn raw(&self, call: &Call) -> ToolResult<(u16, Vec<u8>)> {
        let version = self.version().await?;
        self.supported(version)?;
        let message = (version.numbers >= MESSAGES_SINCE).then_some(RAW_MESSAGE);
        let response = self.ask(call, message).await?;
        Ok((response.status.as_u16(), response.body.to_vec()))
    }

    /// The schema that it makes of itself.
    pub(crate) async fn description(&self, most: usize, wait: Duration) -> ToolResult<Vec<u8>> {
        let call = Call::get("schema", "/schema/").with("format", "json");
        let token = self.env.secret(&self.token).await?;
        let request = call
            .request(None)
            .max_body(most, Overflow::Fail)
            .timeout(wait)
            .retries(0)
            .secret_header(header::AUTHORIZATION, &self.authorization(&token)?);
        let response = self.client.send(request).await?;
        let response = self.who.accepted(response, &call, &self.env.redactor)?;
        Ok(response.body.to_vec())
    }

    async fn send(&self, call: &Call, by: Option<&By<'_>>) -> ToolResult<Response> {
        let version = self.version().await?;
        self.supported(version)?;
        let message = by
            .filter(|_| version.numbers >= MESSAGES_SINCE)
            .map(By::message);
        self.ask(call, message.as_deref()).await
    }

    async fn ask(&self, call: &Call, message: Option<&str>) -> ToolResult<Response> {
        let token = self.env.secret(&self.token).await?;
        let request = call
            .request(message)
            .secret_header(header::AUTHORIZATION, &self.authorization(&token)?);
        let response = self.client.send(request).await?;
        self.who.accepted(response, call, &self.env.redactor)
    }

    /// The value of the header: the prefix says of which version the token is.
    fn authorization(&self, token: &Secret) -> ToolResult<Secret> {
        let text = token.expose().trim();
        check_token(text).map_err(|what| {
            ToolError::new(Code::NotConfigured, what)
                .reason("setting_invalid")
                .field(format!("{}.token", self.who.section))
                .hint(TOKEN_HINT)
        })?;
        let scheme = if text.starts_with("nbt_") {
            "Bearer"
        } else {
            "Token"
        };
        let whole = Secret::new(text);
        self.env.redactor.learn(&whole);
        Ok(Secret::new(format!("{scheme} {text}")))
    }
}

fn text(response: &Response, name: &str) -> Option<String> {
    let value = response.headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Who asks for a change, by which tool.
pub(crate) struct By<'a> {
    pub(crate) tool: &'static str,
    pub(crate) caller: &'a str,
}

impl By<'_> {
    /// What the change log says about why.
    fn message(&self) -> String {
        let text = format!("homelab-mcp: {} by {}", self.tool, self.caller);
        text.chars().take(LONGEST_MESSAGE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_tool_and_caller_and_is_not_long() {
        let by = |caller: &str| {
            By {
                tool: "allocate_ip",
                caller,
            }
            .message()
        };

        assert_eq!(by("claude"), "homelab-mcp: allocate_ip by claude");
        assert_eq!(by(&"ä".repeat(300)).chars().count(), 200);
    }
}
