//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, name, reason};

const REMOTES: &str = "/api2/json/config/remote";

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    world
        .pbs
        .faults()
        .always(REMOTES, Fault::RateLimited { retry_after_s: 60 });

    let error = world.fail("list_remotes", json!({})).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(60));
}

#[tokio::test]
async fn reading_is_tried_again_and_changing_is_not() {
    let world = World::lab().await;
    world.pbs.faults().next(1, REMOTES, Fault::Status(503));
    let delete = "/api2/json/admin/datastore/main/snapshots";
    let args = json!({ "datastore": "main", "backup": name("vm/100", 2) });

    world.call("list_remotes", json!({})).await;
    // The look before the deletion, then the deletion.
    world
        .pbs
        .faults()
        .next(1, delete, Fault::Delay(Duration::ZERO));
    world.pbs.faults().always(delete, Fault::Status(503));
    let error = world.fail("delete_backup", args).await;

    assert_eq!(error.envelope().upstream_status, Some(503));
    assert!(!error.envelope().retryable);
    assert_eq!(world.writes(), [format!("DELETE {delete}")]);
}

#[tokio::test]
async fn missing_addresses_pages_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    for (fault, wanted) in [
        (Fault::Status(404), "not_supported"),
        (Fault::NotJson, "unexpected_answer"),
        (Fault::CutBody, "cut"),
        (Fault::Redirect("http://192.0.2.1/".into()), "redirect"),
        (Fault::Oversized(33 << 20), "too_large"),
    ] {
        world.pbs.faults().always(REMOTES, fault);

        let error = world.fail("list_remotes", json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, wanted)
        );
        world.pbs.faults().clear();
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
        world.pbs.faults().always(REMOTES, Fault::Status(status));

        let error = world.fail("list_remotes", json!({})).await;

        assert_eq!(error.code(), code, "{status}");
        assert_eq!(error.envelope().upstream_status, Some(status));
        assert_eq!(error.envelope().instance.as_deref(), Some("pbs"));
        world.pbs.faults().clear();
    }
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let world = World::configured(json!({ "timeout_s": 5 })).await;
    world
        .pbs
        .faults()
        .always(REMOTES, Fault::Delay(Duration::from_mins(1)));

    let error = world.fail("list_remotes", json!({})).await;

    assert_eq!(error.code(), Code::Timeout);
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable_and_its_tools_stay() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "url": "http://127.0.0.1:1" }));

    let error = world.fail("list_remotes", json!({})).await;
    let health = world.health().await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "refused")
    );
    assert!(health.hint.expect("a hint").contains("servers.pbs.url"));
    assert_eq!(world.server.tools().len(), 24);
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, field) in [
        (json!({ "url": "" }), "servers.pbs.url"),
        (
            json!({ "token_id": "root@pam", "token_secret": "x" }),
            "servers.pbs.token_id",
        ),
        (json!({ "full_percent": 0 }), "servers.pbs.full_percent"),
        (json!({ "urll": "x" }), "servers.pbs.urll"),
    ] {
        world.reopen(&settings);

        let error = world.fail("list_remotes", json!({})).await;

        assert_eq!(error.code(), Code::NotConfigured);
        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
