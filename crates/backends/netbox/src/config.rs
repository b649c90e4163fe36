//! Section `[servers.netbox]`: address, token, trust and time limit.

use homelab_backend::address;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the API lives below the address.
const API: &str = "/api";

/// One NetBox: how to reach it and as whom.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address of NetBox as in the browser, such as `https://netbox.example.test`, with its base path
    /// if it has one; `/api` behind it may be left out.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
    /// API token. A v2 token (NetBox 4.5 and later) is written whole, `nbt_KEY.TOKEN`; a v1 token is 40
    /// hexadecimal digits. Give it a user of its own with `view` on what is to be read, and write
    /// rights only where changes are wanted.
    pub(crate) token: Option<SecretRef>,
    /// Whom to trust behind the address.
    pub(crate) tls: TlsConfig,
    /// Seconds that one request may take.
    #[schemars(range(min = 5, max = 300))]
    pub(crate) timeout_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            token: None,
            tls: TlsConfig::default(),
            timeout_s: 30,
        }
    }
}

impl Config {
    /// The base address of the API.
    ///
    /// # Errors
    /// `url` that is missing, no address, or one with a login, a query or a foreign scheme.
    pub(crate) fn base_url(&self) -> ToolResult<Url> {
        let example = "write it like `https://netbox.example.test`";
        if self.url.trim().is_empty() {
            let message = "no address is configured";
            return Err(ToolError::invalid("url", message).hint(example));
        }
        base_url(self.url.trim()).map_err(|what| ToolError::invalid("url", what).hint(example))
    }

    /// The token.
    ///
    /// # Errors
    /// `token` that is missing, or a v2 token without its key.
    pub(crate) fn token(&self) -> ToolResult<&SecretRef> {
        let Some(token) = &self.token else {
            return Err(ToolError::invalid("token", "no API token is configured")
                .hint("make one in NetBox under Admin, API Tokens"));
        };
        if let SecretRef::Plain(secret) = token {
            check_token(secret.expose())
                .map_err(|what| ToolError::invalid("token", what).hint(TOKEN_HINT))?;
        }
        Ok(token)
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_url()?;
        self.token()?;
        if (5..=300).contains(&self.timeout_s) {
            return Ok(());
        }
        let message = format!(
            "the setting `timeout_s` is `{}`, not 5 to 300",
            self.timeout_s
        );
        Err(ToolError::invalid("timeout_s", message))
    }
}

/// What a token looks like, for errors.
pub(crate) const TOKEN_HINT: &str = "a v2 token is written whole, `nbt_KEY.TOKEN`, a v1 token is 40 hexadecimal digits; NetBox shows it once, when it is made";

/// Whether the text can be a token, and is not half of one.
pub(crate) fn check_token(text: &str) -> Result<(), String> {
    let text = text.trim();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || !plain {
        return Err("the token is empty or has characters that no token has".to_owned());
    }
    match text.strip_prefix("nbt_") {
        Some(rest)
            if !rest
                .split_once('.')
                .is_some_and(|(key, token)| !key.is_empty() && !token.is_empty()) =>
        {
            Err("the token lacks the part behind its key".to_owned())
        }
        _ => Ok(()),
    }
}

fn base_url(address: &str) -> Result<Url, String> {
    let text = if address.contains("://") {
        address.to_owned()
    } else {
        format!("https://{address}")
    };
    Ok(address::with_api(address::plain(&text)?, API))
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("netbox.example.test", "https://netbox.example.test/api")]
    #[case("https://netbox.example.test/", "https://netbox.example.test/api")]
    #[case("https://example.test/netbox/api/", "https://example.test/netbox/api")]
    #[case("http://192.0.2.7:8000", "http://192.0.2.7:8000/api")]
    fn addresses_lead_to_the_api(#[case] address: &str, #[case] url: &str) {
        assert_eq!(base_url(address).unwrap().as_str(), url);
    }

    #[rstest]
    #[case("ftp://netbox")]
    #[case("https://admin:x@netbox")]
    #[case("https://netbox/?a=1")]
    fn what_is_no_address_is_refused(#[case] address: &str) {
        assert!(base_url(address).is_err());
    }

    #[rstest]
    #[case("nbt_abc.def", true)]
    #[case("0123456789abcdef0123456789abcdef01234567", true)]
    #[case("nbt_abc", false)]
    #[case("nbt_.def", false)]
    #[case("two words", false)]
    #[case(" ", false)]
    fn half_a_token_is_refused(#[case] token: &str, #[case] valid: bool) {
        assert_eq!(check_token(token).is_ok(), valid);
    }

    #[rstest]
    #[case(Config { token: None, ..Config::default() }, "token")]
    #[case(Config { token: Some(SecretRef::Plain(Secret::new("nbt_x"))), ..Config::default() }, "token")]
    #[case(Config { token: Some(SecretRef::Plain(Secret::new("ab"))), timeout_s: 1, ..Config::default() }, "timeout_s")]
    fn settings_that_make_no_sense_are_named(#[case] config: Config, #[case] field: &str) {
        let config = Config {
            url: "netbox.example.test".into(),
            ..config
        };

        let error = config.check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
