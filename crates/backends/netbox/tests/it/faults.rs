//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, reason};

const SITES: &str = "/api/dcim/sites/";
const VLANS: &str = "/api/ipam/vlans/";

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    world
        .netbox
        .faults()
        .always(SITES, Fault::RateLimited { retry_after_s: 60 });

    let error = world.fail("list_sites", json!({})).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(60));
}

#[tokio::test]
async fn reading_is_tried_again_and_changing_is_not() {
    let world = World::lab().await;
    world.netbox.faults().next(1, SITES, Fault::Status(503));
    let allocator = "/api/ipam/prefixes/1/available-ips/";
    world.netbox.faults().always(allocator, Fault::Status(503));

    world.call("list_sites", json!({})).await;
    let error = world
        .fail("allocate_ip", json!({ "prefix": "192.0.2.0/28" }))
        .await;

    assert_eq!(error.envelope().upstream_status, Some(503));
    assert!(!error.envelope().retryable);
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
    for (fault, wanted) in [
        (Fault::Status(404), "not_supported"),
        (Fault::NotJson, "unexpected_answer"),
        (Fault::CutBody, "cut"),
        (Fault::Redirect("http://192.0.2.1/".into()), "redirect"),
        (Fault::Oversized(9 << 20), "too_large"),
    ] {
        world.netbox.faults().always(SITES, fault);

        let error = world.fail("list_sites", json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, wanted)
        );
        world.netbox.faults().clear();
    }
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    for (status, code) in [
        (401, Code::UpstreamUnauthorized),
        (403, Code::UpstreamUnauthorized),
        (400, Code::InvalidArgument),
        (500, Code::UpstreamRejected),
        (502, Code::UpstreamRejected),
    ] {
        world.netbox.faults().always(VLANS, Fault::Status(status));

        let error = world.fail("list_vlans", json!({})).await;

        assert_eq!(error.code(), code, "{status}");
        assert_eq!(error.envelope().upstream_status, Some(status));
        assert_eq!(error.envelope().instance.as_deref(), Some("netbox"));
        world.netbox.faults().clear();
    }
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "timeout_s": 5 }));
    world
        .netbox
        .faults()
        .always(SITES, Fault::Delay(Duration::from_mins(1)));

    let error = world.fail("list_sites", json!({})).await;

    assert_eq!(error.code(), Code::Timeout);
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": "http://127.0.0.1:1" }));

    let error = world.fail("list_sites", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "refused")
    );
    assert_eq!(world.server.tools().len(), 28);
}
