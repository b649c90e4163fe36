//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{BLOG, World, hint, reason};

const STACKS: &str = "/api/stacks";

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    let fault = Fault::RateLimited { retry_after_s: 60 };
    world.portainer.faults().always(STACKS, fault);

    let error = world.fail("list_stacks", json!({})).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(60));
}

#[tokio::test]
async fn reading_is_tried_again() {
    let world = World::lab().await;
    world.portainer.faults().next(1, STACKS, Fault::Status(503));

    world.call("list_stacks", json!({})).await;
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
        world.portainer.faults().always(STACKS, fault);

        let error = world.fail("list_stacks", json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, wanted)
        );
        world.portainer.faults().clear();
    }
}

#[tokio::test]
async fn statuses_keep_their_meaning() {
    let world = World::lab().await;
    for (status, code) in [
        (401, Code::UpstreamUnauthorized),
        (403, Code::UpstreamUnauthorized),
        (409, Code::Conflict),
        (400, Code::UpstreamRejected),
        (500, Code::UpstreamRejected),
        (502, Code::UpstreamRejected),
    ] {
        world
            .portainer
            .faults()
            .always(STACKS, Fault::Status(status));

        let error = world.fail("list_stacks", json!({})).await;

        assert_eq!(error.code(), code, "{status}");
        assert_eq!(error.envelope().upstream_status, Some(status));
        assert_eq!(error.envelope().instance.as_deref(), Some("portainer"));
        world.portainer.faults().clear();
    }
}

#[tokio::test]
async fn every_tool_reports_an_api_that_fails() {
    let world = World::lab().await;
    world.portainer.faults().always("/api/", Fault::Status(500));
    for (tool, args) in [
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
    ] {
        let error = world.fail(tool, args).await;

        assert_eq!(error.envelope().upstream_status, Some(500), "{tool}");
    }
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let world = World::lab().await;
    world.blog().await;
    let before = world.writes().len();
    let stop = "/api/stacks/3/stop";
    world.portainer.faults().always(stop, Fault::Status(503));

    let error = world.fail("stop_stack", json!({ "stack": "blog" })).await;

    assert_eq!(error.envelope().upstream_status, Some(503));
    assert!(!error.envelope().retryable);
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
    world
        .portainer
        .faults()
        .always(STACKS, Fault::Delay(Duration::from_mins(1)));

    let error = world.fail("list_stacks", json!({})).await;

    assert_eq!(error.code(), Code::Timeout);
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, field) in [
        (json!({ "url": "" }), "servers.portainer.url"),
        (json!({ "api_key": null }), "servers.portainer.api_key"),
        (
            json!({ "deploy_timeout_s": 1 }),
            "servers.portainer.deploy_timeout_s",
        ),
        (json!({ "urll": "x" }), "servers.portainer.urll"),
    ] {
        world.reopen(&settings);

        let error = world.fail("list_stacks", json!({})).await;

        assert_eq!(error.code(), Code::NotConfigured);
        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
