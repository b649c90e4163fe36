//! Copying to another server.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use homelab_lab::pbs::{Outcome, Release, SnapshotSeed};
use serde_json::{Value, json};

use crate::world::{HOUR, World, field, hint, name, reason, says};

async fn world() -> World {
    let world = World::lab().await;
    world.pbs.add_remote("offsite", &["copy"]);
    world.pbs.add_remote_snapshot(
        "offsite",
        SnapshotSeed::new("copy", "vm", "900", 100 * HOUR),
    );
    world
        .pbs
        .add_remote_snapshot("offsite", SnapshotSeed::new("copy", "vm", "100", 50 * HOUR));
    world
}

fn push(more: &Value) -> Value {
    let mut args = json!({ "datastore": "main", "remote": "offsite", "remote_datastore": "copy" });
    for (name, value) in more.as_object().expect("arguments") {
        args[name] = value.clone();
    }
    args
}

#[tokio::test]
async fn backups_are_pushed_and_compared_afterwards() {
    let world = world().await;

    let done = world.call("sync_to_remote", push(&json!({}))).await;

    assert_eq!(done["task"]["type"], "sync");
    assert_eq!(done["still_behind"], 0);
    let there = world.pbs.remote_snapshots("offsite", "copy");
    assert!(there.contains(&name("vm/100", 2)) && there.contains(&name("vm/900", 100)));
}

#[tokio::test]
async fn only_the_wanted_groups_and_newest_backups_are_pushed() {
    let world = world().await;

    world
        .call(
            "sync_to_remote",
            push(&json!({ "groups": ["ct/200"], "transfer_last": 1 })),
        )
        .await;

    assert_eq!(
        world.pbs.remote_snapshots("offsite", "copy"),
        [name("ct/200", 60), name("vm/100", 50), name("vm/900", 100)]
    );
    assert_eq!(
        world.bodies("/push")[0]["group-filter"],
        json!(["group:ct/200"])
    );
}

#[tokio::test]
async fn the_plan_says_what_is_copied_and_what_removed() {
    let world = world().await;
    let args = push(&json!({ "remove_vanished": true }));

    let adding = world.preview("sync_to_remote", push(&json!({}))).await;
    let removing = world.preview("sync_to_remote", args.clone()).await;
    let targets = world.targets("sync_to_remote", args).await;

    assert_eq!(
        adding.summary,
        "push all backups in `main` to `offsite:copy`"
    );
    assert!(
        says(&adding.impact, "copies `ct/200`: not there yet"),
        "{:?}",
        adding.impact
    );
    assert!(says(
        &adding.impact,
        "copies `vm/100`: newest there is of 2026-05-29T22:00:00Z"
    ));
    assert!(!says(&adding.impact, "removes"), "{:?}", adding.impact);
    assert!(
        says(&removing.impact, "removes `vm/900` there with 1 backup"),
        "{:?}",
        removing.impact
    );
    assert_eq!(targets[0].id, "main");
    assert_eq!(
        (targets[1].kind.as_str(), targets[1].id.as_str()),
        ("remote", "offsite:copy")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn adding_is_mild_and_removing_is_not() {
    let world = world().await;

    assert_eq!(
        world.effect("sync_to_remote", push(&json!({}))),
        Effect::Write
    );
    assert_eq!(
        world.effect("sync_to_remote", push(&json!({ "remove_vanished": true }))),
        Effect::Destructive
    );
}

#[tokio::test]
async fn a_remote_that_does_not_answer_fails_the_task() {
    let world = world().await;
    world.pbs.set_reachable("offsite", false);
    world
        .pbs
        .faults()
        .always("/api2/json/config/remote/offsite/scan", Fault::Status(503));

    let plan = world.preview("sync_to_remote", push(&json!({}))).await;
    let error = world.fail("sync_to_remote", push(&json!({}))).await;

    assert!(
        says(&plan.impact, "what is there cannot be told"),
        "{:?}",
        plan.impact
    );
    assert_eq!(reason(&error), "task_failed");
    assert!(error.envelope().message.contains("Connection refused"));
}

#[tokio::test]
async fn an_unknown_remote_is_not_found() {
    let world = world().await;
    let mut args = push(&json!({}));
    args["remote"] = "nowhere".into();

    let error = world.fail("sync_to_remote", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "remote_not_found")
    );
    assert_eq!(field(&error), "remote");
}

#[tokio::test]
async fn an_older_release_cannot_push_and_is_not_asked_to() {
    let world = World::release(Release::V3_2).await;
    world.pbs.add_remote("offsite", &["copy"]);

    let error = world.fail("sync_to_remote", push(&json!({}))).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "not_supported")
    );
    assert!(error.envelope().message.contains("3.2"));
    assert!(hint(&error).contains("pull"));
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_copy_that_fails_says_why() {
    let world = world().await;
    world
        .pbs
        .next_task(Outcome::Error("sync failed with some errors.".into()));

    let error = world.fail("sync_to_remote", push(&json!({}))).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "task_failed")
    );
}

#[tokio::test]
async fn a_missing_right_is_named_where_it_is_missing() {
    let mut world = world().await;
    world.as_token("/datastore", &["Datastore.Audit", "Datastore.Read"]);

    let error = world.fail("sync_to_remote", push(&json!({}))).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "privilege_missing")
    );
    assert!(
        hint(&error).contains("/remote/offsite/copy RemoteSyncPushOperator"),
        "{}",
        hint(&error)
    );
}
