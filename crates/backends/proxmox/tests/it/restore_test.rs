//! Trying backups, and the report on them.

use homelab_core::error::Code;
use homelab_lab::proxmox::{GuestSeed, Outcome, Pace};
use serde_json::{Value, json};

use crate::world::{World, column, context, eventually, reason, run};

/// A machine with an agent and a container, each with a backup.
async fn world() -> World {
    let world = World::lab().await;
    world.cluster.add_guest(
        GuestSeed::machine(110, "mail", "pve2")
            .at("192.0.2.7/24")
            .with(json!({ "hostpci0": "0000:01:00.0", "onboot": 1, "protection": 1 })),
    );
    for guest in [110, 200] {
        world.cluster.add_backup(guest, "nas", 3 * 3600);
    }
    world
}

fn guests(world: &World) -> Vec<u32> {
    let mut guests = world.cluster.guests();
    guests.sort_unstable();
    guests
}

#[tokio::test]
async fn a_machine_is_restored_apart_from_everything_booted_and_removed() {
    let world = world().await;
    let before = guests(&world);

    let tested = world.call("restore_test", json!({ "vmid": 110 })).await;

    assert_eq!(tested["result"], "passed", "{tested}");
    assert_eq!(tested["reached"], "agent_answered");
    assert_eq!(tested["isolated_from"], json!(["hostpci0", "net0"]));
    assert_eq!(tested["left_over"], Value::Null);
    assert_eq!(guests(&world), before);
    assert!(
        world.cluster.is_running(110) == Some(true),
        "the guest goes on"
    );
    assert_eq!(
        world.cluster.tasks(),
        ["qmrestore", "qmconfig", "qmstart", "qmstop", "qmdestroy"]
    );
}

#[tokio::test]
async fn a_container_has_to_stay_up() {
    let world = world().await;

    let tested = world
        .call("restore_test", json!({ "vmid": 200, "boot_s": 1 }))
        .await;

    assert_eq!(tested["result"], "passed", "{tested}");
    assert_eq!(tested["reached"], "running");
    assert_eq!(tested["isolated_from"], json!(["net0"]));
    assert!(!guests(&world).contains(&102));
}

#[tokio::test]
async fn the_newest_backup_is_tried_unless_another_one_is_named() {
    let world = world().await;
    let newest = world.cluster.add_backup(110, "local", 60).expect("one");
    let older = world.cluster.add_backup(110, "nas", 7200).expect("one");

    let plan = world.preview("restore_test", json!({ "vmid": 110 })).await;
    let named = json!({ "vmid": 110, "backup": older });
    let tested = world.call("restore_test", named).await;
    let foreign = world
        .fail("restore_test", json!({ "vmid": 200, "backup": older }))
        .await;

    assert!(plan.summary.contains(&newest), "{}", plan.summary);
    assert_eq!(tested["backup"]["backup"], older.as_str());
    assert_eq!(foreign.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_agent_that_does_not_answer_fails_the_test() {
    let world = world().await;
    let args = json!({ "vmid": 110, "boot_s": 1 });
    let ctx = context();

    let silent = eventually(|| {
        world.cluster.set_agent(102, false);
        world.cluster.tasks().contains(&"qmstart".to_owned())
    });
    let (ran, ()) = tokio::join!(run(&*world.server, "restore_test", args, &ctx), silent);

    let tested = ran.expect("a result").output;
    assert_eq!(tested["result"], "failed", "{tested}");
    assert_eq!(tested["reached"], "started");
    assert!(
        tested["problem"]
            .as_str()
            .is_some_and(|text| text.contains("did not answer within 1 s")),
        "{tested}"
    );
    assert!(!guests(&world).contains(&102), "it is removed all the same");
}

#[tokio::test]
async fn a_backup_that_cannot_be_restored_fails_the_test_and_leaves_nothing() {
    let world = world().await;
    world
        .cluster
        .next_task(Outcome::Error("vma: short read".to_owned()));

    let tested = world.call("restore_test", json!({ "vmid": 110 })).await;

    assert_eq!(tested["result"], "failed");
    assert_eq!(tested["reached"], "begun");
    assert!(
        tested["problem"]
            .as_str()
            .is_some_and(|text| text.contains("short read"))
    );
    assert_eq!(world.cluster.tasks(), ["qmrestore"]);
}

#[tokio::test]
async fn a_copy_that_cannot_be_cut_off_is_not_started() {
    let world = world().await;
    world.cluster.refuse_next(
        "/nodes/pve1/qemu/102/config",
        403,
        "Permission check failed",
    );

    let tested = world
        .call("restore_test", json!({ "vmid": 110, "node": "pve1" }))
        .await;

    assert_eq!(tested["result"], "failed", "{tested}");
    assert_eq!(tested["reached"], "restored");
    assert!(!world.cluster.tasks().contains(&"qmstart".to_owned()));
    assert!(!guests(&world).contains(&102));
}

#[tokio::test]
async fn what_cannot_be_removed_is_said_and_stands_in_the_way_of_the_next_test() {
    let world = world().await;
    let outcomes = [
        Outcome::Ok,
        Outcome::Ok,
        Outcome::Ok,
        Outcome::Ok,
        Outcome::Error("storage is busy".to_owned()),
    ];
    for outcome in outcomes {
        world.cluster.next_task(outcome);
    }

    let ran = world.run("restore_test", json!({ "vmid": 110 })).await;
    let next = world.fail("restore_test", json!({ "vmid": 110 })).await;

    let ran = ran.expect("a result");
    assert_eq!(ran.output["result"], "passed");
    assert_eq!(ran.mismatches[0].field, "left_over");
    assert!(ran.mismatches[0].found.contains("storage is busy"));
    assert_eq!(
        (next.code(), reason(&next)),
        (Code::Conflict, "test_running")
    );
}

#[tokio::test]
async fn whoever_leaves_ends_the_test_and_the_copy_is_removed() {
    let world = world().await;
    world.cluster.set_pace(Pace::Polls(1_000_000));
    let ctx = context();
    let args = json!({ "vmid": 110 });

    {
        let call = run(&*world.server, "restore_test", args, &ctx);
        let begun = eventually(|| world.cluster.tasks() == ["qmrestore"]);
        tokio::select! {
            _ = call => panic!("the restore never ends"),
            () = begun => {}
        }
    }

    let stopped = || {
        let lines = world.cluster.log().lines();
        lines
            .iter()
            .any(|line| line.starts_with("DELETE ") && line.contains("/tasks/"))
    };
    eventually(stopped).await;
    world.cluster.finish_tasks();
    world.cluster.set_pace(Pace::Polls(1));
    eventually(|| !guests(&world).contains(&102)).await;
}

#[tokio::test]
async fn without_a_backup_there_is_nothing_to_try() {
    let world = world().await;

    let error = world.fail("restore_test", json!({ "vmid": 101 })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "volume_not_found")
    );
    assert_eq!(world.cluster.tasks(), [""; 0]);
}

#[tokio::test]
async fn the_report_goes_by_archives_and_remembers_tests() {
    let world = world().await;
    world.cluster.add_backup(101, "nas", 40 * 3600);
    world.call("restore_test", json!({ "vmid": 110 })).await;

    let lacking = world.call("check_backups", json!({})).await;
    let all = world.call("check_backups", json!({ "all": true })).await;

    assert_eq!(
        lacking["counts"],
        json!({ "missing": 1, "damaged": 0, "stale": 1, "fresh": 2 })
    );
    assert_eq!(column(&lacking, "vmid"), [100, 101]);
    assert_eq!(column(&lacking, "state"), ["missing", "stale"]);
    let rows = all["items"].as_array().expect("rows");
    let tested = rows.iter().find(|row| row["vmid"] == 110).expect("it");
    assert_eq!(tested["restore_test"]["result"], "passed");
    assert_eq!(tested["age_hours"], 3);
}

#[tokio::test]
async fn a_report_says_which_storages_could_not_be_read() {
    let world = world().await;
    world.cluster.add_backup(101, "local", 60);
    world.cluster.refuse_next(
        "/nodes/pve1/storage/nas",
        500,
        "storage 'nas' is not online",
    );

    let report = world.call("check_backups", json!({ "all": true })).await;

    let problems = report["problems"].as_array().expect("a list");
    assert!(
        problems.iter().any(|text| text
            .as_str()
            .is_some_and(|text| text.contains("not online"))),
        "{report}"
    );
}
