//! Section `[servers.proxmox]`: hosts, credentials, trust, defaults and time limits.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ids::{Bridge, StorageId};

/// Port of the API unless a host says otherwise.
const PORT: u16 = 8006;
/// Where the API lives on every node.
const API: &str = "/api2/json";

/// One cluster (or a single node): how to reach it and as whom.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Addresses of the cluster's nodes, such as `https://192.0.2.10:8006` or just `192.0.2.10`;
    /// when one does not answer, the next is asked.
    #[schemars(length(max = 32), inner(length(min = 1, max = 300)))]
    pub(crate) hosts: Vec<String>,
    /// Port of hosts that are written without one. Default 8006.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) port: u16,
    /// API token as `USER@REALM!TOKENID`. Preferred to a password: it has rights of its own and can
    /// be revoked alone.
    #[schemars(length(max = 128))]
    pub(crate) token_id: Option<String>,
    /// Name of the API token where `username` holds its user, as other clients split it.
    #[schemars(length(max = 64))]
    pub(crate) token_name: Option<String>,
    /// The token's secret, shown once when it is made.
    pub(crate) token_secret: Option<SecretRef>,
    /// User as `NAME@REALM`, for `password` or `token_name`.
    #[schemars(length(max = 64))]
    pub(crate) username: Option<String>,
    /// The user's password. Works only without a second factor.
    pub(crate) password: Option<SecretRef>,
    /// Whom to trust behind the hosts. A cluster's own certificates are pinned by `fingerprint`, one
    /// per node, or trusted through its authority (`/etc/pve/pve-root-ca.pem`) in `ca_file`.
    pub(crate) tls: TlsConfig,
    /// Storage of new disks and root file systems; without it the one with most free space is used.
    pub(crate) default_storage: Option<StorageId>,
    /// Storage of new backups; without it the only one that takes backups.
    pub(crate) backup_storage: Option<StorageId>,
    /// Bridge of new network interfaces.
    pub(crate) bridge: Bridge,
    /// Seconds that one request may take. Refused logins are delayed by 3 s on purpose.
    #[schemars(range(min = 5, max = 120))]
    pub(crate) timeout_s: u64,
    /// Seconds to wait for a host to accept a connection before the next is asked.
    #[schemars(range(min = 1, max = 30))]
    pub(crate) connect_timeout_s: u64,
    /// Seconds that a call waits for the task it started, unless it says `wait_s`.
    #[schemars(range(min = 0, max = 600))]
    pub(crate) task_wait_s: u64,
    /// Milliseconds before a started task is looked at for the first time; doubled for each look
    /// up to 5 s.
    #[schemars(range(min = 10, max = 5000))]
    pub(crate) task_poll_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            port: PORT,
            token_id: None,
            token_name: None,
            token_secret: None,
            username: None,
            password: None,
            tls: TlsConfig::default(),
            default_storage: None,
            backup_storage: None,
            bridge: Bridge::default(),
            timeout_s: 30,
            connect_timeout_s: 5,
            task_wait_s: 60,
            task_poll_ms: 500,
        }
    }
}

/// Which credentials a section gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Login {
    Token { id: String, secret: SecretRef },
    Password { user: String, password: SecretRef },
}

impl Config {
    /// The base addresses of the API, one per host.
    ///
    /// # Errors
    /// `hosts[n]` that is no host, or an address with a login, a query or a foreign scheme.
    pub(crate) fn base_urls(&self) -> ToolResult<Vec<Url>> {
        let urls: Vec<Url> = self
            .hosts
            .iter()
            .enumerate()
            .map(|(index, host)| {
                base_url(host.trim(), self.port).map_err(|what| {
                    ToolError::invalid(format!("hosts[{index}]"), what)
                        .hint("write it like `https://192.0.2.10:8006`")
                })
            })
            .collect::<Result<_, _>>()?;
        if urls.is_empty() {
            let message = "no host of the cluster is configured";
            return Err(ToolError::invalid("hosts", message)
                .hint("set `hosts` to the address of a node, like `https://192.0.2.10:8006`"));
        }
        Ok(urls)
    }

    /// The credentials.
    ///
    /// # Errors
    /// The setting that is missing, contradicts another or is not of its form.
    pub(crate) fn login(&self) -> ToolResult<Login> {
        let user = self.username.as_deref().map(str::trim);
        let token_id = match (&self.token_id, &self.token_name, user) {
            (Some(id), _, _) => Some(id.trim().to_owned()),
            (None, Some(name), Some(user)) => Some(format!("{user}!{}", name.trim())),
            (None, Some(_), None) => {
                return Err(ToolError::invalid(
                    "username",
                    "`token_name` needs the user it belongs to",
                ));
            }
            (None, None, _) => None,
        };
        match (token_id, &self.token_secret, user, &self.password) {
            (Some(_), _, _, Some(_)) => {
                Err(ToolError::invalid("password", "both a token and a password are set")
                    .hint("remove one of them; the token is preferred"))
            }
            (Some(id), Some(secret), _, None) if is_token_id(&id) => Ok(Login::Token {
                id,
                secret: secret.clone(),
            }),
            (Some(id), Some(_), _, None) => {
                let message = format!("`{id}` is not `USER@REALM!TOKENID`");
                Err(ToolError::invalid("token_id", message)
                    .hint("it is shown under Datacenter, Permissions, API Tokens"))
            }
            (Some(_), None, _, None) => {
                Err(ToolError::invalid("token_secret", "the token's secret is missing"))
            }
            (None, Some(_), _, _) => {
                Err(ToolError::invalid("token_id", "the token's id is missing"))
            }
            (None, None, Some(user), Some(password)) if is_user(user) => Ok(Login::Password {
                user: user.to_owned(),
                password: password.clone(),
            }),
            (None, None, Some(user), Some(_)) => {
                let message = format!("`{user}` is not `NAME@REALM`");
                Err(ToolError::invalid("username", message)
                    .hint("name the realm, such as `root@pam` or `ops@pve`"))
            }
            (None, None, Some(_), None) => {
                Err(ToolError::invalid("password", "the user's password is missing"))
            }
            (None, None, None, _) => Err(ToolError::invalid("token_id", "no credentials are configured")
                .hint("make an API token (`pveum user token add ops@pve homelab --privsep 1`) and set `token_id` and `token_secret`")),
        }
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_urls()?;
        self.login()?;
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let message = format!("the setting `{key}` is `{value}`, not {least} to {most}");
            Err(ToolError::invalid(key, message))
        };
        within("port", self.port.into(), 1, 65535)?;
        within("timeout_s", self.timeout_s, 5, 120)?;
        within("connect_timeout_s", self.connect_timeout_s, 1, 30)?;
        within("task_wait_s", self.task_wait_s, 0, 600)?;
        within("task_poll_ms", self.task_poll_ms, 10, 5000)
    }
}

/// The section's name as errors print it.
pub(crate) fn section(instance: &str) -> String {
    format!("servers.{instance}")
}

fn base_url(host: &str, port: u16) -> Result<Url, String> {
    let bare_ipv6 = host.matches(':').count() > 1 && !host.contains(['[', '/']);
    let text = if bare_ipv6 {
        format!("https://[{host}]")
    } else if host.contains("://") {
        host.to_owned()
    } else {
        format!("https://{host}")
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
    // An address that names its port, be it 443, says so behind the host.
    let authority = text
        .split_once("://")
        .map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, end)| !end.is_empty() && end.bytes().all(|digit| digit.is_ascii_digit()))
        && !authority.ends_with(']');
    if !has_port {
        url.set_port(Some(port))
            .map_err(|()| "this is not an address".to_owned())?;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if path.ends_with(API) {
        url.set_path(&path);
    } else {
        url.set_path(&format!("{path}{API}"));
    }
    Ok(url)
}

fn is_user(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, realm)| {
        let plain = |letter: char| letter.is_ascii_graphic() && !":/!=@".contains(letter);
        !name.is_empty() && name.chars().all(plain) && is_word(realm)
    })
}

fn is_token_id(text: &str) -> bool {
    text.split_once('!')
        .is_some_and(|(user, name)| is_user(user) && is_word(name))
}

fn is_word(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("192.0.2.10", "https://192.0.2.10:8006/api2/json")]
    #[case("pve.example.test:443", "https://pve.example.test/api2/json")]
    #[case("https://pve.example.test", "https://pve.example.test:8006/api2/json")]
    #[case(
        "https://pve.example.test:8006/",
        "https://pve.example.test:8006/api2/json"
    )]
    #[case(
        "https://pve.example.test:8006/api2/json",
        "https://pve.example.test:8006/api2/json"
    )]
    #[case("2001:db8::1", "https://[2001:db8::1]:8006/api2/json")]
    #[case("https://[2001:db8::1]", "https://[2001:db8::1]:8006/api2/json")]
    #[case("http://127.0.0.1:9/x", "http://127.0.0.1:9/x/api2/json")]
    fn hosts_become_addresses_of_the_api(#[case] host: &str, #[case] url: &str) {
        assert_eq!(base_url(host, PORT).unwrap().as_str(), url);
    }

    #[rstest]
    #[case("ftp://pve")]
    #[case("https://root:x@pve")]
    #[case("https://pve/?a=1")]
    #[case("")]
    fn what_is_no_host_is_refused(#[case] host: &str) {
        assert!(base_url(host, PORT).is_err());
    }

    fn secret() -> SecretRef {
        SecretRef::Plain(Secret::new("x"))
    }

    #[test]
    fn a_token_can_be_written_in_two_ways() {
        let whole = Config {
            token_id: Some("ops@pve!homelab".into()),
            token_secret: Some(secret()),
            ..Config::default()
        };
        let split = Config {
            username: Some("ops@pve".into()),
            token_name: Some("homelab".into()),
            token_secret: Some(secret()),
            ..Config::default()
        };

        assert_eq!(whole.login().unwrap(), split.login().unwrap());
    }

    #[rstest]
    #[case(Config::default(), "token_id")]
    #[case(Config { token_id: Some("ops@pve".into()), token_secret: Some(secret()), ..Config::default() }, "token_id")]
    #[case(Config { token_id: Some("ops@pve!x1".into()), ..Config::default() }, "token_secret")]
    #[case(Config { token_secret: Some(secret()), ..Config::default() }, "token_id")]
    #[case(Config { username: Some("root".into()), password: Some(secret()), ..Config::default() }, "username")]
    #[case(Config { username: Some("root@pam".into()), ..Config::default() }, "password")]
    #[case(Config { token_name: Some("x1".into()), token_secret: Some(secret()), ..Config::default() }, "username")]
    #[case(
        Config { token_id: Some("ops@pve!x1".into()), token_secret: Some(secret()), password: Some(secret()), ..Config::default() },
        "password"
    )]
    fn incomplete_credentials_name_the_setting(#[case] config: Config, #[case] field: &str) {
        let error = config.login().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
