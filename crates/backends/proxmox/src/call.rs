//! A call of Proxmox's API as plain data: built by pure functions, sent by [`crate::api::Api`],
//! to several hosts in turn if need be.

use std::fmt::{self, Display};

use homelab_core::secret::Secret;
use homelab_upstream::{Method, Overflow, Request};

/// Bytes of the largest answer that is read: some hundred thousand guests.
const LARGE: usize = 64 << 20;

/// One call. Parameters go where Proxmox reads them: into the query of `GET` and `DELETE`, into a
/// form for `POST` and `PUT`, which every version understands.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Below the API's base, with a `{}` for each of `path`.
    pub(crate) template: &'static str,
    pub(crate) path: Vec<String>,
    pub(crate) parameters: Vec<(String, String)>,
    /// Sending it twice does the same as once.
    pub(crate) idempotent: bool,
    /// The answer may be as large as [`LARGE`].
    is_large: bool,
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
            parameters: Vec::new(),
            is_large: false,
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
    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.parameters.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a parameter if there is a value.
    pub(crate) fn with_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a switch as 1 or 0, which works in every version.
    pub(crate) fn flag(self, name: &str, on: bool) -> Self {
        self.with(name, u8::from(on))
    }

    /// Adds a switch if it is on.
    pub(crate) fn flag_if(self, name: &str, on: bool) -> Self {
        if on { self.flag(name, true) } else { self }
    }

    /// Adds a switch if it is given.
    pub(crate) fn flag_opt(self, name: &str, on: Option<bool>) -> Self {
        match on {
            Some(on) => self.flag(name, on),
            None => self,
        }
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

    /// Allows an answer about everything that a large cluster has.
    pub(crate) fn large(mut self) -> Self {
        self.is_large = true;
        self
    }

    /// The value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The request, without credentials.
    pub(crate) fn request(&self) -> Request {
        let path: Vec<&dyn Display> = self.path.iter().map(|part| part as &dyn Display).collect();
        let mut request = Request::new(self.operation, self.method.clone(), self.template, &path)
            // Credentials must not follow a redirect: it is reported instead.
            .redirects(0);
        if matches!(self.method, Method::POST | Method::PUT) {
            let pairs: Vec<(&str, &str)> = self
                .parameters
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            request = request.form(&pairs);
        } else {
            for (name, value) in &self.parameters {
                request = request.query(name, value);
            }
        }
        for secret in &self.secrets {
            request = request.hide(secret);
        }
        if self.idempotent {
            request = request.idempotent();
        }
        if self.is_large {
            request = request.max_body(LARGE, Overflow::Fail);
        }
        request
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
        use std::fmt::Write as _;

        let mut line = format!("{} ", self.method);
        let mut path = self.path.iter();
        for (index, part) in self.template.split("{}").enumerate() {
            if index > 0 {
                line.push_str(path.next().unwrap());
            }
            line.push_str(part);
        }
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            line.push(if index == 0 { '?' } else { '&' });
            write!(line, "{name}={value}").unwrap();
        }
        line
    }
}
