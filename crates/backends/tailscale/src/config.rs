//! Section `[servers.tailscale]`: which control server, which tailnet, and with which credentials.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the vendor's API is.
const VENDOR: &str = "https://api.tailscale.com/api/v2";

/// One tailnet: where its control server is, and as whom it is asked.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address of the API with its `/api/v2`. Default the vendor's; for Headscale its own, such as
    /// `https://headscale.example.com/api/v2`.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
    /// The tailnet's id, or `-` for the one that the credentials belong to.
    #[schemars(length(max = 253))]
    pub(crate) tailnet: String,
    /// API access token (`tskey-api-…`). It has all rights of its user and ends after 90 days at most:
    /// an OAuth client is preferred.
    pub(crate) api_key: Option<SecretRef>,
    /// Id of an OAuth client, which the console calls a trust credential.
    #[schemars(length(max = 100))]
    pub(crate) client_id: Option<String>,
    /// The OAuth client's secret (`tskey-client-…`).
    pub(crate) client_secret: Option<SecretRef>,
    /// Scopes to ask for, of those that the OAuth client has; default all of them.
    #[schemars(length(max = 50))]
    pub(crate) scopes: Vec<String>,
    /// Whose control server it is; by default told from the address and the credentials.
    pub(crate) flavor: Option<Flavor>,
    /// Whom to trust behind the address.
    pub(crate) tls: TlsConfig,
    /// Seconds that one request may take; lists of many devices take their time.
    #[schemars(range(min = 5, max = 300))]
    pub(crate) timeout_s: u64,
}

/// Whose control server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Flavor {
    /// The vendor's.
    Tailscale,
    /// Headscale from 0.30 on: without DNS, validation of policies, log and expiry on demand.
    Headscale,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: VENDOR.to_owned(),
            tailnet: "-".to_owned(),
            api_key: None,
            client_id: None,
            client_secret: None,
            scopes: Vec::new(),
            flavor: None,
            tls: TlsConfig::default(),
            timeout_s: 30,
        }
    }
}

/// Which credentials a section gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Login {
    ApiKey(SecretRef),
    Client { id: String, secret: SecretRef },
}

impl Config {
    /// The base address of the API.
    ///
    /// # Errors
    /// `url` that is no address, or one with a login, a query or a foreign scheme.
    pub(crate) fn base_url(&self) -> ToolResult<Url> {
        let invalid = |what: String| {
            ToolError::invalid("url", what).hint(format!("write it like `{VENDOR}`"))
        };
        let text = self.url.trim().trim_end_matches('/');
        let text = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let mut url =
            Url::parse(&text).map_err(|_| invalid("this is not an address".to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(format!(
                "`{}` is neither http nor https",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("the address holds a user or password".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("the address has a `?` or `#` part".to_owned()));
        }
        // An address without a path can only mean this one.
        if url.path() == "/" {
            url.set_path("/api/v2");
        }
        Ok(url)
    }

    /// The credentials.
    ///
    /// # Errors
    /// The setting that is missing, contradicts another or is of another kind.
    pub(crate) fn login(&self) -> ToolResult<Login> {
        match (&self.api_key, &self.client_id, &self.client_secret) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                let message = "both an API access token and an OAuth client are set";
                Err(ToolError::invalid("api_key", message)
                    .hint("remove one of them; the OAuth client is preferred"))
            }
            (Some(key), None, None) => {
                if let SecretRef::Plain(secret) = key {
                    refuse_kind(secret.expose(), "api_key")?;
                }
                Ok(Login::ApiKey(key.clone()))
            }
            (None, Some(id), Some(secret)) if !id.trim().is_empty() => Ok(Login::Client {
                id: id.trim().to_owned(),
                secret: secret.clone(),
            }),
            (None, Some(_), None) => Err(ToolError::invalid(
                "client_secret",
                "the OAuth client's secret is missing",
            )),
            (None, _, Some(_)) => Err(ToolError::invalid(
                "client_id",
                "the OAuth client's id is missing",
            )),
            (None, None, None) => {
                let message = "no credentials are configured";
                Err(ToolError::invalid("client_id", message).hint(
                    "make an OAuth client in the console under Trust credentials and set `client_id` and `client_secret`, or set `api_key`",
                ))
            }
        }
    }

    /// Whose control server it is.
    pub(crate) fn flavor(&self) -> Flavor {
        let headscale = |secret: &Option<SecretRef>| matches!(secret, Some(SecretRef::Plain(text)) if text.expose().starts_with("hskey-"));
        match self.flavor {
            Some(flavor) => flavor,
            None if headscale(&self.api_key) || headscale(&self.client_secret) => Flavor::Headscale,
            None => Flavor::Tailscale,
        }
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_url()?;
        self.login()?;
        if self.tailnet.trim().is_empty() {
            let message = "the tailnet is empty";
            return Err(ToolError::invalid("tailnet", message)
                .hint("leave it out, or set it to `-`, for the tailnet of the credentials"));
        }
        if self.flavor() == Flavor::Headscale && self.tailnet.trim() != "-" {
            let message = "Headscale has one tailnet, which is called `-`";
            return Err(ToolError::invalid("tailnet", message).hint("leave it out"));
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            let message = format!("`{scope}` is not a scope");
            return Err(ToolError::invalid("scopes", message)
                .hint("scopes look like `devices:core` or `dns:read`"));
        }
        if !(5..=300).contains(&self.timeout_s) {
            let message = format!(
                "the setting `timeout_s` is `{}`, not 5 to 300",
                self.timeout_s
            );
            return Err(ToolError::invalid("timeout_s", message));
        }
        Ok(())
    }
}

fn is_scope(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || "_:".contains(letter);
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}

/// Keys that are no API access tokens, although they look alike.
///
/// # Errors
/// What the key is, and what to do instead.
pub(crate) fn refuse_kind(key: &str, setting: &str) -> ToolResult<()> {
    let key = key.trim();
    if key.starts_with("tskey-auth-") || key.starts_with("hskey-auth-") {
        let message = "this is an auth key, which lets devices join and calls no API";
        return Err(ToolError::invalid(setting, message)
            .reason("wrong_key_kind")
            .hint("make an OAuth client or an API access token"));
    }
    if key.starts_with("tskey-client-") || key.starts_with("hskey-client-") {
        let message = "this is the secret of an OAuth client";
        return Err(ToolError::invalid(setting, message)
            .reason("wrong_key_kind")
            .hint("set `client_id` and `client_secret` instead of `api_key`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

    fn secret(text: &str) -> SecretRef {
        SecretRef::Plain(Secret::new(text))
    }

    fn keyed() -> Config {
        Config {
            api_key: Some(secret("tskey-api-x")),
            ..Config::default()
        }
    }

    #[rstest]
    #[case("https://api.tailscale.com/api/v2", "https://api.tailscale.com/api/v2")]
    #[case(
        "https://api.tailscale.com/api/v2/",
        "https://api.tailscale.com/api/v2"
    )]
    #[case("headscale.example.test", "https://headscale.example.test/api/v2")]
    #[case("http://127.0.0.1:8080/x/api/v2", "http://127.0.0.1:8080/x/api/v2")]
    fn addresses_become_those_of_the_api(#[case] url: &str, #[case] wanted: &str) {
        let config = Config {
            url: url.to_owned(),
            ..keyed()
        };

        assert_eq!(config.base_url().unwrap().as_str(), wanted);
    }

    #[rstest]
    #[case(Config { url: "ftp://x".into(), ..keyed() }, "url")]
    #[case(Config { url: "https://a:b@x".into(), ..keyed() }, "url")]
    #[case(Config { url: String::new(), ..keyed() }, "url")]
    #[case(Config { tailnet: String::new(), ..keyed() }, "tailnet")]
    #[case(Config { tailnet: "lab".into(), api_key: Some(secret("hskey-api-x")), ..Config::default() }, "tailnet")]
    #[case(Config { scopes: vec!["All; drop".into()], ..keyed() }, "scopes")]
    #[case(Config { timeout_s: 4, ..keyed() }, "timeout_s")]
    #[case(Config::default(), "client_id")]
    #[case(Config { client_id: Some("k".into()), ..Config::default() }, "client_secret")]
    #[case(Config { client_secret: Some(secret("tskey-client-x")), ..Config::default() }, "client_id")]
    #[case(Config { client_id: Some("k".into()), ..keyed() }, "api_key")]
    #[case(Config { api_key: Some(secret("tskey-auth-x")), ..Config::default() }, "api_key")]
    #[case(Config { api_key: Some(secret("tskey-client-x")), ..Config::default() }, "api_key")]
    fn what_makes_no_sense_is_named(#[case] config: Config, #[case] field: &str) {
        let error = config.check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn a_key_tells_whose_server_it_is_for_unless_it_is_said() {
        let headscale = Config {
            api_key: Some(secret("hskey-api-x")),
            ..Config::default()
        };
        let said = Config {
            flavor: Some(Flavor::Headscale),
            ..keyed()
        };

        assert_eq!(keyed().flavor(), Flavor::Tailscale);
        assert_eq!(headscale.flavor(), Flavor::Headscale);
        assert_eq!(said.flavor(), Flavor::Headscale);
    }
}
