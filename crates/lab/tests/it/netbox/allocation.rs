//! Taking what is free.

use std::collections::BTreeSet;

use homelab_lab::netbox::NetBox;
use serde_json::{Value, json};

use super::{ask, get, post, server};

async fn with_prefix(prefix: &str) -> NetBox {
    let netbox = server().await;
    netbox.add("ipam/prefixes", json!({ "prefix": prefix }));
    netbox
}

const IPS: &str = "ipam/prefixes/1/available-ips/";

#[tokio::test]
async fn one_in_one_out_and_a_list_for_a_list() {
    let netbox = with_prefix("10.9.0.0/27").await;

    let one = post(
        &netbox,
        IPS,
        json!({ "dns_name": "a.lab", "prefix_length": 32, "status": "dhcp" }),
    )
    .await;
    let two = post(&netbox, IPS, json!([{ "dns_name": "b.lab" }, {}])).await;
    let free = get(&netbox, &format!("{IPS}?limit=2")).await;

    assert_eq!(
        (one.0, &one.1["address"], &one.1["dns_name"]),
        (201, &json!("10.9.0.1/32"), &json!("a.lab"))
    );
    assert_eq!(one.1["status"], json!({ "value": "dhcp", "label": "DHCP" }));
    assert_eq!(two.0, 201);
    assert_eq!(two.1[1]["address"], "10.9.0.3/27");
    assert_eq!(
        free,
        json!([
            { "family": 4, "address": "10.9.0.4/27", "vrf": null },
            { "family": 4, "address": "10.9.0.5/27", "vrf": null },
        ])
    );
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn an_address_is_assigned_as_it_is_taken() {
    let netbox = with_prefix("10.9.0.0/27").await;

    let on = json!({ "assigned_object_type": "dcim.interface", "assigned_object_id": 1 });
    let (status, address) = post(&netbox, IPS, on).await;

    assert_eq!(
        (status, &address["assigned_object"]["device"]["name"]),
        (201, &json!("n1"))
    );
    assert_eq!(
        get(&netbox, "dcim/interfaces/1/").await["count_ipaddresses"],
        1
    );
}

#[tokio::test]
async fn what_does_not_fit_takes_nothing() {
    let netbox = with_prefix("10.9.0.0/29").await;
    let seven = Value::Array(vec![json!({}); 7]);

    let full = post(&netbox, IPS, seven).await;
    let wrong = post(&netbox, IPS, json!({ "status": "nope" })).await;
    let missing = post(&netbox, "ipam/prefixes/9999/available-ips/", json!({})).await;

    let detail = "Insufficient resources are available to satisfy the request";
    assert_eq!(full, (409, json!({ "detail": detail })));
    assert_eq!(
        wrong,
        (400, json!({ "status": ["nope is not a valid choice."] }))
    );
    assert_eq!(
        missing,
        (
            404,
            json!({ "detail": "No Prefix matches the given query." })
        )
    );
    assert_eq!(netbox.count("ipam/ip-addresses"), 0);
}

#[tokio::test]
async fn callers_at_once_get_different_addresses() {
    let netbox = with_prefix("10.9.0.0/27").await;

    let calls = (0..20).map(|_| post(&netbox, IPS, json!({})));
    let answers = futures_util::future::join_all(calls).await;

    let addresses: BTreeSet<String> = answers
        .iter()
        .map(|(_, body)| body["address"].to_string())
        .collect();
    assert!(answers.iter().all(|(status, _)| *status == 201));
    assert_eq!(addresses.len(), 20);
}

#[tokio::test]
async fn ends_pools_and_full_ranges_are_minded() {
    let netbox = with_prefix("10.9.0.0/30").await;
    netbox.add(
        "ipam/prefixes",
        json!({ "prefix": "10.9.1.0/30", "is_pool": true }),
    );
    netbox.add("ipam/prefixes", json!({ "prefix": "2001:db8::/126" }));
    netbox.add("ipam/prefixes", json!({ "prefix": "10.9.2.0/31" }));
    netbox.add("ipam/prefixes", json!({ "prefix": "10.9.3.0/29" }));
    let range = |start: u8, end: u8, full: bool| {
        json!({
            "start_address": format!("10.9.3.{start}/29"), "end_address": format!("10.9.3.{end}/29"),
            "mark_populated": full,
        })
    };
    netbox.add("ipam/ip-ranges", range(1, 3, true));
    netbox.add("ipam/ip-ranges", range(4, 5, false));

    let mut counts = Vec::new();
    for id in 1..=5 {
        let free = get(&netbox, &format!("ipam/prefixes/{id}/available-ips/")).await;
        counts.push(free.as_array().unwrap().len());
    }
    let of_range = post(&netbox, "ipam/ip-ranges/2/available-ips/", json!({})).await;

    assert_eq!(counts, [2, 4, 3, 2, 3]);
    assert_eq!(
        (of_range.0, &of_range.1["address"]),
        (201, &json!("10.9.3.4/29"))
    );
}

#[tokio::test]
async fn prefixes_are_taken_from_the_free_blocks() {
    let netbox = with_prefix("10.9.0.0/24").await;
    netbox.add("ipam/prefixes", json!({ "prefix": "10.9.0.0/26" }));
    let path = "ipam/prefixes/1/available-prefixes/";

    let free = get(&netbox, path).await;
    let one = post(
        &netbox,
        path,
        json!({ "prefix_length": 26, "description": "new" }),
    )
    .await;
    let full = post(
        &netbox,
        path,
        json!([{ "prefix_length": 25 }, { "prefix_length": 25 }]),
    )
    .await;
    let wrong = post(&netbox, path, json!({ "prefix_length": 20 })).await;
    let missing = post(&netbox, path, json!({})).await;

    let blocks: Vec<&Value> = free
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["prefix"])
        .collect();
    assert_eq!(blocks, ["10.9.0.64/26", "10.9.0.128/25"]);
    assert_eq!(
        (one.0, &one.1["prefix"], &one.1["description"]),
        (201, &json!("10.9.0.64/26"), &json!("new"))
    );
    assert_eq!((full.0, wrong.0, missing.0), (409, 400, 400));
    assert_eq!(netbox.count("ipam/prefixes"), 3);
    assert_eq!(get(&netbox, "ipam/prefixes/1/").await["children"], 2);
}

#[tokio::test]
async fn a_group_gives_the_first_free_vlan_id() {
    let netbox = server().await;
    netbox.add(
        "ipam/vlan-groups",
        json!({ "name": "G", "slug": "g", "vid_ranges": [[100, 101]] }),
    );
    let path = "ipam/vlan-groups/1/available-vlans/";

    let one = post(&netbox, path, json!({ "name": "auto" })).await;
    let free = get(&netbox, path).await;
    let full = post(&netbox, path, json!([{ "name": "b" }, { "name": "c" }])).await;

    assert_eq!(
        (one.0, &one.1["vid"], &one.1["group"]["name"]),
        (201, &json!(100), &json!("G"))
    );
    assert_eq!(free[0]["vid"], 101);
    assert_eq!((full.0, netbox.count("ipam/vlans")), (409, 1));
}

#[tokio::test]
async fn vrfs_keep_their_addresses_apart() {
    let netbox = with_prefix("10.9.0.0/29").await;
    netbox.add("ipam/vrfs", json!({ "name": "blue" }));
    netbox.add(
        "ipam/prefixes",
        json!({ "prefix": "10.9.0.0/29", "vrf": 1 }),
    );

    let global = post(&netbox, IPS, json!({})).await.1;
    let blue = post(&netbox, "ipam/prefixes/2/available-ips/", json!({}))
        .await
        .1;
    let said = ask(&netbox, "POST", IPS, json!({ "address": "10.9.0.6/29" })).await;

    assert_eq!(
        (&global["address"], &global["vrf"]),
        (&json!("10.9.0.1/29"), &Value::Null)
    );
    assert_eq!(
        (&blue["address"], &blue["vrf"]["name"]),
        (&json!("10.9.0.1/29"), &json!("blue"))
    );
    // The server chooses, whatever the client says.
    assert_eq!(said.json()["address"], "10.9.0.2/29");
    assert_eq!(netbox.log().unexpected().len(), 1);
}
