//! Ollama. Source: its API documentation, `POST /api/embed` and `POST /api/chat`.

use async_trait::async_trait;
use homelab_backend::Env;
use homelab_core::error::ToolResult;
use homelab_core::memory::{Embedder, LanguageModel, Prompt, Purpose};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use super::endpoint::{Endpoint, Place};
use super::vectors::Dress;
use crate::config::{EmbeddingConfig, LlmConfig, address, required};

/// Tokens of context that are asked for at least; the server's own default may be less than a prompt has.
const LEAST_CONTEXT: usize = 4096;
/// And at most: it costs memory there.
const MOST_CONTEXT: usize = 32_768;
/// Characters of a token, at the low end, so that a prompt is not cut in silence.
const CHARACTERS_A_TOKEN: usize = 3;

/// Vectors of an embedding model.
pub(super) struct Vectors {
    endpoint: Endpoint,
    model: String,
    dress: Dress,
    dimensions: Option<u32>,
    batch: usize,
}

#[derive(Deserialize)]
struct Embedded {
    embeddings: Vec<Vec<f32>>,
}

impl Vectors {
    pub(super) fn new(instance: &str, config: &EmbeddingConfig, env: &Env) -> ToolResult<Self> {
        let model = required("embedding.model", config.model.as_deref())?.to_owned();
        let place = Place {
            instance,
            table: "embedding",
            url: address("embedding.url", config.url.as_deref())?,
            key: config.api_key.as_ref(),
            timeout_s: config.timeout_s,
            tls: &config.tls,
        };
        Ok(Self {
            endpoint: Endpoint::new(place, env)?,
            dress: Dress::new("ollama", &model, config),
            model,
            dimensions: config.dimensions,
            batch: config.batch,
        })
    }

    fn body(&self, input: &[String]) -> Value {
        let mut body = json!({ "model": self.model, "input": input, "truncate": true });
        if let Some(dimensions) = self.dimensions {
            body["dimensions"] = json!(dimensions);
        }
        body
    }
}

#[async_trait]
impl Embedder for Vectors {
    fn model(&self) -> &str {
        self.dress.name()
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn embed(&self, texts: &[&str], purpose: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.batch) {
            let body = self.body(&self.dress.dressed(batch, purpose));
            let answer = self.endpoint.post("embed", "/api/embed", &body).await?;
            let embedded: Embedded = answer.json()?;
            vectors.extend(self.dress.checked(batch.len(), embedded.embeddings)?);
        }
        Ok(vectors)
    }
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
        let place = Place {
            instance,
            table: "llm",
            url: address("llm.url", config.url.as_deref())?,
            key: config.api_key.as_ref(),
            timeout_s: config.timeout_s,
            tls: &config.tls,
        };
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
