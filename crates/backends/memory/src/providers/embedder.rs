//! Vectors of an embedding model behind an endpoint.

use async_trait::async_trait;
use homelab_backend::Env;
use homelab_core::error::ToolResult;
use homelab_core::memory::{Embedder, Purpose};
use homelab_upstream::Response;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, Place};
use super::vectors::Dress;
use crate::config::{EmbeddingConfig, address, required};

/// How a kind of endpoint is asked for vectors.
pub(super) struct Api {
    /// The provider, as the names of its models begin.
    pub(super) provider: &'static str,
    pub(super) operation: &'static str,
    pub(super) path: &'static str,
    /// The question, of a model's name and texts; the wanted dimensions come to it.
    pub(super) question: fn(&str, &[String]) -> Value,
    /// The vectors of an answer, in the order of the texts.
    pub(super) read: fn(&Response) -> ToolResult<Vec<Vec<f32>>>,
}

/// A model behind an endpoint.
pub(super) struct Remote {
    api: &'static Api,
    endpoint: Endpoint,
    model: String,
    dress: Dress,
    dimensions: Option<u32>,
    batch: usize,
}

impl Remote {
    pub(super) fn new(
        api: &'static Api,
        instance: &str,
        config: &EmbeddingConfig,
        env: &Env,
    ) -> ToolResult<Self> {
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
            api,
            endpoint: Endpoint::new(place, env)?,
            dress: Dress::new(api.provider, &model, config),
            model,
            dimensions: config.dimensions,
            batch: config.batch,
        })
    }

    async fn vectors(&self, texts: &[String]) -> ToolResult<Vec<Vec<f32>>> {
        let Api {
            operation, path, ..
        } = self.api;
        let mut body = (self.api.question)(&self.model, texts);
        if let Some(dimensions) = self.dimensions {
            body["dimensions"] = json!(dimensions);
        }
        let answer = self.endpoint.post(operation, path, &body).await?;
        self.dress.checked(texts.len(), (self.api.read)(&answer)?)
    }
}

#[async_trait]
impl Embedder for Remote {
    fn model(&self) -> &str {
        self.dress.name()
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn embed(&self, texts: &[&str], purpose: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.batch) {
            vectors.extend(self.vectors(&self.dress.dressed(batch, purpose)).await?);
        }
        Ok(vectors)
    }
}
