//! Anthropic's Messages API. Source: its API reference, `POST /v1/messages`, tool use.

use async_trait::async_trait;
use homelab_backend::Env;
use homelab_core::error::ToolResult;
use homelab_core::memory::{LanguageModel, Prompt};
use homelab_upstream::HeaderName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use super::endpoint::{Endpoint, Place, request};
use crate::config::{LlmConfig, address, required};

const DEFAULT_URL: &str = "https://api.anthropic.com";
const VERSION: &str = "2023-06-01";
/// The tool that the model is made to call: its arguments are the answer.
const TOOL: &str = "answer";

/// Answers of Anthropic's models.
pub(super) struct Messages {
    endpoint: Endpoint,
    /// As the endpoint calls it.
    asked: String,
    /// With its provider.
    model: String,
}

#[derive(Deserialize)]
struct Said {
    content: Vec<Block>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    input: Option<Value>,
}

impl Messages {
    pub(super) fn new(instance: &str, config: &LlmConfig, env: &Env) -> ToolResult<Self> {
        let asked = required("llm.model", config.model.as_deref())?.to_owned();
        let url = config.url.as_deref().filter(|url| !url.trim().is_empty());
        let url = address("llm.url", Some(url.unwrap_or(DEFAULT_URL)))?;
        let mut place = Place::llm(instance, config, url);
        place.key = place.key.or(config.anthropic_api_key.as_ref());
        Ok(Self {
            endpoint: Endpoint::new(place, env)?,
            model: format!("anthropic/{asked}"),
            asked,
        })
    }

    fn question(&self, prompt: &Prompt) -> Value {
        json!({
            "model": self.asked,
            "max_tokens": prompt.max_tokens,
            "system": prompt.system,
            "messages": [{ "role": "user", "content": prompt.user }],
            "tools": [{
                "name": TOOL,
                "description": "Gives the answer.",
                "input_schema": prompt.schema,
            }],
            "tool_choice": { "type": "tool", "name": TOOL },
        })
    }
}

#[async_trait]
impl LanguageModel for Messages {
    fn model(&self) -> &str {
        &self.model
    }

    async fn answer(&self, prompt: &Prompt) -> ToolResult<Value> {
        let mut message = request("messages", "/v1/messages", &self.question(prompt))
            .header(HeaderName::from_static("anthropic-version"), VERSION);
        if let Some(key) = self.endpoint.key().await? {
            message = message.secret_header(HeaderName::from_static("x-api-key"), &key);
        }
        let said: Said = self.endpoint.send(message).await?.json()?;
        match said.stop_reason.as_deref() {
            Some("max_tokens") => return Err(answer::cut()),
            Some("refusal") => return Err(answer::refused()),
            _ => {}
        }
        let called = said
            .content
            .into_iter()
            .find_map(|block| block.input.filter(|_| block.kind == "tool_use"));
        called.map_or_else(|| answer::json(""), Ok)
    }
}
