//! A call of NetBox's API as plain data: built by pure functions, sent by [`crate::api::Api`].

use std::borrow::Cow;
use std::fmt::Display;

use homelab_backend::api::ApiCall;
use homelab_upstream::{Method, Request, header};
use serde_json::{Map, Value};

use crate::kinds::Endpoint;

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Below the API's base, with a `{}` for each of `path`; ends with a slash as all of them do.
    pub(crate) template: &'static str,
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) if_match: Option<String>,
    /// Whose kind of object it is about, for the right that it needs.
    pub(crate) model: Cow<'static, str>,
}

impl Call {
    fn new(
        operation: &'static str,
        method: Method,
        template: &'static str,
        model: &'static str,
    ) -> Self {
        Self {
            operation,
            method,
            template,
            path: Vec::new(),
            query: Vec::new(),
            body: None,
            if_match: None,
            model: model.into(),
        }
    }

    /// `GET` of something that is no object of NetBox.
    pub(crate) fn get(operation: &'static str, template: &'static str) -> Self {
        Self::new(operation, Method::GET, template, "")
    }

    /// `GET` of a list.
    pub(crate) fn list(of: &Endpoint) -> Self {
        Self::new(of.list, Method::GET, of.path, of.model)
    }

    /// `GET` of one object.
    pub(crate) fn one(of: &Endpoint, id: u64) -> Self {
        Self::new(of.list, Method::GET, of.one, of.model).at(id)
    }

    /// `POST` to a list.
    pub(crate) fn create(of: &Endpoint, body: impl Into<Value>) -> Self {
        Self::new(of.change, Method::POST, of.path, of.model).body(body)
    }

    /// `PATCH` of one object.
    pub(crate) fn change(of: &Endpoint, id: u64, body: impl Into<Value>) -> Self {
        Self::new(of.change, Method::PATCH, of.one, of.model)
            .at(id)
            .body(body)
    }

    /// `DELETE` of one object.
    pub(crate) fn delete(of: &Endpoint, id: u64) -> Self {
        Self::new(of.change, Method::DELETE, of.one, of.model).at(id)
    }

    /// Something below one object, such as `available-ips/`; its objects are of `model`.
    pub(crate) fn below(
        operation: &'static str,
        method: Method,
        template: &'static str,
        id: u64,
        model: &'static str,
    ) -> Self {
        Self::new(operation, method, template, model).at(id)
    }

    fn at(mut self, id: u64) -> Self {
        self.path.push(id.to_string());
        self
    }

    /// A call of the whole API; its objects are of `model`, where that is known.
    pub(crate) fn raw(of: &ApiCall, model: impl Into<Cow<'static, str>>) -> Self {
        let mut call = Self::new("api_call", of.method.method(), of.template(), "");
        call.model = model.into();
        call.path.clone_from(&of.segments);
        let pairs = of.pairs().into_iter();
        call.query = pairs.map(|(name, value)| (name.into(), value)).collect();
        call.body = of.payload();
        call
    }

    /// Adds a body.
    pub(crate) fn body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Adds a filter.
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds a filter if there is a value.
    pub(crate) fn with_opt(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Only if the object is still as it was under this tag.
    pub(crate) fn if_match(mut self, etag: Option<String>) -> Self {
        self.if_match = etag;
        self
    }

    pub(crate) fn is_change(&self) -> bool {
        self.method != Method::GET
    }

    /// The request, without credentials. Of changes with a body that is an object, or a list of them,
    /// each carries the message for the change log.
    pub(crate) fn request(&self, message: Option<&str>) -> Request {
        let path: Vec<&dyn Display> = self.path.iter().map(|part| part as &dyn Display).collect();
        let mut request = Request::new(self.operation, self.method.clone(), self.template, &path)
            // Credentials must not follow a redirect: it is reported instead.
            .redirects(0);
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        let mut body = self.body.clone();
        if let Some(message) = message.filter(|_| self.is_change()) {
            let body = body.get_or_insert_with(|| Value::Object(Map::new()));
            say(body, message);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        if let Some(etag) = &self.if_match {
            request = request.header(header::IF_MATCH, etag);
        }
        request
    }
}

fn say(body: &mut Value, message: &str) {
    match body {
        Value::Object(fields) => {
            fields.insert("changelog_message".to_owned(), message.into());
        }
        Value::Array(items) => items.iter_mut().for_each(|item| say(item, message)),
        _ => {}
    }
}

#[cfg(test)]
impl Call {
    /// `METHOD path?name=value&… body` in readable form, for tests of the functions that build calls.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::VLAN;

    #[test]
    fn every_path_ends_with_a_slash() {
        assert_eq!(Call::list(&VLAN).line(), "GET /ipam/vlans/");
        assert_eq!(Call::delete(&VLAN, 7).line(), "DELETE /ipam/vlans/7/");
    }

    #[test]
    fn each_object_of_a_body_carries_the_message() {
        let mut many = json!([{ "a": 1 }, {}]);

        say(&mut many, "why");

        assert_eq!(
            many,
            json!([{ "a": 1, "changelog_message": "why" }, { "changelog_message": "why" }])
        );
    }
}
