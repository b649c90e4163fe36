//! Where the real peers are.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::skip::skip;

/// A program that is not ours and that tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Python with the official MCP SDK (`mcp`), `cryptography`, `scpipy`, `pyvisa`, `pyvisa-py` and `fakepve`.
    Python,
    /// Node 22 or newer.
    Node,
    /// The MCP conformance suite: `conformance server --url … --requirements 2026-07-28`.
    Conformance,
    /// The MCP Inspector; `inspector --cli …` is a complete TypeScript client.
    Inspector,
    /// Prometheus' `promtool`: `promtool check metrics` reads an exposition on stdin.
    Promtool,
    /// Schemathesis: asks a server what its OpenAPI document allows, and what it does not.
    Schemathesis,
    /// The reverse proxy, which [`crate::Traefik`] starts.
    Traefik,
    /// The OpenSSH server. It must be started by its absolute path.
    Sshd,
}

impl Peer {
    /// Every peer, for checks over all of them.
    pub const ALL: [Self; 8] = [
        Self::Python,
        Self::Node,
        Self::Conformance,
        Self::Inspector,
        Self::Promtool,
        Self::Schemathesis,
        Self::Traefik,
        Self::Sshd,
    ];

    /// The program's file name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
            Self::Conformance => "conformance",
            Self::Inspector => "inspector",
            Self::Promtool => "promtool",
            Self::Schemathesis => "schemathesis",
            Self::Traefik => "traefik",
            Self::Sshd => "sshd",
        }
    }

    /// The absolute path of the program, or nothing where it is not installed.
    ///
    /// Only `sshd` comes from the system. The others come from the folder that `scripts/install-peers` fills
    /// (`HOMELAB_PEERS_DIR`, by default `~/.cache/homelab-mcp-peers`), never from `PATH`: a Python without the SDK
    /// or an older Node would only fail later and less clearly.
    pub fn path(self) -> Option<PathBuf> {
        let path = match self {
            Self::Sshd => find_program(self.name(), &["/usr/sbin", "/usr/local/sbin"])?,
            _ => peers_dir()?.join("bin").join(self.name()),
        };
        is_program(&path).then_some(path)
    }

    /// The path as [`Peer::path`] gives it; where there is none, the test is skipped as [`skip`] does it.
    pub fn require(self) -> Option<PathBuf> {
        let path = self.path();
        if path.is_none() {
            skip(&format!(
                "`{}` is not installed; run scripts/install-peers",
                self.name()
            ));
        }
        path
    }
}

/// The folder that `scripts/install-peers` fills, whether it exists or not.
pub(crate) fn peers_dir() -> Option<PathBuf> {
    environment("HOMELAB_PEERS_DIR")
        .map(PathBuf::from)
        .or_else(|| {
            Some(
                PathBuf::from(environment("HOME")?)
                    .join(".cache")
                    .join("homelab-mcp-peers"),
            )
        })
}

/// Finds a program in `PATH`, then in the given folders.
pub(crate) fn find_program(name: &str, also_in: &[&str]) -> Option<PathBuf> {
    let path = environment("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(also_in.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| is_program(candidate))
}

/// Whether this is a file that somebody may execute.
pub(crate) fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "finds programs of the machine; nothing here is a setting of ours"
)]
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
