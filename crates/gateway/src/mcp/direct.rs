//! `tools/call` of the 2026-07-28 revision without the SDK's message loop.
//!
//! Such a call is one POST with one JSON answer, and it is what agents send all day. The SDK serves
//! it by trying the body against each of its 22 request types in turn, serialising it again to
//! check headers, and starting a service loop of its own with tasks and channels, for one message.
//! Here the body is read once, straight into the one type it should have, and the same pipeline is
//! called in the request's own task. What that saves shows with `HttpOptions::direct_calls` on and
//! off under the same load.
//!
//! Only what is right in every respect is taken: exactly the headers and metadata the specification
//! demands, no progress token, no answer to an earlier question. Everything else, and so every
//! refusal, is left to the SDK; a test sends the same requests both ways and compares the answers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use homelab_core::call::{Format, Progress, ToolCall, ToolReply, Transport};
use homelab_core::error::ToolError;
use homelab_core::server::{Endpoint, ListedTool, aggregated_name};
use homelab_core::tool::Effect;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::Full;
use rmcp::model::{ClientCapabilities, RequestId as MessageId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::convert;
use super::elicit::takes_forms;
use super::parts::{
    self, HandlerParts, SERVER_INFO, SERVER_NAME, SERVER_TITLE, SERVER_VERSION, Served,
    call_context, surveyor,
};
use crate::transport::{Identity, detach};

const REVISION: &str = "2026-07-28";
const METHOD: &str = "tools/call";
const INVALID_PARAMS: i32 = -32602;

static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
static MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
static MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Takes the calls of one endpoint that need nothing of the SDK.
pub(crate) struct DirectCalls {
    parts: Arc<HandlerParts>,
    endpoint: Endpoint,
    /// What the SDK's types are needed for.
    left: ArcSwapOption<Left>,
}

struct Left {
    version: u64,
    /// The tools by each of their names, which several may share.
    tools: HashMap<String, Vec<Arc<Sort>>>,
}

/// What a tool's calls may need the SDK for.
struct Sort {
    /// May end with a question to a client that can be asked.
    changes: bool,
    /// Wants arguments repeated in headers, which the SDK checks; read when it is first called.
    with_headers: LazyLock<bool, Box<dyn FnOnce() -> bool + Send>>,
}

impl Sort {
    fn of(tool: &ListedTool) -> Arc<Self> {
        let schema = tool.input_schema.clone();
        Arc::new(Self {
            changes: tool.info.spec.effect != Effect::Read,
            with_headers: LazyLock::new(Box::new(move || mentions_header(&schema))),
        })
    }
}

/// A call that was taken.
pub(crate) struct DirectCall {
    id: MessageId,
    name: String,
    arguments: Map<String, Value>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    id: MessageId,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    name: String,
    #[serde(default)]
    arguments: Option<Map<String, Value>>,
    #[serde(rename = "_meta", borrow)]
    meta: Meta<'a>,
    // Part of a conversation that the SDK's types read.
    input_responses: Option<IgnoredAny>,
    request_state: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion", borrow)]
    protocol_version: Cow<'a, str>,
    /// Read into its type: a malformed one is refused.
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    client_capabilities: ClientCapabilities,
    #[serde(rename = "progressToken")]
    progress_token: Option<IgnoredAny>,
}

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    id: &'a MessageId,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<'a> {
    Result(CallResult<'a>),
    Error { code: i32, message: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallResult<'a> {
    result_type: &'static str,
    content: &'a [Text<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<&'a Value>,
    is_error: bool,
    #[serde(rename = "_meta")]
    meta: ResultMeta,
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: &'a str,
}

struct ResultMeta;

impl Serialize for ResultMeta {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;

        #[derive(Serialize)]
        struct Info {
            name: &'static str,
            title: &'static str,
            version: &'static str,
        }

        let mut map = serializer.serialize_map(Some(1))?;
        let info = Info {
            name: SERVER_NAME,
            title: SERVER_TITLE,
            version: SERVER_VERSION,
        };
        map.serialize_entry(SERVER_INFO, &info)?;
        map.end()
    }
}

impl DirectCalls {
    /// Takes calls to this endpoint.
    pub(crate) fn new(parts: Arc<HandlerParts>, endpoint: Endpoint) -> Self {
        Self {
            parts,
            endpoint,
            left: ArcSwapOption::empty(),
        }
    }

    /// Whether the headers are those of such a call, so that reading the body is worth while.
    pub(crate) fn may_take(headers: &HeaderMap) -> bool {
        only(headers, &PROTOCOL_VERSION) == Some(REVISION)
            && only(headers, &MCP_METHOD) == Some(METHOD)
            && only(headers, &ACCEPT).is_some_and(accepts_both)
            && only(headers, &CONTENT_TYPE).is_some_and(is_json)
    }

    /// The call, if everything about it is right. The headers must have passed
    /// [`DirectCalls::may_take`].
    pub(crate) fn take(&self, headers: &HeaderMap, body: &[u8]) -> Option<DirectCall> {
        // As text, because members that are passed over would not be checked to be any.
        let text = std::str::from_utf8(body).ok()?;
        let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
        let params = envelope.params;
        let right = envelope.jsonrpc == "2.0"
            && envelope.method == METHOD
            && params.meta.protocol_version == REVISION
            && params.meta.progress_token.is_none()
            && params.input_responses.is_none()
            && params.request_state.is_none()
            && only(headers, &MCP_NAME) == Some(params.name.as_str())
            && !self.is_left(&params.name, takes_forms(&params.meta.client_capabilities));
        right.then(|| DirectCall {
            id: envelope.id,
            name: params.name,
            arguments: params.arguments.unwrap_or_default(),
        })
    }

    /// Runs it. Dropping the future (the client went away) cancels the call, which then ends in
    /// the background, so that what it did is still recorded.
    pub(crate) async fn run(&self, call: DirectCall, identity: Identity) -> Response<Full<Bytes>> {
        let since = Instant::now();
        let cancel = CancellationToken::new();
        let cancelled = cancel.clone().drop_guard();
        let context = call_context(identity, Transport::Http, None, cancel, Progress::default());
        let caller = self.parts.caller.clone();
        let tool_call = ToolCall {
            endpoint: self.endpoint.clone(),
            name: call.name.clone(),
            arguments: call.arguments,
            format: Format::default(),
            context,
        };
        let outcome = detach(async move { caller.call(tool_call).await }).await;
        cancelled.disarm();
        self.parts.served(&Served {
            method: METHOD,
            tool: Some(&call.name),
            revision: REVISION,
            transport: Transport::Http,
            error: outcome.as_ref().err().map(|error| {
                if convert::is_unknown_tool(error) {
                    parts::INVALID_PARAMS
                } else {
                    parts::TOOL_ERROR
                }
            }),
            since,
        });
        let body = match outcome {
            Ok(reply) => self.success(&call.id, &reply),
            Err(error) => failure(&call.id, &error),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn success(&self, id: &MessageId, reply: &ToolReply) -> Vec<u8> {
        if reply.format == Format::Json {
            return structured(id, &reply.text);
        }
        let lists_output_schema = self.parts.lists_output_schemas(&self.endpoint);
        let structured = convert::wants_structured(reply.format, lists_output_schema);
        answer(
            id,
            Outcome::Result(CallResult {
                result_type: "complete",
                content: &[Text {
                    r#type: "text",
                    text: &reply.text,
                }],
                structured_content: structured.then_some(&reply.structured),
                is_error: false,
                meta: ResultMeta,
            }),
        )
    }

    /// Whether a call of that name is for the SDK. Read again when tools change.
    fn is_left(&self, name: &str, can_be_asked: bool) -> bool {
        let is_in = |left: &Left| {
            let mut tools = left.tools.get(name).into_iter().flatten();
            tools.any(|tool| *tool.with_headers || can_be_asked && tool.changes)
        };
        let version = self.parts.changes.version();
        if let Some(known) = self.left.load().as_deref()
            && known.version == version
        {
            return is_in(known);
        }
        let Ok(listed) = self.parts.caller.list(&self.endpoint, &surveyor()) else {
            return true;
        };
        let mut tools: HashMap<String, Vec<Arc<Sort>>> = HashMap::with_capacity(2 * listed.len());
        for tool in listed {
            let spec = &tool.info.spec;
            let sort = Sort::of(&tool);
            // Under its other name too: both can be called.
            let names = [spec.name.to_owned(), aggregated_name(tool.kind, spec)];
            for name in names.into_iter().chain([tool.name]) {
                tools.entry(name).or_default().push(Arc::clone(&sort));
            }
        }
        let left = Left { version, tools };
        let answer = is_in(&left);
        self.left.store(Some(Arc::new(left)));
        answer
    }
}

fn mentions_header(schema: &Map<String, Value>) -> bool {
    fn anywhere(value: &Value) -> bool {
        match value {
            Value::Object(map) => map
                .iter()
                .any(|(key, value)| key == "x-mcp-header" || anywhere(value)),
            Value::Array(items) => items.iter().any(anywhere),
            _ => false,
        }
    }
    schema.values().any(anywhere)
}

/// A success whose text is the JSON of its structured result, which is written once and not
/// serialised a second time. Member for member what [`Answer`] gives.
fn structured(id: &MessageId, json: &str) -> Vec<u8> {
    static META: LazyLock<String> =
        LazyLock::new(|| serde_json::to_string(&ResultMeta).unwrap_or_default());

    let mut body = Vec::with_capacity(2 * json.len() + json.len() / 4 + 512);
    body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    append(&mut body, id);
    body.extend_from_slice(
        br#","result":{"resultType":"complete","content":[{"type":"text","text":"#,
    );
    append(&mut body, json);
    body.extend_from_slice(br#"}],"structuredContent":"#);
    body.extend_from_slice(json.as_bytes());
    body.extend_from_slice(br#","isError":false,"_meta":"#);
    body.extend_from_slice(META.as_bytes());
    body.extend_from_slice(b"}}");
    body
}

/// Cannot fail, as [`answer`] cannot.
fn append<T: Serialize + ?Sized>(body: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(body, value).unwrap_or_default();
}

fn failure(id: &MessageId, error: &ToolError) -> Vec<u8> {
    if convert::is_unknown_tool(error) {
        let message = &error.envelope().message;
        return answer(
            id,
            Outcome::Error {
                code: INVALID_PARAMS,
                message,
            },
        );
    }
    let texts = convert::failure_texts(error);
    let content = [texts[0].as_str(), texts[1].as_str()].map(|text| Text {
        r#type: "text",
        text,
    });
    answer(
        id,
        Outcome::Result(CallResult {
            result_type: "complete",
            content: &content,
            structured_content: None,
            is_error: true,
            meta: ResultMeta,
        }),
    )
}

/// Serialising cannot fail: keys are strings, and JSON has no NaN to begin with.
fn answer(id: &MessageId, outcome: Outcome<'_>) -> Vec<u8> {
    serde_json::to_vec(&Answer {
        jsonrpc: "2.0",
        id,
        outcome,
    })
    .unwrap_or_default()
}

/// The header's value, if it is there once and is text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok())?
}

fn accepts_both(accept: &str) -> bool {
    let mut json = false;
    let mut sse = false;
    for media_type in accept.split(',').map(str::trim) {
        json |= media_type == "application/json";
        sse |= media_type == "text/event-stream";
    }
    json && sse
}

fn is_json(content_type: &str) -> bool {
    content_type
        .split(';')
        .next()
        .is_some_and(|essence| essence.trim() == "application/json")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_structured_answer_is_written_as_it_would_be_serialised() {
        let result = json!({ "name": "a \"quoted\" \u{e9}\n", "n": 1 });
        let text = result.to_string();
        for id in [MessageId::Number(7), MessageId::String("seven".into())] {
            let serialised = answer(
                &id,
                Outcome::Result(CallResult {
                    result_type: "complete",
                    content: &[Text {
                        r#type: "text",
                        text: &text,
                    }],
                    structured_content: Some(&result),
                    is_error: false,
                    meta: ResultMeta,
                }),
            );

            let written = structured(&id, &text);

            assert_eq!(
                String::from_utf8(written).unwrap(),
                String::from_utf8(serialised).unwrap()
            );
        }
    }
}
