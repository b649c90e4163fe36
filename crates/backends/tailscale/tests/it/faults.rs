//! What every upstream can do wrong.

use homelab_core::error::Code;
use homelab_harness::{NOWHERE, Trial};
use homelab_lab::Fault;
use homelab_lab::tailscale::ADMIN_KEY;
use serde_json::json;

use crate::world::{World, hint};

const DEVICES: &str = "/api/v2/tailnet/-/devices";

/// The devices, whose request goes wrong.
fn devices(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.control.faults(),
        tool: "list_tailscale_devices",
        args: json!({}),
        path: DEVICES,
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    devices(&world).says_when_to_come_back(60).await;
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
    let phone = world.device("phone-sam");
    let id = phone["nodeId"].as_str().unwrap();
    let device = format!("/api/v2/device/{id}");
    let authorize = Trial {
        tool: "authorize_tailscale_device",
        args: json!({ "device_id": "phone-sam" }),
        path: &format!("{device}/authorized"),
        ..devices(&world)
    };
    let delete = Trial {
        tool: "delete_tailscale_device",
        path: &device,
        ..authorize.clone()
    };

    authorize.is_tried_again().await;
    world.control.log().clear();
    delete.is_not_tried_again().await;

    assert_eq!(world.writes(), [format!("DELETE /device/{id}")]);
}

#[tokio::test]
async fn pages_cut_answers_and_redirects_are_told_apart() {
    let world = World::lab().await;
    devices(&world).tells_answers_apart(33 << 20).await;
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    let own = [
        (400, Code::UpstreamRejected),
        (409, Code::Conflict),
        (412, Code::Conflict),
        (501, Code::UpstreamRejected),
        (504, Code::UpstreamRejected),
    ];
    devices(&world).keeps_statuses(&own).await;
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
    devices(&world).gives_up().await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    let url = format!("{NOWHERE}/api/v2");
    world.reopen(&json!({ "api_key": ADMIN_KEY, "url": url }));
    devices(&world).is_unreachable(32).await;
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
    for (settings, wrong) in [
        (json!({ "api_key": ADMIN_KEY, "url": "ftp://x" }), "url"),
        (json!({}), "client_id"),
        (json!({ "api_key": ADMIN_KEY, "timeout_s": 1 }), "timeout_s"),
        (json!({ "api_key": ADMIN_KEY, "tailnets": "x" }), "tailnets"),
    ] {
        world.reopen(&settings);
        devices(&world).names_setting(wrong).await;
    }
}
