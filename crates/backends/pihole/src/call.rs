//! A call of Pi-hole's API as plain data: built by pure functions, sent by [`crate::host::Host`].

use std::borrow::Cow;
use std::fmt::{self, Display};

use homelab_backend::api::ApiCall;
use homelab_upstream::{Method, Overflow, Request, header};
use serde_json::Value;

/// Most bytes of an answer: rules and lists cannot be asked for in pages.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// One call.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// With a `{}` for each of `path`.
    pub(crate) template: &'static str,
    path: Vec<String>,
    query: Vec<(Cow<'static, str>, String)>,
    body: Option<Value>,
}

impl Call {
    pub(crate) fn new(
        operation: &'static str,
        method: Method,
        template: &'static str,
        path: &[&dyn Display],
    ) -> Self {
        Self {
            operation,
            method,
            template,
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn get(
        operation: &'static str,
        template: &'static str,
        path: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::GET, template, path)
    }

    pub(crate) fn post(operation: &'static str, template: &'static str, body: Value) -> Self {
        Self::new(operation, Method::POST, template, &[]).body(body)
    }

    pub(crate) fn put(
        operation: &'static str,
        template: &'static str,
        path: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::PUT, template, path)
    }

    pub(crate) fn delete(
        operation: &'static str,
        template: &'static str,
        path: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::DELETE, template, path)
    }

    /// A call of the whole API.
    pub(crate) fn raw(of: &ApiCall) -> Self {
        const ALL: &str =
            "/api/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/";
        let path: Vec<&dyn Display> = of.segments.iter().map(|part| part as _).collect();
        let template = of.template_in(ALL);
        let mut call = Self::new("api_call", of.method.method(), template, &path);
        let pairs = of.pairs().into_iter();
        call.query = pairs.map(|(name, value)| (name.into(), value)).collect();
        call.body = of.payload();
        call
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Display) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    pub(crate) fn query_opt(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
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
        match &self.body {
            Some(body) => request.json(body),
            // A web server may wait for a body otherwise, or refuse.
            None if matches!(self.method, Method::POST | Method::PUT) => {
                request.header(header::CONTENT_LENGTH, "0")
            }
            None => request,
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Call {
    /// `METHOD path?name=value body` in readable form, for tests of the functions that build calls.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} ", self.method);
        let mut path = self.path.iter();
        for (index, part) in self.template.split("{}").enumerate() {
            if index > 0 {
                line.push_str(path.next().unwrap());
            }
            line.push_str(part);
        }
        for (index, (name, value)) in self.query.iter().enumerate() {
            let joint = if index == 0 { '?' } else { '&' };
            line = format!("{line}{joint}{name}={value}");
        }
        match &self.body {
            Some(body) => format!("{line} {body}"),
            None => line,
        }
    }
}
