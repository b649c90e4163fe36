//! Tools that answer by themselves.

use std::time::Duration;

use rmcp::model::{
    AudioContent, CallToolResult, ClientCapabilities, ContentBlock, LoggingLevel,
    LoggingMessageNotificationParam, ProgressNotificationParam, ResourceContents,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};

/// One red pixel.
pub(super) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";
/// No sound at all.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// The answer of a tool that is here; none if it is not.
pub(super) async fn call(
    name: &str,
    arguments: &Map<String, Value>,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResult, ErrorData>> {
    let content = match name {
        "test_simple_text" => vec![text("This is a simple text response for testing.")],
        "test_image_content" => vec![ContentBlock::image(PNG, "image/png")],
        "test_audio_content" => vec![ContentBlock::Audio(AudioContent::new(WAV, "audio/wav"))],
        "test_embedded_resource" => vec![resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )],
        "test_multiple_content_types" => vec![
            text("Multiple content types test:"),
            ContentBlock::image(PNG, "image/png"),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ],
        "test_error_handling" => {
            let content = vec![text("This tool intentionally returns an error for testing")];
            return Some(Ok(CallToolResult::error(content)));
        }
        "test_tool_with_logging" => {
            for line in ["started", "processing data", "completed"] {
                log(
                    context,
                    LoggingLevel::Info,
                    &format!("Tool execution {line}"),
                )
                .await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            vec![text("logged")]
        }
        "test_logging_tool" => {
            if let Some(level) = context.meta.log_level() {
                log(context, level, "asked for").await;
            }
            vec![text("logged, if asked to")]
        }
        "test_tool_with_progress" => {
            progress(context).await;
            vec![text("done")]
        }
        "test_custom_header" => match arguments.get("value") {
            Some(Value::String(value)) => vec![text(value)],
            _ => return Some(Err(ErrorData::invalid_params("`value` is no text", None))),
        },
        "json_schema_2020_12_tool" => vec![text("it fits")],
        "test_reconnection" => {
            tokio::time::sleep(Duration::from_millis(100)).await;
            vec![text("still here")]
        }
        "test_missing_capability" => {
            let capabilities = context.meta.client_capabilities().unwrap_or_default();
            if capabilities.sampling.is_none() {
                let needed = ClientCapabilities::builder().enable_sampling().build();
                return Some(Err(ErrorData::missing_required_client_capability(needed)));
            }
            vec![text("it can")]
        }
        _ => return None,
    };
    Some(Ok(CallToolResult::success(content)))
}

pub(super) fn text(text: &str) -> ContentBlock {
    ContentBlock::text(text)
}

fn resource(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(mime_type))
}

async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, line: &str) {
    let message = LoggingMessageNotificationParam::new(level, json!(line));
    context.peer.notify_logging_message(message).await.ok();
}

async fn progress(context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else {
        return;
    };
    for step in [0.0, 50.0, 100.0] {
        let report = ProgressNotificationParam::new(token.clone(), step).with_total(100.0);
        context.peer.notify_progress(report).await.ok();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
