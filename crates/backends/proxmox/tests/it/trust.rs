//! Certificates: a cluster's own ones are pinned.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::proxmox::Options;
use serde_json::json;

use crate::world::{World, reason};

async fn secure() -> World {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    World::with(options, json!({})).await
}

#[tokio::test]
async fn the_right_fingerprint_is_enough() {
    let mut world = secure().await;
    let fingerprint = world.cluster.identity("pve1").fingerprint();
    world.reopen(&json!({ "tls": { "fingerprint": fingerprint } }));

    let list = world.call("list_vms", json!({})).await;

    assert_eq!(list["total"], 3);
    assert_eq!(world.health().await.status, HealthStatus::Ok);
}

#[tokio::test]
async fn each_node_has_a_fingerprint_of_its_own() {
    let mut world = secure().await;
    let both = format!(
        "{},{}",
        world.cluster.identity("pve1").fingerprint(),
        world.cluster.identity("pve2").fingerprint()
    );
    let hosts = json!([world.cluster.url_of("pve2"), world.cluster.url_of("pve1")]);
    world.reopen(&json!({ "hosts": hosts, "tls": { "fingerprint": both } }));

    let list = world.call("list_vms", json!({})).await;

    assert_eq!(list["total"], 3);
}

#[tokio::test]
async fn another_fingerprint_ends_it_before_any_credential_is_sent() {
    let mut world = secure().await;
    let wrong = world.cluster.identity("pve2").fingerprint();
    // Nor is the next host asked: somebody may sit in between.
    let hosts = json!([world.cluster.url_of("pve1"), world.cluster.url_of("pve2")]);
    world.reopen(&json!({ "hosts": hosts, "tls": { "fingerprint": wrong } }));

    let error = world.fail("list_vms", json!({})).await;

    assert_eq!(error.code(), Code::UpstreamUnreachable);
    let found = world.cluster.identity("pve1").fingerprint();
    assert!(error.to_string().contains(&found), "{error}");
    assert_eq!(world.cluster.log().lines(), [""; 0]);
}

#[tokio::test]
async fn without_any_trust_a_clusters_own_certificate_is_refused() {
    let world = secure().await;

    let error = world.fail("list_vms", json!({})).await;

    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert!(!reason(&error).is_empty());
    assert!(error.to_string().contains("fingerprint"), "{error}");
}

#[tokio::test]
async fn trust_without_verification_is_shown_as_a_fault() {
    let mut world = secure().await;
    world.reopen(&json!({ "tls": { "insecure": true } }));

    let health = world.health().await;

    assert_eq!(health.status, HealthStatus::Degraded);
    assert!(health.message.contains("not verified"));
}
