//! Our types as the protocol writes them.

use homelab_core::call::{Format, ToolReply, UNKNOWN_TOOL};
use homelab_core::error::{Code, Envelope, ToolError};
use homelab_core::server::ListedTool;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, Tool, ToolAnnotations};

/// A tool as `tools/list` shows it, with all four hints: absent ones mean the worst.
pub(super) fn tool(listed: &ListedTool, with_output_schema: bool) -> Tool {
    let spec = &listed.info.spec;
    let hints = spec.annotations();
    let annotations = ToolAnnotations::new()
        .read_only(hints.read_only)
        .destructive(hints.destructive)
        .idempotent(hints.idempotent)
        .open_world(hints.open_world);
    let tool = Tool::new(
        listed.name.clone(),
        spec.description,
        listed.input_schema.members(),
    )
    .with_title(spec.title)
    .with_annotations(annotations);
    if with_output_schema {
        tool.with_raw_output_schema(listed.info.output_schema.members())
    } else {
        tool
    }
}

/// Whether the answer carries `structuredContent`.
///
/// Text alone was asked for with `format = "text"`; but where the listing states an output schema
/// the specification demands a structured result, and clients that check throw the answer away
/// without one.
pub(super) fn wants_structured(format: Format, lists_output_schema: bool) -> bool {
    format == Format::Json || lists_output_schema
}

/// A call's answer as a result.
pub(super) fn success(reply: ToolReply, lists_output_schema: bool) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(reply.text)]);
    if wants_structured(reply.format, lists_output_schema) {
        result.structured_content = Some(reply.structured);
    }
    result
}

/// The two text blocks of a failed call: a plain sentence for whoever reads, and the envelope for
/// programs.
///
/// The envelope is not `structuredContent`: that must fit the tool's output schema, and clients
/// that check it do so for errors too.
pub(super) fn failure_texts(error: &ToolError) -> [String; 2] {
    [sentence(error.envelope()), envelope_json(error.envelope())]
}

/// A failed call as a result: the caller can do something about it.
pub(super) fn failure(error: &ToolError) -> CallToolResult {
    CallToolResult::error(failure_texts(error).map(ContentBlock::text).into())
}

/// The error as a protocol error, where it is one: there is no such tool.
pub(super) fn protocol_error(error: &ToolError) -> Option<ErrorData> {
    is_unknown_tool(error)
        .then(|| ErrorData::invalid_params(error.envelope().message.clone(), None))
}

/// Whether the pipeline found no tool of that name.
pub(super) fn is_unknown_tool(error: &ToolError) -> bool {
    let envelope = error.envelope();
    envelope.code == Code::NotFound && envelope.reason.as_deref() == Some(UNKNOWN_TOOL)
}

fn sentence(envelope: &Envelope) -> String {
    let mut text = envelope.message.clone();
    if let Some(hint) = &envelope.hint {
        text.push_str(". Hint: ");
        text.push_str(hint);
    }
    text
}

/// Serialising the envelope cannot fail: its keys are strings and its numbers integers.
fn envelope_json(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(format: Format) -> ToolReply {
        ToolReply {
            structured: json!({"a": 1}),
            text: "a: 1".to_owned(),
            format,
        }
    }

    #[test]
    fn text_goes_alone_unless_an_output_schema_was_listed() {
        let at_aggregate = success(reply(Format::Text), false);
        let at_server = success(reply(Format::Text), true);

        assert_eq!(at_aggregate.structured_content, None);
        assert_eq!(at_server.structured_content, Some(json!({"a": 1})));
    }

    #[test]
    fn a_failure_says_what_to_do_first_and_has_no_structured_content() {
        let error = ToolError::invalid("vmid", "no guest `105`").hint("call `list_vms`");

        let result = serde_json::to_value(failure(&error)).unwrap();

        assert_eq!(result["isError"], true);
        assert_eq!(result.get("structuredContent"), None);
        assert_eq!(
            result["content"][0]["text"],
            "no guest `105`. Hint: call `list_vms`"
        );
        let envelope: serde_json::Value =
            serde_json::from_str(result["content"][1]["text"].as_str().unwrap()).unwrap();
        assert_eq!(envelope["code"], "invalid_argument");
        assert_eq!(envelope["field"], "vmid");
    }

    #[test]
    fn only_an_unknown_tool_is_a_protocol_error() {
        let tool = ToolError::not_found("no tool `x`").reason(UNKNOWN_TOOL);
        let device = ToolError::not_found("no device `x`");

        assert!(protocol_error(&tool).is_some());
        assert!(protocol_error(&device).is_none());
    }
}
