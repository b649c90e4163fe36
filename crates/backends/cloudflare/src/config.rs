//! Section `[servers.cloudflare]`: the token, and what calls mean when they do not say it.

use homelab_backend::api::Source;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ids::{AccountId, ZoneName};

/// One Cloudflare account: with which API token, for which zones.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Base address of the API.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
    /// API token, of a user or of the account. To read: Zone Read, DNS Read, Analytics Read, Zone WAF
    /// Read, Zone Settings Read, and Cloudflare Tunnel Read of the account. To change: DNS, Cache Purge,
    /// Zone WAF, Zone Settings and Cloudflare Tunnel, each to edit. The global API key is not taken.
    pub(crate) token: Option<SecretRef>,
    /// Id of the account, 32 hexadecimal digits; default that of the zones, if it is one alone. Tunnels
    /// belong to it.
    #[schemars(length(max = 64))]
    pub(crate) account_id: Option<String>,
    /// Zone of calls that name none, such as `example.com`.
    #[schemars(length(max = 253))]
    pub(crate) default_zone: Option<String>,
    /// Seconds that one request may take.
    #[schemars(range(min = 5, max = 300))]
    pub(crate) timeout_s: u64,
    /// Whom to trust behind the address; for a proxy of your own before the API.
    pub(crate) tls: TlsConfig,
    /// Description of the API for `search_api` and `call_api`: the absolute path of a file or an
    /// address, as OpenAPI in JSON. Cloudflare's own is
    /// `https://raw.githubusercontent.com/cloudflare/api-schemas/main/openapi.json`; it is read anew
    /// each week. Default: none; then only the operations that the tools use are known.
    pub(crate) api_schema: Option<Source>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "https://api.cloudflare.com/client/v4".to_owned(),
            token: None,
            account_id: None,
            default_zone: None,
            timeout_s: 30,
            tls: TlsConfig::default(),
            api_schema: None,
        }
    }
}

impl Config {
    /// The base address.
    ///
    /// # Errors
    /// `url` that is none.
    pub(crate) fn base_url(&self) -> ToolResult<Url> {
        let url = self.url.trim().trim_end_matches('/');
        Url::parse(url).map_err(|_| {
            ToolError::invalid("url", format!("`{url}` is no address"))
                .hint("leave it out for `https://api.cloudflare.com/client/v4`")
        })
    }

    /// The token.
    ///
    /// # Errors
    /// `token` that is missing.
    pub(crate) fn token(&self) -> ToolResult<&SecretRef> {
        self.token.as_ref().ok_or_else(|| {
            ToolError::invalid("token", "no API token is configured").hint(
                "make one at https://dash.cloudflare.com/profile/api-tokens with the permissions that the reference of this setting names",
            )
        })
    }

    /// The account.
    ///
    /// # Errors
    /// `account_id` that is none.
    pub(crate) fn account(&self) -> ToolResult<Option<AccountId>> {
        let Some(id) = &self.account_id else {
            return Ok(None);
        };
        let parsed = id.trim().parse().map_err(|_| {
            ToolError::invalid("account_id", format!("`{id}` is not 32 hexadecimal digits")).hint(
                "it stands in the address of the dashboard: https://dash.cloudflare.com/ACCOUNT_ID",
            )
        });
        parsed.map(Some)
    }

    /// The zone of calls that name none.
    ///
    /// # Errors
    /// `default_zone` that is no name.
    pub(crate) fn zone(&self) -> ToolResult<Option<ZoneName>> {
        let Some(zone) = &self.default_zone else {
            return Ok(None);
        };
        let parsed = zone
            .parse()
            .map_err(|what| ToolError::invalid("default_zone", what));
        parsed.map(Some)
    }

    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_url()?;
        self.token()?;
        self.account()?;
        self.zone()?;
        if let Some(source) = &self.api_schema {
            source.check("api_schema")?;
        }
        if !(5..=300).contains(&self.timeout_s) {
            return Err(ToolError::invalid("timeout_s", "it must be 5 to 300"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

    fn config() -> Config {
        Config {
            token: Some(SecretRef::Plain(Secret::new("x"))),
            ..Config::default()
        }
    }

    #[rstest]
    #[case(Config { token: None, ..config() }, "token")]
    #[case(Config { url: "api.cloudflare.com".into(), ..config() }, "url")]
    #[case(Config { account_id: Some("home".into()), ..config() }, "account_id")]
    #[case(Config { default_zone: Some("no zone".into()), ..config() }, "default_zone")]
    #[case(Config { timeout_s: 1, ..config() }, "timeout_s")]
    fn settings_that_cannot_be_used_are_named(#[case] config: Config, #[case] field: &str) {
        let error = config.check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn a_token_alone_is_enough() {
        let url = config().base_url().unwrap();

        assert!(config().check().is_ok());
        assert_eq!(url.as_str(), "https://api.cloudflare.com/client/v4");
    }
}
