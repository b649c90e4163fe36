//! Section `[servers.whisper]`.

use std::collections::BTreeMap;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{HeaderName, TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where Ollama is when nothing is said: on this machine.
const DEFAULT_URL: &str = "http://127.0.0.1:11434";
/// Headers that belong to HTTP itself.
const RESERVED: [&str; 6] = [
    "host",
    "content-length",
    "content-type",
    "connection",
    "transfer-encoding",
    "authorization",
];

/// Section `[servers.whisper]`: the Ollama server, and how far commands on SSH hosts may go. The
/// hosts themselves are `[ssh.hosts.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The Ollama server.
    pub ollama: OllamaConfig,
    /// Let commands of the built-in list that only look (`df -h`, `systemctl status NAME`, …) run
    /// as reads. Off, every command counts as destructive.
    pub inspection_commands: bool,
    /// Most hosts that one call over several hosts works on at a time.
    #[schemars(range(min = 1, max = 32))]
    pub fleet_concurrency: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ollama: OllamaConfig::default(),
            inspection_commands: true,
            fleet_concurrency: 4,
        }
    }
}

/// How to reach Ollama.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OllamaConfig {
    /// Address of Ollama, or of the proxy in front of it.
    pub url: String,
    /// Token that a proxy in front of Ollama asks for, sent as `Authorization: Bearer …`.
    pub token: Option<SecretRef>,
    /// Further headers that a proxy asks for, by name.
    pub headers: BTreeMap<String, SecretRef>,
    /// Whom to trust behind an `https` address.
    pub tls: TlsConfig,
}

impl Default for OllamaConfig {
    fn default() -> Self {
        Self {
            url: DEFAULT_URL.to_owned(),
            token: None,
            headers: BTreeMap::new(),
            tls: TlsConfig::default(),
        }
    }
}

impl Config {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        if !(1..=32).contains(&self.fleet_concurrency) {
            let message = format!(
                "the setting `fleet_concurrency` is `{}`, not 1 to 32",
                self.fleet_concurrency
            );
            return Err(ToolError::invalid("fleet_concurrency", message));
        }
        self.ollama.base_url()?;
        self.ollama.header_names().map(drop)
    }
}

impl OllamaConfig {
    /// The address.
    ///
    /// # Errors
    /// `not_configured` on `ollama.url`. The text is not repeated: it may hold a password.
    pub(crate) fn base_url(&self) -> ToolResult<Url> {
        Url::parse(&self.url).map_err(|error| {
            setting(
                "ollama.url",
                format!("the setting `ollama.url` is no address: {error}"),
            )
            .hint(format!("write it as `{DEFAULT_URL}`"))
        })
    }

    /// The headers with their names checked.
    pub(crate) fn header_names(&self) -> ToolResult<Vec<(HeaderName, SecretRef)>> {
        let named = self.headers.iter().map(|(name, value)| {
            let field = format!("ollama.headers.{name}");
            let lower = name.to_ascii_lowercase();
            if RESERVED.contains(&lower.as_str()) {
                return Err(setting(field, format!("the header `{name}` cannot be set"))
                    .hint("a bearer token has its own setting, `ollama.token`"));
            }
            let header = HeaderName::from_bytes(lower.as_bytes())
                .map_err(|_| setting(field, format!("`{name}` is no name of a header")))?;
            Ok((header, value.clone()))
        });
        named.collect()
    }
}

fn setting(field: impl Into<String>, message: impl Into<String>) -> ToolError {
    ToolError::new(Code::NotConfigured, message)
        .reason("setting_invalid")
        .field(field)
}
