//! Ollama. Source: its API documentation, `POST /api/embed` and `POST /api/chat`.

use async_trait::async_trait;
use homelab_backend::Env;
use homelab_core::error::ToolResult;
use homelab_core::memory::{LanguageModel, Prompt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use super::embedder::Api;
use super::endpoint::{Endpoint, Place};
use crate::config::{LlmConfig, address, required};

/// Tokens of context that are asked for at least; the server's own default may be less than a prompt has.
const LEAST_CONTEXT: usize = 4096;
/// And at most: it costs memory there.
const MOST_CONTEXT: usize = 32_768;
/// Characters of a token, at the low end, so that a prompt is not cut in silence.
const CHARACTERS_A_TOKEN: usize = 3;

/// `POST /api/embed`.
pub(super) const EMBED: Api = Api {
    provider: "ollama",
    operation: "embed",
    path: "/api/embed",
    question: |model, texts| json!({ "model": model, "input": texts, "truncate": true }),
    read: |answer| {
        let embedded: Embedded = answer.json()?;
        Ok(embedded.embeddings)
    },
};

#[derive(Deserialize)]
struct Embedded {
    embeddings: Vec<Vec<f32>>,
}

/// Answers of a language model.
pub(super) struct Chat {
    endpoint: Endpoint,
    /// As the endpoint calls it.
    asked: String,
    /// With its provider.
    model: String,
}

#[derive(Deserialize)]
struct Said {
    message: Message,
    done_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: String,
}

impl Chat {
    pub(super) fn new(instance: &str, config: &LlmConfig, env: &Env) -> ToolResult<Self> {
        let asked = required("llm.model", config.model.as_deref())?.to_owned();
        let url = address("llm.url", config.url.as_deref())?;
        let place = Place::llm(instance, config, url);
        Ok(Self {
            endpoint: Endpoint::new(place, env)?,
            model: format!("ollama/{asked}"),
            asked,
        })
    }
}

#[async_trait]
impl LanguageModel for Chat {
    fn model(&self) -> &str {
        &self.model
    }

    async fn answer(&self, prompt: &Prompt) -> ToolResult<Value> {
        let body = question(&self.asked, prompt);
        let answer = self.endpoint.post("chat", "/api/chat", &body).await?;
        let said: Said = answer.json()?;
        if said.done_reason.as_deref() == Some("length") {
            return Err(answer::cut());
        }
        answer::json(&said.message.content)
    }
}

fn question(model: &str, prompt: &Prompt) -> Value {
    let system = answer::instruction(prompt);
    json!({
        "model": model,
        "messages": [
            { "role": "system", "content": system },
            { "role": "user", "content": prompt.user },
        ],
        "stream": false,
        // Thoughts would use up the answer's tokens.
        "think": false,
        "format": prompt.schema,
        "options": {
            "temperature": 0,
            "num_predict": prompt.max_tokens,
            "num_ctx": context(system.len() + prompt.user.len(), prompt.max_tokens),
        },
    })
}

fn context(characters: usize, answer: u32) -> usize {
    let needed = characters / CHARACTERS_A_TOKEN + answer as usize;
    needed
        .next_multiple_of(2048)
        .clamp(LEAST_CONTEXT, MOST_CONTEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_has_room_for_the_prompt_and_the_answer() {
        assert_eq!(context(300, 500), 4096);
        assert_eq!(context(30_000, 1000), 12_288);
        assert_eq!(context(3_000_000, 1000), 32_768);
    }
}
