//! What every upstream can do wrong.

use homelab_core::error::Code;
use homelab_harness::{NOWHERE, Trial};
use serde_json::json;

use crate::world::World;

/// The sites, whose request goes wrong.
fn sites(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.netbox.faults(),
        tool: "list_sites",
        args: json!({}),
        path: "/api/dcim/sites/",
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    sites(&world).says_when_to_come_back(60).await;
}

#[tokio::test]
async fn reading_is_tried_again_and_changing_is_not() {
    let world = World::lab().await;
    let allocator = "/api/ipam/prefixes/1/available-ips/";
    let allocate = Trial {
        tool: "allocate_ip",
        args: json!({ "prefix": "192.0.2.0/28" }),
        path: allocator,
        ..sites(&world)
    };

    sites(&world).is_tried_again().await;
    allocate.is_not_tried_again().await;

    assert_eq!(world.writes(), [format!("POST {allocator}")]);
}

#[tokio::test]
async fn maintenance_refuses_changes_and_says_so() {
    let world = World::lab().await;
    world.netbox.set_maintenance(true);

    let error = world
        .fail("create_vlan", json!({ "vid": 30, "name": "iot" }))
        .await;

    assert_eq!(
        (error.code(), error.envelope().upstream_status),
        (Code::UpstreamRejected, Some(503))
    );
    assert!(
        error.envelope().message.contains("maintenance mode"),
        "{error}"
    );
}

#[tokio::test]
async fn missing_addresses_pages_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    sites(&world).tells_answers_apart(9 << 20).await;
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    let vlans = Trial {
        tool: "list_vlans",
        path: "/api/ipam/vlans/",
        ..sites(&world)
    };
    vlans.keeps_statuses(&[(400, Code::InvalidArgument)]).await;
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "timeout_s": 5 }));
    sites(&world).gives_up().await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": NOWHERE }));
    sites(&world).is_unreachable(28).await;
}
