//! Networks, rules, addresses.

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::json;

use crate::world::{World, names};

#[tokio::test]
async fn networks_say_how_much_of_them_is_used() {
    let world = World::demo().await;

    let list = world.call("homelab_list_networks", json!({})).await;

    assert_eq!(
        names(&list),
        [
            "bench",
            "guests",
            "iot",
            "management",
            "servers",
            "servers-v6",
            "trusted"
        ]
    );
    let bench = &list["items"][0];
    assert_eq!(bench["vlan_id"], 40);
    assert_eq!(bench["cidr"], "192.0.2.192/26");
    assert_eq!(bench["allocated"], 10);
}

#[tokio::test]
async fn networks_are_paged() {
    let world = World::demo().await;

    let first = world
        .call("homelab_list_networks", json!({ "limit": 5 }))
        .await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = world
        .call(
            "homelab_list_networks",
            json!({ "limit": 5, "cursor": cursor }),
        )
        .await;
    let error = world
        .fail("homelab_list_networks", json!({ "cursor": "!" }))
        .await;

    assert_eq!(names(&rest), ["servers-v6", "trusted"]);
    assert_eq!(error.envelope().field.as_deref(), Some("cursor"));
}

#[tokio::test]
async fn firewall_rules_are_listed_with_what_they_match() {
    let world = World::demo().await;

    let list = world
        .call("homelab_list_firewall_rules", json!({ "limit": 2 }))
        .await;
    let error = world
        .fail("homelab_list_firewall_rules", json!({ "cursor": "!" }))
        .await;

    assert_eq!(list["total"], 14);
    assert_eq!(
        list["items"][1],
        json!({
            "name": "allow-dns", "position": 10, "enabled": true, "action": "allow",
            "direction": "forward", "source": "any", "destination": "pi-dns-1, pi-dns-2",
            "protocol": "udp", "port": "53",
        })
    );
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_address_leads_to_everything_that_has_it_and_its_network() {
    let world = World::demo().await;

    let found = world
        .call("homelab_lookup_ip", json!({ "ip": "192.0.2.70" }))
        .await;

    assert_eq!(found["free"], false);
    assert_eq!(found["allocation"]["hostname"], "nas-main.lab.example");
    let entities: Vec<_> = found["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["entity"].as_str().unwrap())
        .collect();
    assert_eq!(entities, ["network_config", "devices"]);
    assert_eq!(found["network"]["name"], "servers");
}

#[rstest]
#[case("192.0.2.50", "192.0.2.50")]
#[case("2001:DB8:20:0::99", "2001:db8:20::99")]
#[tokio::test]
async fn an_address_that_nothing_has_is_free(#[case] asked: &str, #[case] canonical: &str) {
    let world = World::demo().await;

    let found = world
        .call("homelab_lookup_ip", json!({ "ip": asked }))
        .await;

    assert_eq!(found["ip"], canonical);
    assert_eq!(found["free"], true);
    assert!(found["network"]["name"].is_string());
}

#[tokio::test]
async fn what_is_no_address_is_refused_by_its_field() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_lookup_ip", json!({ "ip": "192.0.2.300" }))
        .await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.envelope().field.as_deref(), Some("ip"));
    assert_eq!(
        error.envelope().message,
        "`192.0.2.300` is not an IP address"
    );
}

#[tokio::test]
async fn the_smallest_network_that_holds_an_address_is_named() {
    let world = World::of(json!({ "networks": [
        { "name": "all", "cidr": "192.0.2.0/24" }, { "name": "part", "cidr": "192.0.2.64/26" },
        { "name": "empty" },
    ] }))
    .await;

    let found = world
        .call("homelab_lookup_ip", json!({ "ip": "192.0.2.70" }))
        .await;

    assert_eq!(found["network"]["name"], "part");
}
