//! Other releases, and what is no Pi-hole.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::Fault;
use homelab_lab::pihole::{Options, Release};
use serde_json::json;

use crate::world::{World, hint, reason};

#[tokio::test]
async fn version_5_is_told_to_be_upgraded() {
    let options = Options {
        release: Release::V5,
        ..Options::default()
    };
    let world = World::with(options, json!({})).await;

    let error = world.fail("get_pihole_summary", json!({})).await;
    let health = world.health().await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "unsupported_version")
    );
    assert!(hint(&error).contains("upgrade to v6"));
    assert_eq!(health.status, HealthStatus::Down);
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn what_is_no_pihole_says_where_to_look() {
    let world = World::lab().await;
    for fault in [Fault::Status(404), Fault::NotJson] {
        world.pihole.faults().next(1, "/api/auth", fault);

        let error = world.fail("list_groups", json!({})).await;

        assert_eq!(reason(&error), "not_supported");
        assert!(hint(&error).contains("servers.pihole.url"));
    }
    world
        .pihole
        .faults()
        .always("/api/auth", Fault::Status(502));
    let error = world.fail("list_groups", json!({})).await;
    assert_eq!(
        (reason(&error), error.envelope().upstream_status),
        ("", Some(502))
    );
}

#[tokio::test]
async fn its_health_says_whether_it_blocks() {
    let world = World::lab().await;

    let well = world.health().await;
    world.call("disable_pihole_blocking", json!({})).await;
    let off = world.health().await;
    world.pihole.set_resolver_down(true);
    let down = world.health().await;

    assert_eq!(
        (well.status, well.message.as_str()),
        (HealthStatus::Ok, "pihole: blocking enabled")
    );
    assert_eq!(off.message, "pihole: blocking disabled");
    assert_eq!(down.status, HealthStatus::Degraded);
}

#[tokio::test]
async fn a_wrong_section_names_the_setting() {
    for (settings, setting) in [
        (json!({ "url": "" }), "servers.pihole.url"),
        (json!({ "timeout_s": 1 }), "servers.pihole.timeout_s"),
        (
            json!({ "replicas": [{ "name": "pihole", "url": "192.0.2.67" }] }),
            "servers.pihole.replicas.0.name",
        ),
    ] {
        let world = World::configured(settings).await;

        let error = world.fail("list_groups", json!({})).await;

        assert_eq!(error.envelope().field.as_deref(), Some(setting));
    }
}
