//! Resources and prompts.

use rmcp::ErrorData;
use rmcp::model::{
    ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult, ImageContent, Prompt,
    PromptArgument, PromptMessage, ReadResourceResult, Resource, ResourceContents,
    ResourceTemplate, Role,
};
use serde_json::{Value, json};

use super::plain::PNG;
use super::rounds;

pub(super) fn resources() -> Vec<Resource> {
    vec![
        Resource::new("test://static-text", "Static text").with_mime_type("text/plain"),
        Resource::new("test://static-binary", "Static image").with_mime_type("image/png"),
        Resource::new("test://watched-resource", "Watched").with_mime_type("text/plain"),
    ]
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new("test://template/{id}/data", "Data by id")
            .with_mime_type("application/json"),
    ]
}

pub(super) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let text =
        |text: &str, mime_type: &str| ResourceContents::text(text, uri).with_mime_type(mime_type);
    let contents = match uri {
        "test://static-text" => text(
            "This is the content of the static text resource.",
            "text/plain",
        ),
        "test://static-binary" => ResourceContents::blob(PNG, uri).with_mime_type("image/png"),
        "test://watched-resource" => text("watched", "text/plain"),
        _ => {
            let id = uri
                .strip_prefix("test://template/")
                .and_then(|rest| rest.strip_suffix("/data"));
            let Some(id) = id else {
                let data = json!({ "uri": uri });
                return Err(ErrorData::resource_not_found(
                    "no such resource",
                    Some(data),
                ));
            };
            let data =
                json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            text(&data.to_string(), "application/json")
        }
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

pub(super) fn prompts() -> Vec<Prompt> {
    let arguments = ["arg1", "arg2"]
        .map(|name| PromptArgument::new(name).with_required(true))
        .to_vec();
    vec![
        Prompt::new("test_simple_prompt", Some("Simple"), None),
        Prompt::new(
            "test_prompt_with_arguments",
            Some("With arguments"),
            Some(arguments),
        ),
        Prompt::new(
            "test_prompt_with_embedded_resource",
            Some("With a resource"),
            None,
        ),
        Prompt::new("test_prompt_with_image", Some("With an image"), None),
        Prompt::new(
            "test_input_required_result_prompt",
            Some("Asks first"),
            None,
        ),
    ]
}

pub(super) fn prompt(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let argument = |name: &str| {
        let arguments = request.arguments.as_ref();
        let value = arguments.and_then(|arguments| arguments.get(name));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let user = |text: &str| PromptMessage::new_text(Role::User, text);
    let messages = match request.name.as_str() {
        "test_simple_prompt" => vec![user("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => vec![user(&format!(
            "Prompt with arguments: arg1='{}', arg2='{}'",
            argument("arg1"),
            argument("arg2")
        ))],
        "test_prompt_with_embedded_resource" => {
            let uri = request
                .arguments
                .as_ref()
                .and_then(|arguments| arguments.get("resourceUri"))
                .and_then(Value::as_str)
                .unwrap_or("test://static-text");
            let contents = ResourceContents::text("Embedded resource content for testing.", uri)
                .with_mime_type("text/plain");
            vec![
                PromptMessage::new(Role::User, ContentBlock::resource(contents)),
                user("Please process the embedded resource above."),
            ]
        }
        "test_prompt_with_image" => {
            let image = ContentBlock::Image(ImageContent::new(PNG, "image/png"));
            vec![
                PromptMessage::new(Role::User, image),
                user("Please analyze the image above."),
            ]
        }
        "test_input_required_result_prompt" => {
            match rounds::context_of(request.input_responses.as_ref()) {
                Some(context) => vec![user(&context)],
                None => return Ok(rounds::context_request().into()),
            }
        }
        other => {
            return Err(ErrorData::invalid_params(
                format!("no prompt `{other}`"),
                None,
            ));
        }
    };
    Ok(GetPromptResult::new(messages).into())
}
