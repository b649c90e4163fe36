//! The whole API of an upstream as two tools, `search_api` and `call_api`, safely.
//!
//! # How a backend mounts it
//! 1. `tools![…, search_api, call_api]` with `use homelab_backend::api::{call_api, search_api};`.
//! 2. Keep a [`Book`] in the backend: `Book::new(instance, env)`. It reads nothing yet.
//! 3. `impl WholeApi for Mine`: two permissions (`mine:api:read`, `mine:api:call`), `type Place =
//!    OneServer` (or a type with arguments of its own that say which server is meant, such as
//!    `host`), and [`Rules`]: which operations the tools cover (`Cover::new("stop_vm", Verb::Post,
//!    "/nodes/{node}/qemu/{vmid}/status/stop").with(&["timeout"])`), which other `GET`s reveal no
//!    secret, what is withheld and why, what is critical.
//! 4. Four methods: `version` (names the cached description), `document` (its bytes from the
//!    upstream, or from a file or address that a [`Source`] among the settings names; [`known`]
//!    where there is none), `send` (an [`ApiCall`] with the backend's own client: authentication,
//!    redaction of errors and caps come with it; [`ApiCall::request`] or [`ApiCall::template`]),
//!    `targets` (what the values of a path name, as the tools' own hooks do).
//! 5. A test that [`faults()`] is empty, besides `shape::faults`; one call that reads, one that
//!    changes, one that is withheld.
//!
//! # Tools of your own over it
//! A tool that is driven by the description (objects of any kind, say) holds to the same rules by
//! [`admitted`], and finds and checks its calls by a [`Description`].
//!
//! Readers know the data of Proxmox's API viewer, OpenAPI 3 and Swagger 2.0, as JSON or YAML; a
//! [`Bundle`] makes one document of several files that refer to each other.
//!
//! # What is safe about it
//! A call goes to an operation of the description, never to a path as written. Its effect is told
//! from method and path before anything is asked: where a tool covers the operation, the tool's own
//! permission, effect and rules hold besides those of `call_api` ([`Tool::stands_for`]); every other
//! change is destructive at least, and every other `GET` has to be listed.

mod book;
mod call;
mod check;
mod driven;
mod faults;
mod find;
mod model;
mod path;
mod place;
mod read;
mod rules;
mod search;
mod source;

use std::collections::BTreeMap;
use std::fmt::Display;

use homelab_core::error::ToolResult;
use homelab_core::tool::Target;
#[cfg(doc)]
use homelab_core::tool::Tool;
use homelab_upstream::Request;
use serde_json::{Map, Value};

use crate::Backend;

pub use book::{Book, CacheDir, Document};
pub use call::{CallApi, Called, call_api};
pub use driven::{Admitted, Description, admitted};
pub use faults::{faults, known};
pub use find::{Detail, Found, SearchApi, SearchResult, search_api};
pub use model::{Operation, Parameter, Place, Verb};
pub use place::{OneServer, Where};
pub use read::Bundle;
pub use rules::{Cover, Rules, Withheld};
pub use source::{Source, edition};

/// A backend that offers its upstream's whole API.
pub trait WholeApi: Backend {
    /// Which of several servers of the instance is meant, where a call may say so.
    type Place: Where;
    /// Permission of `search_api`: `<kind>:api:read`.
    const SEARCH: &'static str;
    /// Permission of `call_api`: `<kind>:api:call`.
    const CALL: &'static str;
    /// What may be called.
    const RULES: Rules;

    /// Where the description is kept.
    ///
    /// # Errors
    /// `invalid_argument` if there is no such place.
    fn book(&self, place: &Self::Place) -> ToolResult<&Book>;

    /// The upstream's version, by which its description is cached.
    fn version(&self, place: &Self::Place) -> impl Future<Output = ToolResult<String>> + Send;

    /// The description that goes with this version.
    fn document(
        &self,
        place: &Self::Place,
        version: &str,
    ) -> impl Future<Output = ToolResult<Document>> + Send;

    /// Sends a call that was checked.
    fn send(
        &self,
        place: &Self::Place,
        call: &ApiCall,
    ) -> impl Future<Output = ToolResult<ApiAnswer>> + Send;

    /// The objects that a change will touch, as far as its path and parameters name them.
    fn targets(
        &self,
        place: &Self::Place,
        call: &ApiCall,
    ) -> impl Future<Output = ToolResult<Vec<Target>>> + Send;
}

/// A call of a known operation with parameters that fit it.
#[derive(Debug, Clone)]
pub struct ApiCall {
    /// Its method.
    pub method: Verb,
    /// Template of the operation, for rules and messages.
    pub operation: String,
    /// The segments of the path, decoded.
    pub segments: Vec<String>,
    /// The variables of the path.
    pub path: BTreeMap<String, String>,
    /// The query.
    pub query: Map<String, Value>,
    /// What goes wherever the method has its arguments, see [`Place::Argument`].
    pub arguments: Map<String, Value>,
    /// The whole body.
    pub body: Option<Value>,
}

impl ApiCall {
    /// A template with a `{}` for each of [`ApiCall::segments`], so that none of them can reach
    /// another path. It ends in a slash where the operation does.
    pub fn template(&self) -> &'static str {
        self.template_in(
            "/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/",
        )
    }

    /// The same, cut from a longer one that has a path of its own before its first `{}`.
    pub fn template_in(&self, all: &'static str) -> &'static str {
        let before = all.find("/{}").unwrap_or(all.len());
        let slash = usize::from(self.operation.ends_with('/'));
        let end = before + 3 * self.segments.len() + slash;
        all.get(..end).unwrap_or(all)
    }

    /// The query as most APIs read it: lists are repeated.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let arguments = (!self.has_body()).then_some(&self.arguments);
        let all = self.query.iter().chain(arguments.into_iter().flatten());
        let pairs = all.flat_map(|(name, value)| {
            let values = match value {
                Value::Array(items) => items.iter().map(check::plain).collect(),
                value => vec![check::plain(value)],
            };
            values.into_iter().map(move |value| (name.clone(), value))
        });
        pairs.collect()
    }

    /// What goes into the body as JSON.
    pub fn payload(&self) -> Option<Value> {
        let arguments = || {
            let some = self.has_body() && !self.arguments.is_empty();
            some.then(|| self.arguments.clone().into())
        };
        self.body.clone().or_else(arguments)
    }

    fn has_body(&self) -> bool {
        !matches!(self.method, Verb::Get | Verb::Delete)
    }

    /// The request as most APIs read it, without credentials: [`ApiCall::pairs`] in the query,
    /// [`ApiCall::payload`] as the body. Redirects are not followed.
    pub fn request(&self) -> Request {
        let parts: Vec<&dyn Display> = self.segments.iter().map(|part| part as _).collect();
        let mut request =
            Request::new("api_call", self.method.method(), self.template(), &parts).redirects(0);
        for (name, value) in self.pairs() {
            request = request.query(&name, value);
        }
        match self.payload() {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    /// What a variable of the path or an argument says.
    pub fn value(&self, name: &str) -> Option<String> {
        let argument = || self.arguments.get(name).map(check::plain);
        self.path.get(name).cloned().or_else(argument)
    }
}

/// What the upstream answered.
#[derive(Debug, Clone, Default)]
pub struct ApiAnswer {
    /// Its status.
    pub status: u16,
    /// What it sent, without any envelope; absent where that was nothing.
    pub data: Option<Value>,
    /// The task that the call started, where the upstream has tasks.
    pub task: Option<String>,
}

impl ApiAnswer {
    /// JSON as it is, anything else as text.
    pub fn of_body(status: u16, body: &[u8]) -> Self {
        let data = match serde_json::from_slice(body) {
            Ok(Value::Null) => None,
            Ok(value) => Some(value),
            Err(_) => {
                let text = String::from_utf8_lossy(body);
                (!text.trim().is_empty()).then(|| text.into_owned().into())
            }
        };
        Self {
            status,
            data,
            task: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::redact::Redactor;
    use homelab_upstream::{Client, ClientConfig};
    use rstest::rstest;
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[rstest]
    #[case("/nodes/{node}/dns", &["nodes", "a/b", "dns"], "/{}/{}/{}")]
    #[case("/dcim/devices/", &["dcim", "devices"], "/{}/{}/")]
    #[case("/", &[], "/")]
    fn a_path_has_a_place_for_each_segment(
        #[case] operation: &str,
        #[case] segments: &[&str],
        #[case] template: &str,
    ) {
        let call = call(Verb::Get, operation, segments);

        assert_eq!(call.template(), template);
        let below = call.template_in("/base/{}/{}/{}/{}");
        assert_eq!(below, format!("/base{template}"));
    }

    fn call(method: Verb, operation: &str, segments: &[&str]) -> ApiCall {
        ApiCall {
            method,
            operation: operation.to_owned(),
            segments: segments.iter().map(|part| (*part).to_owned()).collect(),
            path: BTreeMap::new(),
            query: Map::new(),
            arguments: Map::new(),
            body: None,
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("not an object: {other}"),
        }
    }

    /// The head's first line and the body of a request as it arrives.
    async fn arrived(call: &ApiCall) -> (String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = ClientConfig {
            base_url: Some(url.parse().unwrap()),
            ..ClientConfig::new("peer")
        };
        let client = Client::new(&config, Redactor::default()).unwrap();
        let sent = client.send(call.request());
        let seen = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            let length = |head: &str| -> usize {
                let mut lines = head.lines();
                let line = lines.find_map(|line| line.strip_prefix("content-length: "));
                line.map_or(0, |length| length.parse().unwrap())
            };
            loop {
                let mut bytes = [0; 4096];
                let count = socket.read(&mut bytes).await.unwrap();
                text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
                if let Some((head, body)) = text.split_once("\r\n\r\n")
                    && body.len() >= length(head)
                {
                    let first = head.lines().next().unwrap().to_owned();
                    let body = body.to_owned();
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    socket.write_all(answer).await.unwrap();
                    return (first, body);
                }
            }
        };
        let (sent, seen) = tokio::join!(sent, seen);
        sent.unwrap();
        seen
    }

    #[tokio::test]
    async fn a_read_has_its_arguments_in_the_query_and_a_change_in_the_body() {
        let mut read = call(Verb::Get, "/dcim/devices/", &["dcim", "devices"]);
        read.query = object(json!({ "tag": ["a b", "c"], "full": true }));
        read.arguments = object(json!({ "limit": 5 }));
        let mut change = call(Verb::Put, "/hosts/{host}", &["hosts", "a/b"]);
        change.query = object(json!({ "force": 1 }));
        change.arguments = object(json!({ "name": "x" }));
        let mut whole = change.clone();
        whole.body = Some(json!([1]));

        assert_eq!(
            arrived(&read).await,
            (
                "GET /dcim/devices/?tag=a+b&tag=c&full=true&limit=5 HTTP/1.1".to_owned(),
                String::new()
            )
        );
        assert_eq!(
            arrived(&change).await,
            (
                "PUT /hosts/a%2Fb?force=1 HTTP/1.1".to_owned(),
                r#"{"name":"x"}"#.to_owned()
            )
        );
        assert_eq!(arrived(&whole).await.1, "[1]");
    }

    #[rstest]
    #[case(b"null", None)]
    #[case(b" ", None)]
    #[case(b"[1]", Some(json!([1])))]
    #[case(b"OK\n", Some(json!("OK\n")))]
    fn an_answer_is_json_or_text(#[case] body: &[u8], #[case] data: Option<Value>) {
        assert_eq!(ApiAnswer::of_body(200, body).data, data);
    }
}
