//! Section `[servers.unifi]`: address, credentials, site, trust and time limits.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::net::Mac;
use homelab_core::secret::SecretRef;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// One UniFi console or Network application: how to reach it and as whom.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address of the console, such as `https://192.0.2.1`, or of a Network application that runs by
    /// itself, such as `https://192.0.2.30:8443`. Which of the two it is is found out.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
    /// Key of the official API, made under Network, Settings, Control Plane, Integrations (Network
    /// 9.0 and newer, on a console). Enough for most reading, restarts, vouchers and zone policies.
    pub(crate) api_key: Option<SecretRef>,
    /// Name of a local administrator, for what the official API lacks: blocking clients, events,
    /// alarms, old firewall rules. Make it local-only, without a second factor.
    #[schemars(length(max = 128))]
    pub(crate) username: Option<String>,
    /// The administrator's password.
    pub(crate) password: Option<SecretRef>,
    /// Site that is meant where a call names none: its short name, its title or its UUID.
    #[schemars(length(max = 128))]
    pub(crate) site: String,
    /// Whom to trust behind the address. Consoles sign their certificates themselves: pin yours by
    /// `fingerprint`.
    pub(crate) tls: TlsConfig,
    /// MAC addresses that `block_client` always refuses: the machine that this runs on, for one.
    #[schemars(length(max = 100))]
    pub(crate) never_block: Vec<String>,
    /// Seconds that one request may take.
    #[schemars(range(min = 5, max = 300))]
    pub(crate) timeout_s: u64,
    /// Milliseconds between two looks at a device that restarts.
    #[schemars(range(min = 10, max = 30000))]
    pub(crate) restart_poll_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            api_key: None,
            username: None,
            password: None,
            site: "default".to_owned(),
            tls: TlsConfig::default(),
            never_block: Vec::new(),
            timeout_s: 30,
            restart_poll_ms: 3000,
        }
    }
}

/// A local administrator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: SecretRef,
}

impl Config {
    /// The address of the console: scheme, host and port.
    ///
    /// # Errors
    /// `url` that is missing, no address, or one with a login, a path, a query or a foreign scheme.
    pub(crate) fn base_url(&self) -> ToolResult<Url> {
        let example = "write it like `https://192.0.2.1`";
        let wrong = |what: String| ToolError::invalid("url", what).hint(example);
        let text = self.url.trim();
        if text.is_empty() {
            return Err(wrong("no address is configured".to_owned()));
        }
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let url = Url::parse(&whole).map_err(|_| wrong("this is not an address".to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!(
                "`{}` is neither http nor https",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("the address holds a user or password".to_owned()));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            let what = "the address has a path; give the console's own, without `/network`";
            return Err(wrong(what.to_owned()));
        }
        Ok(url)
    }

    /// The local administrator, if there is one.
    ///
    /// # Errors
    /// One half of the credentials, or none at all.
    pub(crate) fn login(&self) -> ToolResult<Option<Login>> {
        let user = self.username.as_deref().map(str::trim);
        match (user.filter(|user| !user.is_empty()), &self.password) {
            (Some(user), Some(password)) => Ok(Some(Login {
                user: user.to_owned(),
                password: password.clone(),
            })),
            (Some(_), None) => Err(ToolError::invalid(
                "password",
                "the administrator's password is missing",
            )),
            (None, Some(_)) => Err(ToolError::invalid(
                "username",
                "the administrator's name is missing",
            )),
            (None, None) if self.api_key.is_none() => Err(ToolError::invalid(
                "api_key",
                "no credentials are configured",
            )
            .hint("make a key under Network, Settings, Control Plane, Integrations and set `api_key`; for what it cannot do, set `username` and `password` of a local administrator")),
            (None, None) => Ok(None),
        }
    }

    /// The clients that are never blocked.
    pub(crate) fn never_block(&self) -> ToolResult<Vec<Mac>> {
        let read = |(index, text): (usize, &String)| {
            text.parse()
                .map_err(|what: String| ToolError::invalid(format!("never_block[{index}]"), what))
        };
        self.never_block.iter().enumerate().map(read).collect()
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_url()?;
        self.login()?;
        self.never_block()?;
        if self.site.trim().is_empty() {
            return Err(ToolError::invalid("site", "the site has no name"));
        }
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let message = format!("the setting `{key}` is `{value}`, not {least} to {most}");
            Err(ToolError::invalid(key, message))
        };
        within("timeout_s", self.timeout_s, 5, 300)?;
        within("restart_poll_ms", self.restart_poll_ms, 10, 30_000)
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

    fn with_key(url: &str) -> Config {
        Config {
            url: url.to_owned(),
            api_key: Some(SecretRef::Plain(Secret::new("k"))),
            ..Config::default()
        }
    }

    #[rstest]
    #[case("192.0.2.1", "https://192.0.2.1/")]
    #[case("https://unifi.example:8443", "https://unifi.example:8443/")]
    #[case("http://192.0.2.1/", "http://192.0.2.1/")]
    fn an_address_is_completed(#[case] text: &str, #[case] url: &str) {
        assert_eq!(with_key(text).base_url().unwrap().as_str(), url);
    }

    #[rstest]
    #[case("")]
    #[case("ftp://x")]
    #[case("https://a:b@x")]
    #[case("https://x/network/default")]
    fn an_address_of_another_form_is_refused(#[case] text: &str) {
        let error = with_key(text).base_url().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("url"));
    }

    #[test]
    fn half_a_login_is_refused_and_so_is_none_at_all() {
        let half = Config {
            username: Some("ops".to_owned()),
            ..with_key("x")
        };
        let none = Config {
            api_key: None,
            ..with_key("x")
        };
        let protected = Config {
            never_block: vec!["00:00:5e:00:53:01".to_owned(), "nope".to_owned()],
            ..with_key("x")
        };
        let field = |config: Config| {
            let error = config.check().unwrap_err();
            error.envelope().field.clone().unwrap()
        };

        assert_eq!(field(half), "password");
        assert_eq!(field(none), "api_key");
        assert_eq!(field(protected), "never_block[1]");
    }
}
