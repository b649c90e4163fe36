//! What every upstream can do wrong.

use homelab_core::error::Code;
use homelab_harness::{Trial, all_report_failure};
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{BLOG, World, hint, reason};

/// The stacks, whose request goes wrong.
fn stacks(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.portainer.faults(),
        tool: "list_stacks",
        args: json!({}),
        path: "/api/stacks",
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    stacks(&world).says_when_to_come_back(60).await;
}

#[tokio::test]
async fn reading_is_tried_again() {
    let world = World::lab().await;
    stacks(&world).is_tried_again().await;
}

#[tokio::test]
async fn missing_addresses_pages_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    stacks(&world).tells_answers_apart(9 << 20).await;
}

#[tokio::test]
async fn statuses_keep_their_meaning() {
    let world = World::lab().await;
    let own = [(400, Code::UpstreamRejected), (409, Code::Conflict)];
    stacks(&world).keeps_statuses(&own).await;
}

#[tokio::test]
async fn every_tool_reports_an_api_that_fails() {
    let world = World::lab().await;
    let calls = [
        ("list_stacks", json!({})),
        (
            "deploy_stack",
            json!({ "name": "blog", "stack_file": BLOG }),
        ),
        ("manage_endpoints", json!({ "action": "list" })),
        ("get_resource_usage", json!({})),
        ("list_endpoints", json!({})),
        ("get_stack", json!({ "stack": "blog" })),
        ("get_stack_file", json!({ "stack": "blog" })),
        ("start_stack", json!({ "stack": "blog" })),
        ("stop_stack", json!({ "stack": "blog" })),
        ("delete_stack", json!({ "stack": "blog" })),
    ];
    all_report_failure(&world, world.portainer.faults(), "/api/", &calls).await;
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let world = World::lab().await;
    world.blog().await;
    let before = world.writes().len();
    let stop = Trial {
        tool: "stop_stack",
        args: json!({ "stack": "blog" }),
        path: "/api/stacks/3/stop",
        ..stacks(&world)
    };

    stop.is_not_tried_again().await;

    assert_eq!(world.writes().len(), before + 1);
}

#[tokio::test]
async fn a_creation_that_fails_is_looked_for() {
    let world = World::lab().await;
    // The stack is made, and its answer is lost.
    let create = "/api/stacks/create/standalone/string";
    world.portainer.faults().always(create, Fault::CutBody);

    let error = world
        .fail(
            "deploy_stack",
            json!({ "name": "blog", "endpoint": "local", "stack_file": BLOG }),
        )
        .await;

    assert!(
        error.to_string().contains("keeps the stack `blog`"),
        "{error}"
    );
    assert!(hint(&error).contains("delete_stack"));
}

#[tokio::test]
async fn a_token_that_is_refused_is_said_and_never_told() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "api_key": "ptr_wrong-horse" }));

    let error = world.fail("list_stacks", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "token_refused")
    );
    assert!(hint(&error).contains("servers.portainer.api_key"));
    assert!(!format!("{error:?}").contains("wrong-horse"));
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let world = World::configured(json!({ "timeout_s": 1 })).await;
    stacks(&world).gives_up().await;
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, wrong) in [
        (json!({ "url": "" }), "url"),
        (json!({ "api_key": null }), "api_key"),
        (json!({ "deploy_timeout_s": 1 }), "deploy_timeout_s"),
        (json!({ "urll": "x" }), "urll"),
    ] {
        world.reopen(&settings);
        stacks(&world).names_setting(wrong).await;
    }
}
