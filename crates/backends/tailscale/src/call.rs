//! A call of the API as plain data: built by pure functions, sent by [`crate::api::Api`].

use std::fmt::{self, Display};

use homelab_backend::api::ApiCall;
use homelab_upstream::{Method, Overflow, Request, header};
use serde_json::Value;

/// Most bytes of an answer: lists come as a whole.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// How a policy goes over the wire.
pub(crate) const HUJSON: &str = "application/hujson";

/// One call.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    method: Method,
    /// Below the API's base, with a `{}` for each of `path`.
    template: &'static str,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Body,
    accept: Option<&'static str>,
    if_match: Option<String>,
    /// The scope that an OAuth client needs for it.
    pub(crate) scope: &'static str,
    idempotent: bool,
    /// Whether Headscale has it.
    pub(crate) headscale: bool,
    /// Takes the place of everything that says what is sent.
    raw: Option<Box<ApiCall>>,
}

/// The scope of calls that we do not know the scope of.
pub(crate) const UNKNOWN_SCOPE: &str = "";

#[derive(Debug, Clone, PartialEq)]
enum Body {
    None,
    Json(Value),
    Policy(String),
}

impl Call {
    fn new(
        operation: &'static str,
        method: Method,
        template: &'static str,
        path: &[&dyn Display],
    ) -> Self {
        Self {
            operation,
            idempotent: method == Method::GET,
            method,
            template,
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            body: Body::None,
            accept: None,
            if_match: None,
            scope: "all",
            headscale: true,
            raw: None,
        }
    }

    /// A call of the whole API.
    pub(crate) fn raw(call: &ApiCall) -> Self {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        // What a 404 is about.
        let operation = match segments[..] {
            ["device", ..] => "device_api_call",
            ["tailnet", _, "keys", _] => "key_api_call",
            _ => "api_call",
        };
        Self {
            raw: Some(Box::new(call.clone())),
            ..Self::new(operation, call.method.method(), "", &[])
        }
        .scope(UNKNOWN_SCOPE)
    }

    pub(crate) fn get(
        operation: &'static str,
        template: &'static str,
        path: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::GET, template, path)
    }

    pub(crate) fn post(
        operation: &'static str,
        template: &'static str,
        path: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::POST, template, path)
    }

    pub(crate) fn patch(
        operation: &'static str,
        template: &'static str,
        path: &[&dyn Display],
    ) -> Self {
        Self::new(operation, Method::PATCH, template, path)
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

    /// Adds to the query.
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Sends JSON.
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// Sends a policy with its comments.
    pub(crate) fn policy(mut self, text: &str) -> Self {
        self.body = Body::Policy(text.to_owned());
        self
    }

    /// Asks for an answer of this type.
    pub(crate) fn accept(mut self, media_type: &'static str) -> Self {
        self.accept = Some(media_type);
        self
    }

    /// Is done only while the policy has this tag.
    pub(crate) fn if_match(mut self, etag: &str) -> Self {
        self.if_match = Some(etag.to_owned());
        self
    }

    /// Says which scope it needs.
    pub(crate) fn scope(mut self, scope: &'static str) -> Self {
        self.scope = scope;
        self
    }

    /// Says that sending it twice does the same as once.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that Headscale does not have it.
    pub(crate) fn vendor_only(mut self) -> Self {
        self.headscale = false;
        self
    }

    /// The request, without credentials.
    pub(crate) fn request(&self) -> Request {
        if let Some(raw) = &self.raw {
            return raw.request().max_body(MAX_BODY, Overflow::Fail);
        }
        let path: Vec<&dyn Display> = self.path.iter().map(|part| part as &dyn Display).collect();
        let mut request = Request::new(self.operation, self.method.clone(), self.template, &path)
            .max_body(MAX_BODY, Overflow::Fail)
            // Credentials must not follow a redirect: it is reported instead.
            .redirects(0);
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        request = match &self.body {
            Body::None => request,
            Body::Json(value) => request.json(value),
            Body::Policy(text) => request.body(HUJSON, text.clone()),
        };
        if let Some(media_type) = self.accept {
            request = request.header(header::ACCEPT, media_type);
        }
        if let Some(etag) = &self.if_match {
            request = request.header(header::IF_MATCH, etag);
        }
        if self.idempotent {
            request.idempotent()
        } else {
            request
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("path", &self.path)
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
            Body::None => line,
            Body::Json(value) => format!("{line} {value}"),
            Body::Policy(text) => format!("{line} {text}"),
        }
    }
}
