//! Certificates.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::unifi::Options;
use serde_json::json;

use crate::world::{With, World, hint, reason};

async fn over_tls() -> World {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    World::of(options, With::Both).await
}

#[tokio::test]
async fn the_right_fingerprint_is_trusted() {
    let mut world = over_tls().await;
    let fingerprint = world.unifi.identity().fingerprint();
    world.reopen(&json!({ "tls": { "fingerprint": fingerprint } }));

    let list = world.call("list_devices", json!({})).await;

    assert_eq!(
        (&list["total"], world.health().await.status),
        (&json!(3), HealthStatus::Ok)
    );
}

#[tokio::test]
async fn another_certificate_is_not_trusted_and_nothing_is_sent() {
    let mut world = over_tls().await;

    let unknown = world.fail("list_devices", json!({})).await;
    let wrong = ["00"; 32].join(":");
    world.reopen(&json!({ "tls": { "fingerprint": wrong } }));
    let other = world.fail("list_devices", json!({})).await;

    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::UpstreamUnreachable, "tls_self_signed")
    );
    assert!(
        hint(&unknown).contains("in `[servers.unifi]`"),
        "{}",
        hint(&unknown)
    );
    assert_eq!(reason(&other), "tls_not_pinned");
    assert_eq!(world.unifi.log().lines(), [""; 0]);
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
            .contains("servers.unifi.tls.fingerprint")
    );
}
