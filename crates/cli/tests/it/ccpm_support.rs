//! Agents at a running server: each with a key of its own, over MCP and over REST.

use serde_json::{Value, json};

use crate::clients_http::{Connection, McpConnection, Response};
use crate::clients_support::{Gateway, Home};

/// One agent's client.
pub(crate) struct Agent {
    pub(crate) key: String,
    client: McpConnection,
}

impl Agent {
    /// At this server, with this key.
    pub(crate) fn at(server: &Gateway, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            client: McpConnection::open(server.port, key).expect("it listens"),
        }
    }

    /// Makes a key of this name and registers the agent.
    pub(crate) fn register(home: &Home, server: &Gateway, name: &str, kind: &str) -> Self {
        let key = home.create_key(name, "operator").key;
        let mut agent = Self::at(server, &key);
        let registered = agent.call("ccpm_register_agent", json!({ "name": name, "type": kind }));
        assert_eq!(registered["agent"]["name"], name);
        agent
    }

    /// A call that must succeed.
    #[expect(clippy::needless_pass_by_value, reason = "reads best with json!")]
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.client.success(tool, &arguments);
        result.unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    /// The error of a call that must fail.
    #[expect(clippy::needless_pass_by_value, reason = "reads best with json!")]
    pub(crate) fn fail(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.client.post(tool, &arguments).expect("an answer");
        let message = answer.message().expect("a message");
        assert_eq!(
            message["result"]["isError"],
            true,
            "{tool}: {}",
            answer.text()
        );
        let blocks = message["result"]["content"].as_array().expect("content");
        let envelope = blocks
            .iter()
            .filter_map(|block| serde_json::from_str::<Value>(block["text"].as_str()?).ok())
            .find(|value| value.get("code").is_some());
        envelope.unwrap_or_else(|| panic!("no envelope: {message}"))
    }
}

/// A request to the contract's routes.
pub(crate) struct Rest<'a> {
    server: &'a Gateway,
    bearer: String,
}

impl<'a> Rest<'a> {
    pub(crate) fn new(server: &'a Gateway, key: &str) -> Self {
        Self {
            server,
            bearer: format!("Bearer {key}"),
        }
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response {
        let mut all = vec![("Authorization", self.bearer.as_str())];
        let named = |name: &str| {
            headers
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        if body.is_some() && !named("content-type") {
            all.push(("Content-Type", "application/json"));
        }
        all.extend_from_slice(headers);
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut connection = Connection::open(self.server.port).expect("it listens");
        let answer = connection.request(method, path, &all, body.as_bytes());
        answer.expect("an answer")
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, &[], Some(body))
    }
}

/// Status and code of an error in the contract's form.
pub(crate) fn error(answer: &Response) -> (u16, String) {
    let body = answer
        .message()
        .unwrap_or_else(|| panic!("no JSON: {}", answer.text()));
    let error = &body["error"];
    for member in ["code", "message", "request_id"] {
        assert!(error[member].is_string(), "{member}: {body}");
    }
    let code = error["code"].as_str().unwrap_or_default().to_owned();
    (answer.status, code)
}
