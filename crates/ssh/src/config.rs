//! `[ssh]`: the hosts that commands run on and files live on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use russh::keys::HashAlg;
use russh::keys::ssh_key::Fingerprint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::files::path::absolute;

/// Hosts that are reached over SSH: for commands, files, and the Docker engines behind them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SshConfig {
    /// Host that a call means if it names none. Default: the only one there is.
    pub default_host: Option<String>,
    /// File with the keys of known hosts, as OpenSSH writes it. Default: `known_hosts` in the data
    /// directory.
    pub known_hosts_file: Option<PathBuf>,
    /// The hosts, each under the name that calls use: `[ssh.hosts.nas]`.
    pub hosts: BTreeMap<String, HostConfig>,
}

/// One host: where it is, how to sign in, and what may be done there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// Name or address, without a port.
    pub host: String,
    /// Port.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// User to sign in as. The account is the real limit of what commands can do: give it no more
    /// rights than it needs.
    pub user: String,
    /// File with the private key.
    pub key_file: Option<PathBuf>,
    /// The private key itself.
    pub key: Option<SecretRef>,
    /// Passphrase of the private key.
    pub passphrase: Option<SecretRef>,
    /// OpenSSH certificate that belongs to the private key.
    pub certificate_file: Option<PathBuf>,
    /// Sign in with the keys of an SSH agent.
    pub agent: bool,
    /// Socket of the SSH agent. Default: `$SSH_AUTH_SOCK`.
    pub agent_socket_file: Option<PathBuf>,
    /// Password, for accounts without a key.
    pub password: Option<SecretRef>,
    /// Name of another host here that the connection goes through.
    pub jump: Option<String>,
    /// Which keys of the host are accepted: `strict` only known ones, `accept-new` also the first
    /// one that is ever seen of a host, which is then remembered.
    pub host_key_policy: HostKeyPolicy,
    /// Fingerprint of the host's key, as `ssh-keygen -lf` prints it: `SHA256:…`. Takes the place of
    /// the file with known hosts.
    pub fingerprint: Option<String>,
    /// Whether commands may be run as root, through `sudo -n`.
    pub sudo: bool,
    /// Run commands inside a few lines of shell that let a time-out end all they started. Turn it
    /// off where a forced command looks at the command, or where the login shell is not a POSIX one.
    pub wrap: bool,
    /// Directories below which files may be read; none lets nothing be read.
    pub read_roots: Vec<String>,
    /// Directories below which files may be read and written.
    pub write_roots: Vec<String>,
    /// Files that may be read and written although their names speak of secrets (`.env`, private
    /// keys): paths, `*` stands for any text.
    pub permitted_files: Vec<String>,
    /// Seconds that connecting may take, and signing in as much again.
    #[schemars(range(min = 1, max = 120))]
    pub connect_timeout_s: u64,
    /// Seconds without a sign of life after which the host is asked for one; after three unanswered
    /// questions the connection counts as lost.
    #[schemars(range(min = 1, max = 600))]
    pub keepalive_s: u64,
    /// Commands and file transfers at a time; more wait. OpenSSH's `MaxSessions` is 10.
    #[schemars(range(min = 1, max = 64))]
    pub max_sessions: usize,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 22,
            user: String::new(),
            key_file: None,
            key: None,
            passphrase: None,
            certificate_file: None,
            agent: false,
            agent_socket_file: None,
            password: None,
            jump: None,
            host_key_policy: HostKeyPolicy::default(),
            fingerprint: None,
            sudo: false,
            wrap: true,
            read_roots: Vec::new(),
            write_roots: Vec::new(),
            permitted_files: Vec::new(),
            connect_timeout_s: 10,
            keepalive_s: 15,
            // Two less than OpenSSH allows: one for whoever ends a command that ran too long, one
            // for a person's own session over a shared connection.
            max_sessions: 8,
        }
    }
}

/// Which keys of a host are accepted. There is no policy that accepts any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyPolicy {
    /// Only known ones.
    #[default]
    Strict,
    /// Also the first one that is ever seen of a host, which is then remembered.
    AcceptNew,
}

impl SshConfig {
    /// Refuses settings that are well-formed but make no sense together; no I/O. The error's field
    /// is the dotted key within the section.
    ///
    /// # Errors
    /// `not_configured`.
    pub fn check(&self) -> ToolResult<()> {
        if let Some(name) = &self.default_host
            && !self.hosts.contains_key(name)
        {
            return Err(setting_invalid(
                "default_host",
                format!("`default_host` is `{name}`, and there is no such host"),
            ));
        }
        for (name, host) in &self.hosts {
            check_name(name)?;
            host.check(name)?;
            self.jumps(name)?;
        }
        Ok(())
    }

    /// The hosts that the connection to this one goes through, the nearest to us first.
    ///
    /// # Errors
    /// `not_configured` if one is missing, or the way leads in a circle.
    pub(crate) fn jumps(&self, name: &str) -> ToolResult<Vec<String>> {
        let field = || format!("hosts.{name}.jump");
        let mut seen = BTreeSet::from([name]);
        let mut way = Vec::new();
        let mut at = name;
        while let Some(next) = self.hosts.get(at).and_then(|host| host.jump.as_deref()) {
            if !self.hosts.contains_key(next) {
                let text = format!("`{at}` is reached through `{next}`, and there is no such host");
                return Err(setting_invalid(field(), text));
            }
            if !seen.insert(next) {
                let text = format!("the way to `{name}` leads back to `{next}`");
                return Err(setting_invalid(field(), text));
            }
            way.push(next.to_owned());
            at = next;
        }
        way.reverse();
        Ok(way)
    }
}

impl HostConfig {
    fn check(&self, name: &str) -> ToolResult<()> {
        let field = |key: &str| format!("hosts.{name}.{key}");
        let refuse = |key: &str, text: String| Err(setting_invalid(field(key), text));
        for (key, value) in [("host", &self.host), ("user", &self.user)] {
            if value.is_empty() {
                return Err(ToolError::new(
                    Code::NotConfigured,
                    format!("the SSH host `{name}` has no `{key}`"),
                )
                .reason("setting_missing")
                .field(field(key))
                .hint(format!("set `ssh.{}`", field(key))));
            }
            if value
                .chars()
                .any(|one| one.is_whitespace() || one.is_control())
            {
                return refuse(key, format!("`{key}` of `{name}` has a space in it"));
            }
        }
        if self.host.contains(['@', '/', '[', ']', ',']) {
            let text = format!("`host` of `{name}` must be a bare name or address");
            return refuse("host", text);
        }
        if !(self.agent || self.key_file.is_some() || self.key.is_some()) && self.password.is_none()
        {
            return Err(ToolError::new(
                Code::NotConfigured,
                format!("the SSH host `{name}` has nothing to sign in with"),
            )
            .reason("setting_missing")
            .field(field("key_file"))
            .hint("set `key_file`, `key`, `agent = true` or `password`"));
        }
        if self.key_file.is_some() && self.key.is_some() {
            let text = format!("`{name}` has both `key_file` and `key`: keep one of them");
            return refuse("key", text);
        }
        if self.certificate_file.is_some() && self.key_file.is_none() && self.key.is_none() {
            let text = format!("`certificate_file` of `{name}` needs its private key too");
            return refuse("certificate_file", text);
        }
        if let Some(fingerprint) = &self.fingerprint {
            check_fingerprint(fingerprint)
                .or_else(|text| refuse("fingerprint", format!("`{name}`: {text}")))?;
            if self.host_key_policy == HostKeyPolicy::AcceptNew {
                let text =
                    format!("`{name}` has a `fingerprint`, so there is no new key to accept");
                return refuse("host_key_policy", text);
            }
        }
        for (key, roots) in [
            ("read_roots", &self.read_roots),
            ("write_roots", &self.write_roots),
        ] {
            for (index, root) in roots.iter().enumerate() {
                if absolute(root).is_err() {
                    let text = format!("`{root}` of `{name}` is not an absolute path");
                    return refuse(&format!("{key}[{index}]"), text);
                }
            }
        }
        Ok(())
    }
}

/// A host's name ends up in calls, permissions and tables.
fn check_name(name: &str) -> ToolResult<()> {
    let fine = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(fine) {
        return Ok(());
    }
    Err(setting_invalid(
        format!("hosts.{name}"),
        format!("`{name}` cannot be the name of a host: letters, digits, `-`, `_` and `.` only"),
    ))
}

fn check_fingerprint(text: &str) -> Result<(), String> {
    match text.parse::<Fingerprint>() {
        Ok(fingerprint) if fingerprint.algorithm() == HashAlg::Sha256 => Ok(()),
        _ => Err(format!(
            "`{text}` is not a fingerprint such as `SHA256:…`, which `ssh-keygen -lf` prints"
        )),
    }
}

fn setting_invalid(field: impl Into<String>, text: impl Into<String>) -> ToolError {
    ToolError::new(Code::NotConfigured, text)
        .reason("setting_invalid")
        .field(field)
}

#[cfg(test)]
mod tests {
    use homelab_core::secret::Secret;
    use rstest::rstest;

    use super::*;

    fn host(change: impl FnOnce(&mut HostConfig)) -> HostConfig {
        let mut host = HostConfig {
            host: "nas.example.test".to_owned(),
            user: "lab".to_owned(),
            agent: true,
            ..HostConfig::default()
        };
        change(&mut host);
        host
    }

    fn config<const N: usize>(hosts: [(&str, HostConfig); N]) -> SshConfig {
        SshConfig {
            hosts: hosts.map(|(name, host)| (name.to_owned(), host)).into(),
            ..SshConfig::default()
        }
    }

    fn jump(to: &str) -> HostConfig {
        host(|host: &mut HostConfig| host.jump = Some(to.to_owned()))
    }

    #[test]
    fn nothing_and_one_good_host_are_fine() {
        assert_eq!(SshConfig::default().check(), Ok(()));
        assert_eq!(config([("nas", host(|_| ()))]).check(), Ok(()));
    }

    type Change = fn(&mut HostConfig);

    #[rstest]
    #[case::no_host(|host: &mut HostConfig| host.host.clear(), "hosts.nas.host")]
    #[case::no_user(|host: &mut HostConfig| host.user.clear(), "hosts.nas.user")]
    #[case::user_in_host(|host: &mut HostConfig| host.host = "root@nas".into(), "hosts.nas.host")]
    #[case::nothing_to_sign_in(|host: &mut HostConfig| host.agent = false, "hosts.nas.key_file")]
    #[case::two_keys(
        |host: &mut HostConfig| { host.key_file = Some("/k".into()); host.key = Some(SecretRef::Plain(Secret::new("k"))); },
        "hosts.nas.key"
    )]
    #[case::lone_certificate(|host: &mut HostConfig| host.certificate_file = Some("/c".into()), "hosts.nas.certificate_file")]
    #[case::md5(|host: &mut HostConfig| host.fingerprint = Some("MD5:00:11".into()), "hosts.nas.fingerprint")]
    #[case::relative_root(|host: &mut HostConfig| host.read_roots = vec!["/srv".into(), "etc".into()], "hosts.nas.read_roots[1]")]
    fn a_setting_that_cannot_be_used_is_named(#[case] change: Change, #[case] field: &str) {
        let error = config([("nas", host(change))]).check().unwrap_err();

        assert_eq!(error.code(), Code::NotConfigured);
        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn a_default_host_must_exist() {
        let config = SshConfig {
            default_host: Some("pve".to_owned()),
            ..config([("nas", host(|_| ()))])
        };

        let error = config.check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("default_host"));
    }

    #[test]
    fn jumps_are_listed_from_here_to_there() {
        let config = config([("a", host(|_| ())), ("b", jump("a")), ("c", jump("b"))]);

        assert_eq!(config.jumps("c").unwrap(), ["a", "b"]);
        assert!(config.jumps("a").unwrap().is_empty());
    }

    #[rstest]
    #[case::itself([("a", jump("a")), ("b", jump("a"))])]
    #[case::a_circle([("a", jump("b")), ("b", jump("a"))])]
    #[case::nobody([("a", jump("z")), ("b", host(|_| ()))])]
    fn jumps_that_lead_nowhere_are_refused(#[case] hosts: [(&str, HostConfig); 2]) {
        let error = config(hosts).check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("hosts.a.jump"));
    }
}
