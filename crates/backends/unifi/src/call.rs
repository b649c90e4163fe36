//! A call of one of the console's APIs as plain data: built by pure functions, sent by
//! [`crate::api::Api`].

use std::borrow::Cow;
use std::fmt::Display;

use homelab_backend::api::ApiCall;
use homelab_upstream::{Method, Overflow, Request};
use serde_json::Value;

/// Most bytes of an answer: the old API has no pages, and tells all settings of every device.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// Which API a call is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The official one, `/integration/v1/…`: by key alone.
    Integration,
    /// The old one, `/api/s/…`: answers `{meta, data}`.
    Legacy,
    /// The newer half of the old one, `/v2/api/site/…`: answers plain JSON.
    V2,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    operation: &'static str,
    pub(crate) part: Part,
    pub(crate) method: Method,
    /// Below the application's base, with a `{}` for each of `path`.
    template: &'static str,
    path: Vec<String>,
    query: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Option<Value>,
    /// Changes nothing.
    pub(crate) reads: bool,
    /// Sending it twice does the same as once.
    idempotent: bool,
}

impl Call {
    pub(crate) fn new(
        operation: &'static str,
        method: Method,
        template: &'static str,
        path: &[&(dyn Display + Sync)],
    ) -> Self {
        let part = match template {
            _ if template.starts_with("/integration/") => Part::Integration,
            _ if template.starts_with("/v2/") => Part::V2,
            _ => Part::Legacy,
        };
        let reads = method == Method::GET;
        Self {
            operation,
            part,
            method,
            template,
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            body: None,
            reads,
            idempotent: reads,
        }
    }

    pub(crate) fn get(
        operation: &'static str,
        template: &'static str,
        path: &[&(dyn Display + Sync)],
    ) -> Self {
        Self::new(operation, Method::GET, template, path)
    }

    pub(crate) fn post(
        operation: &'static str,
        template: &'static str,
        path: &[&(dyn Display + Sync)],
        body: Value,
    ) -> Self {
        Self::new(operation, Method::POST, template, path).with(body)
    }

    pub(crate) fn put(
        operation: &'static str,
        template: &'static str,
        path: &[&(dyn Display + Sync)],
        body: Value,
    ) -> Self {
        Self::new(operation, Method::PUT, template, path)
            .with(body)
            .idempotent()
    }

    pub(crate) fn delete(
        operation: &'static str,
        template: &'static str,
        path: &[&(dyn Display + Sync)],
    ) -> Self {
        Self::new(operation, Method::DELETE, template, path)
    }

    /// A call of the whole official API.
    pub(crate) fn raw(of: &ApiCall) -> Self {
        const ALL: &str =
            "/integration/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/";
        let path: Vec<&(dyn Display + Sync)> = of.segments.iter().map(|part| part as _).collect();
        let template = of.template_in(ALL);
        let mut call = Self::new("api_call", of.method.method(), template, &path);
        let pairs = of.pairs().into_iter();
        call.query = pairs.map(|(name, value)| (name.into(), value)).collect();
        call.body = of.payload();
        call
    }

    /// Adds a body.
    pub(crate) fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Adds a parameter.
    pub(crate) fn query(mut self, name: &'static str, value: impl Display) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Says that it changes nothing, whatever its method.
    pub(crate) fn reading(mut self) -> Self {
        self.reads = true;
        self.idempotent()
    }

    /// Says that sending it twice does the same as once.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The request, without credentials.
    pub(crate) fn request(&self) -> Request {
        let path: Vec<&dyn Display> = self.path.iter().map(|part| part as &dyn Display).collect();
        let mut request = Request::new(self.operation, self.method.clone(), self.template, &path)
            .max_body(MAX_BODY, Overflow::Fail)
            // Credentials must not follow a redirect: it is reported instead.
            .redirects(0);
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        if self.idempotent {
            request = request.idempotent();
        }
        request
    }
}

#[cfg(test)]
impl Call {
    /// `METHOD path body` in readable form, for tests of the functions that build calls.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} ", self.method);
        let mut path = self.path.iter();
        for (index, part) in self.template.split("{}").enumerate() {
            if index > 0 {
                line.push_str(path.next().unwrap());
            }
            line.push_str(part);
        }
        match &self.body {
            Some(body) => format!("{line} {body}"),
            None => line,
        }
    }
}
