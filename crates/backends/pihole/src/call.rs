//! A call of Pi-hole's API as plain data: built by pure functions, sent by [`crate::host::Host`].

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use homelab_backend::api::ApiCall;
use homelab_core::secret::SecretBytes;
use homelab_upstream::{Method, Overflow, Part, Request, header};
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
    upload: Option<Arc<Upload>>,
    max_body: usize,
    timeout: Option<Duration>,
}

/// An archive on its way to Pi-hole.
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) content: SecretBytes,
    /// Which parts of it are to be taken; all without.
    pub(crate) parts: Option<Value>,
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
            upload: None,
            max_body: MAX_BODY,
            timeout: None,
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

    /// Sends an archive as a browser does.
    pub(crate) fn upload(mut self, upload: Arc<Upload>) -> Self {
        self.upload = Some(upload);
        self
    }

    pub(crate) fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Overrides the configured limit of a request.
    pub(crate) fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
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
            .max_body(self.max_body, Overflow::Fail)
            // Credentials must not follow a redirect: it is reported instead.
            .redirects(0);
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        if let Some(limit) = self.timeout {
            request = request.timeout(limit);
        }
        if let Some(upload) = &self.upload {
            return upload.put_into(request);
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

impl Upload {
    fn put_into(&self, request: Request) -> Request {
        let content = self.content.expose();
        let parts = self.parts.as_ref().map(Value::to_string);
        let mut form: Vec<Part<'_>> = Vec::new();
        form.extend(parts.as_deref().map(|text| Part::text("import", text)));
        form.push(Part::file("file", &self.name, "application/zip", content));
        request.multipart(&form)
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
