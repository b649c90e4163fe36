//! Tasks: waiting, progress, failing, outliving the wait, cancelling.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::pbs::{Outcome, Pace};
use serde_json::json;
use tokio::time::Instant;

use crate::world::{World, column, context, eventually, field, hint, reason, reporting, run};

const VERIFY: &str = "verify_backup";

fn args() -> serde_json::Value {
    json!({ "datastore": "main", "backup": "vm/100" })
}

#[tokio::test]
async fn a_task_that_fails_gives_its_exit_status_and_the_end_of_its_log() {
    let world = World::lab().await;
    world
        .pbs
        .next_task(Outcome::Error("chunk store is gone".into()));

    let error = world.fail(VERIFY, args()).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "task_failed")
    );
    let message = &error.envelope().message;
    assert!(
        message.contains("`verify_group` of `main:vm/100` failed: chunk store is gone"),
        "{message}"
    );
    assert!(
        message.contains("TASK ERROR: chunk store is gone"),
        "{message}"
    );
    assert!(hint(&error).contains("UPID:localhost:"));
    assert!(!error.envelope().retryable);
}

#[tokio::test]
async fn an_exit_status_is_understood_like_an_error() {
    let world = World::lab().await;
    world
        .pbs
        .next_task(Outcome::Error("unable to acquire lock on datastore".into()));

    let error = world.fail("run_gc", json!({ "datastore": "main" })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "busy_upstream")
    );
    assert!(!error.envelope().retryable);
}

#[tokio::test]
async fn warnings_are_a_success_with_a_note() {
    let world = World::lab().await;
    world.pbs.next_task(Outcome::Warnings(2));

    let done = world.call("run_gc", json!({ "datastore": "main" })).await;

    assert_eq!(done["task"]["state"], "warnings");
    assert_eq!(done["task"]["exit_status"], "WARNINGS: 2");
}

#[tokio::test]
async fn a_task_that_outlives_the_wait_is_reported_and_can_be_followed() {
    let world = World::lab().await;
    world.pbs.set_pace(Pace::Polls(1000));
    let mut waiting = args();
    waiting["wait_s"] = 0.into();

    let started = world.call(VERIFY, waiting).await;
    let upid = started["task"]["upid"].as_str().expect("an id");
    let looked = world.call("get_task_status", json!({ "upid": upid })).await;
    world.pbs.finish_tasks();
    let ended = world
        .call("get_task_status", json!({ "upid": upid, "wait_s": 20 }))
        .await;

    assert_eq!(started["verdict"], "running");
    assert_eq!(started["task"]["state"], "running");
    assert!(
        started["task"]["hint"]
            .as_str()
            .expect("a hint")
            .contains("get_task_status")
    );
    assert_eq!(looked["state"], "running");
    assert_eq!(
        (&ended["state"], &ended["about"]),
        (&json!("ok"), &json!("main:vm/100"))
    );
}

#[tokio::test]
async fn the_calls_own_deadline_ends_the_wait_too() {
    let world = World::lab().await;
    world.pbs.set_pace(Pace::Polls(1000));
    let mut ctx = context();
    ctx.deadline = Some(Instant::now() + Duration::from_secs(5));

    let ran = world.run_in(VERIFY, args(), &ctx).await.expect("a report");

    assert_eq!(ran.output["task"]["state"], "running");
}

#[tokio::test]
async fn progress_rises_and_names_the_task() {
    let world = World::lab().await;
    world.pbs.set_pace(Pace::Polls(4));
    let (ctx, reports) = reporting();

    world.run_in(VERIFY, args(), &ctx).await.expect("a result");

    let reports = reports.lock().expect("no panic");
    assert!(reports.len() >= 2, "{reports:?}");
    assert!(
        reports.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "{reports:?}"
    );
    assert!(reports[0].2.starts_with("verify_group: "), "{reports:?}");
}

#[tokio::test]
async fn a_cancelled_call_leaves_the_task_running_and_names_it() {
    let world = World::lab().await;
    world.pbs.set_pace(Pace::Polls(100_000));
    let ctx = context();
    let cancel = ctx.cancel.clone();
    let server = world.server.clone();
    let call = tokio::spawn(async move { run(&*server, VERIFY, args(), &ctx).await });
    let asked = world.pbs.log().clone();
    eventually(|| asked.lines().iter().any(|line| line.ends_with("/status"))).await;

    cancel.cancel();
    let error = call.await.expect("no panic").expect_err("it was cancelled");

    assert_eq!((error.code(), reason(&error)), (Code::Timeout, "cancelled"));
    assert!(error.envelope().message.contains("UPID:localhost:"));
    let running = world.call("list_tasks", json!({ "running": true })).await;
    assert_eq!(column(&running, "type"), ["verify_group"]);
}

#[tokio::test]
async fn a_task_that_cannot_be_followed_is_named_and_not_repeated() {
    let world = World::lab().await;
    world
        .pbs
        .faults()
        .always("/api2/json/nodes/localhost/tasks/", Fault::Status(500));

    let error = world.fail("run_gc", json!({ "datastore": "main" })).await;

    let message = &error.envelope().message;
    assert!(
        message.starts_with("the task `UPID:localhost:"),
        "{message}"
    );
    assert!(!error.envelope().retryable);
    assert_eq!(world.writes(), ["POST /api2/json/admin/datastore/main/gc"]);
}

#[tokio::test]
async fn a_passing_fault_does_not_end_the_wait() {
    let world = World::lab().await;
    world
        .pbs
        .faults()
        .next(1, "/api2/json/nodes/localhost/tasks/", Fault::Status(503));

    let done = world.call("run_gc", json!({ "datastore": "main" })).await;

    assert_eq!(done["task"]["state"], "ok");
}

#[tokio::test]
async fn a_running_task_is_stopped_and_an_ended_one_is_not() {
    let world = World::lab().await;
    world.pbs.set_pace(Pace::Polls(1000));
    let started = world
        .call("run_gc", json!({ "datastore": "main", "wait_s": 0 }))
        .await;
    let args = json!({ "upid": started["task"]["upid"] });

    let plan = world.preview("stop_task", args.clone()).await;
    let targets = world.targets("stop_task", args.clone()).await;
    let stopped = world.call("stop_task", args.clone()).await;
    let again = world.fail("stop_task", args).await;

    assert_eq!(plan.summary, "stop the task `garbage_collection` of `main`");
    assert_eq!(targets[0].tags, ["user:root@pam!lab"]);
    assert_eq!(stopped["state"], "failed");
    assert!(
        stopped["exit_status"]
            .as_str()
            .expect("a text")
            .contains("abort")
    );
    assert_eq!(
        (again.code(), reason(&again)),
        (Code::Conflict, "task_ended")
    );
}

#[tokio::test]
async fn tasks_are_listed_newest_first_and_filtered() {
    let world = World::lab().await;
    world.call("run_gc", json!({ "datastore": "main" })).await;
    world.clock.advance_seconds(60);
    world.pbs.next_task(Outcome::Error("bad luck".into()));
    world.fail(VERIFY, args()).await;

    let all = world.call("list_tasks", json!({})).await;
    let errors = world
        .call("list_tasks", json!({ "errors": true, "datastore": "main" }))
        .await;
    let kind = world.call("list_tasks", json!({ "type": "garbage" })).await;

    assert_eq!(column(&all, "type"), ["verify_group", "garbage_collection"]);
    assert_eq!(column(&errors, "status"), ["bad luck"]);
    assert_eq!(column(&kind, "about"), ["main"]);
}

#[tokio::test]
async fn the_end_of_a_log_is_as_long_as_asked() {
    let world = World::lab().await;
    let done = world.call("run_gc", json!({ "datastore": "main" })).await;
    let upid = &done["task"]["upid"];

    let status = world
        .call("get_task_status", json!({ "upid": upid, "log_lines": 1 }))
        .await;

    assert_eq!(status["log"], json!(["TASK OK"]));
}

#[tokio::test]
async fn an_unknown_task_is_not_found() {
    let world = World::lab().await;
    let upid = "UPID:localhost:00000001:00000001:00000001:6740A1B2:verify:main:root@pam:";

    let error = world.fail("get_task_status", json!({ "upid": upid })).await;
    let stop = world.fail("stop_task", json!({ "upid": upid })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "task_not_found")
    );
    assert_eq!(field(&stop), "upid");
}

#[tokio::test]
async fn tasks_that_cannot_be_listed_are_an_error() {
    let world = World::lab().await;
    world
        .pbs
        .faults()
        .always("/api2/json/nodes/localhost/tasks", Fault::Status(500));

    let error = world.fail("list_tasks", json!({})).await;

    assert_eq!(error.envelope().upstream_status, Some(500));
}
