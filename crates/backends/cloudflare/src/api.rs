//! The API with one token: signs requests, minds the allowance, reads the envelope, walks pages.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homelab_backend::Env;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{Client, ClientConfig, HeaderMap, Method, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::call::Call;
use crate::config::Config;
use crate::explain::{Who, said};
use crate::types::{Analytics, Answer, Head};

/// Most rows that a list is read to.
const MOST_ROWS: usize = 10_000;

pub(crate) struct Api {
    pub(crate) env: Env,
    pub(crate) who: Who,
    client: Client,
    token: SecretRef,
    /// Until when the allowance is used up.
    held: Mutex<Option<Micros>>,
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
            held: Mutex::default(),
        })
    }

    /// The result of a successful call.
    pub(crate) async fn result<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<T> {
        self.told(call).await.map(|(result, _)| result)
    }

    /// The result of a successful call, and what Cloudflare remarks about it.
    pub(crate) async fn told<T: DeserializeOwned>(
        &self,
        call: &Call,
    ) -> ToolResult<(T, Vec<String>)> {
        let response = self.send(call).await?;
        let answer: Answer<T> = response.json().map_err(ToolError::from)?;
        let remarks = answer.messages.unwrap_or_default();
        let remarks = remarks
            .iter()
            .map(|remark| said(std::slice::from_ref(remark), &self.env.redactor));
        let remarks = remarks.collect();
        let none = || ToolError::from(response.rejected("the answer has no `result`"));
        answer
            .result
            .map(|result| (result, remarks))
            .ok_or_else(none)
    }

    /// The result, or nothing where there is no such thing.
    pub(crate) async fn maybe<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<Option<T>> {
        match self.result(call).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All rows of a list, page by page.
    ///
    /// # Errors
    /// Besides those of the requests, `too_large` beyond 10,000 rows.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        call: &Call,
        per_page: usize,
    ) -> ToolResult<Vec<T>> {
        let mut rows = Vec::new();
        for page in 1_u64.. {
            let call = call.clone().query("page", page).query("per_page", per_page);
            let response = self.send(&call).await?;
            let answer: Answer<Vec<T>> = response.json().map_err(ToolError::from)?;
            let new = answer.result.unwrap_or_default();
            let count = new.len();
            rows.extend(new);
            // Not every list says how many pages there are.
            let last = match answer.result_info.and_then(|info| info.total_pages) {
                Some(pages) => page >= pages,
                None => count < per_page,
            };
            if last || count == 0 {
                break;
            }
            if rows.len() >= MOST_ROWS {
                let message = format!("there are more than {MOST_ROWS} rows");
                return Err(ToolError::new(Code::UpstreamRejected, message)
                    .reason("too_large")
                    .hint("narrow the list with its filters")
                    .instance(self.who.instance.clone()));
            }
        }
        Ok(rows)
    }

    /// Sends a call whose answer has nothing of interest, and may have no body.
    pub(crate) async fn done(&self, call: &Call) -> ToolResult<()> {
        self.send(call).await.map(drop)
    }

    /// The text of an answer that is no JSON.
    pub(crate) async fn text(&self, call: &Call) -> ToolResult<String> {
        let response = self.send(call).await?;
        Ok(response.text().into_owned())
    }

    /// Status and body of a successful answer.
    pub(crate) async fn raw(&self, call: &Call) -> ToolResult<(u16, Vec<u8>)> {
        let response = self.send(call).await?;
        Ok((response.status.as_u16(), response.body.to_vec()))
    }

    /// `POST /graphql`: a 200 with `errors` is a failure.
    pub(crate) async fn analytics(&self, query: &str, variables: Value) -> ToolResult<Value> {
        let call = Call::new(
            "analytics",
            Method::POST,
            "/graphql",
            &[],
            "Zone: Analytics, Read",
        )
        .body(json!({ "query": query, "variables": variables }))
        .idempotent();
        let response = self.send(&call).await?;
        let answer: Analytics = response.json().map_err(ToolError::from)?;
        let errors = answer.errors.unwrap_or_default();
        if !errors.is_empty() {
            return Err(self.analytics_refused(&said(&errors, &self.env.redactor)));
        }
        let none = || ToolError::from(response.rejected("the answer has no `data`"));
        answer.data.ok_or_else(none)
    }

    fn analytics_refused(&self, text: &str) -> ToolError {
        let lower = text.to_lowercase();
        let error = if lower.contains("not authorized") || lower.contains("does not have access") {
            ToolError::new(
                Code::UpstreamUnauthorized,
                format!("the analytics may not be read: {text}"),
            )
            .reason("permission_missing")
            .hint(format!(
                "give the token of `{}.token` the permission Zone: Analytics, Read",
                self.who.section
            ))
        } else {
            let message = format!("the analytics refuse: {text}");
            ToolError::new(Code::UpstreamRejected, message)
                .reason("analytics_refused")
                .hint("ask for a shorter or later time, or group by something else; the plan sets what can be asked")
        };
        error.instance(self.who.instance.clone())
    }

    async fn send(&self, call: &Call) -> ToolResult<Response> {
        self.mind_the_allowance()?;
        let token = self.env.secret(&self.token).await?;
        let request = call.request().bearer(&token);
        let response = self.client.send(request).await.map_err(ToolError::from)?;
        self.note_the_allowance(&response.headers);
        let status = response.status.as_u16();
        let head: Head = serde_json::from_slice(&response.body).unwrap_or_default();
        let errors = head.errors.unwrap_or_default();
        if response.status.is_success() && head.success != Some(false) {
            return Ok(response);
        }
        let text = said(&errors, &self.env.redactor);
        let plain = response.checked().err().map(ToolError::from);
        Err(self
            .who
            .refused(status, &errors, &text, plain.as_ref(), call))
    }

    /// Going on with nothing left would block the token for minutes.
    fn mind_the_allowance(&self) -> ToolResult<()> {
        let now = self.env.clock.now();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match *held {
            Some(until) if now < until => {
                let micros = u64::try_from(until.0 - now.0).unwrap_or_default();
                let message = "the token's allowance of requests is used up";
                Err(ToolError::new(Code::RateLimited, message)
                    .reason("quota_used_up")
                    .hint("wait; more requests would be answered 429 for up to five minutes")
                    .retry_after_s(micros.div_ceil(1_000_000))
                    .instance(self.who.instance.clone()))
            }
            _ => Ok(()),
        }
    }

    fn note_the_allowance(&self, headers: &HeaderMap) {
        let text = headers
            .get("ratelimit")
            .and_then(|value| value.to_str().ok());
        if let Some((0, seconds)) = text.and_then(allowance) {
            let until = self.env.clock.now().later(Duration::from_secs(seconds));
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            *held = Some(until);
        }
    }
}

/// Requests left and seconds until there are more, of `"default";r=50;t=30`.
fn allowance(text: &str) -> Option<(u64, u64)> {
    let part = |name: &str| {
        let mut parts = text.split(';').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    Some((part("r")?, part("t")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowance_is_read() {
        assert_eq!(allowance("\"default\";r=50;t=30"), Some((50, 30)));
        assert_eq!(allowance("\"default\"; r=0; t=7"), Some((0, 7)));
        assert_eq!(allowance("50"), None);
    }
}
