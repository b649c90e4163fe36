//! A real engine, and the server under test.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use homelab_backend::Shared;
use homelab_backend_docker::kind;
use homelab_core::clock::SystemClock;
use homelab_harness::Bench;
use homelab_testkit::DockerEngine;
use serde_json::{Value, json};

pub(crate) use homelab_harness::{context, hint, reason};

pub(crate) const IMAGE: &str = DockerEngine::IMAGE;

pub(crate) struct World(Bench);

impl World {
    /// The engine that all tests share; `None` skips the test.
    pub(crate) async fn real() -> Option<Self> {
        let engine = DockerEngine::shared()?;
        Some(Self::at(&engine.socket()).await)
    }

    /// An engine behind this socket.
    pub(crate) async fn at(socket: &Path) -> Self {
        Self::with(
            json!({ "url": format!("unix://{}", socket.display()) }),
            Shared::default(),
        )
        .await
    }

    pub(crate) async fn with(settings: Value, shared: Shared) -> Self {
        let clock = Arc::new(SystemClock);
        Self(Bench::named("docker", kind(), settings, clock, shared).await)
    }

    /// Runs a call and then what undoes it.
    pub(crate) async fn there_and_back(&self, tool: &str, args: Value) -> (Value, Value) {
        let inverse = self
            .inverse(tool, args.clone())
            .await
            .expect("something to undo");
        let there = self.call(tool, args).await;
        (there, self.undo(inverse).await)
    }

    /// A running container that does nothing but wait.
    pub(crate) async fn sleeper(&self, name: &str) -> String {
        self.container(name, json!({ "command": ["sleep", "600"] }))
            .await
    }

    /// A container with these arguments more; returns its id.
    pub(crate) async fn container(&self, name: &str, more: Value) -> String {
        let mut args = json!({ "image": IMAGE, "name": name });
        for (key, value) in more.as_object().expect("arguments") {
            args[key] = value.clone();
        }
        let made = self.call("create_container", args).await;
        made["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn state(&self, name: &str) -> String {
        let details = self
            .call("inspect_container", json!({ "container": name }))
            .await;
        details["state"]["status"]
            .as_str()
            .expect("a state")
            .to_owned()
    }
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.0
    }
}

/// The texts of a list.
pub(crate) fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let rows = list.as_array().expect("a list");
    rows.iter()
        .map(|row| if field.is_empty() { row } else { &row[field] })
        .map(|text| text.as_str().expect("a text"))
        .collect()
}
