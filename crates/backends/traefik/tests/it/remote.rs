//! A directory on another host, over a real SSH server.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use homelab_backend::Shared;
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef, SecretSource};
use homelab_ssh::{HostConfig, Hosts, Parts, SshConfig};
use homelab_testkit::{KeyType, Sshd};
use serde_json::json;

use crate::world::{World, reason};

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

/// The server as the host `proxy`; its own settings permit no file at all.
fn hosts(sshd: &Sshd, folder: &Path) -> Hosts {
    let known_hosts = folder.join("known_hosts");
    let line = sshd.known_hosts_line(KeyType::Ed25519).expect("a key");
    std::fs::write(&known_hosts, line).expect("a written file");
    let host = HostConfig {
        host: "127.0.0.1".to_owned(),
        port: sshd.port(),
        user: sshd.user().to_owned(),
        key_file: Some(sshd.key()),
        ..HostConfig::default()
    };
    let config = SshConfig {
        hosts: [("proxy".to_owned(), host)].into(),
        ..SshConfig::default()
    };
    let parts = Parts {
        known_hosts,
        secrets: Arc::new(Plain),
        agent_socket: None,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    };
    Hosts::new(config, parts).expect("a host")
}

#[tokio::test(flavor = "multi_thread")]
async fn routers_are_written_on_another_host_too() {
    let Some(sshd) = Sshd::start().expect("a server") else {
        return;
    };
    let mut world = World::lab().await;
    let folder = tempfile::tempdir().expect("a folder");
    world.bench.env.shared = Shared::default().with(Arc::new(hosts(&sshd, folder.path())));
    world.reopen(&json!({ "ssh_host": "proxy", "apply_timeout_s": 10 }));
    let args =
        json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.9"] });
    let mut second = args.clone();
    second["overwrite"] = true.into();
    second["priority"] = 9.into();

    let made = world.call("create_router", args).await;
    let undo = world
        .inverse("create_router", second.clone())
        .await
        .expect("an inverse");
    world.call("create_router", second).await;
    world.undo(undo).await;
    let valid = world.call("validate_config", json!({})).await;
    world.put("bad.yml", "http: [");
    let refused = world.fail("delete_router", json!({ "name": "app" })).await;
    std::fs::remove_file(world.directory.join("bad.yml")).expect("a removed file");
    world.call("delete_router", json!({ "name": "app" })).await;

    assert!(
        made["file"]
            .as_str()
            .expect("a place")
            .starts_with("proxy:/")
    );
    assert_eq!(valid["managed_routers"], json!(["app"]));
    assert_eq!(reason(&refused), "directory_broken");
    assert_eq!(world.files(), ["hl-router-app.yml.previous"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn acme_is_read_on_another_host_and_a_missing_directory_is_said() {
    let Some(sshd) = Sshd::start().expect("a server") else {
        return;
    };
    let mut world = World::lab().await;
    let folder = tempfile::tempdir().expect("a folder");
    world.bench.env.shared = Shared::default().with(Arc::new(hosts(&sshd, folder.path())));
    world.put("acme.json", "{\"lab\":{\"Certificates\":null}}");
    let acme = world.directory.join("acme.json");
    world.reopen(
        &json!({ "ssh_host": "proxy", "acme_file": acme, "directory": "/nonexistent/dynamic" }),
    );

    let found = world.call("get_certificate_status", json!({})).await;
    let error = world.fail("validate_config", json!({})).await;

    assert_eq!(found["sources"], json!(["api", "acme_file"]));
    assert_eq!(reason(&error), "file_missing");
}
