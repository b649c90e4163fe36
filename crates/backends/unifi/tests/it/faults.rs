//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{PHONE, With, World, reason};

const DEVICES: &str = "/proxy/network/integration/v1/sites/";
const STATIONS: &str = "/proxy/network/api/s/default/stat/sta";
const COMMAND: &str = "/proxy/network/api/s/default/cmd/stamgr";

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    let fault = Fault::RateLimited { retry_after_s: 60 };
    world.unifi.faults().always(DEVICES, fault);

    let error = world.fail("list_devices", json!({})).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(60));
}

#[tokio::test]
async fn reading_is_tried_again_and_a_kick_is_not() {
    let world = World::lab().await;
    world.unifi.faults().next(1, DEVICES, Fault::Status(503));

    world.call("list_devices", json!({})).await;
    world.unifi.faults().always(COMMAND, Fault::Status(503));
    let error = world
        .fail("reconnect_client", json!({ "client": "phone" }))
        .await;

    assert_eq!(error.envelope().upstream_status, Some(503));
    assert_eq!(world.writes(), [format!("POST {COMMAND}")]);
}

#[tokio::test]
async fn pages_cut_and_large_answers_are_told_apart() {
    let world = World::lab().await;
    for (fault, wanted) in [
        (Fault::NotJson, "starting"),
        (Fault::CutBody, "cut"),
        (Fault::Redirect("http://192.0.2.1/".into()), "redirect"),
        (Fault::Oversized(33 << 20), "too_large"),
    ] {
        world.unifi.faults().always(DEVICES, fault);

        let error = world.fail("list_devices", json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, wanted)
        );
        world.unifi.faults().clear();
    }
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    for (status, code) in [
        (401, Code::UpstreamUnauthorized),
        (403, Code::UpstreamUnauthorized),
        (404, Code::UpstreamRejected),
        (400, Code::UpstreamRejected),
        (500, Code::UpstreamRejected),
        (502, Code::UpstreamRejected),
    ] {
        world.unifi.faults().always(DEVICES, Fault::Status(status));

        let error = world.fail("list_devices", json!({})).await;

        assert_eq!(error.code(), code, "{status}");
        assert_eq!(error.envelope().upstream_status, Some(status));
        assert_eq!(error.envelope().instance.as_deref(), Some("unifi"));
        world.unifi.faults().clear();
    }
}

#[tokio::test]
async fn a_refusal_with_status_200_is_a_refusal() {
    let world = World::with(With::Account).await;
    for (code, wanted) in [
        ("api.err.NoPermission", "permission_missing"),
        ("api.err.UnknownStation", "client_not_found"),
        ("api.err.NoSiteContext", "site_not_found"),
        ("api.err.Invalid", "refused_by_console"),
    ] {
        world.unifi.refuse_next("/api/s/default/cmd/stamgr", code);

        let error = world
            .fail("block_client", json!({ "client": "phone" }))
            .await;

        assert_eq!(reason(&error), wanted, "{code}");
    }
    assert_eq!(world.unifi.is_blocked(PHONE), Some(false));
}

#[tokio::test]
async fn details_that_fail_leave_the_rest() {
    let world = World::lab().await;
    world.unifi.faults().always(STATIONS, Fault::Status(500));

    let list = world.call("list_clients", json!({})).await;

    assert_eq!(
        (&list["api"], &list["total"]),
        (&json!("integration"), &json!(2))
    );
    assert!(
        list["notes"][0].as_str().unwrap().contains("500"),
        "{}",
        list["notes"]
    );
}

#[tokio::test]
async fn a_slow_console_is_given_up_on() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "timeout_s": 5 }));
    let late = Fault::Delay(Duration::from_mins(1));
    world.unifi.faults().always(DEVICES, late);

    let error = world.fail("list_devices", json!({})).await;

    assert_eq!(error.code(), Code::Timeout);
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn a_console_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": "http://127.0.0.1:1" }));

    let error = world.fail("list_devices", json!({})).await;
    let health = world.health().await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "refused")
    );
    assert!(health.hint.expect("a hint").contains("servers.unifi.url"));
    assert_eq!(world.server.tools().len(), 34);
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, field) in [
        (json!({ "url": "" }), "servers.unifi.url"),
        (json!({ "username": "" }), "servers.unifi.username"),
        (
            json!({ "restart_poll_ms": 1 }),
            "servers.unifi.restart_poll_ms",
        ),
        (json!({ "apikey": "x" }), "servers.unifi.apikey"),
    ] {
        world.reopen(&settings);

        let error = world.fail("list_devices", json!({})).await;

        assert_eq!(error.code(), Code::NotConfigured);
        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
