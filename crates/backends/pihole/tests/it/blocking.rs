//! Blocking, on and off.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, field, reason};

#[tokio::test]
async fn it_is_off_for_a_while_and_comes_back() {
    let world = World::lab().await;

    let off = world
        .first("disable_pihole_blocking", json!({ "seconds": 60 }))
        .await;
    let (blocking, timer) = world.pihole.blocking();
    world.clock.advance_seconds(61);
    let after = world.pihole.blocking().0;

    assert_eq!(off["blocking"], "disabled");
    assert_eq!(off["changes_at"], "2026-06-01T00:01:00Z");
    assert!(!blocking && timer.is_some_and(|left| left > 59.0));
    assert!(after);
}

#[tokio::test]
async fn five_minutes_are_usual_and_for_ever_must_be_said() {
    let world = World::lab().await;

    let usual = world.first("disable_pihole_blocking", json!({})).await;
    let ever = world
        .first("disable_pihole_blocking", json!({ "permanent": true }))
        .await;
    let both = json!({ "permanent": true, "seconds": 5 });
    let both = world.fail("disable_pihole_blocking", both).await;
    let zero = world
        .refuse("disable_pihole_blocking", json!({ "seconds": 0 }))
        .await;

    assert_eq!(usual["changes_in_s"], 300);
    assert!(ever.get("changes_at").is_none());
    assert_eq!(
        (both.code(), field(&both)),
        (Code::InvalidArgument, "seconds")
    );
    assert_eq!(
        (zero.code(), field(&zero)),
        (Code::InvalidArgument, "seconds")
    );
    assert_eq!(world.pihole.blocking(), (false, None));
}

#[tokio::test]
async fn for_ever_weighs_more_than_for_a_while() {
    let world = World::lab().await;
    let effect = |args| world.effect("disable_pihole_blocking", args);

    assert_eq!(effect(json!({})), Effect::Write);
    assert_eq!(effect(json!({ "permanent": true })), Effect::Destructive);
}

#[tokio::test]
async fn it_is_switched_on_again() {
    let world = World::lab().await;
    world
        .call("disable_pihole_blocking", json!({ "permanent": true }))
        .await;

    let on = world.first("enable_pihole_blocking", json!({})).await;

    assert_eq!(on, json!({ "blocking": "enabled" }));
    assert_eq!(world.pihole.blocking(), (true, None));
}

#[tokio::test]
async fn plans_and_ways_back() {
    let world = World::lab().await;

    let plan = world
        .preview("disable_pihole_blocking", json!({ "seconds": 60 }))
        .await;
    let targets = world.targets("disable_pihole_blocking", json!({})).await;
    world
        .there_and_back("disable_pihole_blocking", json!({ "permanent": true }))
        .await;
    let on_again = world.pihole.blocking().0;
    world
        .call("disable_pihole_blocking", json!({ "seconds": 60 }))
        .await;
    let plan_on = world.preview("enable_pihole_blocking", json!({})).await;
    world
        .there_and_back("enable_pihole_blocking", json!({}))
        .await;

    assert_eq!(plan.summary, "switch blocking off for 60 s");
    assert_eq!(plan.changes[0].from.as_deref(), Some("enabled"));
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("pihole", "pihole")
    );
    assert!(on_again);
    assert_eq!(plan_on.changes[0].to.as_deref(), Some("enabled"));
    assert!(
        world.pihole.blocking().1.is_some(),
        "the timer came back too"
    );
    let targets = world.targets("enable_pihole_blocking", json!({})).await;
    assert_eq!(targets.len(), 1);
}

#[tokio::test]
async fn a_resolver_that_is_down_refuses() {
    let world = World::lab().await;
    world.pihole.set_resolver_down(true);

    for tool in ["enable_pihole_blocking", "disable_pihole_blocking"] {
        let error = world.fail(tool, json!({})).await;

        assert_eq!(
            (reason(&error), error.envelope().retryable),
            ("resolver_down", true)
        );
    }
}

#[tokio::test]
async fn unknown_hosts_are_refused_before_anything_is_done() {
    let world = World::lab().await;

    let error = world
        .fail("disable_pihole_blocking", json!({ "host": "attic" }))
        .await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "host")
    );
    assert_eq!(world.pihole.logins(), 0);
    world.pihole.faults().always("/api/dns", Fault::Status(500));
    let error = world.fail("enable_pihole_blocking", json!({})).await;
    assert_eq!(error.envelope().upstream_status, Some(500));
}
