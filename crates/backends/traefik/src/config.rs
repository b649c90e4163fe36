//! Section `[servers.traefik]`: address, credentials, trust, and the directory that changes go to.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{HeaderName, TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// One Traefik: where its API is, and where its file provider reads.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address of the API, such as `https://traefik.example.test` or `http://192.0.2.30:8080`;
    /// `api.basePath` belongs to it, `/api` and `/dashboard` do not.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
    /// User, where basic authentication guards the API.
    #[schemars(length(max = 200))]
    pub(crate) username: Option<String>,
    /// The user's password.
    pub(crate) password: Option<SecretRef>,
    /// Name of a header that lets requests pass, where something else guards the API, such as
    /// `Authorization` or `X-Api-Key`.
    #[schemars(length(max = 100))]
    pub(crate) header: Option<String>,
    /// Value of that header.
    pub(crate) header_value: Option<SecretRef>,
    /// Whom to trust behind the address.
    pub(crate) tls: TlsConfig,
    /// Seconds that one request may take.
    #[schemars(range(min = 1, max = 120))]
    pub(crate) timeout_s: u64,
    /// The file provider's own `directory`, as this program (or `ssh_host`) sees it. Routers and
    /// middlewares are written there, one file each. A directory below it would not do: Traefik
    /// reads those, but does not notice their changes. Without this, nothing can be changed.
    #[schemars(length(max = 1000))]
    pub(crate) directory: Option<String>,
    /// Name of the host in `[ssh.hosts]` that `directory` and `acme_file` are on; absent means this
    /// machine.
    #[schemars(length(max = 64))]
    pub(crate) ssh_host: Option<String>,
    /// Seconds that Traefik may take to serve a change before it is taken back.
    #[schemars(range(min = 1, max = 60))]
    pub(crate) apply_timeout_s: u64,
    /// Milliseconds between two looks whether it does.
    #[schemars(range(min = 10, max = 5000))]
    pub(crate) apply_poll_ms: u64,
    /// Where certificates are asked for, as `HOST` or `HOST:PORT`; by default the API's host, and the
    /// port of each router's entry point.
    #[schemars(length(max = 300))]
    pub(crate) tls_address: Option<String>,
    /// Traefik's `acme.json`, for the certificates it obtained. Private keys in it are not looked at.
    #[schemars(length(max = 1000))]
    pub(crate) acme_file: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            username: None,
            password: None,
            header: None,
            header_value: None,
            tls: TlsConfig::default(),
            timeout_s: 20,
            directory: None,
            ssh_host: None,
            apply_timeout_s: 15,
            apply_poll_ms: 250,
            tls_address: None,
            acme_file: None,
        }
    }
}

/// What requests are signed with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Login {
    /// Nothing guards the API, or only the network does.
    None,
    Basic {
        user: String,
        password: SecretRef,
    },
    Header {
        name: HeaderName,
        value: SecretRef,
    },
}

impl Config {
    /// The base address of the API.
    ///
    /// # Errors
    /// `url` that is missing, no address, or one with a login, a query or a foreign scheme.
    pub(crate) fn base_url(&self) -> ToolResult<Url> {
        let example = "write it like `http://192.0.2.30:8080`";
        if self.url.trim().is_empty() {
            let message = "no address is configured";
            return Err(ToolError::invalid("url", message).hint(example));
        }
        base_url(self.url.trim()).map_err(|what| ToolError::invalid("url", what).hint(example))
    }

    /// The credentials.
    ///
    /// # Errors
    /// The setting that is missing, contradicts another or is not of its form.
    pub(crate) fn login(&self) -> ToolResult<Login> {
        let missing = |key: &str, of: &str| {
            Err(ToolError::invalid(
                key,
                format!("`{of}` is set and `{key}` is missing"),
            ))
        };
        match (
            &self.username,
            &self.password,
            &self.header,
            &self.header_value,
        ) {
            (None, None, None, None) => Ok(Login::None),
            (Some(user), Some(password), None, None) => Ok(Login::Basic {
                user: user.clone(),
                password: password.clone(),
            }),
            (None, None, Some(name), Some(value)) => {
                let Ok(name) = name.trim().parse() else {
                    let message = format!("`{name}` cannot be the name of a header");
                    return Err(ToolError::invalid("header", message));
                };
                Ok(Login::Header {
                    name,
                    value: value.clone(),
                })
            }
            (Some(_), None, None, None) => missing("password", "username"),
            (None, Some(_), None, None) => missing("username", "password"),
            (None, None, Some(_), None) => missing("header_value", "header"),
            (None, None, None, Some(_)) => missing("header", "header_value"),
            _ => Err(
                ToolError::invalid("header", "both a user and a header are set")
                    .hint("keep one of the two"),
            ),
        }
    }

    /// Host and port for handshakes, as far as the settings give them.
    ///
    /// # Errors
    /// `tls_address` that is no host, or has no port number behind its colon.
    pub(crate) fn tls_target(&self) -> ToolResult<Option<(String, Option<u16>)>> {
        let Some(text) = self.tls_address.as_deref().map(str::trim) else {
            return Ok(None);
        };
        let wrong = || {
            let message = format!("`{text}` is neither `HOST` nor `HOST:PORT`");
            ToolError::invalid("tls_address", message)
        };
        let (host, port) = match text.rsplit_once(':') {
            _ if text.ends_with(']') => (text, None),
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => (text, None),
            Some((host, port)) => (host, Some(port.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(wrong());
        }
        Ok(Some((host.to_owned(), port)))
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_url()?;
        self.login()?;
        self.tls_target()?;
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let message = format!("the setting `{key}` is `{value}`, not {least} to {most}");
            Err(ToolError::invalid(key, message))
        };
        within("timeout_s", self.timeout_s, 1, 120)?;
        within("apply_timeout_s", self.apply_timeout_s, 1, 60)?;
        within("apply_poll_ms", self.apply_poll_ms, 10, 5000)?;
        for (key, path) in [
            ("directory", &self.directory),
            ("acme_file", &self.acme_file),
        ] {
            if path.as_ref().is_some_and(|path| !path.starts_with('/')) {
                return Err(ToolError::invalid(
                    key,
                    format!("`{key}` is not an absolute path"),
                ));
            }
        }
        if self.ssh_host.is_some() && self.directory.is_none() && self.acme_file.is_none() {
            let message = "`ssh_host` says where files are, and no file is set";
            return Err(ToolError::invalid("directory", message)
                .hint("set `directory` to the file provider's directory on that host"));
        }
        Ok(())
    }
}

fn base_url(text: &str) -> Result<Url, String> {
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let mut url = Url::parse(&text).map_err(|_| "this is not an address".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is neither http nor https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the address has a `?` or `#` part".to_owned());
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/dashboard").unwrap_or(path);
    let path = path.strip_suffix("/api").unwrap_or(path).to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

    fn good() -> Config {
        Config {
            url: "http://traefik.example.test:8080".into(),
            ..Config::default()
        }
    }

    fn secret() -> SecretRef {
        SecretRef::Plain(Secret::new("x"))
    }

    #[rstest]
    #[case("192.0.2.30:8080", "http://192.0.2.30:8080/")]
    #[case("https://traefik.example.test/", "https://traefik.example.test/")]
    #[case("https://t.example.test/dashboard/", "https://t.example.test/")]
    #[case("https://t.example.test/base/api", "https://t.example.test/base")]
    fn the_address_is_that_of_the_base_path(#[case] text: &str, #[case] url: &str) {
        assert_eq!(base_url(text).unwrap().as_str(), url);
    }

    #[rstest]
    #[case("traefik.example.test", "traefik.example.test", None)]
    #[case("192.0.2.30:8443", "192.0.2.30", Some(8443))]
    #[case("[2001:db8::1]:443", "2001:db8::1", Some(443))]
    #[case("2001:db8::1", "2001:db8::1", None)]
    fn handshakes_go_to_the_host_that_is_set(
        #[case] text: &str,
        #[case] host: &str,
        #[case] port: Option<u16>,
    ) {
        let config = Config {
            tls_address: Some(text.into()),
            ..good()
        };

        assert_eq!(config.tls_target().unwrap(), Some((host.to_owned(), port)));
    }

    #[rstest]
    #[case(Config { url: String::new(), ..good() }, "url")]
    #[case(Config { url: "ftp://x".into(), ..good() }, "url")]
    #[case(Config { url: "http://u:p@x".into(), ..good() }, "url")]
    #[case(Config { username: Some("u".into()), ..good() }, "password")]
    #[case(Config { password: Some(secret()), ..good() }, "username")]
    #[case(Config { header: Some("x".into()), ..good() }, "header_value")]
    #[case(Config { header_value: Some(secret()), ..good() }, "header")]
    #[case(Config { header: Some("x y".into()), header_value: Some(secret()), ..good() }, "header")]
    #[case(
        Config { header: Some("x".into()), header_value: Some(secret()), username: Some("u".into()), password: Some(secret()), ..good() },
        "header"
    )]
    #[case(Config { timeout_s: 0, ..good() }, "timeout_s")]
    #[case(Config { apply_timeout_s: 61, ..good() }, "apply_timeout_s")]
    #[case(Config { apply_poll_ms: 1, ..good() }, "apply_poll_ms")]
    #[case(Config { directory: Some("dynamic".into()), ..good() }, "directory")]
    #[case(Config { acme_file: Some("acme.json".into()), ..good() }, "acme_file")]
    #[case(Config { ssh_host: Some("proxy".into()), ..good() }, "directory")]
    #[case(Config { tls_address: Some("x:y".into()), ..good() }, "tls_address")]
    #[case(Config { tls_address: Some("https://x".into()), ..good() }, "tls_address")]
    fn wrong_settings_are_named(#[case] config: Config, #[case] field: &str) {
        let error = config.check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
