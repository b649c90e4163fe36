//! Section `[servers.portainer]`: address, access token, trust and time limits.

use homelab_backend::address;
use homelab_backend::api::Source;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// Port of the API unless the address says otherwise.
const PORT: u16 = 9443;
/// Where the API lives.
const API: &str = "/api";

/// One Portainer: how to reach it and as whom.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address of the server, such as `https://192.0.2.25:9443` or just `192.0.2.25`; without a
    /// port, 9443.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
    /// Access token, made under My account, Access tokens: it starts with `ptr_` and acts as its
    /// user.
    pub(crate) api_key: Option<SecretRef>,
    /// Whom to trust behind the address. The server makes itself a certificate, which
    /// `fingerprint` pins.
    pub(crate) tls: TlsConfig,
    /// Seconds that one request may take.
    #[schemars(range(min = 1, max = 300))]
    pub(crate) timeout_s: u64,
    /// Seconds that a deployment may take: older servers answer when all images are there.
    #[schemars(range(min = 30, max = 900))]
    pub(crate) deploy_timeout_s: u64,
    /// Milliseconds between two looks whether a deployment has ended.
    #[schemars(range(min = 10, max = 10_000))]
    pub(crate) deploy_poll_ms: u64,
    /// Refuse compose files that reach out of their containers: privileged ones, the host's network
    /// or processes, Docker's socket, system directories.
    pub(crate) refuse_privileged: bool,
    /// Description of Portainer's API for `search_api` and `call_api`, which Portainer does not serve
    /// itself: the absolute path of a file or an address, as OpenAPI or Swagger in JSON or YAML.
    /// `{version}` stands for the version that answers; the project publishes one for each, such as
    /// `https://api-docs.portainer.io/versions/ce/{version}.yaml`. Default: none; then only the
    /// operations that the tools use are known.
    pub(crate) api_schema: Option<Source>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            api_key: None,
            tls: TlsConfig::default(),
            timeout_s: 30,
            deploy_timeout_s: 300,
            deploy_poll_ms: 2000,
            refuse_privileged: false,
            api_schema: None,
        }
    }
}

impl Config {
    /// The base address of the API.
    ///
    /// # Errors
    /// `url` that is missing, no address, or one with a login, a query or a foreign scheme.
    pub(crate) fn base_url(&self) -> ToolResult<Url> {
        let example = "write it like `https://192.0.2.25:9443`";
        if self.url.trim().is_empty() {
            let message = "no address is configured";
            return Err(ToolError::invalid("url", message).hint(example));
        }
        base_url(self.url.trim()).map_err(|what| ToolError::invalid("url", what).hint(example))
    }

    /// The access token.
    ///
    /// # Errors
    /// `api_key` that is missing.
    pub(crate) fn key(&self) -> ToolResult<SecretRef> {
        self.api_key.clone().ok_or_else(|| {
            ToolError::invalid("api_key", "no access token is configured").hint(
                "make one in Portainer under My account, Access tokens, and set `api_key` to it",
            )
        })
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_url()?;
        self.key()?;
        if let Some(source) = &self.api_schema {
            source.check("api_schema")?;
        }
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let message = format!("the setting `{key}` is `{value}`, not {least} to {most}");
            Err(ToolError::invalid(key, message))
        };
        within("timeout_s", self.timeout_s, 1, 300)?;
        within("deploy_timeout_s", self.deploy_timeout_s, 30, 900)?;
        within("deploy_poll_ms", self.deploy_poll_ms, 10, 10_000)
    }
}

fn base_url(host: &str) -> Result<Url, String> {
    let bare_ipv6 = host.matches(':').count() > 1 && !host.contains(['[', '/']);
    let text = if bare_ipv6 {
        format!("https://[{host}]")
    } else if host.contains("://") {
        host.to_owned()
    } else {
        format!("https://{host}")
    };
    let mut url = address::plain(&text)?;
    // An address behind a proxy names its scheme; a bare host is the server itself.
    if !host.contains("://") && url.port().is_none() && !text.ends_with(":443") {
        url.set_port(Some(PORT))
            .map_err(|()| "this is not an address".to_owned())?;
    }
    Ok(address::with_api(url, API))
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("192.0.2.25", "https://192.0.2.25:9443/api")]
    #[case("portainer.example.test:443", "https://portainer.example.test/api")]
    #[case("https://portainer.example.test", "https://portainer.example.test/api")]
    #[case(
        "https://portainer.example.test:9443/api/",
        "https://portainer.example.test:9443/api"
    )]
    #[case(
        "https://example.test/portainer/",
        "https://example.test/portainer/api"
    )]
    #[case("2001:db8::1", "https://[2001:db8::1]:9443/api")]
    fn hosts_become_addresses_of_the_api(#[case] host: &str, #[case] url: &str) {
        assert_eq!(base_url(host).unwrap().as_str(), url);
    }

    fn good() -> Config {
        Config {
            url: "portainer.example.test".into(),
            api_key: Some(SecretRef::Plain(Secret::new("ptr_x"))),
            ..Config::default()
        }
    }

    #[rstest]
    #[case(Config { url: String::new(), ..good() }, "url")]
    #[case(Config { url: "ftp://x".into(), ..good() }, "url")]
    #[case(Config { url: "https://u:p@x".into(), ..good() }, "url")]
    #[case(Config { url: "https://x/?a".into(), ..good() }, "url")]
    #[case(Config { api_key: None, ..good() }, "api_key")]
    #[case(Config { timeout_s: 0, ..good() }, "timeout_s")]
    #[case(Config { deploy_timeout_s: 901, ..good() }, "deploy_timeout_s")]
    #[case(Config { deploy_poll_ms: 1, ..good() }, "deploy_poll_ms")]
    fn wrong_settings_are_named(#[case] config: Config, #[case] field: &str) {
        let error = config.check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
