//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::tailscale::ADMIN_KEY;
use serde_json::json;

use crate::world::{World, hint, reason};

const DEVICES: &str = "/api/v2/tailnet/-/devices";

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    world
        .control
        .faults()
        .always(DEVICES, Fault::RateLimited { retry_after_s: 60 });

    let error = world.fail("list_tailscale_devices", json!({})).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(60));
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn a_short_wait_is_waited_for_and_a_big_list_asked_again() {
    let world = World::lab().await;
    world
        .control
        .faults()
        .next(1, DEVICES, Fault::RateLimited { retry_after_s: 0 });
    world.control.faults().next(1, DEVICES, Fault::Status(504));

    world.call("list_tailscale_devices", json!({})).await;

    assert_eq!(world.control.log().all().len(), 3);
}

#[tokio::test]
async fn setting_is_tried_again_and_deleting_is_not() {
    let world = World::lab().await;
    let id = world.device("phone-sam")["nodeId"]
        .as_str()
        .unwrap()
        .to_owned();
    world.control.faults().next(
        1,
        format!("/api/v2/device/{id}/authorized"),
        Fault::Status(503),
    );

    world
        .call(
            "authorize_tailscale_device",
            json!({ "device_id": "phone-sam" }),
        )
        .await;
    world.control.log().clear();
    world
        .control
        .faults()
        .always(format!("/api/v2/device/{id}"), Fault::Status(503));
    let error = world
        .fail(
            "delete_tailscale_device",
            json!({ "device_id": "phone-sam" }),
        )
        .await;

    assert_eq!(error.envelope().upstream_status, Some(503));
    assert!(!error.envelope().retryable);
    assert_eq!(world.writes(), [format!("DELETE /device/{id}")]);
}

#[tokio::test]
async fn pages_cut_answers_and_redirects_are_told_apart() {
    let world = World::lab().await;
    for (fault, wanted) in [
        (Fault::Status(404), "not_supported"),
        (Fault::NotJson, "unexpected_answer"),
        (Fault::CutBody, "cut"),
        (Fault::Redirect("http://192.0.2.1/".into()), "redirect"),
        (Fault::Oversized(33 << 20), "too_large"),
    ] {
        world.control.faults().always(DEVICES, fault);

        let error = world.fail("list_tailscale_devices", json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, wanted)
        );
        world.control.faults().clear();
    }
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    for (status, code) in [
        (400, Code::UpstreamRejected),
        (401, Code::UpstreamUnauthorized),
        (403, Code::UpstreamUnauthorized),
        (409, Code::Conflict),
        (412, Code::Conflict),
        (500, Code::UpstreamRejected),
        (501, Code::UpstreamRejected),
        (502, Code::UpstreamRejected),
        (504, Code::UpstreamRejected),
    ] {
        world
            .control
            .faults()
            .always(DEVICES, Fault::Status(status));

        let error = world.fail("list_tailscale_devices", json!({})).await;

        assert_eq!(error.code(), code, "{status}");
        assert_eq!(error.envelope().upstream_status, Some(status));
        assert_eq!(error.envelope().instance.as_deref(), Some("tailscale"));
        world.control.faults().clear();
    }
}

#[tokio::test]
async fn the_servers_own_words_are_passed_on() {
    let world = World::lab().await;
    world
        .control
        .refuse_next("/tailnet/-/devices", 400, "tailnet is\n being moved");

    let error = world.fail("list_tailscale_devices", json!({})).await;

    assert!(
        error.envelope().message.ends_with("tailnet is being moved"),
        "{error}"
    );
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "api_key": ADMIN_KEY, "timeout_s": 5 }));
    world
        .control
        .faults()
        .always(DEVICES, Fault::Delay(Duration::from_mins(1)));

    let error = world.fail("list_tailscale_devices", json!({})).await;

    assert_eq!(error.code(), Code::Timeout);
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "api_key": ADMIN_KEY, "url": "http://127.0.0.1:1/api/v2" }));

    let error = world.fail("list_tailscale_devices", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "refused")
    );
    assert_eq!(world.server.tools().len(), 32);
    assert!(
        world
            .health()
            .await
            .hint
            .unwrap()
            .contains("servers.tailscale.url")
    );
}

#[tokio::test]
async fn another_tailnet_is_not_found() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "api_key": ADMIN_KEY, "tailnet": "TotherCNTRL" }));

    let error = world.fail("list_tailscale_devices", json!({})).await;

    assert!(
        matches!(error.envelope().upstream_status, Some(403 | 404)),
        "{error}"
    );
    assert!(!hint(&error).is_empty());
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, field) in [
        (
            json!({ "api_key": ADMIN_KEY, "url": "ftp://x" }),
            "servers.tailscale.url",
        ),
        (json!({}), "servers.tailscale.client_id"),
        (
            json!({ "api_key": ADMIN_KEY, "timeout_s": 1 }),
            "servers.tailscale.timeout_s",
        ),
        (
            json!({ "api_key": ADMIN_KEY, "tailnets": "x" }),
            "servers.tailscale.tailnets",
        ),
    ] {
        world.reopen(&settings);

        let error = world.fail("list_tailscale_devices", json!({})).await;

        assert_eq!(error.code(), Code::NotConfigured);
        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
