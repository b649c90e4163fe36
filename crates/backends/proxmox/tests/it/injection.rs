//! Ids that try to be more than ids never leave the process.

use homelab_core::error::Code;
use serde_json::{Value, json};

use crate::world::{World, context};

/// Calls without the schema's check, as if it had a hole: the types have to hold by themselves.
async fn refused(world: &World, tool: &str, args: Value) {
    let index = world
        .server
        .tools()
        .iter()
        .position(|info| info.spec.name == tool)
        .expect("a tool");

    let answer = world.server.run(index, args.clone(), &context()).await;

    let error = answer.expect_err("it is refused");
    assert_eq!(
        error.code(),
        Code::InvalidArgument,
        "{tool} {args}: {error}"
    );
}

#[tokio::test]
async fn no_id_reaches_another_address_or_parameter() {
    let world = World::lab().await;
    for text in [
        "..",
        "../../access",
        "pve1/../..",
        "pve1?force=1",
        "pve1#",
        "pve1%2f..",
        "pve 1",
        "pve1\r\nX: y",
        "",
    ] {
        refused(&world, "get_node_status", json!({ "node": text })).await;
        refused(&world, "list_tasks", json!({ "node": text })).await;
        refused(&world, "migrate_vm", json!({ "vmid": 100, "target": text })).await;
        refused(&world, "list_storage_content", json!({ "storage": text })).await;
        refused(
            &world,
            "create_snapshot",
            json!({ "vmid": 100, "name": text }),
        )
        .await;
        refused(
            &world,
            "delete_snapshot",
            json!({ "vmid": 100, "name": text }),
        )
        .await;
        refused(&world, "delete_backup", json!({ "backup": text })).await;
        refused(&world, "get_task_status", json!({ "upid": text })).await;
        refused(&world, "run_backup_job", json!({ "id": text })).await;
    }
    for vmid in [
        json!("100"),
        json!("100/../101"),
        json!(99),
        json!(-1),
        json!(1e12),
        json!(null),
    ] {
        refused(&world, "delete_vm", json!({ "vmid": vmid })).await;
    }
    refused(
        &world,
        "create_snapshot",
        json!({ "vmid": 100, "name": "current" }),
    )
    .await;

    assert_eq!(world.cluster.log().lines(), [""; 0]);
}

#[tokio::test]
async fn no_value_adds_a_property_of_its_own() {
    let world = World::lab().await;
    let template = "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst";
    for networks in [
        json!([{ "bridge": "vmbr0,firewall=0" }]),
        json!([{ "ip": "192.0.2.5/24,gw=192.0.2.1" }]),
        json!([{ "mac": "BC:24:11:00:00:01,tag=5" }]),
    ] {
        refused(
            &world,
            "create_lxc",
            json!({ "template": template, "hostname": "a1", "networks": networks }),
        )
        .await;
    }
    refused(
        &world,
        "create_lxc",
        json!({ "template": "local:../../etc/shadow", "hostname": "a1" }),
    )
    .await;
    refused(
        &world,
        "create_lxc",
        json!({ "template": template, "hostname": "a1&force=1" }),
    )
    .await;
    refused(
        &world,
        "create_vm",
        json!({ "name": "a1", "iso": "local:iso/x.iso,file=/dev/sda" }),
    )
    .await;
    refused(
        &world,
        "create_vm",
        json!({ "name": "a1", "tags": ["a;b"] }),
    )
    .await;
    refused(
        &world,
        "resize_disk",
        json!({ "vmid": 100, "disk": "scsi0,size", "add_gib": 1 }),
    )
    .await;

    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn free_text_stays_one_parameter() {
    let world = World::lab().await;
    let text = "a&vmstate=1&snapname=other\r\n#;,=%26";

    world
        .call(
            "create_snapshot",
            json!({ "vmid": 100, "name": "s1", "description": text }),
        )
        .await;
    let list = world.call("list_snapshots", json!({ "vmid": 100 })).await;

    assert_eq!(world.cluster.snapshots_of(100), ["s1"]);
    let read = list["items"][0]["description"].as_str().expect("a text");
    assert!(read.starts_with("a&vmstate=1&snapname=other"), "{read}");
    assert_eq!(list["items"][0]["with_memory"], false);
}

#[tokio::test]
async fn a_backup_on_a_backup_server_is_one_part_of_the_path() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(100, "nas", 60).expect("a backup");

    world
        .call("delete_backup", json!({ "backup": volid }))
        .await;

    let delete = world.writes();
    let encoded = volid.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(
        delete,
        [format!(
            "DELETE /api2/json/nodes/pve1/storage/nas/content/{encoded}"
        )]
    );
}
