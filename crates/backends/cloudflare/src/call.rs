//! A call of the API as plain data: built by pure functions, sent by [`crate::api::Api`].

use std::borrow::Cow;
use std::fmt::Display;

use homelab_backend::api::ApiCall;
use homelab_upstream::{Method, Overflow, Request};
use serde_json::Value;

/// Most bytes of an answer.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Below the API's base, with a `{}` for each of `path`.
    pub(crate) template: &'static str,
    pub(crate) path: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Value>,
    /// Sending it twice does the same as once.
    idempotent: bool,
    /// What the token needs for it, as the dashboard calls it.
    pub(crate) needs: &'static str,
    /// Takes the place of everything that says what is sent.
    raw: Option<Box<ApiCall>>,
}

impl Call {
    pub(crate) fn new(
        operation: &'static str,
        method: Method,
        template: &'static str,
        path: &[&dyn Display],
        needs: &'static str,
    ) -> Self {
        Self {
            operation,
            idempotent: method == Method::GET,
            method,
            template,
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            body: None,
            needs,
            raw: None,
        }
    }

    /// A call of the whole API.
    pub(crate) fn raw(call: &ApiCall) -> Self {
        let needs = "that https://developers.cloudflare.com/api names for this call,";
        Self {
            raw: Some(Box::new(call.clone())),
            ..Self::new("api_call", call.method.method(), "", &[], needs)
        }
    }

    /// Whether it is one of the whole API.
    pub(crate) fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// Its path with `{}` for each variable, which tells what it is about.
    pub(crate) fn shape(&self) -> Cow<'_, str> {
        let Some(raw) = &self.raw else {
            return Cow::Borrowed(self.template);
        };
        let parts = raw.operation.split('/').map(|part| match part {
            part if part.starts_with('{') => "{}",
            part => part,
        });
        Cow::Owned(parts.collect::<Vec<_>>().join("/"))
    }

    /// Adds a parameter to the query.
    pub(crate) fn query(mut self, name: &str, value: impl Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a parameter to the query if there is a value.
    pub(crate) fn query_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// With this body.
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Says that sending it twice does the same as once.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The request, without the token.
    pub(crate) fn request(&self) -> Request {
        if let Some(raw) = &self.raw {
            return raw.request().max_body(MAX_BODY, Overflow::Fail);
        }
        let path: Vec<&dyn Display> = self.path.iter().map(|part| part as &dyn Display).collect();
        let mut request = Request::new(self.operation, self.method.clone(), self.template, &path)
            .max_body(MAX_BODY, Overflow::Fail)
            // The token must not follow a redirect: it is reported instead.
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
