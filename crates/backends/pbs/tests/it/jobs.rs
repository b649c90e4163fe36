//! Running scheduled jobs.

use homelab_core::error::Code;
use homelab_lab::pbs::{Outcome, Release};
use serde_json::json;

use crate::world::{World, field, name, reason, says};

async fn with_jobs(release: Release) -> World {
    let world = World::release(release).await;
    world.pbs.add_job(
        "verify",
        "weekly",
        json!({ "store": "main", "schedule": "sat" }),
    );
    world.pbs.add_job(
        "prune",
        "nightly",
        json!({ "store": "main", "schedule": "daily", "keep-last": 1 }),
    );
    world.pbs.add_remote("offsite", &["copy"]);
    world.pbs.add_job(
        "sync",
        "fetch",
        json!({ "store": "main", "remote": "offsite", "remote-store": "copy", "remove-vanished": true }),
    );
    world
}

#[tokio::test]
async fn a_job_is_run_and_awaited() {
    let world = with_jobs(Release::V4_1).await;

    let done = world
        .call("run_job", json!({ "type": "verify", "job": "weekly" }))
        .await;

    assert_eq!(done["datastore"], "main");
    assert_eq!(done["task"]["type"], "verificationjob");
    assert_eq!(done["task"]["state"], "ok");
}

#[tokio::test]
async fn an_older_release_does_not_name_the_task_and_it_is_found() {
    let world = with_jobs(Release::V3_2).await;
    // An earlier run of the same job is not taken for the new one.
    world
        .call("run_job", json!({ "type": "prune", "job": "nightly" }))
        .await;
    world.pbs.next_task(Outcome::Error("this one fails".into()));

    let error = world
        .fail("run_job", json!({ "type": "prune", "job": "nightly" }))
        .await;

    assert_eq!(reason(&error), "task_failed");
    assert!(error.envelope().message.contains("this one fails"));
    assert_eq!(world.pbs.tasks(), ["prunejob", "prunejob"]);
}

#[tokio::test]
async fn the_plan_of_a_prune_job_is_the_servers_dry_run() {
    let world = with_jobs(Release::V4_1).await;
    let args = json!({ "type": "prune", "job": "nightly" });

    let plan = world.preview("run_job", args.clone()).await;
    let targets = world.targets("run_job", args.clone()).await;
    let before = world.pbs.snapshots("main").len();
    world.call("run_job", args).await;

    assert!(
        says(&plan.impact, &format!("removes `{}`", name("vm/100", 50))),
        "{:?}",
        plan.impact
    );
    assert!(
        plan.summary.contains("prune to last 1 `main`"),
        "{}",
        plan.summary
    );
    assert_eq!(
        (targets[0].kind.as_str(), targets[1].id.as_str()),
        ("job", "main")
    );
    assert_eq!((before, world.pbs.snapshots("main").len()), (5, 3));
}

#[tokio::test]
async fn the_plan_of_a_sync_job_warns_of_what_it_removes() {
    let world = with_jobs(Release::V4_1).await;

    let plan = world
        .preview("run_job", json!({ "type": "sync", "job": "fetch" }))
        .await;

    assert!(
        plan.summary
            .contains("pull from `offsite:copy` into `main`"),
        "{}",
        plan.summary
    );
    assert!(says(&plan.impact, "removed here"), "{:?}", plan.impact);
}

#[tokio::test]
async fn an_unknown_job_is_not_found() {
    let world = with_jobs(Release::V4_1).await;

    let error = world
        .fail("run_job", json!({ "type": "verify", "job": "nightly" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "job_not_found")
    );
    assert_eq!(field(&error), "job");
    assert_eq!(world.writes(), [""; 0]);
}
