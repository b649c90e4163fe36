//! Recorded addresses.

use homelab_core::error::Code;
use serde_json::{Value, json};

use crate::world::{World, column, field, reason, says};

async fn with_addresses() -> World {
    let world = World::lab().await;
    for (address, dns) in [
        ("192.0.2.3/28", "c"),
        ("192.0.2.4/28", "d"),
        ("198.51.100.9/24", "e"),
    ] {
        world.netbox.add(
            "ipam/ip-addresses",
            json!({ "address": address, "dns_name": dns }),
        );
    }
    world.netbox.add(
        "ipam/ip-addresses",
        json!({ "address": "198.51.100.9/24", "vrf": 1, "status": "dhcp" }),
    );
    world
}

#[tokio::test]
async fn addresses_are_found_by_network_table_status_and_text() {
    let world = with_addresses().await;

    let mut seen = Vec::new();
    for args in [
        json!({ "prefix": "192.0.2.0/28" }),
        json!({ "prefix": "3" }),
        json!({ "address": "198.51.100.9", "vrf": "global" }),
        json!({ "status": "dhcp" }),
        json!({ "q": "192.0.2.4" }),
        json!({ "assigned": true }),
    ] {
        let list = world.call("list_ip_addresses", args).await;
        seen.push(column(&list, "items", "id"));
    }

    assert_eq!(
        seen,
        [
            vec![json!(1), json!(2)],
            vec![json!(4)],
            vec![json!(3)],
            vec![json!(4)],
            vec![json!(2)],
            vec![]
        ]
    );
}

#[tokio::test]
async fn pages_join_whatever_netboxes_own_largest_page_is() {
    let world = with_addresses().await;
    world.netbox.set_page_size(1);
    world.netbox.set_host("elsewhere.example");

    let (mut cursor, mut seen) = (None::<String>, Vec::new());
    loop {
        let mut args = json!({ "limit": 3 });
        if let Some(cursor) = &cursor {
            args["cursor"] = json!(cursor);
        }
        let page = world.call("list_ip_addresses", args).await;
        assert_eq!(page["total"], 4);
        seen.extend(column(&page, "items", "id"));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let error = world
        .fail("list_ip_addresses", json!({ "cursor": "eA" }))
        .await;

    let ids: Vec<u64> = seen.iter().filter_map(Value::as_u64).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [1, 2, 3, 4]);
    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "cursor")
    );
}

#[tokio::test]
async fn an_unknown_device_is_an_error_and_not_the_whole_table() {
    let world = with_addresses().await;

    let device = world
        .fail("list_ip_addresses", json!({ "device": "n9" }))
        .await;
    let tag = world
        .fail("list_ip_addresses", json!({ "tag": "nosuch" }))
        .await;

    assert_eq!(
        (reason(&device), field(&device)),
        ("object_not_found", "device")
    );
    assert_eq!((reason(&tag), field(&tag)), ("value_refused", "tag"));
}

#[tokio::test]
async fn a_certain_address_is_recorded_once() {
    let world = with_addresses().await;
    let args = json!({
        "address": "192.0.2.9/28", "dns_name": "x.lab",
        "assign_to": { "virtual_machine": "vm1", "interface": "ens18" },
    });

    let plan = world.preview("create_ip_address", args.clone()).await;
    let targets = world.targets("create_ip_address", args.clone()).await;
    let inverse = world.inverse("create_ip_address", args.clone()).await;
    let done = world.call("create_ip_address", args.clone()).await;
    let twice = world.fail("create_ip_address", args.clone()).await;
    let warned = world.preview("create_ip_address", args.clone()).await;
    let again = world.inverse("create_ip_address", args).await;
    world.undo(inverse).await;

    assert_eq!(plan.summary, "record the address `192.0.2.9/28`");
    assert_eq!(targets.len(), 2);
    assert_eq!(done["address"]["assigned_to"], "vm1: ens18");
    assert_eq!(
        (twice.code(), reason(&twice), field(&twice)),
        (Code::Conflict, "object_exists", "address")
    );
    assert!(says(&warned.impact, "makes this fail"));
    assert_eq!(again, None);
    assert_eq!(world.netbox.count("ipam/ip-addresses"), 4);
}

#[tokio::test]
async fn the_same_address_may_be_in_another_vrf_or_be_shared() {
    let world = with_addresses().await;

    world
        .call(
            "create_ip_address",
            json!({ "address": "192.0.2.3/28", "vrf": "blue", "role": "anycast" }),
        )
        .await;
    world
        .call(
            "create_ip_address",
            json!({ "address": "192.0.2.3/28", "vrf": "blue", "role": "anycast" }),
        )
        .await;
    let vrf = world
        .fail(
            "create_ip_address",
            json!({ "address": "192.0.2.3/28", "vrf": "red" }),
        )
        .await;

    assert_eq!(world.netbox.count("ipam/ip-addresses"), 6);
    assert_eq!(field(&vrf), "vrf");
}
