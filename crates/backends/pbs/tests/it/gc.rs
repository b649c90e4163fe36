//! Garbage collection.

use homelab_core::error::Code;
use homelab_lab::pbs::{Outcome, Pace};
use serde_json::json;

use crate::world::{World, reason, says};

#[tokio::test]
async fn garbage_is_collected_and_its_state_read_again() {
    let world = World::lab().await;

    let before = world
        .call("get_gc_status", json!({ "datastore": "main" }))
        .await;
    let done = world.call("run_gc", json!({ "datastore": "main" })).await;
    let after = world.call("get_gc_status", json!({})).await;

    assert_eq!(before["datastores"][0].get("last_run"), None);
    assert_eq!(done["task"]["type"], "garbage_collection");
    assert_eq!(done["status"]["last_state"], "OK");
    assert_eq!(after["datastores"].as_array().expect("rows").len(), 2);
}

#[tokio::test]
async fn the_space_of_pruned_backups_is_freed() {
    let world = World::lab().await;
    let dry = world
        .call(
            "prune_backups",
            json!({ "datastore": "main", "keep_last": 1 }),
        )
        .await;
    world
        .call(
            "prune_backups",
            json!({ "datastore": "main", "keep_last": 1, "dry_run": false, "plan": dry["plan"] }),
        )
        .await;

    let done = world.call("run_gc", json!({ "datastore": "main" })).await;

    assert_eq!(done["status"]["removed_bytes"], (4_u64 << 30));
}

#[tokio::test]
async fn a_collection_that_outlives_the_wait_goes_on() {
    let world = World::lab().await;
    world.pbs.set_pace(Pace::Polls(1000));

    let started = world
        .call("run_gc", json!({ "datastore": "main", "wait_s": 0 }))
        .await;

    assert_eq!(started["task"]["state"], "running");
    assert_eq!(started.get("status"), None);
    assert!(
        started["task"]["hint"]
            .as_str()
            .expect("a hint")
            .contains("get_task_status")
    );
}

#[tokio::test]
async fn a_collection_that_fails_is_an_error() {
    let world = World::lab().await;
    world.pbs.next_task(Outcome::Died);

    let died = world.fail("run_gc", json!({ "datastore": "main" })).await;
    let unknown = world.fail("run_gc", json!({ "datastore": "tape" })).await;
    let status = world
        .fail("get_gc_status", json!({ "datastore": "tape" }))
        .await;

    assert_eq!(reason(&died), "task_failed");
    assert!(died.envelope().message.contains("without telling how"));
    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::NotFound, "datastore_not_found")
    );
    assert_eq!(reason(&status), "datastore_not_found");
}

#[tokio::test]
async fn the_plan_says_that_it_is_for_good() {
    let world = World::lab().await;
    let args = json!({ "datastore": "main" });

    let plan = world.preview("run_gc", args.clone()).await;
    let targets = world.targets("run_gc", args).await;

    assert!(says(&plan.impact, "removed for good"), "{:?}", plan.impact);
    assert!(says(&plan.impact, "not run yet"), "{:?}", plan.impact);
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("datastore", "main")
    );
}
