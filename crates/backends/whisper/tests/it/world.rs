//! A stand-in for Ollama, an OpenSSH server where a test needs one, and the server under test.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use homelab_backend::{Env, Shared};
use homelab_backend_whisper::kind;
use homelab_core::call::{CallContext, Confirmer, CredentialKind, Principal, Progress, Transport};
use homelab_core::clock::{OsEntropy, SeededEntropy, SystemClock};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::id::RequestId;
use homelab_core::keyring::Keyring;
use homelab_core::observe::Silent;
use homelab_core::policy::Role;
use homelab_core::redact::Redactor;
use homelab_core::secret::{Secret, SecretRef, SecretSource};
use homelab_core::server::Server;
use homelab_core::tool::{Effect, Inverse, Preview, Ran, Target};
use homelab_lab::ollama::Ollama;
use homelab_ssh::{HostConfig, Hosts, Parts, SshConfig};
use homelab_store::{Database, Target as Place};
use homelab_testkit::{KeyType, Sshd};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) struct World {
    pub(crate) ollama: Ollama,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) sshd: Option<Sshd>,
    _database: Database,
    _folder: TempDir,
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
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("homelab.db");
        let clock = Arc::new(SystemClock);
        let entropy = Arc::new(SeededEntropy::new(1));
        let database = Database::open(&Place::Sqlite { path }, clock.clone(), entropy).await;
        let database = database.expect("a database");
        let key = Keyring::generate(&SeededEntropy::new(2));
        let mut shared = Shared::default();
        if let Some(sshd) = &sshd {
            shared = shared.with(Arc::new(connected(sshd, hosts)));
        }
        let env = Env {
            stores: database.stores(),
            keyring: Arc::new(Keyring::parse(&key).expect("a generated key")),
            clock,
            entropy: Arc::new(OsEntropy),
            redactor: Redactor::default(),
            observer: Arc::new(Silent),
            shared,
        };
        if settings["ollama"]["url"].is_null() {
            settings["ollama"]["url"] = ollama.url().into();
        }
        Self {
            server: kind().open("whisper", settings, &env),
            ollama,
            sshd,
            _database: database,
            _folder: folder,
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

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    pub(crate) async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        self.run_in(tool, args, &context()).await
    }

    pub(crate) async fn run_in(
        &self,
        tool: &str,
        args: Value,
        ctx: &CallContext,
    ) -> ToolResult<Ran<Value>> {
        let index = self.index(tool);
        let info = &self.server.tools()[index];
        let input = Value::Object((*info.input_schema).clone());
        if let Err(error) = jsonschema::validate(&input, &args) {
            panic!("{tool} does not take {args}: {error}");
        }
        let ran = self.server.run(index, args, ctx).await?;
        let output = Value::Object((*info.output_schema).clone());
        if let Err(error) = jsonschema::validate(&output, &ran.output) {
            panic!("{tool} does not give {}: {error}", ran.output);
        }
        Ok(ran)
    }

    /// The result of a call that must succeed and take.
    pub(crate) async fn call(&self, tool: &str, args: Value) -> Value {
        match self.run(tool, args).await {
            Ok(ran) => {
                assert_eq!(ran.mismatches, [], "{tool} did not take");
                ran.output
            }
            Err(error) => panic!("{tool} failed: {error}"),
        }
    }

    /// The error of a call that must fail.
    pub(crate) async fn fail(&self, tool: &str, args: Value) -> ToolError {
        match self.run(tool, args).await {
            Ok(ran) => panic!("{tool} answered {}", ran.output),
            Err(error) => error,
        }
    }

    pub(crate) fn effect(&self, tool: &str, args: Value) -> Option<Effect> {
        self.server.effect(self.index(tool), args)
    }

    pub(crate) async fn preview(&self, tool: &str, args: Value) -> ToolResult<Preview> {
        let preview = self.server.preview(self.index(tool), args);
        preview.expect("a preview").await
    }

    pub(crate) async fn targets(&self, tool: &str, args: Value) -> Vec<Target> {
        let targets = self.server.targets(self.index(tool), args);
        targets.expect("targets").await.expect("resolved targets")
    }

    pub(crate) async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let inverse = self.server.inverse(self.index(tool), args);
        inverse
            .expect("an inverse")
            .await
            .expect("a computed inverse")
    }

    fn index(&self, tool: &str) -> usize {
        let mut tools = self.server.tools().iter();
        tools
            .position(|info| info.spec.name == tool)
            .unwrap_or_else(|| panic!("no tool `{tool}`"))
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

pub(crate) fn context() -> CallContext {
    context_with(Progress::default())
}

pub(crate) fn context_with(progress: Progress) -> CallContext {
    CallContext {
        principal: Arc::new(Principal::new(
            "cli:0",
            "cli:0",
            CredentialKind::Local,
            Role::Admin,
        )),
        request_id: RequestId::new("r"),
        transport: Transport::Cli,
        session: None,
        peer: None,
        deadline: None,
        cancel: CancellationToken::new(),
        progress,
        confirm: Confirmer::default(),
    }
}

pub(crate) fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}

pub(crate) fn hint(error: &ToolError) -> &str {
    error.envelope().hint.as_deref().unwrap_or_default()
}

pub(crate) fn field(error: &ToolError) -> &str {
    error.envelope().field.as_deref().unwrap_or_default()
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a UTF-8 path").to_owned()
}
