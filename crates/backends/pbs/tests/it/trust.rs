//! Certificates.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::pbs::Options;
use serde_json::json;

use crate::world::{World, hint, reason};

async fn over_tls() -> World {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    World::with(options, json!({})).await
}

#[tokio::test]
async fn the_right_fingerprint_is_trusted() {
    let mut world = over_tls().await;
    world.reopen(&json!({ "tls": { "fingerprint": world.pbs.identity().fingerprint() } }));

    let node = world.call("get_node_status", json!({})).await;

    assert_eq!(node["version"], "4.1.1");
    assert_eq!(world.health().await.status, HealthStatus::Ok);
}

#[tokio::test]
async fn another_fingerprint_is_not_trusted_and_nothing_is_sent() {
    let mut world = over_tls().await;
    let wrong = ["00"; 32].join(":");
    world.reopen(&json!({ "tls": { "fingerprint": wrong } }));

    let error = world.fail("get_node_status", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "tls_not_pinned")
    );
    assert_eq!(world.pbs.log().lines(), [""; 0]);
}

#[tokio::test]
async fn without_a_fingerprint_its_own_certificate_is_refused_with_the_setting_that_helps() {
    let world = over_tls().await;

    let error = world.fail("get_node_status", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "tls_self_signed")
    );
    assert!(
        hint(&error).contains("in `[servers.pbs]`"),
        "{}",
        hint(&error)
    );
    assert_eq!(world.pbs.log().lines(), [""; 0]);
}

#[tokio::test]
async fn an_unverified_certificate_is_reported_as_a_weakness() {
    let mut world = over_tls().await;
    world.reopen(&json!({ "tls": { "insecure": true } }));

    let health = world.health().await;

    assert_eq!(health.status, HealthStatus::Degraded);
    assert!(
        health
            .hint
            .expect("a hint")
            .contains("servers.pbs.tls.fingerprint")
    );
}
