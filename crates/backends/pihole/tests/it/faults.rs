//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_harness::Trial;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, reason};

const GROUPS: &str = "/api/groups";

/// The groups, whose request goes wrong.
fn groups(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.pihole.faults(),
        tool: "list_groups",
        args: json!({}),
        path: GROUPS,
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    groups(&world).says_when_to_come_back(60).await;
}

#[tokio::test]
async fn reading_is_tried_again_and_changing_is_not() {
    let world = World::lab().await;
    let allowed = "/api/domains/allow/exact";
    let allow = Trial {
        tool: "whitelist_domain",
        args: json!({ "domain": "a.example" }),
        path: allowed,
        ..groups(&world)
    };

    groups(&world).is_tried_again().await;
    allow.is_not_tried_again().await;

    assert_eq!(world.writes(), [format!("POST {allowed}")]);
}

#[tokio::test]
async fn strange_answers_are_told_apart() {
    let world = World::lab().await;
    let groups = groups(&world);
    let page = Some("unexpected_answer");
    groups.is_rejected(Fault::NotJson, page).await;
    groups.tells_broken_answers_apart(17 << 20).await;
}

#[tokio::test]
async fn statuses_keep_their_meaning_whatever_the_body_says() {
    let world = World::lab().await;
    let own = [(404, Code::UpstreamRejected)];
    groups(&world).keeps_statuses(&own).await;
}

#[tokio::test]
async fn what_ftl_says_is_passed_on() {
    let world = World::lab().await;
    for (status, key, code, wanted) in [
        (
            400,
            "bad_request",
            Code::InvalidArgument,
            "refused_by_server",
        ),
        (
            403,
            "forbidden",
            Code::UpstreamUnauthorized,
            "setting_forbids",
        ),
        (404, "not_found", Code::UpstreamRejected, "not_supported"),
        (500, "dns_failure", Code::UpstreamRejected, "resolver_down"),
        (
            500,
            "database_error",
            Code::UpstreamRejected,
            "server_error",
        ),
    ] {
        world
            .pihole
            .refuse_next(GROUPS, status, key, "just because");

        let error = world.fail("list_groups", json!({})).await;

        assert_eq!((error.code(), reason(&error)), (code, wanted), "{key}");
        assert!(error.envelope().message.contains("just because"), "{key}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_given_up() {
    let world = World::lab().await;
    let slow = Fault::Delay(Duration::from_mins(10));
    world.pihole.faults().always(GROUPS, slow);

    let call = world.run("list_groups", json!({}));
    let gone = tokio::time::timeout(Duration::from_millis(50), call).await;

    assert!(gone.is_err(), "the caller ends it, and nothing hangs on");
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_for_reading() {
    let world = World::lab().await;
    world.call("list_groups", json!({})).await;
    world.pihole.drop_next(1);

    world.call("list_groups", json!({})).await;
}

#[tokio::test]
async fn a_change_without_a_body_says_that_it_has_none() {
    let world = World::lab().await;
    let args = json!({ "name": "nas.lab", "ip": "192.0.2.70" });

    world.call("add_local_dns", args).await;
    world.call("update_pihole_gravity", json!({})).await;

    let requests = world.pihole.log().all();
    let bare = requests
        .iter()
        .filter(|one| one.method != "GET" && one.method != "DELETE" && one.body.is_empty());
    let lengths: Vec<_> = bare
        .map(|one| one.headers.get("content-length").cloned())
        .collect();
    // Its web server answers 411 otherwise.
    assert_eq!(lengths.len(), 2);
    assert!(
        lengths
            .iter()
            .all(|length| length.as_ref().is_some_and(|text| text == "0"))
    );
}
