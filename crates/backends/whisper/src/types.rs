//! What Ollama sends (its API documentation, state of August 2026). Unknown members are ignored and
//! whatever a version may leave out is optional.

use serde::Deserialize;
use serde_json::{Map, Value};

/// `GET /api/version`.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) version: String,
}

/// `GET /api/tags`.
#[derive(Debug, Deserialize)]
pub(crate) struct Tags {
    /// `null` where there is none in some versions.
    pub(crate) models: Option<Vec<Model>>,
}

/// A model on disk.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Model {
    /// With its tag.
    pub(crate) name: String,
    pub(crate) modified_at: Option<String>,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) digest: String,
    #[serde(default)]
    pub(crate) details: Details,
    pub(crate) capabilities: Option<Vec<String>>,
    /// Set for a model that runs elsewhere.
    pub(crate) remote_host: Option<String>,
}

/// What a model is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Details {
    pub(crate) format: Option<String>,
    pub(crate) family: Option<String>,
    pub(crate) parameter_size: Option<String>,
    pub(crate) quantization_level: Option<String>,
    pub(crate) context_length: Option<u64>,
}

/// `GET /api/ps`.
#[derive(Debug, Deserialize)]
pub(crate) struct Running {
    pub(crate) models: Option<Vec<Loaded>>,
}

/// A model in memory.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) size_vram: u64,
    pub(crate) expires_at: Option<String>,
    pub(crate) context_length: Option<u64>,
}

/// `POST /api/show`.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    pub(crate) details: Details,
    #[serde(default)]
    pub(crate) model_info: Map<String, Value>,
    pub(crate) capabilities: Option<Vec<String>>,
    pub(crate) parameters: Option<String>,
    pub(crate) template: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) modified_at: Option<String>,
}

/// One line of `POST /api/pull`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PullLine {
    pub(crate) status: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) total: Option<u64>,
    pub(crate) completed: Option<u64>,
    pub(crate) error: Option<String>,
}

/// One line of `POST /api/generate`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GenerateLine {
    #[serde(default)]
    pub(crate) response: String,
    #[serde(default)]
    pub(crate) done: bool,
    pub(crate) done_reason: Option<String>,
    /// Nanoseconds.
    pub(crate) total_duration: Option<u64>,
    /// Nanoseconds.
    pub(crate) load_duration: Option<u64>,
    pub(crate) prompt_eval_count: Option<u64>,
    pub(crate) eval_count: Option<u64>,
    /// Nanoseconds.
    pub(crate) eval_duration: Option<u64>,
    pub(crate) error: Option<String>,
}
