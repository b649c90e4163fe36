//! A request to an engine, built without I/O.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but what never needs an escape.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// Names of images hold slashes and colons, which engines take as they are.
const IN_PATH: &AsciiSet = &IN_QUERY.remove(b'/').remove(b':').remove(b'@');

/// Most bytes of an answer unless said otherwise.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Its name, of a fixed set: for spans, metrics and errors.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Path below the version's prefix, escaped.
    pub(crate) path: String,
    pub(crate) query: Vec<(Cow<'static, str>, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Value>,
    /// Another limit than the configured one.
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_body: usize,
}

impl Call {
    /// A request whose `{}` in `path` stand for `parts`, which are escaped.
    fn new(method: Method, operation: &'static str, path: &str, parts: &[&str]) -> Self {
        let mut parts = parts.iter();
        let mut filled = String::with_capacity(path.len() + 64);
        for (index, piece) in path.split("{}").enumerate() {
            if index > 0 {
                let part = parts.next().copied().unwrap_or_default();
                filled.extend(utf8_percent_encode(part, IN_PATH));
            }
            filled.push_str(piece);
        }
        Self {
            operation,
            method,
            path: filled,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            timeout: None,
            max_body: MAX_BODY,
        }
    }

    /// A request that no tool of ours makes; `template` has a `{}` for each of `parts`.
    pub(crate) fn raw(method: Method, template: &str, parts: &[String]) -> Self {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Self::new(method, "api_call", template, &parts)
    }

    pub(crate) fn get(operation: &'static str, path: &str, parts: &[&str]) -> Self {
        Self::new(Method::GET, operation, path, parts)
    }

    pub(crate) fn post(operation: &'static str, path: &str, parts: &[&str]) -> Self {
        Self::new(Method::POST, operation, path, parts)
    }

    pub(crate) fn delete(operation: &'static str, path: &str, parts: &[&str]) -> Self {
        Self::new(Method::DELETE, operation, path, parts)
    }

    /// Adds a query parameter.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers, flags and texts alike"
    )]
    pub(crate) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds a query parameter that is left out where there is none.
    pub(crate) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds `filters`, which engines take as JSON; nothing where there are none.
    pub(crate) fn filtered(self, filters: &Filters) -> Self {
        if filters.0.is_empty() {
            return self;
        }
        let text = Value::Object(filters.0.clone()).to_string();
        self.with("filters", text)
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Whether repeating it can do no harm.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.method == Method::GET
    }

    /// Path and query as they are sent.
    pub(crate) fn target(&self, prefix: &str) -> String {
        let mut target = format!("{prefix}{}", self.path);
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.extend(utf8_percent_encode(name, IN_QUERY));
            target.push('=');
            target.extend(utf8_percent_encode(value, IN_QUERY));
        }
        target
    }
}

/// The `filters` parameter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters(serde_json::Map<String, Value>);

impl Filters {
    /// Adds a value to a filter.
    pub(crate) fn and(mut self, name: &str, value: impl Into<String>) -> Self {
        let entry = self
            .0
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = entry {
            values.push(value.into().into());
        }
        self
    }

    /// Adds a filter where there is a value.
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.and(name, value),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_values_are_escaped_and_names_of_images_stay_readable() {
        let call = Call::get("x", "/images/{}/json", &["reg:5000/a/b@sha256:0?x=1#"])
            .with("name", "a b&c=d")
            .maybe("none", None::<u32>);

        assert_eq!(
            call.target("/v1.41"),
            "/v1.41/images/reg:5000/a/b@sha256:0%3Fx%3D1%23/json?name=a%20b%26c%3Dd"
        );
    }

    #[test]
    fn filters_are_lists_by_name_in_json() {
        let filters = Filters::default()
            .and("label", "a=b")
            .and("label", "c")
            .maybe("status", Some("running"));
        let call = Call::get("x", "/containers/json", &[]).filtered(&filters);

        assert_eq!(
            call.query[0].1,
            r#"{"label":["a=b","c"],"status":["running"]}"#
        );
        assert!(
            Call::get("x", "/x", &[])
                .filtered(&Filters::default())
                .query
                .is_empty()
        );
    }
}
