//! The same tools on every release.

use homelab_lab::proxmox::{GuestSeed, Outcome, Release};
use rstest::rstest;
use serde_json::json;

use crate::world::{World, reason};

#[rstest]
#[case(Release::V8_2)]
#[case(Release::V8_4)]
#[case(Release::V9_1)]
#[tokio::test]
async fn a_guests_life_is_the_same(#[case] release: Release) {
    let world = World::release(release).await;

    world.call("start_vm", json!({ "vmid": 101 })).await;
    world
        .call("create_snapshot", json!({ "vmid": 101, "name": "s1" }))
        .await;
    world
        .call("rollback_snapshot", json!({ "vmid": 101, "name": "s1" }))
        .await;
    world
        .call("create_backup", json!({ "vmid": 101, "storage": "nas" }))
        .await;
    world
        .call("stop_vm", json!({ "vmid": 101, "force": true }))
        .await;
    world
        .call("migrate_vm", json!({ "vmid": 200, "target": "pve1" }))
        .await;
    world.call("delete_vm", json!({ "vmid": 101 })).await;

    assert_eq!(world.cluster.guests(), [100, 200]);
}

#[rstest]
#[case(Release::V8_2)]
#[case(Release::V8_4)]
#[case(Release::V9_1)]
#[tokio::test]
async fn errors_are_the_same_wherever_the_release_writes_them(#[case] release: Release) {
    let world = World::release(release).await;
    world.cluster.set_lock(100, Some("snapshot"));
    world
        .cluster
        .add_guest(GuestSeed::machine(110, "mail", "pve2").at("192.0.2.7/24"));
    world.cluster.set_agent(110, false);

    let locked = world
        .fail("stop_vm", json!({ "vmid": 100, "force": true }))
        .await;
    let agent = world
        .fail("exec_in_vm", json!({ "vmid": 110, "command": ["id"] }))
        .await;
    world.cluster.next_task(Outcome::Died);
    let died = world.fail("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(reason(&locked), "guest_locked", "{locked}");
    assert_eq!(reason(&agent), "agent_not_running", "{agent}");
    assert_eq!(reason(&died), "task_failed", "{died}");
}
