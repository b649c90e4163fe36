//! Section `[servers.proxmox]`: hosts, credentials, trust, defaults and time limits.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_proxmox_api::address::base_url;
use homelab_proxmox_api::credentials::{Advice, Credentials, Login, is_plain, within};
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ids::{Bridge, StorageId};

/// Port of the API unless a host says otherwise.
const PORT: u16 = 8006;
/// What Proxmox VE says of its credentials.
const ADVICE: Advice = Advice {
    token_page: "Datacenter, Permissions, API Tokens",
    user: "ops@pve",
    make_token: "pveum user token add ops@pve homelab --privsep 1",
    is_word: |text| {
        text.len() >= 2
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && is_plain(text)
    },
};

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
        self.base_urls()?;
        self.login()?;
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
