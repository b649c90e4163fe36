//! Devices, virtual machines, interfaces, sites and racks.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, column, field, reason};

#[tokio::test]
async fn devices_are_short_unless_details_are_wanted() {
    let world = World::lab().await;
    world
        .netbox
        .set_config_context(json!({ "secret": "x".repeat(1000) }));

    let brief = world
        .call(
            "list_devices",
            json!({ "site": "cellar", "role": "switch" }),
        )
        .await;
    let detail = world
        .call("list_devices", json!({ "name": "N1", "detail": true }))
        .await;

    assert_eq!(
        brief["items"],
        json!([{ "id": 3, "name": "sw1", "status": "active", "role": "Switch", "site": "Cellar" }])
    );
    let row = &detail["items"][0];
    assert_eq!(
        (&row["manufacturer"], &row["device_type"], &row["rack"]),
        (&json!("Acme"), &json!("S1"), &json!("R1"))
    );
    assert!(!detail.to_string().contains("xxx"));
}

#[tokio::test]
async fn every_filter_of_devices_is_one_that_netbox_knows() {
    let world = World::lab().await;
    let args = json!({
        "q": "n", "name": "n", "site": "1", "role": "server", "status": "active", "rack": "R1",
        "manufacturer": "acme", "device_type": "S1", "platform": null, "tenant": null, "tag": null,
        "mac_address": null, "has_primary_ip": false, "limit": 1,
    });
    let mut args = args.as_object().unwrap().clone();
    args.retain(|_, value| !value.is_null());

    let first = world.call("list_devices", args.clone().into()).await;
    args.insert("cursor".to_owned(), first["next_cursor"].clone());
    let second = world.call("list_devices", args.into()).await;
    world
        .call(
            "list_devices",
            json!({ "tag": "lab", "mac_address": "00:00:5e:00:53:01" }),
        )
        .await;

    assert_eq!(
        (
            column(&first, "items", "name"),
            column(&second, "items", "name")
        ),
        (vec![json!("n1")], vec![json!("n2")])
    );
    assert_eq!(
        (&first["total"], second.get("next_cursor")),
        (&json!(2), None)
    );
}

#[tokio::test]
async fn unknown_names_are_errors_and_not_the_whole_table() {
    let world = World::lab().await;
    for name in [
        "site",
        "role",
        "rack",
        "manufacturer",
        "device_type",
        "platform",
        "tenant",
    ] {
        let error = world.fail("list_devices", json!({ name: "nosuch" })).await;

        assert_eq!(
            (error.code(), reason(&error), field(&error)),
            (Code::NotFound, "object_not_found", name)
        );
    }
}

#[tokio::test]
async fn a_device_is_shown_with_interfaces_and_addresses() {
    let world = World::lab().await;
    world.netbox.add(
        "ipam/ip-addresses",
        json!({ "address": "192.0.2.3/28", "assigned_object_type": "dcim.interface", "assigned_object_id": 1 }),
    );

    let shown = world.call("get_device", json!({ "device": "N1" })).await;
    let missing = world.fail("get_device", json!({ "device": "n9" })).await;
    world.netbox.add(
        "dcim/devices",
        json!({ "name": "n1", "device_type": 1, "role": 1, "site": 2 }),
    );
    let unclear = world.fail("get_device", json!({ "device": "n1" })).await;
    let by_id = world.call("get_device", json!({ "device": "1" })).await;

    assert_eq!(
        column(&shown, "interfaces", "name"),
        [json!("eth0"), json!("eth1")]
    );
    assert_eq!(
        column(&shown, "addresses", "assigned_to"),
        [json!("n1: eth0")]
    );
    assert_eq!(shown["interface_count"], 2);
    assert_eq!(field(&missing), "device");
    assert_eq!((reason(&unclear), field(&unclear)), ("ambiguous", "device"));
    assert_eq!(by_id["device"]["site"], "Cellar");
}

#[tokio::test]
async fn virtual_machines_and_their_interfaces_are_listed() {
    let world = World::lab().await;

    let machines = world
        .call(
            "list_virtual_machines",
            json!({ "cluster": "pve", "status": "active" }),
        )
        .await;
    let interfaces = world
        .call("list_interfaces", json!({ "virtual_machine": "vm1" }))
        .await;
    let missing = world
        .fail("list_virtual_machines", json!({ "cluster": "none" }))
        .await;

    let row = &machines["items"][0];
    assert_eq!(
        (&row["name"], &row["cluster"], &row["memory_mb"]),
        (&json!("vm1"), &json!("pve"), &json!(4096))
    );
    assert_eq!(column(&interfaces, "items", "of"), [json!("vm1")]);
    assert_eq!(field(&missing), "cluster");
}

#[tokio::test]
async fn interfaces_are_those_of_one_thing() {
    let world = World::lab().await;
    for (args, wanted) in [
        (json!({}), "device"),
        (
            json!({ "device": "n1", "virtual_machine": "vm1" }),
            "virtual_machine",
        ),
        (
            json!({ "virtual_machine": "vm1", "cabled": true }),
            "cabled",
        ),
        (json!({ "device": "n9" }), "device"),
    ] {
        let error = world.fail("list_interfaces", args).await;

        assert_eq!(field(&error), wanted);
    }
    let one = world
        .call("list_interfaces", json!({ "device": "n1", "q": "eth1" }))
        .await;
    assert_eq!(column(&one, "items", "name"), [json!("eth1")]);
}

#[tokio::test]
async fn sites_and_racks_say_what_is_in_them() {
    let world = World::lab().await;

    let sites = world.call("list_sites", json!({ "q": "cell" })).await;
    let racks = world.call("list_racks", json!({ "site": "cellar" })).await;
    let tenant = world.fail("list_sites", json!({ "tenant": "none" })).await;
    let site = world.fail("list_racks", json!({ "site": "none" })).await;

    assert_eq!(
        (&sites["items"][0]["slug"], &sites["items"][0]["devices"]),
        (&json!("cellar"), &json!(3))
    );
    assert_eq!(
        (&racks["items"][0]["name"], &racks["items"][0]["devices"]),
        (&json!("R1"), &json!(3))
    );
    assert_eq!((field(&tenant), field(&site)), ("tenant", "site"));
}
