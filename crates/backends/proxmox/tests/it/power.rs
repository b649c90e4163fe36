//! Starting, stopping, rebooting and deleting guests.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::proxmox::{GuestSeed, Outcome};
use serde_json::json;

use crate::world::{World, field, hint, reason};

#[tokio::test]
async fn starting_waits_for_the_task_and_reads_the_state() {
    let world = World::lab().await;

    let done = world.call("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(done["status"], "running");
    assert_eq!(done["changed"], true);
    assert_eq!(done["task"]["state"], "ok");
    assert_eq!(done["task"]["exit_status"], "OK");
    assert_eq!(done["task"]["node"], "pve2");
    assert_eq!(world.cluster.is_running(101), Some(true));
    assert_eq!(
        world.writes(),
        ["POST /api2/json/nodes/pve2/qemu/101/status/start"]
    );
}

#[tokio::test]
async fn starting_what_runs_changes_nothing() {
    let world = World::lab().await;

    let done = world.call("start_vm", json!({ "vmid": 100 })).await;

    assert_eq!(done["changed"], false);
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_template_cannot_be_started() {
    let world = World::lab().await;
    let template = GuestSeed::machine(900, "base", "pve1").stopped();
    world
        .cluster
        .add_guest(template.with(json!({ "template": 1 })));

    let error = world.fail("start_vm", json!({ "vmid": 900 })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "is_template")
    );
}

#[tokio::test]
async fn stopping_is_clean_unless_forced() {
    let world = World::lab().await;

    let clean = world
        .call(
            "stop_vm",
            json!({ "vmid": 200, "timeout_s": 30, "force_after_timeout": true }),
        )
        .await;
    let forced = world
        .call("stop_vm", json!({ "vmid": 100, "force": true }))
        .await;

    assert_eq!(
        (&clean["status"], &forced["status"]),
        (&json!("stopped"), &json!("stopped"))
    );
    assert_eq!(
        world.writes(),
        [
            "POST /api2/json/nodes/pve2/lxc/200/status/shutdown",
            "POST /api2/json/nodes/pve1/qemu/100/status/stop"
        ]
    );
}

#[tokio::test]
async fn stopping_what_is_stopped_changes_nothing() {
    let world = World::lab().await;

    let done = world.call("stop_vm", json!({ "vmid": 101 })).await;

    assert_eq!(
        (&done["changed"], &done["status"]),
        (&json!(false), &json!("stopped"))
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_shutdown_that_the_guest_ignores_says_how_to_force_it() {
    let world = World::lab().await;
    let text = "VM quit/powerdown failed - got timeout";
    world.cluster.next_task(Outcome::Error(text.into()));

    let error = world.fail("stop_vm", json!({ "vmid": 100 })).await;

    assert_eq!(reason(&error), "shutdown_timeout");
    assert!(error.envelope().message.contains(text));
    assert!(hint(&error).contains("force"));
}

#[tokio::test]
async fn stop_and_start_undo_each_other_only_if_they_change_something() {
    let world = World::lab().await;
    let undo_stop = world.inverse("stop_vm", json!({ "vmid": 100 })).await;
    let undo_start = world.inverse("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(
        world.inverse("start_vm", json!({ "vmid": 100 })).await,
        None
    );
    assert_eq!(world.inverse("stop_vm", json!({ "vmid": 101 })).await, None);
    world.call("stop_vm", json!({ "vmid": 100 })).await;
    world.call("start_vm", json!({ "vmid": 101 })).await;
    world.undo(undo_stop.expect("an inverse")).await;
    world.undo(undo_start.expect("an inverse")).await;
    assert_eq!(world.cluster.is_running(100), Some(true));
    assert_eq!(world.cluster.is_running(101), Some(false));
}

#[tokio::test]
async fn rebooting_is_clean_unless_forced() {
    let world = World::lab().await;

    let clean = world.call("reboot_vm", json!({ "vmid": 200 })).await;
    let forced = world
        .call("reboot_vm", json!({ "vmid": 100, "force": true }))
        .await;

    assert_eq!(
        (&clean["status"], &forced["status"]),
        (&json!("running"), &json!("running"))
    );
    assert_eq!(
        world.writes(),
        [
            "POST /api2/json/nodes/pve2/lxc/200/status/reboot",
            "POST /api2/json/nodes/pve1/qemu/100/status/reset"
        ]
    );
}

#[tokio::test]
async fn what_does_not_run_is_not_rebooted_and_a_container_is_not_reset() {
    let world = World::lab().await;

    let stopped = world.fail("reboot_vm", json!({ "vmid": 101 })).await;
    let container = world
        .fail("reboot_vm", json!({ "vmid": 200, "force": true }))
        .await;

    assert_eq!(reason(&stopped), "guest_not_running");
    assert_eq!(
        (reason(&container), field(&container)),
        ("wrong_guest_type", "force")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_locked_guest_is_a_conflict() {
    let world = World::lab().await;
    world.cluster.set_lock(100, Some("backup"));

    let error = world
        .fail("stop_vm", json!({ "vmid": 100, "force": true }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "guest_locked")
    );
    assert!(error.envelope().message.contains("backup"));
    assert!(!error.envelope().retryable);
}

#[tokio::test]
async fn the_plan_of_a_stop_says_what_is_interrupted() {
    let world = World::lab().await;

    let plan = world
        .preview("stop_vm", json!({ "vmid": 100, "force": true }))
        .await;

    assert_eq!(
        plan.summary,
        "cut the power of the virtual machine `100` (`web`) on `pve1`"
    );
    assert_eq!(plan.changes[0].to.as_deref(), Some("stopped"));
    assert!(plan.impact.iter().any(|line| line.contains("running for")));
    assert!(plan.impact.iter().any(|line| line.contains("is lost")));
}

#[tokio::test]
async fn rules_see_the_guests_name_tags_and_node() {
    let world = World::lab().await;
    for tool in ["start_vm", "stop_vm", "reboot_vm", "delete_vm"] {
        let targets = world.targets(tool, json!({ "vmid": 100 })).await;

        assert_eq!(targets.len(), 1);
        assert_eq!(
            (targets[0].kind.as_str(), targets[0].id.as_str()),
            ("guest", "100")
        );
        assert_eq!(targets[0].name.as_deref(), Some("web"));
        assert_eq!(targets[0].tags, ["prod", "web", "node:pve1"]);
    }
}

#[tokio::test]
async fn deleting_takes_the_guest_and_its_disks() {
    let world = World::lab().await;

    let done = world
        .call("delete_vm", json!({ "vmid": 101, "purge": true }))
        .await;

    assert_eq!(done["task"]["state"], "ok");
    assert_eq!(world.cluster.guests(), [100, 200]);
    assert_eq!(
        world.effect("delete_vm", json!({ "vmid": 101 })),
        Effect::Critical
    );
}

#[tokio::test]
async fn a_running_guest_is_deleted_only_if_it_is_a_container_and_forced() {
    let world = World::lab().await;

    let machine = world
        .fail("delete_vm", json!({ "vmid": 100, "force": true }))
        .await;
    let container = world.fail("delete_vm", json!({ "vmid": 200 })).await;
    world
        .call("delete_vm", json!({ "vmid": 200, "force": true }))
        .await;

    assert_eq!(
        (reason(&machine), reason(&container)),
        ("guest_running", "guest_running")
    );
    assert!(hint(&machine).contains("stop_vm"));
    assert_eq!(world.cluster.guests(), [100, 101]);
}

#[tokio::test]
async fn a_protected_guest_stays() {
    let world = World::lab().await;
    let guest = GuestSeed::machine(120, "vault", "pve1").stopped();
    world
        .cluster
        .add_guest(guest.with(json!({ "protection": 1 })));

    let error = world.fail("delete_vm", json!({ "vmid": 120 })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "protected")
    );
    assert!(world.cluster.guests().contains(&120));
}

#[tokio::test]
async fn the_plan_of_a_deletion_lists_disks_snapshots_and_state() {
    let world = World::lab().await;
    world
        .call("create_snapshot", json!({ "vmid": 100, "name": "before" }))
        .await;

    let plan = world.preview("delete_vm", json!({ "vmid": 100 })).await;

    assert_eq!(
        plan.summary,
        "delete the virtual machine `100` (`web`) on `pve1` for good"
    );
    let has = |part: &str| plan.impact.iter().any(|line| line.contains(part));
    assert!(has("is destroyed"), "{:?}", plan.impact);
    assert!(has("1 snapshots are lost: `before`"), "{:?}", plan.impact);
    assert!(has("running for"), "{:?}", plan.impact);
    assert!(has("backups stay"));
}
