//! The doors, each in its own protocol.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::reference::{Class, Outcome};
use super::stand::Stand;
use super::states::{Dress, State};
use crate::transport::support::client::{
    Answer, Client, call, initialize, legacy, post, read_until, request,
};

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Streamable HTTP of the newest revision: no sessions.
    Modern,
    /// Streamable HTTP of an older one: a session.
    Legacy,
    /// The HTTP+SSE pair.
    Sse,
    /// Plain HTTP.
    Rest,
}

impl Door {
    pub(super) const ALL: [Self; 4] = [Self::Modern, Self::Legacy, Self::Sse, Self::Rest];

    pub(super) fn has_sessions(self) -> bool {
        matches!(self, Self::Legacy | Self::Sse)
    }

    /// Calls the tool of a class in a state.
    pub(super) async fn call(self, stand: &Stand, state: State, class: Class) -> Outcome {
        let dress = stand.dress(state);
        let Some(mut client) = stand.connect(dress.source, dress.shown).await else {
            return Outcome::NoConnection;
        };
        // The session of a foreign session is another key's.
        let mut opener = dress.clone();
        if state == State::ForeignSession {
            opener.headers = vec![("authorization", format!("Bearer {}", stand.other_agent))];
        }
        match self {
            Self::Modern => {
                let request = call("/mcp", &format!("lamp_{}", class.tool()), json!({}));
                outcome(&client.send(dress.put_on(request)).await)
            }
            Self::Rest => {
                let path = format!("/api/v1/tools/lamp/{}", class.tool());
                let json = [(CONTENT_TYPE.as_str(), "application/json")];
                let request = request(Method::POST, &path, &json, "{}");
                outcome(&client.send(dress.put_on(request)).await)
            }
            Self::Legacy => legacy_call(&mut client, &opener, &dress, class).await,
            Self::Sse => {
                let Some(second) = stand.connect(dress.source, dress.shown).await else {
                    return Outcome::NoConnection;
                };
                sse_call([client, second], &opener, &dress, class).await
            }
        }
    }
}

impl Dress {
    /// The request with everything that the state brings along.
    fn put_on(&self, request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
        let (mut parts, body) = request.into_parts();
        for (name, value) in &self.headers {
            parts.headers.append(*name, value.parse().unwrap());
        }
        if let Some(query) = &self.query {
            let separator = if parts.uri.query().is_some() {
                '&'
            } else {
                '?'
            };
            parts.uri = format!("{}{separator}{query}", parts.uri).parse().unwrap();
        }
        Request::from_parts(parts, body)
    }
}

fn call_message(class: Class) -> Value {
    let tool = format!("lamp_{}", class.tool());
    legacy(1, "tools/call", &json!({ "name": tool, "arguments": {} }))
}

async fn legacy_call(client: &mut Client, opener: &Dress, dress: &Dress, class: Class) -> Outcome {
    let opened = client
        .send(opener.put_on(post("/mcp", &initialize("2025-11-25"))))
        .await;
    if opened.status != StatusCode::OK {
        return outcome(&opened);
    }
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let within = |dress: &Dress, message: &Value| {
        let mut request = dress.put_on(post("/mcp", message));
        let headers = request.headers_mut();
        headers.insert("mcp-session-id", session.parse().unwrap());
        headers.insert("mcp-protocol-version", "2025-11-25".parse().unwrap());
        request
    };
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    client.send(within(opener, &initialized)).await;
    outcome(&client.send(within(dress, &call_message(class))).await)
}

async fn sse_call(
    [mut stream, mut client]: [Client; 2],
    opener: &Dress,
    dress: &Dress,
    class: Class,
) -> Outcome {
    let get = request(
        Method::GET,
        "/sse",
        &[(ACCEPT.as_str(), "text/event-stream")],
        "",
    );
    let opened = stream.open(opener.put_on(get)).await;
    if opened.status() != StatusCode::OK {
        return outcome(&read_whole(opened).await);
    }
    let mut events = opened.into_body();
    let first = read_until(&mut events, "\n\n").await;
    let path = first
        .strip_prefix("event: endpoint\ndata: ")
        .unwrap()
        .trim()
        .to_owned();
    client
        .send(opener.put_on(post(&path, &initialize("2024-11-05"))))
        .await;
    read_until(&mut events, "\n\n").await;
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    client.send(opener.put_on(post(&path, &initialized))).await;
    let sent = client
        .send(dress.put_on(post(&path, &call_message(class))))
        .await;
    if sent.status != StatusCode::ACCEPTED {
        return outcome(&sent);
    }
    let event = read_until(&mut events, r#""id":1"#).await;
    let data = event
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    // The rest of the event may be on its way still.
    let mut text = data.to_owned();
    while serde_json::from_str::<Value>(&text).is_err() {
        text.push_str(read_until(&mut events, "\n").await.trim_end());
    }
    of_message(&serde_json::from_str(&text).unwrap())
}

async fn read_whole(response: http::Response<Incoming>) -> Answer {
    use http_body_util::BodyExt as _;

    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// How an HTTP answer ends its cell.
fn outcome(answer: &Answer) -> Outcome {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    match answer.status.as_u16() {
        200 if text.starts_with('{') => {
            let json: Value = serde_json::from_str(&text).unwrap();
            if json.get("jsonrpc").is_some() {
                of_message(&json)
            } else {
                Outcome::Ran
            }
        }
        200 => of_message(&answer.messages()[0]),
        403 if text.contains("insufficient_scope") => {
            assert!(
                challenge.contains(r#"error="insufficient_scope""#) && challenge.contains("scope="),
                "a client is not told what to ask for: {challenge}"
            );
            Outcome::BeyondScope
        }
        403 if text.contains("approval_required") => Outcome::Held,
        404 if text.contains("unknown_tool") || text.contains("no tool") => Outcome::Hidden,
        401 => {
            assert!(
                challenge.contains("resource_metadata=\"https://lab.example/.well-known/"),
                "a client is not told where to sign in: {challenge}"
            );
            Outcome::Refused(401)
        }
        status => Outcome::Refused(status),
    }
}

fn of_message(message: &Value) -> Outcome {
    let text = message.to_string();
    if message["error"]["code"] == -32602 && text.contains("no tool") {
        Outcome::Hidden
    } else if message["result"]["isError"] == false {
        Outcome::Ran
    } else if text.contains("insufficient_scope") {
        Outcome::BeyondScope
    } else if text.contains("approval_required") {
        Outcome::Held
    } else {
        panic!("neither ran nor was refused: {message}")
    }
}
