//! The tools that the conformance suite asks for by name.

use rmcp::model::Tool;
use serde_json::{Map, Value, json};

const NO_ARGUMENTS: [(&str, &str); 26] = [
    ("test_simple_text", "Answers with a text"),
    ("test_image_content", "Answers with an image"),
    ("test_audio_content", "Answers with a sound"),
    ("test_embedded_resource", "Answers with a resource"),
    (
        "test_multiple_content_types",
        "Answers with text, image and resource",
    ),
    ("test_tool_with_logging", "Logs while it runs"),
    ("test_error_handling", "Always fails"),
    ("test_tool_with_progress", "Reports progress"),
    ("test_elicitation_sep1034_defaults", "Asks with defaults"),
    (
        "test_elicitation_sep1330_enums",
        "Asks with every kind of choice",
    ),
    ("test_reconnection", "Takes a while"),
    ("test_trigger_tool_change", "Announces changed tools"),
    ("test_trigger_prompt_change", "Announces changed prompts"),
    ("test_missing_capability", "Needs a client that samples"),
    (
        "test_streaming_elicitation",
        "Asks, and never by a request of its own",
    ),
    ("test_logging_tool", "Logs if it is asked to"),
    ("test_input_required_result_elicitation", "Asks for a name"),
    (
        "test_input_required_result_sampling",
        "Asks for a completion",
    ),
    (
        "test_input_required_result_list_roots",
        "Asks for the roots",
    ),
    (
        "test_input_required_result_request_state",
        "Asks, and seals where it was",
    ),
    (
        "test_input_required_result_multiple_inputs",
        "Asks three things at once",
    ),
    ("test_input_required_result_multi_round", "Asks twice"),
    (
        "test_input_required_result_tampered_state",
        "Notices a changed state",
    ),
    (
        "test_input_required_result_capabilities",
        "Asks only what the client can answer",
    ),
    (
        "test_input_required_result_validate_input",
        "Asks again for what does not fit",
    ),
    (
        "test_input_required_result_missing_response",
        "Asks again for what is missing",
    ),
];

/// All tools, always in this order.
pub(super) fn tools() -> Vec<Tool> {
    let plain = NO_ARGUMENTS
        .into_iter()
        .map(|(name, description)| tool(name, description, &json!({})));
    let with_text = |name, description, argument: &str| {
        tool(
            name,
            description,
            &json!({ argument: { "type": "string" } }),
        )
    };
    plain
        .chain([
            with_text(
                "test_sampling",
                "Has the client's model complete a prompt",
                "prompt",
            ),
            with_text("test_elicitation", "Asks the user", "message"),
            custom_header(),
            Tool::new(
                "json_schema_2020_12_tool",
                "Has a schema with the keywords of 2020-12",
                object(schema_2020_12()),
            ),
        ])
        .collect()
}

/// A tool whose argument must be repeated in a header.
pub(super) fn custom_header() -> Tool {
    let schema = json!({
        "type": "object",
        "properties": { "value": { "type": "string", "x-mcp-header": "Value" } },
        "required": ["value"],
    });
    Tool::new(
        "test_custom_header",
        "Checks a promoted argument",
        object(schema),
    )
}

fn tool(name: &'static str, description: &'static str, properties: &Value) -> Tool {
    let schema = json!({ "type": "object", "properties": properties });
    Tool::new(name, description, object(schema))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn schema_2020_12() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {
                    "street": { "type": "string" },
                    "city": { "type": "string" },
                },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": {
            "properties": { "contactMethod": { "const": "phone" } },
            "required": ["contactMethod"],
        },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}
