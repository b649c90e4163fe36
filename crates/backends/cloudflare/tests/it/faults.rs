//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, reason};

const ZONES: &str = "/client/v4/zones";

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    let fault = Fault::RateLimited { retry_after_s: 120 };
    world.api.faults().always(ZONES, fault);

    let error = world.fail("list_zones", json!({})).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(120));
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
    world.api.faults().next(1, ZONES, Fault::Status(503));
    world
        .call("list_zones", json!({ "name": "lab.example" }))
        .await;

    // The zone, then the record.
    let path = format!("{ZONES}/{}/dns_records", world.zone);
    world.api.faults().always(path.clone(), Fault::Status(503));
    let args = json!({ "type": "A", "name": "x", "content": "192.0.2.1" });
    let error = world.fail("create_dns_record", args).await;

    assert_eq!(error.envelope().upstream_status, Some(503));
    assert_eq!(world.writes(), [format!("POST {path}")]);
}

#[tokio::test]
async fn pages_redirects_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    for (fault, wanted) in [
        (Fault::Status(404), "not_supported"),
        (Fault::NotJson, "unexpected_answer"),
        (Fault::CutBody, "cut"),
        (Fault::Redirect("http://192.0.2.1/".into()), "redirect"),
        (Fault::Oversized(17 << 20), "too_large"),
    ] {
        world.api.faults().always(ZONES, fault);

        let error = world.fail("list_zones", json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, wanted),
            "{error}"
        );
        world.api.faults().clear();
    }
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    for (status, code) in [
        (401, Code::UpstreamUnauthorized),
        (403, Code::UpstreamUnauthorized),
        (400, Code::UpstreamRejected),
        (500, Code::UpstreamRejected),
        (502, Code::UpstreamRejected),
    ] {
        world.api.faults().always(ZONES, Fault::Status(status));

        let error = world.fail("list_zones", json!({})).await;

        assert_eq!(error.code(), code, "{status}: {error}");
        assert_eq!(error.envelope().upstream_status, Some(status));
        assert_eq!(error.envelope().instance.as_deref(), Some("cloudflare"));
        world.api.faults().clear();
    }
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
    world
        .api
        .faults()
        .always(ZONES, Fault::Delay(Duration::from_mins(1)));

    let error = world.fail("list_zones", json!({})).await;

    assert_eq!(error.code(), Code::Timeout);
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": "http://127.0.0.1:1" }));

    let error = world.fail("list_zones", json!({})).await;
    let health = world.health().await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "refused")
    );
    assert!(health.hint.is_some());
    assert_eq!(world.server.tools().len(), 25);
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, field) in [
        (json!({ "url": "nowhere" }), "servers.cloudflare.url"),
        (json!({ "token": null }), "servers.cloudflare.token"),
        (
            json!({ "account_id": "home" }),
            "servers.cloudflare.account_id",
        ),
        (json!({ "tokn": "x" }), "servers.cloudflare.tokn"),
    ] {
        world.reopen(&settings);

        let error = world.fail("list_zones", json!({})).await;

        assert_eq!(error.code(), Code::NotConfigured);
        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
