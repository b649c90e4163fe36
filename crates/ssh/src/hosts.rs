//! The hosts of the configuration, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use homelab_core::clock::{Clock, Entropy};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::SecretSource;
use tokio::time::Instant;

use crate::config::{HostConfig, SshConfig};
use crate::connection::Link;
use crate::files::{Files, Roots};

/// What the hosts need besides their settings.
#[derive(Clone)]
pub struct Parts {
    /// File with known hosts, unless the settings name one.
    pub known_hosts: PathBuf,
    /// Where keys and passwords are looked up.
    pub secrets: Arc<dyn SecretSource>,
    /// `$SSH_AUTH_SOCK`.
    pub agent_socket: Option<PathBuf>,
    /// For the validity of certificates.
    pub clock: Arc<dyn Clock>,
    /// For names of temporary files.
    pub entropy: Arc<dyn Entropy>,
}

impl Parts {
    /// Sixteen hexadecimal digits that nobody can guess.
    pub(crate) fn random(&self) -> String {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        hex::encode(bytes)
    }
}

/// The hosts of the configuration; clones share their connections.
#[derive(Clone)]
pub struct Hosts {
    links: Arc<BTreeMap<String, Arc<Link>>>,
    default: Option<String>,
}

impl Hosts {
    /// Makes them; nothing is connected yet.
    ///
    /// # Errors
    /// What [`SshConfig::check`] finds.
    pub fn new(config: SshConfig, parts: Parts) -> ToolResult<Self> {
        config.check()?;
        let known_hosts = config.known_hosts_file.clone();
        let parts = Parts {
            known_hosts: known_hosts.unwrap_or_else(|| parts.known_hosts.clone()),
            ..parts
        };
        let mut links: BTreeMap<String, Arc<Link>> = BTreeMap::new();
        for name in config.hosts.keys() {
            for name in config.jumps(name)?.iter().chain([name]) {
                let Some(settings) = config.hosts.get(name) else {
                    continue;
                };
                if !links.contains_key(name) {
                    let through = settings.jump.as_ref().and_then(|jump| links.get(jump));
                    let through = through.cloned();
                    let link = Link::new(name, settings.clone(), parts.clone(), through);
                    links.insert(name.clone(), Arc::new(link));
                }
            }
        }
        let only = links.keys().next().filter(|_| links.len() == 1);
        let default = config.default_host.or_else(|| only.cloned());
        Ok(Self {
            links: Arc::new(links),
            default,
        })
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.links.keys().map(String::as_str)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The name that a call means if it names none.
    pub fn default_host(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// The host of that name, or the default one.
    ///
    /// # Errors
    /// `not_configured` if there are no hosts at all; `invalid_argument` on `host` if there is none
    /// of that name, or none is named and there is no default.
    pub fn host(&self, name: Option<&str>) -> ToolResult<Host> {
        if self.links.is_empty() {
            return Err(
                ToolError::new(Code::NotConfigured, "no SSH host is configured")
                    .reason("setting_missing")
                    .field("ssh.hosts")
                    .hint("add one: `[ssh.hosts.NAME]` with `host`, `user` and `key_file`"),
            );
        }
        let Some(name) = name.or(self.default.as_deref()) else {
            return Err(
                ToolError::invalid("host", "which SSH host is meant is not clear").hint(format!(
                    "name one of {}, or set `ssh.default_host`",
                    self.listed()
                )),
            );
        };
        match self.links.get(name) {
            Some(link) => Ok(Host { link: link.clone() }),
            None => Err(
                ToolError::invalid("host", format!("there is no SSH host `{name}`"))
                    .reason("ssh_host_unknown")
                    .hint(self.nearest(name)),
            ),
        }
    }

    fn nearest(&self, wrong: &str) -> String {
        let wrong = wrong.to_ascii_lowercase();
        let near: Vec<String> = self
            .names()
            .filter(|name| {
                let other = name.to_ascii_lowercase();
                strsim::damerau_levenshtein(&wrong, &other) <= other.len().max(3) / 3
                    || other.contains(&wrong)
                    || wrong.contains(&other)
            })
            .map(|name| format!("`{name}`"))
            .collect();
        if near.is_empty() {
            let all = self.listed();
            format!("known are {all}; others need a table `[ssh.hosts.NAME]`")
        } else {
            format!("did you mean {}?", near.join(" or "))
        }
    }

    fn listed(&self) -> String {
        let names: Vec<String> = self.names().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.names()).finish()
    }
}

/// One host; clones share the connection.
#[derive(Clone)]
pub struct Host {
    pub(crate) link: Arc<Link>,
}

/// What connecting to a host has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Kind and fingerprint of its key, such as `ssh-ed25519 SHA256:…`.
    pub host_key: String,
    /// How long it took: next to nothing where a connection was open.
    pub took: std::time::Duration,
}

impl Host {
    /// Its name in the settings.
    pub fn name(&self) -> &str {
        &self.link.name
    }

    /// Its settings.
    pub fn settings(&self) -> &HostConfig {
        &self.link.config
    }

    /// `user@host`, with `:port` where that is not 22; for people.
    pub fn destination(&self) -> String {
        let HostConfig {
            host, port, user, ..
        } = &self.link.config;
        match port {
            22 => format!("{user}@{host}"),
            port => format!("{user}@{host}:{port}"),
        }
    }

    /// Connects and signs in, unless that is done already: whether the host can be used.
    ///
    /// # Errors
    /// `upstream_unreachable`, `upstream_unauthorized` (host key or user refused),
    /// `not_configured`.
    pub async fn probe(&self) -> ToolResult<Probe> {
        let started = Instant::now();
        let connection = self.link.connection().await?;
        Ok(Probe {
            host_key: connection.host_key.clone(),
            took: started.elapsed(),
        })
    }

    /// Its files, below the roots of its settings.
    pub fn files(&self) -> Files {
        self.files_in(Roots::of(&self.link.config))
    }

    /// Its files, below roots of the caller's.
    pub fn files_in(&self, roots: Roots) -> Files {
        Files::new(self.link.clone(), roots)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Host({})", self.name())
    }
}
