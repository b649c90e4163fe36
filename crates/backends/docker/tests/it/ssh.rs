//! A real engine behind a real SSH server.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use homelab_backend::Shared;
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef, SecretSource};
use homelab_ssh::{HostConfig, Hosts, Parts, SshConfig};
use homelab_testkit::{DockerEngine, KeyType, Sshd, SshdSetup};
use serde_json::json;

use crate::world::{World, hint, reason};

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn secret(&self, _: &SecretRef) -> ToolResult<Secret> {
        Err(ToolError::internal("no secrets here"))
    }
}

/// A host whose `docker` is what this script is.
async fn world(script: &str) -> Option<(World, Sshd, tempfile::TempDir)> {
    let folder = tempfile::tempdir().expect("a folder");
    let docker = folder.path().join("docker");
    std::fs::write(&docker, format!("#!/bin/sh\n{script}\n")).expect("a script");
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).expect("a program");
    let line = format!("SetEnv PATH={}:/usr/bin:/bin", folder.path().display());
    let setup = SshdSetup {
        lines: vec![line],
        ..SshdSetup::default()
    };
    let sshd = Sshd::start_with(setup).expect("a server")?;
    let known_hosts = sshd.folder().join("known_hosts");
    std::fs::write(
        &known_hosts,
        sshd.known_hosts_line(KeyType::Ed25519).expect("a key"),
    )
    .expect("a file");
    let host = HostConfig {
        host: "127.0.0.1".to_owned(),
        port: sshd.port(),
        user: sshd.user().to_owned(),
        key_file: Some(sshd.key()),
        ..HostConfig::default()
    };
    let config = SshConfig {
        hosts: [("nas".to_owned(), host)].into(),
        ..SshConfig::default()
    };
    let parts = Parts {
        known_hosts,
        secrets: Arc::new(NoSecrets),
        agent_socket: None,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    };
    let hosts = Hosts::new(config, parts).expect("hosts");
    let settings = json!({ "hosts": { "nas": { "url": "ssh://nas" } } });
    Some((
        World::with(settings, Shared::default().with(Arc::new(hosts))).await,
        sshd,
        folder,
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_behind_ssh_is_used_like_any_other() {
    let Some(engine) = DockerEngine::shared() else {
        return;
    };
    let script = format!(
        "exec /usr/bin/docker --host unix://{} \"$@\"",
        engine.socket().display()
    );
    let Some((world, _sshd, _folder)) = world(&script).await else {
        return;
    };

    world.sleeper("ssh-sleeper").await;
    let done = world
        .call(
            "exec_container",
            json!({ "container": "ssh-sleeper", "command": ["echo", "over SSH"] }),
        )
        .await;
    let logs = world
        .call("get_container_logs", json!({ "container": "ssh-sleeper" }))
        .await;
    let info = world
        .call("get_system_info", json!({ "disk": false }))
        .await;

    assert_eq!(done["stdout"], "over SSH\n");
    assert_eq!(logs["lines"], json!([]));
    assert_eq!(
        (&info["host"], &info["address"]),
        (&json!("nas"), &json!("ssh://nas"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_far_end_says_about_its_failure_is_told() {
    let said = "permission denied while trying to connect to the Docker daemon socket";
    let Some((world, _sshd, _folder)) = world(&format!("echo '{said}' >&2; exit 1")).await else {
        return;
    };

    let error = world.fail("list_containers", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "connection_lost")
    );
    assert!(error.envelope().message.contains(said), "{error}");
    assert!(hint(&error).contains("group `docker`"), "{}", hint(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_key_is_unknown_is_refused_before_anything_is_asked() {
    let Some((world, sshd, _folder)) = world("exit 1").await else {
        return;
    };
    sshd.new_host_keys().unwrap();
    sshd.restart().unwrap();

    let error = world.fail("list_containers", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "host_key_changed")
    );
}
