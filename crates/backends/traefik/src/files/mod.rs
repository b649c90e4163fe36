//! The directory that Traefik's file provider reads: on this machine, or on a host over SSH.
//!
//! Files are replaced in one step under a name that Traefik does not read until then: an empty or
//! half-written file would take routes away, and a file that cannot be read stops Traefik from
//! reading any other.

mod local;
mod remote;

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_ssh::Hosts;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::config::Config;
use local::Local;
use remote::Remote;

/// Largest file that is read.
pub(crate) const LARGEST: usize = 1024 * 1024;
/// Largest file with certificates.
const LARGEST_ACME: usize = 8 * 1024 * 1024;
/// Most files of the directory that are looked at.
pub(crate) const MOST_FILES: usize = 1000;
/// Levels of directories that are looked at.
const DEEPEST: usize = 5;

/// The directory.
pub(crate) enum Files {
    Local(Local),
    Remote(Remote),
}

/// What must be there for a file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// No file.
    Absent,
    /// A file with this SHA-256.
    Sha256(String),
}

impl Expected {
    /// What was read.
    pub(crate) fn of(content: Option<&[u8]>) -> Self {
        content.map_or(Self::Absent, |content| Self::Sha256(sha256(content)))
    }
}

impl Files {
    /// The directory of the settings, if there is one. Nothing is connected.
    ///
    /// # Errors
    /// `not_configured` if the SSH host is not known.
    pub(crate) fn open(config: &Config, env: &Env) -> ToolResult<Option<Self>> {
        let Some(directory) = &config.directory else {
            return Ok(None);
        };
        let directory = directory.trim_end_matches('/').to_owned();
        Ok(Some(match &config.ssh_host {
            None => Self::Local(Local::new(directory, env)),
            Some(host) => Self::Remote(Remote::new(directory, host, env)?),
        }))
    }

    /// Where it is, for people.
    pub(crate) fn place(&self, name: &str) -> String {
        match self {
            Self::Local(local) => local.path(name).display().to_string(),
            Self::Remote(remote) => format!("{}:{}", remote.host(), remote.path(name)),
        }
    }

    /// The files that Traefik reads, below the directory too: names with `/` between them. At most
    /// [`MOST_FILES`].
    pub(crate) async fn list(&self) -> ToolResult<Vec<String>> {
        let mut found = match self {
            Self::Local(local) => local.list().await,
            Self::Remote(remote) => remote.list().await,
        }?;
        found.sort();
        found.truncate(MOST_FILES);
        Ok(found)
    }

    /// The content of a file; `None` if there is none of that name.
    pub(crate) async fn read(&self, name: &str) -> ToolResult<Option<Vec<u8>>> {
        match self {
            Self::Local(local) => local.read(name).await,
            Self::Remote(remote) => remote.read(name).await,
        }
    }

    /// Writes a file, in one step.
    ///
    /// # Errors
    /// `conflict` with reason `file_changed` or `file_exists` if something else is there.
    pub(crate) async fn write(
        &self,
        name: &str,
        content: Vec<u8>,
        expected: Expected,
    ) -> ToolResult<()> {
        match self {
            Self::Local(local) => local.write(name, content, expected).await,
            Self::Remote(remote) => remote.write(name, content, expected).await,
        }
    }

    /// Removes a file with this SHA-256.
    pub(crate) async fn remove(&self, name: &str, sha256: String) -> ToolResult<()> {
        match self {
            Self::Local(local) => local.remove(name, sha256).await,
            Self::Remote(remote) => remote.remove(name, &sha256).await,
        }
    }
}

/// Traefik's `acme.json`, which holds private keys: zeroed when dropped.
pub(crate) async fn acme(config: &Config, env: &Env) -> ToolResult<Option<Zeroizing<Vec<u8>>>> {
    let Some(path) = &config.acme_file else {
        return Ok(None);
    };
    let read = match &config.ssh_host {
        None => local::read_file(path.into(), LARGEST_ACME).await?,
        Some(host) => remote::read_secret(path, host, env).await?,
    };
    match read {
        Some(content) => Ok(Some(Zeroizing::new(content))),
        None => Err(ToolError::new(
            Code::NotConfigured,
            format!("there is no file `{path}`"),
        )
        .reason("file_missing")
        .field("acme_file")
        .hint("set `acme_file` to the `storage` of Traefik's certificate resolver, or leave it out")),
    }
}

/// Whether Traefik reads a file of this name.
fn is_read(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default();
    [".yml", ".yaml", ".toml"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn host(name: &str, env: &Env) -> ToolResult<homelab_ssh::Host> {
    let unknown = |hint: String| {
        ToolError::new(
            Code::NotConfigured,
            format!("there is no SSH host `{name}`"),
        )
        .reason("setting_invalid")
        .field("ssh_host")
        .hint(hint)
    };
    let hosts = env
        .shared
        .get::<Hosts>()
        .ok_or_else(|| unknown("add a table `[ssh.hosts.NAME]`".to_owned()))?;
    hosts.host(Some(name)).map_err(|error| {
        let hint = error.envelope().hint.clone();
        unknown(hint.unwrap_or_else(|| "add a table `[ssh.hosts.NAME]`".to_owned()))
    })
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn too_large(path: &str, cap: usize) -> ToolError {
    ToolError::new(
        Code::UpstreamRejected,
        format!("`{path}` is larger than {cap} bytes"),
    )
    .reason("too_large")
}
