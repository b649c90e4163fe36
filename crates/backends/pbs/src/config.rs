//! Section `[servers.pbs]`: address, credentials, trust and time limits.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_proxmox_api::address::base_url;
use homelab_proxmox_api::credentials::{Advice, Credentials, Login, is_plain, within};
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// Port of the API unless the address says otherwise.
const PORT: u16 = 8007;
/// What the server says of its credentials.
const ADVICE: Advice = Advice {
    token_page: "Configuration, Access Control, API Token",
    user: "ops@pbs",
    make_token: "proxmox-backup-manager user generate-token ops@pbs homelab",
    is_word: |text| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
            && is_plain(text)
    },
};

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
        base_url(self.url.trim(), PORT)
            .map_err(|what| ToolError::invalid("url", what).hint(example))
    }

    /// The credentials.
    ///
    /// # Errors
    /// The setting that is missing, contradicts another or is not of its form.
    pub(crate) fn login(&self) -> ToolResult<Login> {
        Credentials {
            token_id: self.token_id.as_deref(),
            token_name: self.token_name.as_deref(),
            token_secret: self.token_secret.as_ref(),
            username: self.username.as_deref(),
            password: self.password.as_ref(),
        }
        .login(ADVICE)
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> ToolResult<()> {
        self.base_url()?;
        self.login()?;
        within("stale_after_hours", self.stale_after_hours.into(), 1, 8760)?;
        within("full_percent", self.full_percent.into(), 1, 100)?;
        within("timeout_s", self.timeout_s, 5, 300)?;
        within("task_wait_s", self.task_wait_s, 0, 600)?;
        within("task_poll_ms", self.task_poll_ms, 10, 5000)
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

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
