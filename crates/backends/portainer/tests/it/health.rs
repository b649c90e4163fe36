//! Whether the server can be used.

use homelab_core::server::HealthStatus;
use homelab_lab::portainer::{ADMIN_KEY, Portainer, Release};
use homelab_lab::{Fault, Identity};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_server_that_answers_says_whose_token_it_is() {
    let mut world = World::lab().await;

    let admin = world.health().await;
    world.portainer.add_user("kid", "ptr_lab-kid", &[]);
    world.reopen(&json!({ "api_key": "ptr_lab-kid" }));
    let kid = world.health().await;

    assert_eq!(admin.status, HealthStatus::Ok);
    assert_eq!(
        admin.message,
        "Portainer 2.44.0; `admin` is an administrator"
    );
    assert!(kid.message.contains("`kid` is no administrator"));
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "tls": { "insecure": true } }));
    let trusting = world.health().await;
    world.portainer.set_release(Release::V2_18);
    let old = world.health().await;
    world.reopen(&json!({ "api_key": "ptr_wrong" }));
    let refused = world.health().await;
    world.portainer.faults().always("/api/", Fault::Status(500));
    let down = world.health().await;

    assert!(trusting.message.contains("not verified"));
    assert!(old.message.contains("too old"));
    assert_eq!(
        (refused.status, down.status),
        (HealthStatus::Down, HealthStatus::Down)
    );
}

#[tokio::test]
async fn the_certificate_can_be_pinned() {
    let mut world = World::lab().await;
    let identity = Identity::self_signed(&["localhost"]).expect("a certificate");
    let secure = Portainer::with(world.clock.clone(), Some(&identity))
        .await
        .expect("a loopback port");
    let url = secure.url();

    world.reopen(&json!({ "url": url, "api_key": ADMIN_KEY }));
    let unknown = world.health().await;
    world.reopen(&json!({ "url": url, "tls": { "fingerprint": identity.fingerprint() } }));
    let pinned = world.health().await;

    assert_eq!(unknown.status, HealthStatus::Down);
    assert!(unknown.hint.expect("a hint").contains("fingerprint"));
    assert_eq!(pinned.status, HealthStatus::Ok);
}

#[tokio::test]
async fn a_server_that_is_gone_is_down_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": "http://127.0.0.1:1" }));

    let health = world.health().await;

    assert_eq!(health.status, HealthStatus::Down);
    assert!(
        health
            .hint
            .expect("a hint")
            .contains("servers.portainer.url")
    );
    assert_eq!(world.server.tools().len(), 12);
}
