//! An answer, and what can be read from it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homelab_core::json::{self, Misfit};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::error::{Asked, Fault, StatusFault, UpstreamError};
use crate::redirect;
use crate::retry;
use crate::tls::TlsInfo;

/// Bodies of errors beyond this are not searched for a text.
const LONGEST_DETAIL: usize = 64 * 1024;

/// An answer as it came from the socket.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) truncated: bool,
    pub(crate) elapsed: Duration,
    pub(crate) redirects: u32,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) url: Url,
    /// Set where it is not the status's usual one; some upstreams put the error there.
    pub(crate) phrase: Option<String>,
}

/// An answer of any status.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, capped.
    pub body: Bytes,
    /// Whether the body was longer than the cap.
    pub truncated: bool,
    /// How long the last attempt took: redirects and body, not the waits before it.
    pub elapsed: Duration,
    /// How many redirects were followed.
    pub redirects: u32,
    /// The certificate of whoever answered in the end; absent without TLS.
    pub tls: Option<TlsInfo>,
    url: Url,
    phrase: Option<String>,
    asked: Arc<Asked>,
}

impl Response {
    pub(crate) fn new(answer: Answer, asked: Arc<Asked>) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
            truncated: answer.truncated,
            elapsed: answer.elapsed,
            redirects: answer.redirects,
            tls: answer.tls,
            url: answer.url,
            phrase: answer.phrase,
            asked,
        }
    }

    /// The address that answered in the end, without its query.
    pub fn final_url(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        self.asked.clean(url.as_str())
    }

    /// The response if its status is 200 to 299.
    ///
    /// # Errors
    /// [`Fault::Status`] with what the upstream says.
    pub fn checked(self) -> Result<Self, UpstreamError> {
        match self.check() {
            Ok(()) => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// Like [`Self::checked`], with `None` for the status 404.
    pub fn found(self) -> Result<Option<Self>, UpstreamError> {
        if self.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.checked().map(Some)
    }

    /// Reads a successful answer as JSON, whatever type it claims to be.
    ///
    /// # Errors
    /// [`Fault::Status`] as in [`Self::checked`]; [`Fault::Unexpected`] naming the member that does
    /// not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, UpstreamError> {
        self.check()?;
        json::from_slice(&self.body).map_err(|error| self.unexpected(&error))
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// An error about this answer, for what only the caller can see to be wrong; `what` must not
    /// repeat the upstream's text.
    pub fn rejected(&self, what: impl Into<String>) -> UpstreamError {
        self.error(Fault::Unexpected(what.into()))
    }

    fn check(&self) -> Result<(), UpstreamError> {
        if self.status.is_success() {
            return Ok(());
        }
        let redirect = redirect::target(self.status, &self.headers, &self.url)
            .map(|target| target.origin().ascii_serialization())
            .or_else(|| self.asked.redirected.then(|| self.asked.origin.clone()));
        Err(self.error(Fault::Status(StatusFault {
            status: self.status.as_u16(),
            detail: self.detail(),
            retry_after_s: retry::retry_after(&self.headers).map(|wait| wait.as_secs()),
            redirect,
        })))
    }

    fn error(&self, fault: Fault) -> UpstreamError {
        UpstreamError::new(fault, Arc::clone(&self.asked))
    }

    /// What the upstream says about an error: in a JSON body, the reason phrase, or plain text.
    fn detail(&self) -> Option<String> {
        let body = self.body.get(..LONGEST_DETAIL).unwrap_or(&self.body);
        let told = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|value| told(&value, 0));
        let phrase = || self.phrase.clone();
        let plain = || {
            let text = String::from_utf8_lossy(body);
            let first = text.lines().find(|line| !line.trim().is_empty())?;
            self.is_type("text/plain").then(|| first.to_owned())
        };
        let text = told.or_else(phrase).or_else(plain)?;
        let clean = self.asked.clean(&text);
        (!clean.is_empty()).then_some(clean)
    }

    fn is_type(&self, media_type: &str) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.trim_start().starts_with(media_type))
    }

    fn unexpected(&self, error: &Misfit) -> UpstreamError {
        let what = if self.body.is_empty() {
            "it is empty".to_owned()
        } else if self.is_type("text/html") {
            "it is a web page instead of JSON".to_owned()
        } else if error.is_data() {
            let path = match error.path() {
                "" => ".".to_owned(),
                path => self.asked.clean(path),
            };
            format!("at `{path}`: {}", without_value(&error.problem()))
        } else if self.truncated {
            "it was cut before its JSON ended".to_owned()
        } else {
            let (line, column) = error.place();
            format!("it is no JSON from line {line} column {column} on")
        };
        self.error(Fault::Unexpected(what))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("operation", &self.asked.operation)
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The text of an error in a JSON body, by the names that upstreams use for it.
fn told(value: &Value, depth: usize) -> Option<String> {
    const DEEPEST: usize = 4;
    const NAMES: [&str; 8] = [
        "message", "msg", "detail", "details", "error", "errors", "meta", "title",
    ];
    if depth > DEEPEST {
        return None;
    }
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Array(items) => joined(items.iter().filter_map(|item| told(item, depth + 1))),
        Value::Object(members) => {
            let named = NAMES
                .iter()
                .filter_map(|name| told(members.get(*name)?, depth + 1));
            joined(named).or_else(|| {
                // Below an `errors`: one text per field.
                let fields = members.iter().filter_map(|(name, member)| {
                    let text = told(member, depth + 1).filter(|_| depth > 0)?;
                    Some(format!("{name}: {text}"))
                });
                joined(fields)
            })
        }
        _ => None,
    }
}

fn joined(texts: impl Iterator<Item = String>) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    (!all.is_empty()).then(|| all.join("; "))
}

/// What a JSON error expects, without the value it found, which may be anything.
fn without_value(text: &str) -> String {
    // Names of members come from our own types, except where an unknown one is reported.
    if text.starts_with("missing field") || text.starts_with("duplicate field") {
        return text.to_owned();
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "a value of another kind".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::docker(json!({ "message": "No such container: x" }), "No such container: x")]
    #[case::proxmox(
        json!({ "data": null, "errors": { "vmid": "too small" }, "message": "Parameter verification failed.\n" }),
        "Parameter verification failed.; vmid: too small"
    )]
    #[case::cloudflare(
        json!({ "success": false, "errors": [{ "code": 9109, "message": "Invalid access token" }] }),
        "Invalid access token"
    )]
    #[case::pihole(
        json!({ "error": { "key": "unauthorized", "message": "Unauthorized", "hint": null }, "took": 0.1 }),
        "Unauthorized"
    )]
    #[case::unifi(json!({ "meta": { "rc": "error", "msg": "api.err.NoSiteContext" }, "data": [] }), "api.err.NoSiteContext")]
    #[case::netbox(json!({ "detail": "Not found." }), "Not found.")]
    fn the_error_text_of_common_upstreams_is_found(#[case] body: Value, #[case] text: &str) {
        assert_eq!(told(&body, 0).as_deref(), Some(text));
    }

    #[test]
    fn a_body_without_an_error_text_tells_nothing() {
        assert_eq!(told(&json!({ "data": [1, 2], "name": "x" }), 0), None);
    }

    #[rstest]
    #[case(r#"{"n": "hunter2"}"#)]
    #[case(r#"{"n": 1, "kind": "hunter2"}"#)]
    #[case(r#"{"n": 1, "kind": "a", "hunter2": 1}"#)]
    #[case(r#"{"n": [", expected hunter2"]}"#)]
    fn the_error_of_an_unexpected_answer_holds_no_value(#[case] body: &str) {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only read into")]
        struct Expected {
            n: u32,
            kind: Kind,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Kind {
            A,
        }

        let error = serde_json::from_str::<Expected>(body).unwrap_err();

        assert!(
            !without_value(&error.to_string()).contains("hunter2"),
            "{error}"
        );
    }
}
