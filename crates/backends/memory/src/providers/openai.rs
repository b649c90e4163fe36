//! Servers that speak OpenAI's `/embeddings` and `/chat/completions`: llama.cpp, vLLM, LM Studio, LiteLLM, …
//! Source: OpenAI's API reference. The address ends with `/v1`.

use async_trait::async_trait;
use homelab_backend::Env;
use homelab_core::error::ToolResult;
use homelab_core::memory::{LanguageModel, Prompt};
use homelab_upstream::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use super::embedder::Api;
use super::endpoint::{Endpoint, Place, unusable};
use crate::config::{LlmConfig, address, required};

/// `POST /embeddings`.
pub(super) const EMBEDDINGS: Api = Api {
    provider: "openai",
    operation: "embeddings",
    path: "/embeddings",
    question: |model, texts| json!({ "model": model, "input": texts, "encoding_format": "float" }),
    read: |answer| {
        let embedded: Embedded = answer.json()?;
        in_order(embedded.data)
    },
};

#[derive(Deserialize)]
struct Embedded {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    /// Which of the texts it is of; some servers answer in another order.
    index: usize,
    embedding: Vec<f32>,
}

/// The vectors in the order of their texts.
fn in_order(mut rows: Vec<Row>) -> ToolResult<Vec<Vec<f32>>> {
    rows.sort_by_key(|row| row.index);
    if rows.iter().enumerate().any(|(at, row)| row.index != at) {
        let message = "the embedding endpoint's vectors are not numbered from 0";
        return Err(unusable("embedding_unusable", message)
            .hint("check that `embedding.url` leads to an OpenAI-compatible server"));
    }
    Ok(rows.into_iter().map(|row| row.embedding).collect())
}

/// Answers of a language model.
pub(super) struct Chat {
    endpoint: Endpoint,
    /// As the endpoint calls it.
    asked: String,
    /// With its provider.
    model: String,
    /// What the longest answer is called: OpenAI itself wants another name than all others know.
    longest: &'static str,
}

#[derive(Deserialize)]
struct Said {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

impl Chat {
    pub(super) fn new(instance: &str, config: &LlmConfig, env: &Env) -> ToolResult<Self> {
        let asked = required("llm.model", config.model.as_deref())?.to_owned();
        let url = address("llm.url", config.url.as_deref())?;
        let longest = longest(&url);
        let place = Place::llm(instance, config, url);
        Ok(Self {
            endpoint: Endpoint::new(place, env)?,
            model: format!("openai/{asked}"),
            asked,
            longest,
        })
    }

    fn question(&self, prompt: &Prompt) -> Value {
        let mut body = json!({
            "model": self.asked,
            "messages": [
                { "role": "system", "content": answer::instruction(prompt) },
                { "role": "user", "content": prompt.user },
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": { "name": "answer", "schema": prompt.schema },
            },
        });
        body[self.longest] = json!(prompt.max_tokens);
        body
    }
}

#[async_trait]
impl LanguageModel for Chat {
    fn model(&self) -> &str {
        &self.model
    }

    async fn answer(&self, prompt: &Prompt) -> ToolResult<Value> {
        let body = self.question(prompt);
        let path = "/chat/completions";
        let answer = self.endpoint.post("chat_completions", path, &body).await?;
        let said: Said = answer.json()?;
        let Some(choice) = said.choices.into_iter().next() else {
            return answer::json("");
        };
        if choice.finish_reason.as_deref() == Some("length") {
            return Err(answer::cut());
        }
        if choice.message.refusal.is_some_and(|text| !text.is_empty()) {
            return Err(answer::refused());
        }
        answer::json(&choice.message.content.unwrap_or_default())
    }
}

fn longest(url: &Url) -> &'static str {
    match url.host_str() {
        Some("api.openai.com") => "max_completion_tokens",
        _ => "max_tokens",
    }
}
