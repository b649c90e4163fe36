//! Tools that ask the client by a request of their own, as the revisions with sessions do.

use rmcp::model::{CallToolResult, CreateMessageRequestParams, SamplingMessage};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};

use super::plain::text;

/// The answer of a tool that is here; none if it is not.
pub(super) async fn call(
    name: &str,
    arguments: &Map<String, Value>,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResult, ErrorData>> {
    let argument = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or("?");
    let said = match name {
        "test_sampling" => sample(context, argument("prompt")).await,
        "test_elicitation" => {
            let properties = json!({
                "username": { "type": "string", "description": "User's response" },
                "email": { "type": "string", "description": "User's email address" },
            });
            let required = json!(["username", "email"]);
            ask(context, argument("message"), &properties, &required).await
        }
        "test_elicitation_sep1034_defaults" => {
            ask(context, "Fill in or keep", &defaults(), &json!([])).await
        }
        "test_elicitation_sep1330_enums" => ask(context, "Choose", &choices(), &json!([])).await,
        _ => return None,
    };
    Some(Ok(match said {
        Ok(said) => CallToolResult::success(vec![text(&said)]),
        Err(error) => CallToolResult::error(vec![text(&error)]),
    }))
}

async fn sample(context: &RequestContext<RoleServer>, prompt: &str) -> Result<String, String> {
    let messages = vec![SamplingMessage::user_text(prompt)];
    let params = CreateMessageRequestParams::new(messages, 100);
    let answer = context.peer.create_message(params).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let first = answer.message.content.first();
    let said = first.and_then(|content| content.as_text());
    Ok(format!(
        "LLM response: {}",
        said.map_or("nothing", |said| said.text.as_str())
    ))
}

async fn ask(
    context: &RequestContext<RoleServer>,
    message: &str,
    properties: &Value,
    required: &Value,
) -> Result<String, String> {
    let params = json!({
        "mode": "form",
        "message": message,
        "requestedSchema": { "type": "object", "properties": properties, "required": required },
    });
    let params = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let answer = context.peer.create_elicitation(params).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let action = serde_json::to_value(&answer.action).map_err(|error| error.to_string())?;
    Ok(format!(
        "User response: action={}, content={}",
        action.as_str().unwrap_or_default(),
        answer.content.unwrap_or_default()
    ))
}

fn defaults() -> Value {
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": { "type": "boolean", "default": true },
    })
}

fn choices() -> Value {
    let titled = |value: &str, title: &str| json!({ "const": value, "title": title });
    json!({
        "untitledSingle": { "type": "string", "enum": ["option1", "option2", "option3"] },
        "titledSingle": {
            "type": "string",
            "oneOf": [
                titled("value1", "First Option"),
                titled("value2", "Second Option"),
                titled("value3", "Third Option"),
            ],
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {
            "type": "array",
            "items": { "type": "string", "enum": ["option1", "option2", "option3"] },
        },
        "titledMulti": {
            "type": "array",
            "items": {
                "anyOf": [
                    titled("value1", "First Choice"),
                    titled("value2", "Second Choice"),
                    titled("value3", "Third Choice"),
                ],
            },
        },
    })
}
