//! A call of an API as plain data: built by pure functions, sent elsewhere.

use std::fmt::{self, Display};

use homelab_core::secret::Secret;
use homelab_upstream::{Method, Overflow, Request};
use serde_json::{Map, Value};

/// Bytes of the largest answer that is read: some hundred thousand guests.
const LARGE: usize = 64 << 20;

/// One call. Parameters go where both products read them: into the query of `GET` and `DELETE`, into
/// the body of `POST` and `PUT`.
#[derive(Clone)]
pub struct Call<P> {
    /// Its name in metrics.
    pub operation: &'static str,
    /// Its method.
    pub method: Method,
    /// Below the API's base, with a `{}` for each of `path`.
    pub template: &'static str,
    /// The parts of the path that vary.
    pub path: Vec<String>,
    /// Its parameters.
    pub parameters: P,
    /// Sending it twice does the same as once.
    pub idempotent: bool,
    is_large: bool,
    secrets: Vec<Secret>,
}

/// Parameters, and how a body holds them.
pub trait Parameters: Default {
    /// Adds a text.
    fn add_text(&mut self, name: &str, text: &str);

    /// Adds a switch.
    fn add_flag(&mut self, name: &str, on: bool);

    /// The text of a parameter.
    fn text(&self, name: &str) -> Option<&str>;

    /// As a query holds them.
    fn pairs(&self) -> Vec<(&str, String)>;

    /// The request with them in its body.
    fn write_into(&self, request: Request) -> Request;
}

/// Parameters of Proxmox VE: a form, which every version understands.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Parameters for Form {
    fn add_text(&mut self, name: &str, text: &str) {
        self.0.push((name.to_owned(), text.to_owned()));
    }

    /// 1 or 0 works in every version.
    fn add_flag(&mut self, name: &str, on: bool) {
        self.0.push((name.to_owned(), u8::from(on).to_string()));
    }

    fn text(&self, name: &str) -> Option<&str> {
        let mut parameters = self.0.iter();
        let found = parameters.find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn pairs(&self) -> Vec<(&str, String)> {
        let pairs = self.0.iter();
        pairs
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect()
    }

    fn write_into(&self, request: Request) -> Request {
        let pairs: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        request.form(&pairs)
    }
}

/// Parameters of Proxmox Backup Server: JSON, which keeps their types.
#[derive(Debug, Clone, Default)]
pub struct Json(Map<String, Value>);

impl Json {
    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

impl Parameters for Json {
    fn add_text(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), text.into());
    }

    fn add_flag(&mut self, name: &str, on: bool) {
        self.0.insert(name.to_owned(), on.into());
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A list is repeated, a switch is 1 or 0.
    fn pairs(&self) -> Vec<(&str, String)> {
        let mut pairs = Vec::new();
        for (name, value) in &self.0 {
            match value {
                Value::Array(items) => {
                    pairs.extend(items.iter().map(|item| (name.as_str(), plain(item))));
                }
                value => pairs.push((name.as_str(), plain(value))),
            }
        }
        pairs
    }

    fn write_into(&self, request: Request) -> Request {
        request.json(&self.0)
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(on) => u8::from(*on).to_string(),
        other => other.to_string(),
    }
}

impl<P: Parameters> Call<P> {
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
            parameters: P::default(),
            is_large: false,
            secrets: Vec::new(),
        }
    }

    /// A call that no tool of ours makes: `template` has a `{}` for each part of the path.
    #[must_use]
    pub fn raw(method: Method, template: &'static str, path: &[String]) -> Self {
        let path: Vec<&dyn Display> = path.iter().map(|part| part as &dyn Display).collect();
        Self::new("api_call", method, template, &path)
    }

    /// A `GET`.
    #[must_use]
    pub fn get(operation: &'static str, template: &'static str, path: &[&dyn Display]) -> Self {
        Self::new(operation, Method::GET, template, path)
    }

    /// A `POST`.
    #[must_use]
    pub fn post(operation: &'static str, template: &'static str, path: &[&dyn Display]) -> Self {
        Self::new(operation, Method::POST, template, path)
    }

    /// A `PUT`.
    #[must_use]
    pub fn put(operation: &'static str, template: &'static str, path: &[&dyn Display]) -> Self {
        Self::new(operation, Method::PUT, template, path)
    }

    /// A `DELETE`.
    #[must_use]
    pub fn delete(operation: &'static str, template: &'static str, path: &[&dyn Display]) -> Self {
        Self::new(operation, Method::DELETE, template, path)
    }

    /// Adds a switch.
    #[must_use]
    pub fn flag(mut self, name: &str, on: bool) -> Self {
        self.parameters.add_flag(name, on);
        self
    }

    /// Adds a switch if it is on.
    #[must_use]
    pub fn flag_if(self, name: &str, on: bool) -> Self {
        if on { self.flag(name, true) } else { self }
    }

    /// Adds a switch if it is given.
    #[must_use]
    pub fn flag_opt(self, name: &str, on: Option<bool>) -> Self {
        match on {
            Some(on) => self.flag(name, on),
            None => self,
        }
    }

    /// Adds a secret parameter, which is taken out of errors.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &Secret) -> Self {
        self.secrets.push(value.clone());
        self.parameters.add_text(name, value.expose());
        self
    }

    /// Says that sending it twice does the same as once.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Allows an answer about everything that a large cluster has.
    #[must_use]
    pub fn large(mut self) -> Self {
        self.is_large = true;
        self
    }

    /// The text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parameters.text(name)
    }

    /// The request, without credentials.
    pub fn request(&self) -> Request {
        let path: Vec<&dyn Display> = self.path.iter().map(|part| part as &dyn Display).collect();
        let mut request = Request::new(self.operation, self.method.clone(), self.template, &path)
            // Credentials must not follow a redirect: it is reported instead.
            .redirects(0);
        if matches!(self.method, Method::POST | Method::PUT) {
            request = self.parameters.write_into(request);
        } else {
            for (name, value) in self.parameters.pairs() {
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

    /// `METHOD path?name=value&…` in readable form, secrets and all, for tests of the functions that
    /// build calls.
    pub fn line(&self) -> String {
        let mut line = format!("{} ", self.method);
        let mut path = self.path.iter();
        for (index, part) in self.template.split("{}").enumerate() {
            if index > 0 {
                line.push_str(path.next().map_or("{}", String::as_str));
            }
            line.push_str(part);
        }
        for (index, (name, value)) in self.parameters.pairs().into_iter().enumerate() {
            let joint = if index == 0 { '?' } else { '&' };
            line = format!("{line}{joint}{name}={value}");
        }
        line
    }
}

impl Call<Form> {
    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.parameters.add_text(name, &value.to_string());
        self
    }

    /// Adds a parameter if there is a value.
    #[must_use]
    pub fn with_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl Call<Json> {
    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a parameter if there is a value.
    #[must_use]
    pub fn with_opt(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl<P> fmt::Debug for Call<P> {
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
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_written_as_each_product_reads_them() {
        let form = Call::<Form>::post("a", "/nodes/{}/x", &[&"pve1"])
            .with("vmid", 100)
            .flag_if("force", true)
            .flag_opt("purge", None);
        let json = Call::<Json>::delete("b", "/x", &[])
            .with("keep", 3)
            .with("groups", json!(["a", "b"]))
            .flag("dry-run", false);

        assert_eq!(form.line(), "POST /nodes/pve1/x?vmid=100&force=1");
        assert_eq!(json.line(), "DELETE /x?keep=3&groups=a&groups=b&dry-run=0");
    }

    #[test]
    fn a_secret_is_not_in_what_is_logged() {
        let call = Call::<Form>::post("login", "/access/ticket", &[])
            .secret("password", &Secret::new("hunter22".to_owned()));

        assert!(!format!("{call:?}").contains("hunter22"));
        assert_eq!(call.text("password"), Some("hunter22"));
    }
}
