//! A request: built by a pure function, sent by [`Client::send`](crate::Client::send).

use std::fmt::{self, Display};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use homelab_core::secret::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use url::Url;

use crate::error::Fault;
use crate::multipart::{self, Part};

/// All but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What happens to a body that is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The request fails.
    Fail,
    /// The rest is not read; [`Response::truncated`](crate::Response::truncated) says so.
    Cut,
}

/// One request. What cannot be sent (a header with a newline, a path parameter `..`) is kept as an
/// error until [`Client::send`](crate::Client::send), so that building one stays a plain chain.
pub struct Request {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) idempotent: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_body: Option<usize>,
    pub(crate) overflow: Overflow,
    pub(crate) retries: Option<u32>,
    pub(crate) redirects: Option<u32>,
    /// What must not come back in an error's text.
    pub(crate) secrets: Vec<Secret>,
    pub(crate) fault: Option<Fault>,
}

pub(crate) enum Target {
    /// Appended to the client's base address; encoded already.
    Path(String),
    /// An address of its own.
    Absolute(Url),
}

impl Request {
    /// A request for a path below the client's base address.
    ///
    /// `operation` names it in metrics and traces and must be one of few; `template` has a `{}` for
    /// each of `parameters`, which are percent-encoded, so that none can reach another path.
    /// `GET`, `HEAD` and `OPTIONS` count as idempotent, others when [`Self::idempotent`] says so.
    pub fn new(
        operation: &'static str,
        method: Method,
        template: &'static str,
        parameters: &[&dyn Display],
    ) -> Self {
        let (path, fault) = match fill(template, parameters) {
            Ok(path) => (path, None),
            Err(fault) => (String::new(), Some(fault)),
        };
        Self {
            fault,
            ..Self::to(operation, method, Target::Path(path))
        }
    }

    /// A `GET`, see [`Self::new`].
    pub fn get(
        operation: &'static str,
        template: &'static str,
        parameters: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::GET, template, parameters)
    }

    /// A `POST`, see [`Self::new`].
    pub fn post(
        operation: &'static str,
        template: &'static str,
        parameters: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::POST, template, parameters)
    }

    /// A `PUT`, see [`Self::new`].
    pub fn put(
        operation: &'static str,
        template: &'static str,
        parameters: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::PUT, template, parameters)
    }

    /// A `DELETE`, see [`Self::new`].
    pub fn delete(
        operation: &'static str,
        template: &'static str,
        parameters: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::DELETE, template, parameters)
    }

    /// A `GET` of a whole address, which need not belong to the client's base address.
    /// User and password in it become basic authentication.
    pub fn get_url(operation: &'static str, mut url: Url) -> Self {
        let user = decode(url.username());
        let password = url.password().map(decode);
        let has_user = !user.is_empty() || password.is_some();
        // Both fail only for addresses without a host, which cannot be sent anyhow.
        let cleared = url.set_username("").is_ok() && url.set_password(None).is_ok();
        let request = Self::to(operation, Method::GET, Target::Absolute(url));
        if has_user && cleared {
            request.basic(&user, &Secret::new(password.unwrap_or_default()))
        } else {
            request
        }
    }

    fn to(operation: &'static str, method: Method, target: Target) -> Self {
        Self {
            operation,
            idempotent: method.is_safe(),
            method,
            target,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            timeout: None,
            max_body: None,
            overflow: Overflow::Fail,
            retries: None,
            redirects: None,
            secrets: Vec::new(),
            fault: None,
        }
    }

    /// Appends `name=value` to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Appends `name=value` to the query if there is a value.
    #[must_use]
    pub fn query_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Appends a secret to the query, for upstreams that know no better place.
    #[must_use]
    pub fn secret_query(mut self, name: &str, value: &Secret) -> Self {
        self.secrets.push(value.clone());
        self.query(name, value.expose())
    }

    /// Sets a header that is no secret.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => drop(self.headers.insert(name, value)),
            Err(_) => self.refuse(Fault::Invalid(format!(
                "the value of header `{name}` has a control character"
            ))),
        }
        self
    }

    /// Sets a header that holds a secret: it goes to the address's own origin only, and is taken
    /// out of errors.
    #[must_use]
    pub fn secret_header(self, name: HeaderName, value: &Secret) -> Self {
        self.credential(name, value, value.expose())
    }

    /// Sets `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        self.credential(AUTHORIZATION, token, &format!("Bearer {}", token.expose()))
    }

    /// Sets `Authorization: Basic …`.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &Secret) -> Self {
        let pair = format!("{user}:{}", password.expose());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        self.secrets.push(Secret::new(encoded.clone()));
        self.credential(AUTHORIZATION, password, &format!("Basic {encoded}"))
    }

    fn credential(mut self, name: HeaderName, secret: &Secret, text: &str) -> Self {
        self.secrets.push(secret.clone());
        match HeaderValue::from_str(text) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            Err(_) => self.refuse(Fault::NotConfigured(
                "the secret has a character that no header may hold, perhaps a newline at its end"
                    .to_owned(),
            )),
        }
        self
    }

    /// Sends the value as JSON.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        if let Ok(body) = serde_json::to_vec(value) {
            return self.body("application/json", body);
        }
        self.refuse(Fault::Invalid(
            "the body cannot be written as JSON".to_owned(),
        ));
        self
    }

    /// Sends the pairs as an HTML form does.
    #[must_use]
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sends the parts as an HTML form with files does.
    #[must_use]
    pub fn multipart(self, parts: &[Part<'_>]) -> Self {
        let (boundary, body) = multipart::body(parts);
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let mut request = self.header(CONTENT_TYPE, &content_type);
        request.body = Some(body);
        request
    }

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = Some(body.into());
        self
    }

    /// Takes a secret of the body out of errors.
    #[must_use]
    pub fn hide(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// Says that sending it twice does the same as once.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Overrides the client's limit of a whole request.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Overrides the client's limit of a body.
    #[must_use]
    pub fn max_body(mut self, bytes: usize, overflow: Overflow) -> Self {
        self.max_body = Some(bytes);
        self.overflow = overflow;
        self
    }

    /// Overrides how often the request may be repeated, if it is idempotent.
    #[must_use]
    pub fn retries(mut self, most: u32) -> Self {
        self.retries = Some(most);
        self
    }

    /// Overrides how many redirects may be followed, if it is a `GET` or `HEAD`. With 0 the
    /// redirect itself is the response.
    #[must_use]
    pub fn redirects(mut self, most: u32) -> Self {
        self.redirects = Some(most);
        self
    }

    /// Keeps the first thing that was wrong.
    fn refuse(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

fn fill(template: &str, parameters: &[&dyn Display]) -> Result<String, Fault> {
    let mut path = String::with_capacity(template.len() + 16);
    let mut parameters = parameters.iter();
    let mut parts = template.split("{}");
    path.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let Some(parameter) = parameters.next() else {
            return Err(Fault::Invalid(format!(
                "`{template}` has too few parameters"
            )));
        };
        let text = parameter.to_string();
        // An address's path treats dots as a way up, however they are encoded.
        if matches!(text.as_str(), "" | "." | "..") {
            return Err(Fault::Invalid(format!("`{text}` cannot be part of a path")));
        }
        path.extend(utf8_percent_encode(&text, SEGMENT));
        path.push_str(part);
    }
    match parameters.next() {
        None => Ok(path),
        Some(_) => Err(Fault::Invalid(format!(
            "`{template}` has too many parameters"
        ))),
    }
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a b", "a%20b")]
    #[case("a/../b", "a%2F..%2Fb")]
    #[case("%2e%2e", "%252e%252e")]
    #[case("x?y#z", "x%3Fy%23z")]
    #[case("ü", "%C3%BC")]
    fn a_parameter_stays_one_segment(#[case] parameter: &str, #[case] encoded: &str) {
        let path = fill("/nodes/{}/status", &[&parameter]).unwrap();

        assert_eq!(path, format!("/nodes/{encoded}/status"));
    }

    #[rstest]
    #[case("")]
    #[case(".")]
    #[case("..")]
    fn a_parameter_that_would_change_the_path_is_refused(#[case] parameter: &str) {
        assert!(fill("/nodes/{}/status", &[&parameter]).is_err());
    }

    #[test]
    fn template_and_parameters_must_fit() {
        assert!(fill("/a/{}/{}", &[&1]).is_err());
        assert!(fill("/a/{}", &[&1, &2]).is_err());
        assert_eq!(fill("/a", &[]).unwrap(), "/a");
    }
}
