//! Whether the server can be used.

use homelab_core::server::HealthStatus;
use homelab_lab::traefik::Release;
use homelab_lab::{Fault, Identity};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_proxy_that_answers_is_well() {
    let world = World::lab().await;

    let health = world.health().await;

    assert_eq!(
        (health.status, health.message.as_str()),
        (HealthStatus::Ok, "Traefik 3.7.15")
    );
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "directory": "/nonexistent/dynamic" }));
    let nowhere = world.health().await;
    world.reopen(&json!({ "tls": { "insecure": true } }));
    let trusting = world.health().await;
    world.traefik.set_release(Release::V2_11);
    let old = world.health().await;
    let lacking = world.lacking().join(",");
    world.traefik.faults().always("/api/", Fault::Status(500));
    let down = world.health().await;

    assert_eq!(nowhere.status, HealthStatus::Degraded);
    assert!(
        nowhere.message.contains("nothing can be changed"),
        "{}",
        nowhere.message
    );
    assert!(trusting.message.contains("not verified"));
    assert!(old.message.contains("only read"));
    assert_eq!(lacking, "create_router,delete_router,rollback_router");
    assert_eq!(down.status, HealthStatus::Down);
}

#[tokio::test]
async fn the_certificate_of_the_api_can_be_pinned() {
    let identity = Identity::self_signed(&["localhost"]).expect("a certificate");
    let secure = homelab_lab::traefik::Traefik::start_tls(&identity)
        .await
        .expect("a loopback port");
    let mut world = World::lab().await;
    let url = secure.url();

    world.reopen(&json!({ "url": url }));
    let unknown = world.health().await;
    world.reopen(&json!({ "url": url, "tls": { "fingerprint": identity.fingerprint() } }));
    let pinned = world.health().await;

    assert_eq!(unknown.status, HealthStatus::Down);
    assert!(unknown.hint.expect("a hint").contains("fingerprint"));
    assert_eq!(pinned.status, HealthStatus::Ok);
}

#[tokio::test]
async fn a_proxy_that_is_gone_is_down_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": "http://127.0.0.1:1" }));

    let health = world.health().await;

    assert_eq!(health.status, HealthStatus::Down);
    assert!(health.hint.expect("a hint").contains("servers.traefik.url"));
    assert_eq!(world.server.tools().len(), 13);
}
