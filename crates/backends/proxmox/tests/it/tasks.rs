//! Tasks: waiting, progress, failing, outliving the wait, cancelling.

use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::proxmox::{Outcome, Pace};
use serde_json::json;

use crate::world::{World, column, context, eventually, field, hint, reason, reporting};

#[tokio::test]
async fn a_task_that_fails_gives_its_exit_status_and_the_end_of_its_log() {
    let world = World::lab().await;
    world.cluster.next_task(Outcome::Error(
        "start failed: org.freedesktop.systemd1.UnitExists".into(),
    ));

    let error = world.fail("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "task_failed")
    );
    let message = &error.envelope().message;
    assert!(
        message.contains("the task `qmstart` of guest `101` failed: start failed"),
        "{message}"
    );
    assert!(message.contains("the end of its log"), "{message}");
    assert!(hint(&error).contains("UPID:pve2:"));
    assert!(!error.envelope().retryable);
    assert_eq!(world.cluster.is_running(101), Some(false));
}

#[tokio::test]
async fn the_exit_status_is_understood_like_an_error() {
    let world = World::lab().await;
    world.cluster.next_task(Outcome::Error(
        "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout".into(),
    ));

    let error = world.fail("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(reason(&error), "lock_timeout");
}

#[tokio::test]
async fn warnings_are_a_success_with_a_note() {
    let world = World::lab().await;
    world.cluster.next_task(Outcome::Warnings(2));

    let done = world.call("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(done["task"]["state"], "warnings");
    assert_eq!(done["task"]["exit_status"], "WARNINGS: 2");
    assert_eq!(done["status"], "running");
}

#[tokio::test]
async fn a_task_whose_process_died_has_failed() {
    let world = World::lab().await;
    world.cluster.next_task(Outcome::Died);

    let error = world.fail("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(reason(&error), "task_failed");
}

#[tokio::test]
async fn a_task_that_outlives_the_wait_is_reported_and_can_be_followed() {
    let world = World::lab().await;
    world.cluster.set_pace(Pace::Polls(1000));

    let started = world
        .call("start_vm", json!({ "vmid": 101, "wait_s": 0 }))
        .await;
    let upid = started["task"]["upid"].as_str().expect("an id");
    let looked = world.call("get_task_status", json!({ "upid": upid })).await;
    world.cluster.finish_tasks();
    let ended = world
        .call("get_task_status", json!({ "upid": upid, "wait_s": 20 }))
        .await;

    assert_eq!(started["task"]["state"], "running");
    assert!(
        started["task"]["hint"]
            .as_str()
            .expect("a hint")
            .contains("get_task_status")
    );
    assert_eq!(started.get("status"), None);
    assert_eq!(looked["state"], "running");
    assert_eq!(ended["state"], "ok");
}

#[tokio::test]
async fn progress_rises_and_names_the_task() {
    let world = World::lab().await;
    world.cluster.set_pace(Pace::Polls(4));
    let (ctx, reports) = reporting();

    let done = world
        .run_in(
            "create_backup",
            json!({ "vmid": 100, "storage": "nas" }),
            &ctx,
        )
        .await
        .expect("a backup");

    assert_eq!(done.output["task"]["state"], "ok");
    let reports = reports.lock().expect("no panic");
    assert!(reports.len() >= 2, "{reports:?}");
    assert!(
        reports.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "{reports:?}"
    );
    assert!(reports[0].2.starts_with("vzdump: "), "{reports:?}");
}

#[tokio::test]
async fn a_cancelled_wait_ends_at_once_and_the_task_goes_on() {
    let world = World::lab().await;
    world.cluster.set_pace(Pace::Polls(1_000_000));
    let ctx = context();
    let cancel = ctx.cancel.clone();

    let call = world.run_in("start_vm", json!({ "vmid": 101, "wait_s": 600 }), &ctx);
    let started = async {
        eventually(|| world.cluster.tasks() == ["qmstart"]).await;
        cancel.cancel();
    };
    let (answer, ()) = tokio::join!(call, started);

    let error = answer.expect_err("it was cancelled");
    assert_eq!((error.code(), reason(&error)), (Code::Timeout, "cancelled"));
    assert!(error.envelope().message.contains("UPID:pve2:"));
    world.cluster.finish_tasks();
    assert_eq!(world.cluster.is_running(101), Some(true));
}

#[tokio::test]
async fn a_task_that_cannot_be_followed_is_named_in_the_error() {
    let world = World::lab().await;
    let status = "/api2/json/nodes/pve2/tasks";
    world.cluster.faults().always(status, Fault::Status(500));

    let error = world.fail("start_vm", json!({ "vmid": 101 })).await;

    assert!(
        error
            .envelope()
            .message
            .contains("was started, but cannot be followed")
    );
    assert!(error.envelope().message.contains("UPID:pve2:"));
    assert!(!error.envelope().retryable);
}

#[tokio::test]
async fn tasks_are_listed_newest_first_and_filtered() {
    let world = World::lab().await;
    world.call("start_vm", json!({ "vmid": 101 })).await;
    world.clock.advance_seconds(10);
    world.cluster.next_task(Outcome::Error("no luck".into()));
    world.fail("stop_vm", json!({ "vmid": 100 })).await;
    world.clock.advance_seconds(10);
    world.cluster.set_pace(Pace::Polls(1000));
    world
        .call("stop_vm", json!({ "vmid": 200, "wait_s": 0 }))
        .await;

    let all = world.call("list_tasks", json!({})).await;
    let failed = world.call("list_tasks", json!({ "errors": true })).await;
    let running = world
        .call("list_tasks", json!({ "running": true, "node": "pve2" }))
        .await;
    let of_guest = world
        .call("list_tasks", json!({ "vmid": 101, "node": "pve2" }))
        .await;
    let of_type = world.call("list_tasks", json!({ "type": "qmstart" })).await;

    assert_eq!(
        column(&all, "type"),
        ["vzshutdown", "qmshutdown", "qmstart"]
    );
    assert_eq!(column(&failed, "status"), ["no luck"]);
    assert_eq!(column(&running, "id"), ["200"]);
    assert_eq!(column(&of_guest, "type"), ["qmstart"]);
    assert_eq!(column(&of_type, "id"), ["101"]);
    world.cluster.finish_tasks();
}

#[tokio::test]
async fn tasks_of_an_unknown_node_are_not_found() {
    let world = World::lab().await;

    let error = world.fail("list_tasks", json!({ "node": "pve9" })).await;

    assert_eq!(reason(&error), "node_not_found");
}

#[tokio::test]
async fn a_task_can_be_stopped_once() {
    let world = World::lab().await;
    world.cluster.set_pace(Pace::Polls(100_000));
    let started = world
        .call("start_vm", json!({ "vmid": 101, "wait_s": 0 }))
        .await;
    let args = json!({ "upid": started["task"]["upid"] });

    let plan = world.preview("stop_task", args.clone()).await;
    let targets = world.targets("stop_task", args.clone()).await;
    let stopped = world.call("stop_task", args.clone()).await;
    let again = world.fail("stop_task", args).await;

    assert_eq!(plan.summary, "stop the task `qmstart` of `101` on `pve2`");
    assert_eq!(targets[0].kind, "task");
    assert_eq!(targets[1].id, "101");
    assert_ne!(stopped["state"], "running");
    assert_eq!((reason(&again), field(&again)), ("task_ended", "upid"));
    assert_eq!(world.cluster.is_running(101), Some(false));
}

#[tokio::test]
async fn an_unknown_task_fails() {
    let world = World::lab().await;
    let upid = "UPID:pve1:0003A5C9:02F3A1B4:6740A1B2:vzdump:100:root@pam:";

    let error = world.fail("get_task_status", json!({ "upid": upid })).await;

    assert!(
        matches!(
            error.code(),
            Code::NotFound | Code::UpstreamRejected | Code::InvalidArgument
        ),
        "{error}"
    );
}
