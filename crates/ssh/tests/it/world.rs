//! A server of the test's own, and our client's settings for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef, SecretSource};
use homelab_ssh::{Exec, Host, HostConfig, Hosts, Output, Parts, SshConfig};
use homelab_testkit::{KeyType, Sshd, SshdSetup};
use tokio_util::sync::CancellationToken;

/// What most tests call the host.
pub(crate) const NAME: &str = "nas";

/// A server, or nothing where there is none to start.
pub(crate) fn server() -> Option<Sshd> {
    Sshd::start().unwrap()
}

/// A server with more lines in its configuration.
pub(crate) fn server_with(lines: &[&str]) -> Option<Sshd> {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Sshd::start_with(SshdSetup {
        lines,
        ..SshdSetup::default()
    })
    .unwrap()
}

/// The file with known hosts that [`hosts`] reads.
pub(crate) fn known_hosts(sshd: &Sshd) -> PathBuf {
    sshd.folder().join("known_hosts")
}

pub(crate) fn write_known_hosts(sshd: &Sshd, lines: &str) {
    std::fs::write(known_hosts(sshd), lines).unwrap();
}

/// Settings that open: the server's key, its known host key, everything in its folder.
pub(crate) fn settings(sshd: &Sshd) -> HostConfig {
    let root = sshd.folder().join("files");
    std::fs::create_dir_all(&root).unwrap();
    HostConfig {
        host: "127.0.0.1".to_owned(),
        port: sshd.port(),
        user: sshd.user().to_owned(),
        key_file: Some(sshd.key()),
        read_roots: vec![text(&root)],
        write_roots: vec![text(&root)],
        ..HostConfig::default()
    }
}

/// Secrets that are written out.
struct Plain;

#[async_trait]
impl SecretSource for Plain {
    async fn secret(&self, reference: &SecretRef) -> ToolResult<Secret> {
        match reference {
            SecretRef::Plain(secret) => Ok(secret.clone()),
            _ => Err(ToolError::internal("only plain secrets here")),
        }
    }
}

pub(crate) fn parts(known_hosts: PathBuf) -> Parts {
    Parts {
        known_hosts,
        secrets: Arc::new(Plain),
        agent_socket: None,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    }
}

/// The hosts of these settings, with the server's file of known hosts.
pub(crate) fn hosts<const N: usize>(sshd: &Sshd, hosts: [(&str, HostConfig); N]) -> Hosts {
    let config = SshConfig {
        hosts: hosts.map(|(name, host)| (name.to_owned(), host)).into(),
        ..SshConfig::default()
    };
    Hosts::new(config, parts(known_hosts(sshd))).unwrap()
}

/// The server as a host whose key is known, with changed settings.
pub(crate) fn host_with(sshd: &Sshd, change: impl FnOnce(&mut HostConfig)) -> Host {
    if !known_hosts(sshd).exists() {
        write_known_hosts(sshd, &sshd.known_hosts_line(KeyType::Ed25519).unwrap());
    }
    let mut settings = settings(sshd);
    change(&mut settings);
    hosts(sshd, [(NAME, settings)]).host(None).unwrap()
}

pub(crate) fn host(sshd: &Sshd) -> Host {
    host_with(sshd, |_| ())
}

/// A path inside the permitted directory.
pub(crate) fn file(sshd: &Sshd, name: &str) -> PathBuf {
    sshd.folder().join("files").join(name)
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

pub(crate) async fn run(host: &Host, command: &str) -> Output {
    host.exec(Exec::new(command), &CancellationToken::new())
        .await
        .unwrap()
}

pub(crate) fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}

/// Waits for something that another process does.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process runs.
pub(crate) fn runs(pid: &str) -> bool {
    // One that has ended and was not yet asked about still has a folder there.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
