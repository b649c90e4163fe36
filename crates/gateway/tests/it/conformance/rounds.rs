//! Tools that ask by an `input_required` result, as the revision without sessions does: the client
//! repeats the call with its answers.

use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, InputRequests,
    InputRequiredResult, InputResponses, RequestStateCodec,
};
use serde_json::{Map, Value, json};

use super::plain::text;

const KEY: &[u8] = b"a key of tests, which protects nothing at all";

/// The answer of a tool that is here; none if it is not.
pub(super) fn call(
    request: &CallToolRequestParams,
    capabilities: &ClientCapabilities,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let answers = Answers(request.input_responses.as_ref());
    let state = request.request_state.as_deref();
    let asked = match request.name.strip_prefix("test_input_required_result_") {
        Some("elicitation" | "validate_input" | "missing_response") => match answers.name() {
            Some(name) => Ok(done(&format!("Hello, {name}!"))),
            None => Ok(ask(json!({ "user_name": name() }), None)),
        },
        Some("sampling") => match answers.of("capital_question") {
            Some(_) => Ok(done("sampled")),
            None => Ok(ask(
                json!({ "capital_question": sampling("What is the capital of France?") }),
                None,
            )),
        },
        Some("list_roots") => match answers.of("client_roots") {
            Some(_) => Ok(done("rooted")),
            None => Ok(ask(json!({ "client_roots": roots() }), None)),
        },
        Some("request_state" | "tampered_state") => sealed(state),
        Some("multiple_inputs") => three(&answers, state),
        Some("multi_round") => twice(state),
        Some("capabilities") => Ok(what_it_can(&answers, capabilities)),
        _ if request.name == "test_streaming_elicitation" => {
            Ok(ask(json!({ "streaming_elicitation": name() }), None))
        }
        _ => return None,
    };
    Some(asked)
}

/// What a prompt asks before it is made.
pub(super) fn context_request() -> InputRequiredResult {
    let question = question(
        "Which context?",
        &json!({ "context": { "type": "string" } }),
    );
    InputRequiredResult::from_input_requests(requests(json!({ "user_context": question })))
}

/// What the client answered to that.
pub(super) fn context_of(responses: Option<&InputResponses>) -> Option<String> {
    let answer = Answers(responses).of("user_context")?;
    let context = answer.get("content")?.get("context")?.as_str()?;
    Some(context.to_owned())
}

fn sealed(state: Option<&str>) -> Result<CallToolResponse, ErrorData> {
    let Some(state) = state else {
        let confirm = question("Please confirm", &json!({ "ok": { "type": "boolean" } }));
        return Ok(ask(
            json!({ "confirm": confirm }),
            Some(seal(&json!("confirm"))),
        ));
    };
    open(state)?;
    Ok(done("Confirmed: state-ok"))
}

fn three(answers: &Answers<'_>, state: Option<&str>) -> Result<CallToolResponse, ErrorData> {
    if let Some(state) = state {
        open(state)?;
    }
    let all = ["user_name", "greeting", "client_roots"];
    if state.is_some() && all.iter().all(|key| answers.of(key).is_some()) {
        return Ok(done("All inputs received"));
    }
    let wanted = json!({
        "user_name": name(),
        "greeting": sampling("Generate a greeting"),
        "client_roots": roots(),
    });
    Ok(ask(wanted, Some(seal(&json!("gather")))))
}

fn twice(state: Option<&str>) -> Result<CallToolResponse, ErrorData> {
    let round = match state {
        None => 0,
        Some(state) => open(state)?.as_u64().unwrap_or(0),
    };
    Ok(match round {
        0 => ask(json!({ "step1": name() }), Some(seal(&json!(1)))),
        1 => {
            let color = question("Which color?", &json!({ "color": { "type": "string" } }));
            ask(json!({ "step2": color }), Some(seal(&json!(2))))
        }
        _ => done("Two rounds"),
    })
}

fn what_it_can(answers: &Answers<'_>, capabilities: &ClientCapabilities) -> CallToolResponse {
    if answers.0.is_some() {
        return done("Answered");
    }
    let mut wanted = Map::new();
    if capabilities.elicitation.is_some() {
        wanted.insert("user_name".to_owned(), name());
    }
    if capabilities.sampling.is_some() {
        wanted.insert("greeting".to_owned(), sampling("Generate a greeting"));
    }
    if capabilities.roots.is_some() {
        wanted.insert("client_roots".to_owned(), roots());
    }
    if wanted.is_empty() {
        return done("Nothing that this client could answer");
    }
    ask(Value::Object(wanted), None)
}

/// What came back. An answer that is no object is none.
struct Answers<'a>(Option<&'a InputResponses>);

impl<'a> Answers<'a> {
    fn of(&self, key: &str) -> Option<&'a Map<String, Value>> {
        self.0?.get(key)?.as_object()
    }

    fn name(&self) -> Option<&'a str> {
        let answer = self.of("user_name")?;
        Some(
            answer
                .get("content")
                .and_then(|content| content.get("name"))
                .and_then(Value::as_str)
                .unwrap_or("friend"),
        )
    }
}

fn question(message: &str, properties: &Value) -> Value {
    let required: Vec<_> = properties
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .collect();
    json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": properties,
                "required": required,
            },
        },
    })
}

fn name() -> Value {
    question(
        "What is your name?",
        &json!({ "name": { "type": "string" } }),
    )
}

fn sampling(prompt: &str) -> Value {
    json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
            "maxTokens": 100,
        },
    })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

fn ask(wanted: Value, state: Option<String>) -> CallToolResponse {
    InputRequiredResult::new(Some(requests(wanted)), state).into()
}

fn requests(wanted: Value) -> InputRequests {
    serde_json::from_value(wanted).unwrap()
}

fn done(said: &str) -> CallToolResponse {
    CallToolResult::success(vec![text(said)]).into()
}

fn codec() -> RequestStateCodec {
    RequestStateCodec::new_unchecked(KEY)
}

fn seal(state: &Value) -> String {
    codec().seal_json(state).unwrap()
}

/// What the client sends back is not to be trusted.
fn open(state: &str) -> Result<Value, ErrorData> {
    codec()
        .open_json(state)
        .map_err(|_| ErrorData::invalid_params("the request state was changed", None))
}
