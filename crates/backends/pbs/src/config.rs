//! Section `[servers.pbs]`: address, credentials, trust and time limits.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// Port of the API unless the address says otherwise.
const PORT: u16 = 8007;
/// Where the API lives.
const API: &str = "/api2/json";

/// One Proxmox Backup Server: how to reach it and as whom.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address of the server, such as `https://192.0.2.20:8007` or just `192.0.2.20`; without a
    /// port, 8007.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
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
    /// Whom to trust behind the address. The server's own certificate is pinned by `fingerprint`,
    /// which `proxmox-backup-manager cert info` prints.
    pub(crate) tls: TlsConfig,
    /// Hours after which the newest backup of a group counts as stale, unless a call says otherwise.
    #[schemars(range(min = 1, max = 8760))]
    pub(crate) stale_after_hours: u32,
    /// Per cent of a datastore from which on it counts as too full.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) full_percent: u32,
    /// Seconds that one request may take. Refused logins are delayed by 3 s on purpose, and lists of
    /// many backups on slow disks take their time.
    #[schemars(range(min = 5, max = 300))]
    pub(crate) timeout_s: u64,
    /// Seconds that a call waits for the task it started, unless it says `wait_s`. Verifying or
    /// copying may take hours: such a task goes on by itself.
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
            url: String::new(),
            token_id: None,
            token_name: None,
            token_secret: None,
            username: None,
            password: None,
            tls: TlsConfig::default(),
            stale_after_hours: 36,
            full_percent: 80,
            timeout_s: 60,
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
    /// The base address of the API.
    ///
    /// # Errors
    /// `url` that is missing, no address, or one with a login, a query or a foreign scheme.
    pub(crate) fn base_url(&self) -> ToolResult<Url> {
        let example = "write it like `https://192.0.2.20:8007`";
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
        let user = self.username.as_deref().map(str::trim);
        let token_id = match (&self.token_id, &self.token_name, user) {
            (Some(id), _, _) => Some(id.trim().to_owned()),
            (None, Some(name), Some(user)) => Some(format!("{user}!{}", name.trim())),
            (None, Some(_), None) => {
                let message = "`token_name` needs the user it belongs to";
                return Err(ToolError::invalid("username", message));
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
                    .hint("it is shown under Configuration, Access Control, API Token"))
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
                    .hint("name the realm, such as `root@pam` or `ops@pbs`"))
            }
            (None, None, Some(_), None) => {
                Err(ToolError::invalid("password", "the user's password is missing"))
            }
            (None, None, None, _) => Err(ToolError::invalid("token_id", "no credentials are configured")
                .hint("make an API token (`proxmox-backup-manager user generate-token ops@pbs homelab`) and set `token_id` and `token_secret`")),
        }
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_url()?;
        self.login()?;
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let message = format!("the setting `{key}` is `{value}`, not {least} to {most}");
            Err(ToolError::invalid(key, message))
        };
        within("stale_after_hours", self.stale_after_hours.into(), 1, 8760)?;
        within("full_percent", self.full_percent.into(), 1, 100)?;
        within("timeout_s", self.timeout_s, 5, 300)?;
        within("task_wait_s", self.task_wait_s, 0, 600)?;
        within("task_poll_ms", self.task_poll_ms, 10, 5000)
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
        url.set_port(Some(PORT))
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
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
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
    #[case("192.0.2.20", "https://192.0.2.20:8007/api2/json")]
    #[case("pbs.example.test:443", "https://pbs.example.test/api2/json")]
    #[case("https://pbs.example.test", "https://pbs.example.test:8007/api2/json")]
    #[case(
        "https://pbs.example.test:8007/",
        "https://pbs.example.test:8007/api2/json"
    )]
    #[case(
        "https://pbs.example.test:8007/api2/json",
        "https://pbs.example.test:8007/api2/json"
    )]
    #[case("2001:db8::1", "https://[2001:db8::1]:8007/api2/json")]
    #[case("http://127.0.0.1:9/x", "http://127.0.0.1:9/x/api2/json")]
    fn hosts_become_addresses_of_the_api(#[case] host: &str, #[case] url: &str) {
        assert_eq!(base_url(host).unwrap().as_str(), url);
    }

    #[rstest]
    #[case("ftp://pbs")]
    #[case("https://root:x@pbs")]
    #[case("https://pbs/?a=1")]
    fn what_is_no_host_is_refused(#[case] host: &str) {
        assert!(base_url(host).is_err());
    }

    fn secret() -> SecretRef {
        SecretRef::Plain(Secret::new("x"))
    }

    #[test]
    fn a_token_can_be_written_in_two_ways() {
        let whole = Config {
            token_id: Some("ops@pbs!homelab".into()),
            token_secret: Some(secret()),
            ..Config::default()
        };
        let split = Config {
            username: Some("ops@pbs".into()),
            token_name: Some("homelab".into()),
            token_secret: Some(secret()),
            ..Config::default()
        };

        assert_eq!(whole.login().unwrap(), split.login().unwrap());
    }

    #[rstest]
    #[case(Config::default(), "token_id")]
    #[case(Config { token_id: Some("ops@pbs".into()), token_secret: Some(secret()), ..Config::default() }, "token_id")]
    #[case(Config { token_id: Some("ops@pbs!x:y".into()), token_secret: Some(secret()), ..Config::default() }, "token_id")]
    #[case(Config { token_id: Some("ops@pbs!x1".into()), ..Config::default() }, "token_secret")]
    #[case(Config { token_secret: Some(secret()), ..Config::default() }, "token_id")]
    #[case(Config { username: Some("root".into()), password: Some(secret()), ..Config::default() }, "username")]
    #[case(Config { username: Some("root@pam".into()), ..Config::default() }, "password")]
    #[case(Config { token_name: Some("x1".into()), token_secret: Some(secret()), ..Config::default() }, "username")]
    #[case(
        Config { token_id: Some("ops@pbs!x1".into()), token_secret: Some(secret()), password: Some(secret()), ..Config::default() },
        "password"
    )]
    fn incomplete_credentials_name_the_setting(#[case] config: Config, #[case] field: &str) {
        let error = config.login().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[rstest]
    #[case(Config { stale_after_hours: 0, ..Config::default() }, "stale_after_hours")]
    #[case(Config { full_percent: 101, ..Config::default() }, "full_percent")]
    #[case(Config { task_wait_s: 601, ..Config::default() }, "task_wait_s")]
    #[case(Config { url: String::new(), ..Config::default() }, "url")]
    fn settings_out_of_bounds_are_named(#[case] config: Config, #[case] field: &str) {
        let config = Config {
            url: if field == "url" {
                String::new()
            } else {
                "pbs.example.test".into()
            },
            token_id: Some("ops@pbs!x1".into()),
            token_secret: Some(secret()),
            ..config
        };

        let error = config.check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
