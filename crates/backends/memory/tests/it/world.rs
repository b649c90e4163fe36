//! A database, a clock, and callers.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use homelab_backend::Shared;
use homelab_backend_memory::kind;
use homelab_core::clock::ManualClock;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{Embedder, Purpose};
use homelab_core::policy::Role;
use homelab_harness::{Bench, Ground, context_of, today};
use homelab_memory::Current;
use serde_json::{Value, json};

pub(crate) use homelab_harness::reason;

/// The server, called with keys of several names.
pub(crate) struct World {
    bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) async fn open() -> Self {
        Self::with(json!({})).await
    }

    /// With these settings.
    pub(crate) async fn with(settings: Value) -> Self {
        let clock = today();
        let ground = ground(clock.clone()).await;
        Self {
            bench: Bench::on(ground, "memory", kind(), settings),
            clock,
        }
    }

    /// The result of a call with a key of this name, which must succeed.
    pub(crate) async fn call(&self, who: &str, tool: &str, args: Value) -> Value {
        self.call_in(tool, args, &context_of(who, Role::Operator))
            .await
    }

    /// The error of such a call that must fail.
    pub(crate) async fn fail(&self, who: &str, tool: &str, args: Value) -> ToolError {
        self.fail_in(tool, args, &context_of(who, Role::Operator))
            .await
    }

    /// Keeps a text; its id.
    pub(crate) async fn add(&self, who: &str, content: &str) -> String {
        let added = self
            .call(who, "add_memory", json!({ "content": content }))
            .await;
        text(&added["results"][0]["id"])
    }

    /// The texts that a search finds, best first.
    pub(crate) async fn found(&self, who: &str, query: &str) -> Vec<String> {
        let found = self
            .call(who, "search_memories", json!({ "query": query }))
            .await;
        let results = found["results"].as_array().expect("a list");
        results.iter().map(|one| text(&one["content"])).collect()
    }
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

/// What the server is given, with a place for the service that leads.
pub(crate) async fn ground(clock: Arc<ManualClock>) -> Ground {
    let mut ground = Ground::new(clock).await;
    ground.env.shared = Shared::default().with(Arc::new(Current::default()));
    ground
}

pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// A model that knows nothing but its name.
pub(crate) struct Numbered(pub(crate) &'static str);

#[async_trait]
impl Embedder for Numbered {
    fn model(&self) -> &str {
        self.0
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn embed(&self, texts: &[&str], _: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        Ok(vec![vec![1.0, 0.0]; texts.len()])
    }
}
