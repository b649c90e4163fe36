//! A stand-in for Ollama, an OpenSSH server where a test needs one, and the server under test.

use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use homelab_backend::Shared;
use homelab_backend_whisper::kind;
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef, SecretSource};
use homelab_harness::Bench;
use homelab_lab::ollama::Ollama;
use homelab_ssh::{HostConfig, Hosts, Parts, SshConfig};
use homelab_testkit::{KeyType, Sshd};
use serde_json::{Value, json};

pub(crate) use homelab_harness::{context, context_with, field, hint, reason};

pub(crate) struct World {
    pub(crate) ollama: Ollama,
    bench: Bench,
    pub(crate) sshd: Option<Sshd>,
}

/// A host of the tests' configuration.
pub(crate) type Named = (&'static str, HostConfig);

impl World {
    /// The models of the demo lab, and no SSH hosts.
    pub(crate) async fn ollama() -> Self {
        Self::ollama_with(json!({})).await
    }

    /// The same, with settings beside Ollama's address.
    pub(crate) async fn ollama_with(settings: Value) -> Self {
        Self::open(None, Vec::new(), settings).await
    }

    /// One host, `nas`; nothing where OpenSSH is not installed.
    pub(crate) async fn ssh() -> Option<Self> {
        Self::ssh_with(|_| ()).await
    }

    /// The same with other settings of the host.
    pub(crate) async fn ssh_with(change: impl FnOnce(&mut HostConfig)) -> Option<Self> {
        let sshd = sshd()?;
        let mut host = host(&sshd);
        change(&mut host);
        Some(Self::open(Some(sshd), vec![("nas", host)], json!({})).await)
    }

    /// Several hosts that the function makes of a good one.
    pub(crate) async fn hosts(
        settings: Value,
        make: impl FnOnce(HostConfig) -> Vec<Named>,
    ) -> Option<Self> {
        let sshd = sshd()?;
        let host = host(&sshd);
        Some(Self::open(Some(sshd), make(host), settings).await)
    }

    async fn open(sshd: Option<Sshd>, hosts: Vec<Named>, mut settings: Value) -> Self {
        let ollama = Ollama::demo().await.expect("a loopback port");
        let mut shared = Shared::default();
        if let Some(sshd) = &sshd {
            shared = shared.with(Arc::new(connected(sshd, hosts)));
        }
        if settings["ollama"]["url"].is_null() {
            settings["ollama"]["url"] = ollama.url().into();
        }
        let clock = Arc::new(SystemClock);
        Self {
            bench: Bench::named("whisper", kind(), settings, clock, shared).await,
            ollama,
            sshd,
        }
    }

    /// A folder of the host, in which files may be read and written.
    pub(crate) fn root(&self) -> PathBuf {
        root(self.sshd())
    }

    /// Where `name` lies in it, as a text.
    pub(crate) fn path(&self, name: &str) -> String {
        text(&self.root().join(name))
    }

    /// Puts a program on the host's PATH, before all others.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = bin(self.sshd()).join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a mode");
    }

    fn sshd(&self) -> &Sshd {
        self.sshd.as_ref().expect("an SSH server")
    }
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

/// A server whose PATH begins with a folder of the test's.
fn sshd() -> Option<Sshd> {
    let sshd = Sshd::start().expect("an SSH server")?;
    std::fs::create_dir_all(bin(&sshd)).expect("a folder");
    std::fs::create_dir_all(root(&sshd)).expect("a folder");
    let bin = text(&bin(&sshd));
    sshd.add_line(&format!("SetEnv PATH={bin}:/usr/bin:/bin"));
    sshd.restart().expect("a restarted server");
    Some(sshd)
}

fn bin(sshd: &Sshd) -> PathBuf {
    sshd.folder().join("bin")
}

fn root(sshd: &Sshd) -> PathBuf {
    sshd.folder().join("files")
}

fn host(sshd: &Sshd) -> HostConfig {
    HostConfig {
        host: "127.0.0.1".to_owned(),
        port: sshd.port(),
        user: sshd.user().to_owned(),
        key_file: Some(sshd.key()),
        write_roots: vec![text(&root(sshd))],
        ..HostConfig::default()
    }
}

fn connected(sshd: &Sshd, hosts: Vec<Named>) -> Hosts {
    let known_hosts = sshd.folder().join("known_hosts");
    let line = sshd.known_hosts_line(KeyType::Ed25519).expect("a host key");
    std::fs::write(&known_hosts, line).expect("a file of known hosts");
    let config = SshConfig {
        hosts: hosts
            .into_iter()
            .map(|(name, host)| (name.to_owned(), host))
            .collect(),
        ..SshConfig::default()
    };
    let parts = Parts {
        known_hosts,
        secrets: Arc::new(Plain),
        agent_socket: None,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    };
    Hosts::new(config, parts).expect("hosts")
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

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a UTF-8 path").to_owned()
}
