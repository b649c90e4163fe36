//! The whole API: what is found, what a call may do, what is refused.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use homelab_lab::pbs::Release;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason};

const DESCRIPTION: &str = "/docs/api-viewer/apidoc.js";

#[tokio::test]
async fn operations_are_found_and_shown_with_what_they_take() {
    let world = World::lab().await;

    let found = world
        .call(
            "search_api",
            json!({ "query": "prune datastore", "method": "POST" }),
        )
        .await;
    let one = world
        .call(
            "search_api",
            json!({ "operation": "POST /admin/datastore/{store}/verify" }),
        )
        .await;

    assert_eq!(found["items"][0]["path"], "/admin/datastore/{store}/prune");
    assert_eq!(found["items"][0]["tool"], "prune_backups");
    assert_eq!(one["operation"]["tool"], "verify_backup");
    let parameters = one["operation"]["parameters"].as_array().expect("some");
    let depth = parameters
        .iter()
        .find(|one| one["name"] == "max-depth")
        .expect("the depth");
    assert_eq!(depth["schema"]["maximum"], 7);
}

#[tokio::test]
async fn a_read_answers_what_the_server_says() {
    let world = World::lab().await;

    let answer = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/admin/datastore/main/groups" }),
        )
        .await;

    assert_eq!(answer["status"], 200);
    assert_eq!(answer["total"], 2);
    assert!(answer["data"][0]["backup-id"].is_string(), "{answer}");
}

#[tokio::test]
async fn a_change_is_sent_with_its_types_and_starts_a_task() {
    let world = World::lab().await;

    let done = world
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/admin/datastore/{store}/verify",
                    "params": { "store": "main", "ignore-verified": "0", "max-depth": "1" } }),
        )
        .await;

    assert!(
        done["task"]
            .as_str()
            .is_some_and(|task| task.starts_with("UPID:"))
    );
    assert_eq!(world.pbs.tasks(), ["verify"]);
}

#[rstest]
#[case(json!({ "method": "POST", "path": "/admin/datastore/main/verify" }), Effect::Write)]
#[case(json!({ "method": "POST", "path": "/admin/datastore/main/gc" }), Effect::Destructive)]
#[case(json!({ "method": "DELETE", "path": "/admin/datastore/main/groups" }), Effect::Critical)]
#[case(json!({ "method": "DELETE", "path": "/admin/datastore/main/namespace", "params": { "ns": "a" } }), Effect::Write)]
#[case(json!({ "method": "DELETE", "path": "/admin/datastore/main/namespace", "params": { "ns": "a", "delete-groups": true } }), Effect::Destructive)]
#[case(json!({ "method": "DELETE", "path": "/config/datastore/main" }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/config/verify" }), Effect::Destructive)]
#[case(json!({ "method": "GET", "path": "/version" }), Effect::Read)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(#[case] args: Value, #[case] effect: Effect) {
    let world = World::lab().await;

    assert_eq!(world.effect("call_api", args), effect);
}

#[tokio::test]
async fn the_backup_that_a_call_touches_is_a_target() {
    let world = World::lab().await;

    let targets = world
        .targets(
            "call_api",
            json!({ "method": "DELETE", "path": "/admin/datastore/main/groups",
                    "params": { "backup-type": "vm", "backup-id": "100" } }),
        )
        .await;

    assert_eq!(targets[0].kind, "backup_group");
    assert!(targets[0].id.ends_with("/vm/100"), "{targets:?}");
    assert!(targets[0].tags.contains(&"datastore:main".to_owned()));
}

#[rstest]
#[case("POST", "/access/ticket")]
#[case("GET", "/admin/datastore/main/download")]
#[case("GET", "/admin/datastore/main/catalog")]
#[case("GET", "/config/metrics/influxdb-http")]
#[case("GET", "/nodes/localhost/journal")]
#[tokio::test]
async fn what_could_be_a_secret_is_withheld(#[case] method: &str, #[case] path: &str) {
    let world = World::lab().await;

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert!(!hint(&error).is_empty());
}

#[rstest]
#[case(json!({ "ns": "a", "verbos": true }), "params.verbos", "parameter_unknown")]
#[case(json!({ "max-depth": 9 }), "params.max-depth", "parameter_invalid")]
#[case(json!({ "backup-type": "vmm" }), "params.backup-type", "parameter_invalid")]
#[tokio::test]
async fn what_does_not_fit_the_operation_is_named_and_not_sent(
    #[case] params: Value,
    #[case] at: &str,
    #[case] why: &str,
) {
    let world = World::lab().await;

    let error = world
        .fail(
            "call_api",
            json!({ "method": "POST", "path": "/admin/datastore/main/verify", "params": params }),
        )
        .await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!((field(&error), reason(&error)), (at, why));
    assert_eq!(world.pbs.tasks(), [""; 0]);
}

#[tokio::test]
async fn an_older_release_lacks_operations() {
    let world = World::release(Release::V3_2).await;

    let error = world
        .fail(
            "call_api",
            json!({ "method": "POST", "path": "/push",
                    "params": { "store": "main", "remote": "a", "remote-store": "b" } }),
        )
        .await;

    assert_eq!(
        (field(&error), reason(&error)),
        ("path", "operation_unknown")
    );
}

#[tokio::test]
async fn the_server_s_refusal_is_told_as_the_tools_tell_it() {
    let world = World::lab().await;

    let error = world
        .fail(
            "call_api",
            json!({ "method": "GET", "path": "/admin/datastore/nowhere/groups" }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "datastore_not_found")
    );
}

#[tokio::test]
async fn without_a_description_the_operations_of_the_tools_are_known() {
    let world = World::lab().await;
    let missing = Fault::Status(404);
    world.pbs.faults().always(DESCRIPTION, missing);

    let found = world.call("search_api", json!({ "query": "gc" })).await;
    let done = world
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/admin/datastore/main/gc" }),
        )
        .await;

    assert!(found["note"].is_string());
    assert!(done["task"].is_string());
}
