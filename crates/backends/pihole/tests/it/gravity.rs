//! The update of the lists.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::pihole::GravityPlan;
use serde_json::json;

use crate::world::{World, reason, reporting};

const LIST: &str = "https://lists.example/ads.txt";

#[tokio::test]
async fn lists_are_fetched_with_progress() {
    let world = World::lab().await;
    world.pihole.add_blocklist(LIST, &["a.example"]);
    world.pihole.publish(LIST, &["a.example", "b.example"]);
    world.clock.advance_seconds(10);
    let (ctx, reports) = reporting();

    let ran = world
        .run_in("update_pihole_gravity", json!({}), &ctx)
        .await
        .unwrap();

    let done = &ran.output["hosts"][0]["result"];
    assert_eq!(
        (
            done["domains_before"].clone(),
            done["domains_after"].clone()
        ),
        (json!(1001), json!(1002))
    );
    assert_eq!(done["failed_lists"], json!([]));
    let reports = reports.lock().unwrap().clone();
    assert!(
        reports
            .iter()
            .any(|line| line == "[✓] DNS resolution is available"),
        "{reports:?}"
    );
    assert!(reports.iter().all(|line| !line.contains('\u{1b}')));
    world.call("list_groups", json!({})).await;
}

#[tokio::test]
async fn a_list_that_cannot_be_fetched_is_named() {
    let world = World::lab().await;
    world.pihole.add_blocklist(LIST, &["a.example"]);
    world.pihole.set_gravity(GravityPlan {
        unavailable: vec![LIST.to_owned()],
        ..GravityPlan::default()
    });
    world.clock.advance_seconds(10);

    let done = world.first("update_pihole_gravity", json!({})).await;

    assert_eq!(
        done["failed_lists"],
        json!([{ "address": LIST, "outcome": "old copy used" }])
    );
}

#[tokio::test]
async fn a_failure_is_found_although_the_status_is_200() {
    let world = World::lab().await;
    world.pihole.set_gravity(GravityPlan {
        fails: true,
        ..GravityPlan::default()
    });
    world.clock.advance_seconds(10);

    let error = world.fail("update_pihole_gravity", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "gravity_failed")
    );
    assert!(error.envelope().message.contains("disk I/O error"));
    world.call("list_groups", json!({})).await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_told() {
    let world = World::lab().await;
    world.pihole.set_gravity(GravityPlan {
        breaks_after: Some(2),
        ..GravityPlan::default()
    });

    let error = world.fail("update_pihole_gravity", json!({})).await;

    assert_eq!(reason(&error), "cut");
}

#[tokio::test]
async fn two_updates_at_once_are_one() {
    let world = World::lab().await;
    world.pihole.set_gravity(GravityPlan {
        pause: Duration::from_millis(20),
        ..GravityPlan::default()
    });

    let (one, other) = tokio::join!(
        world.run("update_pihole_gravity", json!({})),
        world.run("update_pihole_gravity", json!({})),
    );

    let errors: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1);
    assert_eq!(
        (errors[0].code(), reason(&errors[0])),
        (Code::Conflict, "gravity_running")
    );
    assert_eq!(world.pihole.gravity_runs(), (1, 1));
}

#[tokio::test]
async fn it_has_a_plan_and_can_be_refused() {
    let world = World::lab().await;
    world.pihole.add_blocklist(LIST, &["a.example"]);

    let plan = world.preview("update_pihole_gravity", json!({})).await;
    let targets = world.targets("update_pihole_gravity", json!({})).await;
    world
        .pihole
        .faults()
        .always("/api/action/gravity", Fault::Status(403));
    let error = world.fail("update_pihole_gravity", json!({})).await;

    assert_eq!(plan.impact, ["pihole fetches 1 lists"]);
    assert_eq!(targets[0].kind, "pihole");
    assert_eq!(error.code(), Code::UpstreamUnauthorized);
}
