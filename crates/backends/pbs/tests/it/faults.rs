//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_harness::{NOWHERE, Trial};
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, name};

/// The remotes, whose request goes wrong.
fn remotes(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.pbs.faults(),
        tool: "list_remotes",
        args: json!({}),
        path: "/api2/json/config/remote",
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    remotes(&world).says_when_to_come_back(60).await;
}

#[tokio::test]
async fn reading_is_tried_again_and_changing_is_not() {
    let world = World::lab().await;
    let snapshots = "/api2/json/admin/datastore/main/snapshots";
    let delete = Trial {
        tool: "delete_backup",
        args: json!({ "datastore": "main", "backup": name("vm/100", 2) }),
        path: snapshots,
        ..remotes(&world)
    };

    remotes(&world).is_tried_again().await;
    // The look before the deletion is answered.
    let answered = Fault::Delay(Duration::ZERO);
    world.pbs.faults().next(1, snapshots, answered);
    delete.is_not_tried_again().await;

    assert_eq!(world.writes(), [format!("DELETE {snapshots}")]);
}

#[tokio::test]
async fn missing_addresses_pages_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    remotes(&world).tells_answers_apart(33 << 20).await;
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    let own = [(400, Code::UpstreamRejected)];
    remotes(&world).keeps_statuses(&own).await;
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let world = World::configured(json!({ "timeout_s": 5 })).await;
    remotes(&world).gives_up().await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": NOWHERE }));
    remotes(&world).is_unreachable(24).await;
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, wrong) in [
        (json!({ "url": "" }), "url"),
        (
            json!({ "token_id": "root@pam", "token_secret": "x" }),
            "token_id",
        ),
        (json!({ "full_percent": 0 }), "full_percent"),
        (json!({ "urll": "x" }), "urll"),
    ] {
        world.reopen(&settings);
        remotes(&world).names_setting(wrong).await;
    }
}
