//! Nothing that comes in makes the server panic or answer that it failed; and nobody can tell which
//! way a call was taken.

use std::sync::OnceLock;

use axum::Router;
use bytes::Bytes;
use homelab_gateway::transport::http::router;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::support::client::{call, initialize, legacy, modern, post};
use super::support::lab::Lab;
use super::support::server::{Setup, http_parts};

type Message = Request<Full<Bytes>>;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    })
}

/// All routes, without a socket.
fn routes(direct: bool) -> Router {
    let mut setup = Setup::default();
    setup.options.direct_calls = direct;
    setup.options.max_sessions = 4;
    let (_, _, parts) = http_parts(&setup, Lab::new(), CancellationToken::new());
    router(parts)
}

fn direct() -> Router {
    static ROUTES: OnceLock<Router> = OnceLock::new();
    ROUTES.get_or_init(|| routes(true)).clone()
}

fn sdk() -> Router {
    static ROUTES: OnceLock<Router> = OnceLock::new();
    ROUTES.get_or_init(|| routes(false)).clone()
}

/// The answer's status and body. Of an endless stream, the body is not read.
fn answer(routes: Router, mut request: Message) -> (StatusCode, String) {
    let host = request.headers().contains_key("host");
    if !host {
        request
            .headers_mut()
            .insert("host", "localhost".parse().unwrap());
    }
    runtime().block_on(async {
        let response = routes
            .oneshot(request.map(axum::body::Body::new))
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let is_json = parts
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "application/json");
        if !is_json {
            return (parts.status, String::new());
        }
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        // The one thing that is different each time.
        let id = parts.headers["x-request-id"].to_str().unwrap();
        (parts.status, body.replace(id, "ID"))
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        select(vec![
            "2.0",
            "2026-07-28",
            "2025-11-25",
            "tools/call",
            "echo",
            "erase",
            "initialize"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,8}",
        select(vec![
            "jsonrpc",
            "id",
            "method",
            "params",
            "name",
            "arguments",
            "_meta",
            "progressToken",
            "cursor",
            "inputResponses",
            "requestState",
            "io.modelcontextprotocol/protocolVersion",
            "io.modelcontextprotocol/clientCapabilities",
        ])
        .prop_map(str::to_owned),
    ]
}

/// A request that is right.
fn sound() -> impl Strategy<Value = Message> {
    let path = select(vec!["/mcp", "/servers/lab/mcp", "/servers/none/mcp"]);
    let tool = select(vec!["echo", "erase", "nothing"]);
    let kind = select(vec![
        "call",
        "list",
        "discover",
        "unknown",
        "initialize",
        "legacy",
    ]);
    (path, tool, kind, value()).prop_map(|(path, tool, kind, arguments)| match kind {
        "call" => call(path, tool, json!({ "text": arguments })),
        "list" => modern(path, "tools/list", json!({})),
        "discover" => modern(path, "server/discover", json!({})),
        "unknown" => modern(path, "tools/fly", json!({})),
        "initialize" => post(path, &initialize("2025-11-25")),
        _ => post(path, &legacy(1, "tools/call", &json!({ "name": tool }))),
    })
}

/// What is done to it.
#[derive(Debug, Clone)]
enum Change {
    /// The member at this depth and place gets this value.
    Replace(usize, usize, Value),
    /// It goes.
    Remove(usize, usize),
    /// It gets one more.
    Insert(usize, String, Value),
    /// The text ends here.
    Truncate(usize),
    /// One byte is another.
    Flip(usize, u8),
    /// A header gets this value.
    Header(&'static str, String),
    /// It goes.
    WithoutHeader(&'static str),
}

const HEADERS: [&str; 8] = [
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "mcp-session-id",
    "accept",
    "content-type",
    "origin",
    "last-event-id",
];

fn change() -> impl Strategy<Value = Change> {
    let at = || (0..4_usize, any::<usize>());
    let header = || select(HEADERS.to_vec());
    let text = prop_oneof![
        "[\\x20-\\x7e]{0,20}",
        select(vec![
            "tools/call",
            "tools/list",
            "echo",
            "erase",
            "2026-07-28",
            "2025-11-25",
            "*/*"
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        (at(), value()).prop_map(|((depth, at), value)| Change::Replace(depth, at, value)),
        at().prop_map(|(depth, at)| Change::Remove(depth, at)),
        (0..4_usize, key(), value())
            .prop_map(|(depth, key, value)| Change::Insert(depth, key, value)),
        any::<usize>().prop_map(Change::Truncate),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        (header(), text).prop_map(|(name, value)| Change::Header(name, value)),
        header().prop_map(Change::WithoutHeader),
    ]
}

/// The object this deep, always taking the last member that is one.
fn object_at(value: &mut Value, depth: usize) -> Option<&mut Map<String, Value>> {
    if depth > 0 {
        let deeper = value
            .as_object()?
            .iter()
            .filter(|(_, member)| member.is_object())
            .map(|(key, _)| key.clone())
            .next_back();
        return match deeper {
            Some(key) => object_at(value.get_mut(&key)?, depth - 1),
            None => value.as_object_mut(),
        };
    }
    value.as_object_mut()
}

fn changed(request: Message, changes: &[Change]) -> Message {
    let (mut parts, body) = request.into_parts();
    let body = runtime().block_on(body.collect()).unwrap().to_bytes();
    let mut message: Value = serde_json::from_slice(&body).unwrap();
    for change in changes {
        match change {
            Change::Replace(depth, at, new) => {
                if let Some(object) = object_at(&mut message, *depth)
                    && let Some(member) = object.values_mut().cycle_to(*at)
                {
                    *member = new.clone();
                }
            }
            Change::Remove(depth, at) => {
                if let Some(object) = object_at(&mut message, *depth)
                    && let Some(key) = object.keys().cycle_to(*at).cloned()
                {
                    object.remove(&key);
                }
            }
            Change::Insert(depth, key, new) => {
                if let Some(object) = object_at(&mut message, *depth) {
                    object.insert(key.clone(), new.clone());
                }
            }
            Change::Header(name, value) => {
                parts.headers.insert(*name, value.parse().unwrap());
            }
            Change::WithoutHeader(name) => {
                parts.headers.remove(*name);
            }
            Change::Truncate(_) | Change::Flip(..) => {}
        }
    }
    let mut body = message.to_string().into_bytes();
    for change in changes {
        match change {
            Change::Truncate(at) => body.truncate(at % (body.len() + 1)),
            Change::Flip(at, byte) if !body.is_empty() => {
                let at = at % body.len();
                body[at] ^= byte;
            }
            _ => {}
        }
    }
    Request::from_parts(parts, Full::new(body.into()))
}

/// The member at `at`, counting around.
trait CycleTo: ExactSizeIterator + Sized {
    fn cycle_to(mut self, at: usize) -> Option<Self::Item> {
        let length = self.len();
        if length == 0 {
            return None;
        }
        self.nth(at % length)
    }
}

impl<I: ExactSizeIterator> CycleTo for I {}

fn copy(request: &Message) -> Message {
    request.clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered_by_the_client_is_wrong(
        body in prop::collection::vec(any::<u8>(), 1..200),
        path in select(vec![
            "/mcp",
            "/servers/lab/mcp",
            "/messages?session_id=x",
            "/api/v1/tools/lab/echo",
        ]),
    ) {
        let mut request = post(path, &Value::Null);
        *request.body_mut() = Full::new(body.into());

        let (status, _) = answer(direct(), request);

        prop_assert!(status.is_client_error(), "{status}");
    }

    #[test]
    fn a_request_that_is_not_quite_right_is_never_our_failure(
        request in sound(),
        changes in prop::collection::vec(change(), 0..4),
    ) {
        let request = changed(request, &changes);

        let (status, body) = answer(direct(), request);

        prop_assert!(!status.is_server_error(), "{status}: {body}");
    }

    #[test]
    fn the_direct_way_answers_as_the_sdk_does(
        request in sound(),
        changes in prop::collection::vec(change(), 0..3),
    ) {
        let request = changed(request, &changes);

        let (direct_status, direct_body) = answer(direct(), copy(&request));
        let (sdk_status, sdk_body) = answer(sdk(), request);

        prop_assert_eq!(direct_status, sdk_status);
        let json = |body: &str| serde_json::from_str::<Value>(body).ok();
        prop_assert_eq!(json(&direct_body), json(&sdk_body));
    }

    #[test]
    fn any_path_and_method_is_answered(
        path in "/[!-~&&[^#?\"<>\\^`{|}\\\\%]]{0,30}",
        method in select(vec![Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS]),
    ) {
        let Ok(request) = Request::builder().method(method).uri(&path).body(Full::new(Bytes::new())) else {
            return Ok(());
        };

        let (status, _) = answer(direct(), request);

        prop_assert!(!status.is_server_error(), "{status}");
    }
}
