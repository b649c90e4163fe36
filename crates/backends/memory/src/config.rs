//! Section `[servers.memory]`: who shares memories, and which models may be asked.

use std::collections::BTreeMap;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_memory::Owners;
use homelab_memory::secrets::OnSecret;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// Section `[servers.memory]`. Everything has a default; the server needs no section, and no text leaves
/// this machine unless `embedding` or `llm` names an address elsewhere.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Callers that share their memories: `"<owner>" = ["<name of a key>", "stdio:*", …]`. Local callers
    /// (`stdio:*`, `cli:*`) are the owner `local` unless they are named here; everybody else has memories
    /// of their own.
    pub owners: BTreeMap<String, Vec<String>>,
    /// What is done with a text that holds a password, a token or a key: `refuse` it, or `mask` the secret in it.
    pub on_secret: OnSecret,
    /// Days for which memories of the category `state` are told, such as measured values.
    #[schemars(range(min = 1, max = 3650))]
    pub state_ttl_days: u32,
    /// Model that makes vectors, so that memories are found by meaning too.
    pub embedding: EmbeddingConfig,
    /// Language model for `infer` and for summaries in full sentences; none unless it is set.
    pub llm: LlmConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            owners: BTreeMap::new(),
            on_secret: OnSecret::default(),
            state_ttl_days: 7,
            embedding: EmbeddingConfig::default(),
            llm: LlmConfig::default(),
        }
    }
}

/// Who makes vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingProvider {
    /// The endpoint if `url` is set, else `builtin`.
    #[default]
    Auto,
    /// The small model inside the program; knows English.
    Builtin,
    /// Nobody: memories are found by their words alone.
    None,
    /// An Ollama server.
    Ollama,
    /// Any server with OpenAI's `/embeddings`.
    Openai,
}

/// Table `embedding`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingConfig {
    /// Who makes vectors. With `auto` and a `url`, an address that ends with `/v1` is taken for an
    /// OpenAI-compatible server and any other for Ollama.
    pub provider: EmbeddingProvider,
    /// Its address: `http://192.0.2.10:11434` for Ollama, `http://192.0.2.10:8080/v1` for OpenAI-compatible
    /// servers. Texts of memories and searches are sent there.
    pub url: Option<String>,
    /// Its model, such as `nomic-embed-text`.
    #[schemars(length(max = 128))]
    pub model: Option<String>,
    /// Its key, where it wants one.
    pub api_key: Option<SecretRef>,
    /// Numbers of one vector, for models that let one choose.
    #[schemars(range(min = 8, max = 4096))]
    pub dimensions: Option<u32>,
    /// Put before every memory. Models that are known to want one have it by default.
    #[schemars(length(max = 256))]
    pub document_prefix: Option<String>,
    /// Put before every search. Models that are known to want one have it by default.
    #[schemars(length(max = 256))]
    pub query_prefix: Option<String>,
    /// Texts of one request.
    #[schemars(range(min = 1, max = 2048))]
    pub batch: usize,
    /// Seconds that one request may take. A search goes on without vectors after 3 seconds, whatever this says.
    #[schemars(range(min = 1, max = 120))]
    pub timeout_s: u64,
    /// Whom to trust behind an `https` address.
    pub tls: TlsConfig,
}

impl Default for EmbeddingConfig {
    fn default() -> Self {
        Self {
            provider: EmbeddingProvider::default(),
            url: None,
            model: None,
            api_key: None,
            dimensions: None,
            document_prefix: None,
            query_prefix: None,
            batch: 32,
            timeout_s: 10,
            tls: TlsConfig::default(),
        }
    }
}

/// Who answers prompts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LlmProvider {
    /// Nobody: memories are kept as they are told, summaries are made of their own sentences.
    #[default]
    None,
    /// An Ollama server.
    Ollama,
    /// Any server with OpenAI's `/chat/completions`.
    Openai,
    /// Anthropic's Messages API.
    Anthropic,
}

/// Table `llm`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LlmConfig {
    /// Who answers prompts. Unless it is `none`, memories and messages are sent to `url`.
    pub provider: LlmProvider,
    /// Its address; `https://api.anthropic.com` for `anthropic` if it is left out.
    pub url: Option<String>,
    /// Its model, such as `qwen3:8b`.
    #[schemars(length(max = 128))]
    pub model: Option<String>,
    /// Its key, where it wants one.
    pub api_key: Option<SecretRef>,
    /// Key for Anthropic where `api_key` is not set. On its own it sends nothing anywhere: `provider` decides.
    pub anthropic_api_key: Option<SecretRef>,
    /// Seconds that one answer may take.
    #[schemars(range(min = 1, max = 120))]
    pub timeout_s: u64,
    /// Whom to trust behind an `https` address.
    pub tls: TlsConfig,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            provider: LlmProvider::default(),
            url: None,
            model: None,
            api_key: None,
            anthropic_api_key: None,
            timeout_s: 60,
            tls: TlsConfig::default(),
        }
    }
}

/// What is meant by a setting that may be left to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// No vectors.
    None,
    /// The model of this process.
    Builtin,
    /// Ollama.
    Ollama,
    /// OpenAI-compatible.
    Openai,
}

impl EmbeddingConfig {
    /// Who makes vectors, as far as the settings alone say it.
    pub(crate) fn chosen(&self) -> Chosen {
        match self.provider {
            EmbeddingProvider::None => Chosen::None,
            EmbeddingProvider::Builtin => Chosen::Builtin,
            EmbeddingProvider::Ollama => Chosen::Ollama,
            EmbeddingProvider::Openai => Chosen::Openai,
            EmbeddingProvider::Auto => match set(self.url.as_deref()) {
                None => Chosen::Builtin,
                Some(url) if url.trim_end_matches('/').ends_with("/v1") => Chosen::Openai,
                Some(_) => Chosen::Ollama,
            },
        }
    }

    fn check(&self) -> ToolResult<()> {
        within("embedding.timeout_s", self.timeout_s, 1, 120)?;
        within("embedding.batch", self.batch as u64, 1, 2048)?;
        if let Some(dimensions) = self.dimensions {
            within("embedding.dimensions", dimensions.into(), 8, 4096)?;
        }
        if matches!(self.chosen(), Chosen::Ollama | Chosen::Openai) {
            address("embedding.url", self.url.as_deref())?;
            required("embedding.model", self.model.as_deref())?;
            return Ok(());
        }
        for (key, is_set) in [
            ("embedding.url", set(self.url.as_deref()).is_some()),
            ("embedding.model", set(self.model.as_deref()).is_some()),
            ("embedding.dimensions", self.dimensions.is_some()),
        ] {
            if is_set {
                let message = format!("`{key}` is set, but no endpoint is used");
                return Err(ToolError::invalid(key, message).hint(
                    "set `embedding.provider` to `ollama` or `openai`, and `embedding.url`",
                ));
            }
        }
        Ok(())
    }
}

impl LlmConfig {
    fn check(&self) -> ToolResult<()> {
        within("llm.timeout_s", self.timeout_s, 1, 120)?;
        match self.provider {
            LlmProvider::None => Ok(()),
            LlmProvider::Anthropic => {
                if set(self.url.as_deref()).is_some() {
                    address("llm.url", self.url.as_deref())?;
                }
                required("llm.model", self.model.as_deref())?;
                if self.api_key.is_none() && self.anthropic_api_key.is_none() {
                    return Err(
                        ToolError::invalid("llm.api_key", "`llm.api_key` is not set")
                            .hint("set it, or the variable `ANTHROPIC_API_KEY`"),
                    );
                }
                Ok(())
            }
            LlmProvider::Ollama | LlmProvider::Openai => {
                address("llm.url", self.url.as_deref())?;
                required("llm.model", self.model.as_deref())?;
                Ok(())
            }
        }
    }
}

impl Config {
    /// Refuses settings that make no sense together.
    ///
    /// # Errors
    /// `invalid_argument` whose field is the dotted key within the section.
    pub(crate) fn check(&self) -> ToolResult<()> {
        Owners::new(&self.owners)?;
        within("state_ttl_days", self.state_ttl_days.into(), 1, 3650)?;
        self.embedding.check()?;
        self.llm.check()
    }
}

fn set(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// A setting that must be there.
pub(crate) fn required<'a>(key: &str, text: Option<&'a str>) -> ToolResult<&'a str> {
    set(text).ok_or_else(|| {
        ToolError::invalid(key, format!("`{key}` is not set")).hint(format!("set `{key}`"))
    })
}

/// A setting that must be an address.
pub(crate) fn address(key: &str, text: Option<&str>) -> ToolResult<Url> {
    let text = required(key, text)?;
    let parsed = Url::parse(text).ok();
    let parsed = parsed.filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
    parsed.ok_or_else(|| {
        ToolError::invalid(key, format!("the setting `{key}` is no address"))
            .hint("write it like `http://192.0.2.10:11434`")
    })
}

fn within(key: &str, value: u64, least: u64, most: u64) -> ToolResult<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let message = format!("the setting `{key}` is `{value}`, not {least} to {most}");
    Err(ToolError::invalid(key, message))
}
