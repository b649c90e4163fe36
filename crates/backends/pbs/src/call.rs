//! A call of the server's API as plain data: built by pure functions, sent by [`crate::api::Api`].

use std::fmt::{self, Display};

use homelab_core::secret::Secret;
use homelab_upstream::{Method, Overflow, Request};
use serde_json::{Map, Value};

use crate::ids::{Group, Namespace, Snapshot};

/// Most bytes of an answer: the list of a store's snapshots cannot be asked for in pages.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// One call. Parameters go where the server reads them: into the query of `GET` and `DELETE`, into
/// a JSON body, which keeps their types, for `POST` and `PUT`.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Below the API's base, with a `{}` for each of `path`.
    pub(crate) template: &'static str,
    pub(crate) path: Vec<String>,
    pub(crate) parameters: Map<String, Value>,
    /// Sending it twice does the same as once.
    idempotent: bool,
    secrets: Vec<Secret>,
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
            parameters: Map::new(),
            secrets: Vec::new(),
        }
    }

    /// A call that no tool of ours makes: `template` has a `{}` for each part of the path.
    pub(crate) fn raw(method: Method, template: &'static str, path: &[String]) -> Self {
        let path: Vec<&dyn Display> = path.iter().map(|part| part as &dyn Display).collect();
        Self::new("api_call", method, template, &path)
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

    /// Adds a parameter.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a parameter if there is a value.
    pub(crate) fn with_opt(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a switch if it is on.
    pub(crate) fn flag_if(self, name: &str, on: bool) -> Self {
        if on { self.with(name, true) } else { self }
    }

    /// Adds a namespace, which the root is not.
    pub(crate) fn ns(self, ns: &Namespace) -> Self {
        self.with_opt("ns", ns.given())
    }

    /// Adds a group.
    pub(crate) fn group(self, group: &Group) -> Self {
        self.with("backup-type", group.kind.as_str())
            .with("backup-id", group.id())
    }

    /// Adds one backup.
    pub(crate) fn snapshot(self, snapshot: &Snapshot) -> Self {
        self.group(&snapshot.group)
            .with("backup-time", snapshot.time)
    }

    /// Adds a secret parameter, which is taken out of errors.
    pub(crate) fn secret(mut self, name: &str, value: &Secret) -> Self {
        self.secrets.push(value.clone());
        self.with(name, value.expose())
    }

    /// Says that sending it twice does the same as once.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The text of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)?.as_str()
    }

    /// The request, without credentials.
    pub(crate) fn request(&self) -> Request {
        let path: Vec<&dyn Display> = self.path.iter().map(|part| part as &dyn Display).collect();
        let mut request = Request::new(self.operation, self.method.clone(), self.template, &path)
            .max_body(MAX_BODY, Overflow::Fail)
            // Credentials must not follow a redirect: it is reported instead.
            .redirects(0);
        if matches!(self.method, Method::POST | Method::PUT) {
            request = request.json(&self.parameters);
        } else {
            for (name, value) in self.pairs() {
                request = request.query(name, value);
            }
        }
        for secret in &self.secrets {
            request = request.hide(secret);
        }
        if self.idempotent {
            request = request.idempotent();
        }
        request
    }

    /// Parameters as a query holds them: a list is repeated, a switch is 1 or 0.
    fn pairs(&self) -> Vec<(&str, String)> {
        let mut pairs = Vec::new();
        for (name, value) in &self.parameters {
            match value {
                Value::Array(items) => {
                    pairs.extend(items.iter().map(|item| (name.as_str(), plain(item))));
                }
                value => pairs.push((name.as_str(), plain(value))),
            }
        }
        pairs
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(on) => u8::from(*on).to_string(),
        other => other.to_string(),
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
    /// `METHOD path?name=value&…` in readable form, for tests of the functions that build calls.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} ", self.method);
        let mut path = self.path.iter();
        for (index, part) in self.template.split("{}").enumerate() {
            if index > 0 {
                line.push_str(path.next().unwrap());
            }
            line.push_str(part);
        }
        for (index, (name, value)) in self.pairs().into_iter().enumerate() {
            let joint = if index == 0 { '?' } else { '&' };
            line = format!("{line}{joint}{name}={value}");
        }
        line
    }
}
