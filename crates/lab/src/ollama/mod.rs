//! Ollama: a server of language models.
//!
//! Contract: Ollama's API documentation (tags, ps, show, pull, delete, copy, generate, chat, embed,
//! version), and the handlers' error texts of its 2026 releases.

mod contract;
mod generate;
mod models;
mod names;
mod pull;
mod routes;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use homelab_core::clock::{Clock, SystemClock};

use crate::Faults;
use crate::log::RequestLog;
use crate::model::{Saying, Vectors};
use crate::shared::Shared;
use crate::upstream::Upstream;
pub use models::Model;
pub use pull::{Chunks, Ending, PullPlan};
use state::State;

/// A server with models, a registry that it pulls from, and pulls that fail on demand; it ends when
/// this is dropped.
pub struct Ollama {
    upstream: Upstream,
    state: Shared<State>,
}

impl Ollama {
    /// An empty server whose registry is empty too.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with_clock(Arc::new(SystemClock)).await
    }

    /// The same, with another clock.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn with_clock(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let state = Shared::new(State::new(clock));
        let upstream = Upstream::serve(routes::router(state.clone())).await?;
        Ok(Self { upstream, state })
    }

    /// A server with the models of the demo lab, one of them loaded, and some more to pull.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let server = Self::start().await?;
        for model in models::demo_installed() {
            server.install(model);
        }
        for model in models::demo_registry() {
            server.publish(model);
        }
        server.state.lock().load("llama3.1:8b", None);
        Ok(server)
    }

    /// Puts a model on the server.
    pub fn install(&self, model: Model) {
        self.state.lock().install(model);
    }

    /// Puts a model into the registry, where `pull` finds it.
    pub fn publish(&self, model: Model) {
        self.state.lock().publish(model);
    }

    /// Loads an installed model into memory, with this share of it on the GPU (0 to 100); false
    /// when it is not there.
    pub fn load(&self, name: &str, percent_on_gpu: u64) -> bool {
        self.state.lock().load(name, Some(percent_on_gpu))
    }

    /// Names of the installed models.
    pub fn installed(&self) -> Vec<String> {
        self.state.lock().installed()
    }

    /// Names of the loaded models.
    pub fn loaded(&self) -> Vec<String> {
        self.state.lock().loaded()
    }

    /// How the pulls from now on go.
    pub fn set_pull(&self, plan: PullPlan) {
        self.state.lock().plan = plan;
    }

    /// How streams of `generate` and `chat` are cut into chunks from now on.
    pub fn set_chunks(&self, chunks: Chunks) {
        self.state.lock().chunks = chunks;
    }

    /// What the next chat answers; several are answered in their order.
    pub fn say(&self, saying: Saying) {
        self.state.lock().sayings.push_back(saying);
    }

    /// How vectors are answered from now on.
    pub fn set_vectors(&self, vectors: Vectors) {
        self.state.lock().vectors = vectors;
    }

    /// Bytes that are here of a model that is being pulled or was pulled.
    pub fn downloaded(&self, name: &str) -> u64 {
        self.state.lock().downloaded(name)
    }

    /// Answers 401 without this bearer token, as a proxy in front would.
    pub fn require_token(&self, token: &str) {
        self.state.lock().token = Some(token.to_owned());
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Its base URL without a slash at the end.
    pub fn url(&self) -> String {
        self.upstream.url()
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }
}
