//! What every upstream can do wrong.

use homelab_core::error::Code;
use homelab_harness::{NOWHERE, Trial};
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{PHONE, With, World, reason};

const STATIONS: &str = "/proxy/network/api/s/default/stat/sta";
const COMMAND: &str = "/proxy/network/api/s/default/cmd/stamgr";

/// The devices, whose request goes wrong.
fn devices(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.unifi.faults(),
        tool: "list_devices",
        args: json!({}),
        path: "/proxy/network/integration/v1/sites/",
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    devices(&world).says_when_to_come_back(60).await;
}

#[tokio::test]
async fn reading_is_tried_again_and_a_kick_is_not() {
    let world = World::lab().await;
    let kick = Trial {
        tool: "reconnect_client",
        args: json!({ "client": "phone" }),
        path: COMMAND,
        ..devices(&world)
    };

    devices(&world).is_tried_again().await;
    kick.is_not_tried_again().await;

    assert_eq!(world.writes(), [format!("POST {COMMAND}")]);
}

#[tokio::test]
async fn pages_cut_and_large_answers_are_told_apart() {
    let world = World::lab().await;
    let devices = devices(&world);
    devices.is_rejected(Fault::NotJson, Some("starting")).await;
    devices.tells_broken_answers_apart(33 << 20).await;
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    let own = [(400, Code::UpstreamRejected), (404, Code::UpstreamRejected)];
    devices(&world).keeps_statuses(&own).await;
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
    devices(&world).gives_up().await;
}

#[tokio::test]
async fn a_console_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": NOWHERE }));
    devices(&world).is_unreachable(34).await;
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, wrong) in [
        (json!({ "url": "" }), "url"),
        (json!({ "username": "" }), "username"),
        (json!({ "restart_poll_ms": 1 }), "restart_poll_ms"),
        (json!({ "apikey": "x" }), "apikey"),
    ] {
        world.reopen(&settings);
        devices(&world).names_setting(wrong).await;
    }
}
