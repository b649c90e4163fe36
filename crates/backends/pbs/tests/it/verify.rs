//! Verification, and what the backups say of themselves afterwards.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::pbs::{Condition, Outcome, SnapshotSeed};
use serde_json::json;

use crate::world::{World, name, reason, says, snapshot};

#[tokio::test]
async fn a_group_is_verified_and_read_again() {
    let world = World::lab().await;

    let done = world
        .call(
            "verify_backup",
            json!({ "datastore": "main", "backup": "vm/100" }),
        )
        .await;

    assert_eq!(done["verdict"], "ok");
    assert_eq!(
        (&done["sound"], &done["unverified"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(done["task"]["type"], "verify_group");
    assert_eq!(done["task"]["state"], "ok");
    assert_eq!(world.bodies("/verify")[0]["ignore-verified"], true);
}

#[tokio::test]
async fn a_broken_backup_is_the_answer_and_no_error() {
    let world = World::lab().await;
    world.pbs.add_snapshot(SnapshotSeed {
        condition: Condition::Corrupt,
        ..snapshot("vm", "100", 3)
    });

    let done = world
        .call("verify_backup", json!({ "datastore": "main" }))
        .await;

    assert_eq!(done["verdict"], "failed");
    assert_eq!(done["broken"], json!([name("vm/100", 3)]));
    assert_eq!(done["sound"], 4);
    assert_eq!(done["task"]["state"], "failed");
}

#[tokio::test]
async fn one_backup_is_verified_alone_and_an_unfinished_one_stays_unverified() {
    let world = World::lab().await;
    world.pbs.add_snapshot(SnapshotSeed {
        condition: Condition::Unfinished,
        ..snapshot("vm", "101", 3)
    });

    let one = world
        .call(
            "verify_backup",
            json!({ "datastore": "main", "backup": name("vm/100", 2) }),
        )
        .await;
    let unfinished = world
        .call(
            "verify_backup",
            json!({ "datastore": "main", "backup": "vm/101" }),
        )
        .await;

    assert_eq!((&one["sound"], &one["verdict"]), (&json!(1), &json!("ok")));
    assert_eq!(one["task"]["type"], "verify_snapshot");
    assert_eq!(unfinished["verdict"], "incomplete");
}

#[tokio::test]
async fn namespaces_below_are_verified_when_asked_for() {
    let world = World::lab().await;

    let root = world
        .call("verify_backup", json!({ "datastore": "main" }))
        .await;
    let all = world
        .call(
            "verify_backup",
            json!({ "datastore": "main", "max_depth": 7 }),
        )
        .await;

    assert_eq!(root["sound"], 4);
    assert_eq!(all["sound"], 5);
}

#[tokio::test]
async fn a_task_that_fails_otherwise_is_an_error() {
    let world = World::lab().await;
    world
        .pbs
        .next_task(Outcome::Error("unable to open chunk store".into()));

    let error = world
        .fail(
            "verify_backup",
            json!({ "datastore": "main", "backup": "vm/100" }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "task_failed")
    );
    let message = &error.envelope().message;
    assert!(message.contains("unable to open chunk store"), "{message}");
}

#[tokio::test]
async fn what_is_not_there_is_not_verified() {
    let world = World::lab().await;

    let group = world
        .fail(
            "verify_backup",
            json!({ "datastore": "main", "backup": "vm/999" }),
        )
        .await;
    let one = world
        .fail(
            "verify_backup",
            json!({ "datastore": "main", "backup": name("vm/100", 9) }),
        )
        .await;

    assert_eq!(
        (group.code(), reason(&group)),
        (Code::NotFound, "group_not_found")
    );
    assert_eq!(
        (one.code(), reason(&one)),
        (Code::NotFound, "snapshot_not_found")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn the_plan_says_how_much_is_read() {
    let world = World::lab().await;
    let args = json!({ "datastore": "main", "backup": "vm/100" });

    let plan = world.preview("verify_backup", args.clone()).await;
    let targets = world.targets("verify_backup", args).await;

    assert_eq!(plan.summary, "verify `vm/100` in `main`");
    assert!(
        says(&plan.impact, "1 backup with up to 20 GiB"),
        "{:?}",
        plan.impact
    );
    assert!(
        says(&plan.impact, "2 backups verified already"),
        "{:?}",
        plan.impact
    );
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("backup_group", "main/vm/100")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn depth_does_not_go_with_one_backup() {
    let world = World::lab().await;
    let args = json!({ "datastore": "main", "backup": "vm/100", "max_depth": 2 });

    let error = world.fail("verify_backup", args).await;

    assert_eq!(error.envelope().field.as_deref(), Some("max_depth"));
}

#[tokio::test]
async fn running_a_verify_job_is_mild_and_others_are_not() {
    let world = World::lab().await;
    let effect = |kind| world.effect("run_job", json!({ "type": kind, "job": "x-1" }));

    assert_eq!(effect("verify"), Effect::Write);
    assert_eq!(effect("prune"), Effect::Destructive);
    assert_eq!(effect("sync"), Effect::Destructive);
}
