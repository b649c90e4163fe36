//! `[servers.docker]`: where the engines are, and who may sign in to which registry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use homelab_backend::api::Source;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::TlsConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::client::endpoint::Endpoint;

/// Where an engine listens unless it is told otherwise.
pub(crate) const DEFAULT_URL: &str = "unix:///var/run/docker.sock";
/// Name of the host that `url` describes.
pub(crate) const LOCAL: &str = "local";

/// Section `[servers.docker]`: Docker engines (or Podman's service), one or several. Whoever may use
/// an engine's socket is root on its host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Engine of the host that is called `local`: `unix:///path/docker.sock`, `tcp://name:2376`
    /// (TLS), or `ssh://NAME` of a table `[ssh.hosts.NAME]`. Default `unix:///var/run/docker.sock`,
    /// unless `hosts` names others.
    pub url: Option<String>,
    /// More engines, each under the name that calls use as `host`: `[servers.docker.hosts.nas]`.
    pub hosts: BTreeMap<String, HostConfig>,
    /// Host that a call means if it names none. Default: the only one there is, else `local`.
    pub default_host: Option<String>,
    /// Who signs in to which registry, by the registry's name as images spell it (`ghcr.io`,
    /// `registry.example:5000`, `docker.io`).
    pub registries: BTreeMap<String, RegistryConfig>,
    /// Description of the engines' API for `search_api` and `call_api`, which engines do not serve
    /// themselves: the absolute path of a file or an address, as OpenAPI or Swagger in JSON or YAML.
    /// `{version}` stands for the version that is spoken, such as
    /// `https://docs.docker.com/reference/api/engine/version/v{version}.yaml`. Default: none; then
    /// only the operations that the tools use are known.
    pub api_schema: Option<Source>,
    /// Seconds that an engine may take to answer; transfers of images, logs and waits have their own
    /// limits.
    #[schemars(range(min = 1, max = 300))]
    pub timeout_s: u64,
    /// Seconds that a connection may take, TLS or SSH included.
    #[schemars(range(min = 1, max = 60))]
    pub connect_timeout_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: None,
            hosts: BTreeMap::new(),
            default_host: None,
            registries: BTreeMap::new(),
            api_schema: None,
            timeout_s: 60,
            connect_timeout_s: 10,
        }
    }
}

/// One engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// `unix:///path/docker.sock`, `tcp://name:2376` (TLS), or `ssh://NAME` of a table
    /// `[ssh.hosts.NAME]`, where `docker system dial-stdio` is run.
    pub url: String,
    /// Whom to trust behind `tcp://`.
    pub tls: TlsConfig,
    /// PEM file with the certificate that we show to an engine with `--tlsverify`.
    pub client_certificate_file: Option<PathBuf>,
    /// PEM file with the private key of that certificate.
    pub client_key_file: Option<PathBuf>,
    /// Speak plain HTTP over `tcp://`. Whoever reaches the port is root on the host, and whoever sits
    /// in between too.
    pub plain: bool,
    /// Refuse every call that would change something on this host.
    pub read_only: bool,
    /// Only containers with this label exist for callers: `name` or `name=value`.
    pub only_label: Option<String>,
}

/// How to sign in to a registry: user and password, or an identity token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// User name.
    pub username: Option<String>,
    /// Password or access token of the user.
    pub password: Option<SecretRef>,
    /// Identity token, instead of user and password.
    pub identity_token: Option<SecretRef>,
}

impl Config {
    /// Every engine by its name; `url` is the one called `local`.
    pub(crate) fn engines(&self) -> BTreeMap<String, HostConfig> {
        let mut engines = self.hosts.clone();
        let url = match &self.url {
            Some(url) => Some(url.clone()),
            None => engines.is_empty().then(|| DEFAULT_URL.to_owned()),
        };
        if let Some(url) = url {
            engines.entry(LOCAL.to_owned()).or_insert(HostConfig {
                url,
                ..HostConfig::default()
            });
        }
        engines
    }

    /// Refuses settings that are well-formed but make no sense together; no I/O.
    pub(crate) fn check(&self) -> ToolResult<()> {
        within("timeout_s", self.timeout_s, 300)?;
        within("connect_timeout_s", self.connect_timeout_s, 60)?;
        if let Some(source) = &self.api_schema {
            source.check("api_schema")?;
        }
        if let Some(url) = &self.url {
            Endpoint::parse(url, false).map_err(|problem| ToolError::invalid("url", problem))?;
            if self.hosts.contains_key(LOCAL) {
                return Err(ToolError::invalid(
                    "url",
                    "both `url` and `hosts.local` say where the host `local` is",
                )
                .hint("remove one of them"));
            }
        }
        for (name, host) in &self.hosts {
            host.check(name)?;
        }
        if let Some(name) = &self.default_host
            && !self.engines().contains_key(name)
        {
            let known: Vec<String> = self
                .engines()
                .keys()
                .map(|name| format!("`{name}`"))
                .collect();
            let message = format!("`default_host` is `{name}`, and there is no such host");
            return Err(ToolError::invalid("default_host", message)
                .hint(format!("known are {}", known.join(", "))));
        }
        for (name, registry) in &self.registries {
            registry.check(name)?;
        }
        Ok(())
    }
}

impl HostConfig {
    fn check(&self, name: &str) -> ToolResult<()> {
        let wrong =
            |key: &str, message: String| ToolError::invalid(format!("hosts.{name}.{key}"), message);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message = format!("`{name}` is no name for a host");
            return Err(ToolError::invalid("hosts", message)
                .hint("use up to 64 letters, digits, `-`, `_` and `.`"));
        }
        if self.url.is_empty() {
            let key = format!("hosts.{name}.url");
            return Err(
                ToolError::invalid(key.clone(), format!("`{key}` is missing"))
                    .reason("setting_missing")
                    .hint(format!(
                        "such as `{DEFAULT_URL}`, `tcp://name:2376` or `ssh://NAME`"
                    )),
            );
        }
        let endpoint =
            Endpoint::parse(&self.url, self.plain).map_err(|problem| wrong("url", problem))?;
        let is_tls = matches!(endpoint, Endpoint::Tcp { tls: true, .. });
        if self.plain && !matches!(endpoint, Endpoint::Tcp { .. }) {
            return Err(wrong("plain", "`plain` is for `tcp://` only".to_owned()));
        }
        let shows = self.client_certificate_file.is_some();
        if shows != self.client_key_file.is_some() {
            let missing = if shows {
                "client_key_file"
            } else {
                "client_certificate_file"
            };
            let message = format!("`{missing}` is missing: certificate and key belong together");
            return Err(wrong(missing, message));
        }
        if (shows || self.tls != TlsConfig::default()) && !is_tls {
            let key = if shows {
                "client_certificate_file"
            } else {
                "tls"
            };
            return Err(wrong(
                key,
                "TLS is for `tcp://` without `plain` only".to_owned(),
            ));
        }
        match self.only_label.as_deref() {
            Some(label) if label.is_empty() || label.starts_with('=') => Err(wrong(
                "only_label",
                "`only_label` is neither `name` nor `name=value`".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

impl RegistryConfig {
    fn check(&self, name: &str) -> ToolResult<()> {
        let with_password = self.username.is_some() && self.password.is_some();
        let half = self.username.is_some() != self.password.is_some();
        if half || with_password == self.identity_token.is_some() {
            let message = format!(
                "the registry `{name}` needs `username` and `password`, or `identity_token`"
            );
            return Err(ToolError::invalid(format!("registries.{name}"), message));
        }
        Ok(())
    }
}

fn within(key: &str, value: u64, most: u64) -> ToolResult<()> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    let message = format!("the setting `{key}` is `{value}`, not 1 to {most}");
    Err(ToolError::invalid(key, message))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn config(value: Value) -> Config {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn without_settings_there_is_the_engine_of_this_machine() {
        let engines = Config::default().engines();

        assert_eq!(engines.keys().collect::<Vec<_>>(), ["local"]);
        assert_eq!(engines["local"].url, DEFAULT_URL);
    }

    #[test]
    fn named_hosts_take_the_place_of_the_default_and_stand_beside_an_url() {
        let named = config(json!({ "hosts": { "nas": { "url": "ssh://nas" } } }));
        let both = Config {
            url: Some("unix:///run/podman.sock".to_owned()),
            ..named.clone()
        };

        assert_eq!(named.engines().keys().collect::<Vec<_>>(), ["nas"]);
        assert_eq!(both.engines().keys().collect::<Vec<_>>(), ["local", "nas"]);
    }

    #[rstest]
    #[case(json!({ "timeout_s": 0 }), "timeout_s")]
    #[case(json!({ "connect_timeout_s": 61 }), "connect_timeout_s")]
    #[case(json!({ "url": "ftp://x" }), "url")]
    #[case(json!({ "url": "unix:///a", "hosts": { "local": { "url": "unix:///b" } } }), "url")]
    #[case(json!({ "hosts": { "a": {} } }), "hosts.a.url")]
    #[case(json!({ "hosts": { "a b": { "url": "unix:///b" } } }), "hosts")]
    #[case(json!({ "hosts": { "a": { "url": "unix:///b", "plain": true } } }), "hosts.a.plain")]
    #[case(json!({ "hosts": { "a": { "url": "unix:///b", "tls": { "insecure": true } } } }), "hosts.a.tls")]
    #[case(json!({ "hosts": { "a": { "url": "tcp://b", "client_key_file": "/k" } } }), "hosts.a.client_certificate_file")]
    #[case(json!({ "hosts": { "a": { "url": "unix:///b", "only_label": "=x" } } }), "hosts.a.only_label")]
    #[case(json!({ "default_host": "nas" }), "default_host")]
    #[case(json!({ "registries": { "ghcr.io": { "username": "u" } } }), "registries.ghcr.io")]
    #[case(json!({ "registries": { "ghcr.io": {} } }), "registries.ghcr.io")]
    fn what_makes_no_sense_is_refused_with_its_key(#[case] settings: Value, #[case] field: &str) {
        let error = config(settings).check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn a_complete_section_is_taken() {
        let section = config(json!({
            "url": "unix:///run/docker.sock",
            "hosts": {
                "nas": { "url": "ssh://nas", "read_only": true, "only_label": "lab=yes" },
                "vps": {
                    "url": "tcp://vps.example:2376", "tls": { "ca_file": "/ca.pem" },
                    "client_certificate_file": "/c.pem", "client_key_file": "/k.pem",
                },
                "old": { "url": "tcp://192.0.2.1:2375", "plain": true },
            },
            "default_host": "nas",
            "registries": { "ghcr.io": { "username": "u", "password": "env:TOKEN" } },
        }));

        assert_eq!(section.check(), Ok(()));
    }
}
