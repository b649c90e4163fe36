//! Allocating and releasing addresses.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use serde_json::{Value, json};

use crate::world::{World, column, field, hint, reason, says};

const PREFIX: &str = "192.0.2.0/28";

#[tokio::test]
async fn the_next_free_address_is_allocated_and_recorded() {
    let world = World::lab().await;
    let args = json!({
        "prefix": PREFIX, "dns_name": "App.Lab.example", "status": "reserved", "tenant": "home",
        "description": "for the app", "tags": ["lab"],
    });

    let plan = world.preview("allocate_ip", args.clone()).await;
    let targets = world.targets("allocate_ip", args.clone()).await;
    let done = world.call("allocate_ip", args).await;

    assert_eq!(plan.changes[0].to.as_deref(), Some("192.0.2.1/28"));
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].name.as_deref()),
        ("prefix", Some(PREFIX))
    );
    let row = &done["addresses"][0];
    assert_eq!(
        (
            &row["address"],
            &row["dns_name"],
            &row["status"],
            &row["tenant"],
            &row["tags"]
        ),
        (
            &json!("192.0.2.1/28"),
            &json!("app.lab.example"),
            &json!("reserved"),
            &json!("Home"),
            &json!(["lab"])
        )
    );
    assert_eq!(
        (&done["from"], &done["reused"]),
        (&json!(PREFIX), &json!(false))
    );
    assert!(done["request_id"].is_string());
    assert_eq!(
        world.last_body()["changelog_message"],
        "homelab-mcp: allocate_ip by cli:0"
    );
    assert_eq!(world.writes(), ["POST /api/ipam/prefixes/1/available-ips/"]);
}

#[tokio::test]
async fn concurrent_calls_never_get_one_address() {
    let world = World::lab().await;

    let calls = (0..14).map(|_| world.call("allocate_ip", json!({ "prefix": PREFIX })));
    let done = join_all(calls).await;
    let full = world.fail("allocate_ip", json!({ "prefix": PREFIX })).await;

    let addresses: BTreeSet<String> = done
        .iter()
        .map(|one| one["addresses"][0]["address"].to_string())
        .collect();
    assert_eq!(addresses.len(), 14);
    assert_eq!((full.code(), reason(&full)), (Code::Conflict, "exhausted"));
    assert!(hint(&full).contains("get_prefix_utilization"));
    assert_eq!(world.netbox.count("ipam/ip-addresses"), 14);
}

#[tokio::test]
async fn several_addresses_come_together_or_not_at_all() {
    let world = World::lab().await;

    let done = world
        .call("allocate_ip", json!({ "prefix": PREFIX, "count": 12 }))
        .await;
    let plan = world
        .preview("allocate_ip", json!({ "prefix": PREFIX, "count": 5 }))
        .await;
    let error = world
        .fail("allocate_ip", json!({ "prefix": PREFIX, "count": 5 }))
        .await;

    assert_eq!(done["addresses"].as_array().unwrap().len(), 12);
    assert!(says(&plan.impact, "only 2 are free"), "{:?}", plan.impact);
    assert_eq!(reason(&error), "exhausted");
    assert_eq!(world.netbox.count("ipam/ip-addresses"), 12);
}

#[tokio::test]
async fn a_range_is_allocated_from_by_its_first_address_or_id() {
    let world = World::lab().await;

    let first = world
        .call("allocate_ip", json!({ "ip_range": "198.51.100.50" }))
        .await;
    let second = world
        .call(
            "allocate_ip",
            json!({ "ip_range": "1", "prefix_length": 32 }),
        )
        .await;
    let missing = world
        .fail("allocate_ip", json!({ "ip_range": "198.51.100.9" }))
        .await;

    assert_eq!(first["addresses"][0]["address"], "198.51.100.50/24");
    assert_eq!(second["addresses"][0]["address"], "198.51.100.51/32");
    assert_eq!(second["from"], "198.51.100.50/24 to 198.51.100.53/24");
    assert_eq!(
        (reason(&missing), field(&missing)),
        ("object_not_found", "ip_range")
    );
}

#[tokio::test]
async fn a_network_of_several_vrfs_is_asked_back_for() {
    let world = World::lab().await;
    let args = |vrf: Value| json!({ "prefix": "198.51.100.0/24", "vrf": vrf });

    let unclear = world
        .fail("allocate_ip", json!({ "prefix": "198.51.100.0/24" }))
        .await;
    let blue = world.call("allocate_ip", args(json!("blue"))).await;
    let global = world.call("allocate_ip", args(json!("global"))).await;
    let by_id = world.call("allocate_ip", json!({ "prefix": "3" })).await;

    assert_eq!(
        (unclear.code(), reason(&unclear)),
        (Code::InvalidArgument, "ambiguous")
    );
    assert!(
        hint(&unclear).contains("3 (VRF blue)"),
        "{}",
        hint(&unclear)
    );
    assert_eq!(blue["addresses"][0]["vrf"], "blue");
    assert!(global["addresses"][0].get("vrf").is_none());
    assert_eq!(by_id["addresses"][0]["address"], "198.51.100.2/24");
}

#[tokio::test]
async fn it_is_assigned_and_made_the_primary_one() {
    let world = World::lab().await;
    let device = json!({ "prefix": PREFIX, "assign_to": { "device": "n1", "interface": "eth0" }, "set_primary": true });
    let machine = json!({ "prefix": PREFIX, "assign_to": { "virtual_machine": "vm1", "interface": "ens18" }, "set_primary": true });

    let plan = world.preview("allocate_ip", device.clone()).await;
    let one = world.call("allocate_ip", device).await;
    let other = world.call("allocate_ip", machine).await;

    assert!(
        says(&plan.impact, "primary address of `n1`"),
        "{:?}",
        plan.impact
    );
    assert_eq!(
        (&one["addresses"][0]["assigned_to"], &one["primary_of"]),
        (&json!("n1: eth0"), &json!("n1"))
    );
    assert_eq!(
        (&other["addresses"][0]["assigned_to"], &other["primary_of"]),
        (&json!("vm1: ens18"), &json!("vm1"))
    );
    let device = world.netbox.object("dcim/devices", 1).unwrap();
    assert_eq!(device["primary_ip4"]["address"], "192.0.2.1/28");
}

#[tokio::test]
async fn what_fails_after_the_allocation_does_not_hide_it() {
    let world = World::lab().await;
    world
        .netbox
        .faults()
        .always("/api/dcim/devices/1/", Fault::Status(500));

    let done = world
        .call(
            "allocate_ip",
            json!({ "prefix": PREFIX, "assign_to": { "device": "n1", "interface": "eth0" }, "set_primary": true }),
        )
        .await;

    assert_eq!(done["addresses"][0]["address"], "192.0.2.1/28");
    assert!(
        done["problems"][0]
            .as_str()
            .unwrap()
            .contains("primary address of `n1`"),
        "{done}"
    );
    assert!(done.get("primary_of").is_none());
}

#[tokio::test]
async fn arguments_that_make_no_sense_together_are_named() {
    let world = World::lab().await;
    let to = json!({ "device": "n1", "interface": "eth0" });
    for (args, wanted) in [
        (json!({}), "prefix"),
        (json!({ "prefix": PREFIX, "ip_range": "1" }), "ip_range"),
        (
            json!({ "prefix": PREFIX, "set_primary": true }),
            "set_primary",
        ),
        (
            json!({ "prefix": PREFIX, "set_primary": true, "assign_to": to, "count": 2 }),
            "set_primary",
        ),
        (
            json!({ "prefix": PREFIX, "assign_to": { "interface": "eth0" } }),
            "assign_to",
        ),
        (
            json!({ "prefix": PREFIX, "assign_to": { "device": "n1", "interface": "eth9" } }),
            "assign_to.interface",
        ),
        (
            json!({ "prefix": PREFIX, "assign_to": { "device": "n9", "interface": "eth0" } }),
            "assign_to.device",
        ),
        (
            json!({ "prefix": PREFIX, "tags": ["lab", "nosuch"] }),
            "tags[1]",
        ),
        (json!({ "prefix": PREFIX, "tenant": "nobody" }), "tenant"),
        (json!({ "prefix": "203.0.113.0/24" }), "prefix"),
        (json!({ "prefix": "99" }), "prefix"),
    ] {
        let error = world.fail("allocate_ip", args.clone()).await;

        assert_eq!(field(&error), wanted, "{args}: {error}");
    }
    let error = world
        .refuse("allocate_ip", json!({ "prefix": "lan" }))
        .await;
    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "prefix")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_dry_run_only_looks() {
    let world = World::lab().await;
    let args = json!({ "prefix": PREFIX, "count": 2, "dry_run": true });

    let told = world.call("allocate_ip", args.clone()).await;

    assert_eq!(told["free"], json!(["192.0.2.1/28", "192.0.2.2/28"]));
    assert_eq!(told["addresses"], json!([]));
    assert_eq!(world.effect("allocate_ip", args), Effect::Read);
    assert_eq!(
        world.effect("allocate_ip", json!({ "prefix": PREFIX })),
        Effect::Write
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_key_makes_repeating_harmless_and_undoing_possible() {
    let world = World::lab().await;
    let args =
        json!({ "prefix": PREFIX, "count": 2, "description": "app", "idempotency_key": "run-7" });
    let inverse = world.inverse("allocate_ip", args.clone()).await;

    let calls = (0..3).map(|_| world.call("allocate_ip", args.clone()));
    let done = join_all(calls).await;
    let again = world.inverse("allocate_ip", args.clone()).await;
    let plan = world.preview("allocate_ip", args).await;
    let other = json!({ "prefix": PREFIX, "count": 1, "idempotency_key": "run-7" });
    let conflict = world.fail("allocate_ip", other).await;

    assert_eq!(done.iter().filter(|one| one["reused"] == false).count(), 1);
    assert_eq!(
        column(&done[0], "addresses", "address"),
        column(&done[2], "addresses", "address")
    );
    assert_eq!(done[0]["addresses"][0]["description"], "app [key:run-7]");
    assert_eq!(again, None);
    assert!(plan.summary.starts_with("nothing new"), "{}", plan.summary);
    assert_eq!(
        (reason(&conflict), field(&conflict)),
        ("key_used_elsewhere", "idempotency_key")
    );
    let undone = world.undo(inverse).await;
    assert_eq!(
        (
            undone["released"].as_array().unwrap().len(),
            &undone["left"]
        ),
        (2, &json!(0))
    );
    assert_eq!(world.netbox.count("ipam/ip-addresses"), 0);
}

#[tokio::test]
async fn a_lost_answer_is_not_repeated_and_the_key_finds_what_was_done() {
    let world = World::lab().await;
    let path = "/api/ipam/prefixes/1/available-ips/";
    world.netbox.faults().next(2, path, Fault::CutBody);

    let unkeyed = world.fail("allocate_ip", json!({ "prefix": PREFIX })).await;
    let args = json!({ "prefix": PREFIX, "idempotency_key": "k" });
    let lost = world.fail("allocate_ip", args.clone()).await;
    let found = world.call("allocate_ip", args).await;

    assert!(hint(&unkeyed).contains("list_ip_addresses"), "{unkeyed}");
    assert!(hint(&lost).contains("same `idempotency_key`"), "{lost}");
    assert_eq!(
        (&found["reused"], &found["addresses"][0]["address"]),
        (&json!(true), &json!("192.0.2.2/28"))
    );
    assert_eq!(world.writes().len(), 2);
}

#[tokio::test]
async fn an_address_is_released_and_comes_back_by_undo() {
    let world = World::lab().await;
    let made = json!({
        "prefix": PREFIX, "dns_name": "a.lab", "tags": ["lab"], "role": "vip",
        "assign_to": { "device": "n1", "interface": "eth0" },
    });
    world.call("allocate_ip", made).await;
    let before = world
        .call("list_ip_addresses", json!({ "address": "192.0.2.1" }))
        .await;
    let args = json!({ "address": "192.0.2.1" });

    let plan = world.preview("release_ip", args.clone()).await;
    let targets = world.targets("release_ip", args.clone()).await;
    let inverse = world.inverse("release_ip", args.clone()).await;
    let done = world.call("release_ip", args.clone()).await;
    let missing = world.fail("release_ip", args.clone()).await;
    world.undo(inverse).await;
    let after = world.call("list_ip_addresses", args).await;

    assert_eq!(plan.summary, "delete the record of 192.0.2.1/28");
    assert!(
        says(&plan.impact, "n1: eth0") && says(&plan.impact, "a.lab"),
        "{:?}",
        plan.impact
    );
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].tags.as_slice()),
        ("ip_address", &["lab".to_owned()][..])
    );
    assert_eq!(done["released"][0]["address"], "192.0.2.1/28");
    assert_eq!(
        (missing.code(), field(&missing)),
        (Code::NotFound, "address")
    );
    let without_id = |list: &Value| {
        let mut row = list["items"][0].clone();
        row["id"] = Value::Null;
        row
    };
    assert_eq!(without_id(&before), without_id(&after));
}

#[tokio::test]
async fn releasing_asks_back_where_several_are_meant() {
    let world = World::lab().await;
    for vrf in ["blue", "global"] {
        world
            .call(
                "allocate_ip",
                json!({ "prefix": "198.51.100.0/24", "vrf": vrf }),
            )
            .await;
    }

    let unclear = world
        .fail("release_ip", json!({ "address": "198.51.100.1" }))
        .await;
    let nothing = world.fail("release_ip", json!({})).await;
    let twice = world
        .fail("release_ip", json!({ "address": "198.51.100.1", "id": 1 }))
        .await;
    let no_id = world.fail("release_ip", json!({ "id": 99 })).await;
    let no_key = world
        .fail("release_ip", json!({ "idempotency_key": "x" }))
        .await;
    let done = world
        .call(
            "release_ip",
            json!({ "address": "198.51.100.1", "vrf": "blue" }),
        )
        .await;

    assert_eq!((reason(&unclear), field(&unclear)), ("ambiguous", "id"));
    assert_eq!([&nothing, &twice].map(field), ["address", "address"]);
    assert_eq!([&no_id, &no_key].map(reason), ["object_not_found"; 2]);
    assert_eq!(done["released"][0]["vrf"], "blue");
    assert_eq!(world.netbox.count("ipam/ip-addresses"), 1);
}
