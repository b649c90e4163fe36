//! What every upstream can do wrong.

use homelab_core::error::Code;
use homelab_harness::{NOWHERE, Trial};
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, reason};

const ZONES: &str = "/client/v4/zones";

/// The zones, whose request goes wrong.
fn zones(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.api.faults(),
        tool: "list_zones",
        args: json!({}),
        path: ZONES,
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    zones(&world).says_when_to_come_back(120).await;
}

#[tokio::test]
async fn a_short_wait_is_waited() {
    let world = World::lab().await;
    let fault = Fault::RateLimited { retry_after_s: 0 };
    world.api.faults().next(1, ZONES, fault);

    let zones = world.call("list_zones", json!({})).await;

    assert_eq!(zones["total"], 1);
}

#[tokio::test]
async fn an_allowance_that_is_used_up_is_not_run_into() {
    let world = World::lab().await;
    world.api.set_rate(2, 300);
    world.call("list_zones", json!({})).await;
    world.call("list_zones", json!({})).await;
    let asked = world.api.log().all().len();

    let error = world.fail("list_zones", json!({})).await;
    let still = world.api.log().all().len();
    world.clock.advance_seconds(301);
    world.call("list_zones", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::RateLimited, "quota_used_up")
    );
    assert_eq!(error.envelope().retry_after_s, Some(300));
    assert_eq!(asked, still);
}

#[tokio::test]
async fn reading_is_tried_again_and_creating_is_not() {
    let world = World::lab().await;
    let read = Trial {
        args: json!({ "name": "lab.example" }),
        ..zones(&world)
    };
    // The zone, then the record.
    let records = format!("{ZONES}/{}/dns_records", world.zone);
    let create = Trial {
        tool: "create_dns_record",
        args: json!({ "type": "A", "name": "x", "content": "192.0.2.1" }),
        path: &records,
        ..zones(&world)
    };

    read.is_tried_again().await;
    create.is_not_tried_again().await;

    assert_eq!(world.writes(), [format!("POST {records}")]);
}

#[tokio::test]
async fn pages_redirects_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    zones(&world).tells_answers_apart(17 << 20).await;
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    let own = [(400, Code::UpstreamRejected)];
    zones(&world).keeps_statuses(&own).await;
}

#[tokio::test]
async fn an_error_in_a_200_is_an_error() {
    let world = World::lab().await;
    world
        .api
        .refuse_next("/zones", 200, 10_000, "Authentication error");

    let error = world.fail("list_zones", json!({})).await;

    assert_eq!(reason(&error), "permission_missing");
    assert_eq!(error.envelope().upstream_status, Some(200));
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "timeout_s": 5 }));
    zones(&world).gives_up().await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": NOWHERE }));
    zones(&world).is_unreachable(25).await;
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, wrong) in [
        (json!({ "url": "nowhere" }), "url"),
        (json!({ "token": null }), "token"),
        (json!({ "account_id": "home" }), "account_id"),
        (json!({ "tokn": "x" }), "tokn"),
    ] {
        world.reopen(&settings);
        zones(&world).names_setting(wrong).await;
    }
}
