//! Access points, switches and gateways.

use homelab_lab::unifi::{DeviceKind, DeviceSeed};
use serde_json::json;

use crate::world::{GATEWAY, SWITCH, With, World, column, field, hint, reason};

#[tokio::test]
async fn devices_are_listed_by_either_api_in_the_same_words() {
    for (with, api) in [(With::Both, "integration"), (With::Account, "legacy")] {
        let world = World::with(with).await;
        world.unifi.add_device(DeviceSeed {
            state: "OFFLINE".into(),
            ..DeviceSeed::new("00:00:5e:00:53:04", "ap-garage", DeviceKind::AccessPoint)
        });

        let all = world.call("list_devices", json!({})).await;
        let aps = world
            .call("list_devices", json!({ "kind": "ap", "state": "offline" }))
            .await;

        assert_eq!(all["api"], api);
        assert_eq!(
            column(&all, "name"),
            ["ap-garage", "ap-hall", "gateway", "sw-rack"]
        );
        assert_eq!(column(&all, "kind"), ["ap", "ap", "gateway", "switch"]);
        assert_eq!(
            column(&all, "state"),
            ["OFFLINE", "ONLINE", "ONLINE", "ONLINE"]
        );
        assert_eq!(column(&aps, "name"), ["ap-garage"]);
    }
}

#[tokio::test]
async fn a_device_is_shown_with_its_ports_and_load() {
    for with in [With::Both, With::Account] {
        let world = World::with(with).await;

        let shown = world
            .call("get_device", json!({ "device": "SW-rack" }))
            .await;

        assert_eq!(
            (
                &shown["device"]["mac"],
                shown["ports"].as_array().unwrap().len()
            ),
            (&json!(SWITCH), 8)
        );
        assert_eq!(
            (&shown["ports"][0]["poe"], &shown["ports"][0]["up"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(shown["cpu_percent"], 7.5);
        assert_eq!(shown["uplink_rx_bps"], 8_400_000);
        assert!(shown["uptime_s"].as_i64().unwrap() > 0);
        // The old API's records hold keys.
        assert!(!shown.to_string().contains("demo-only"), "{shown}");
    }
}

#[tokio::test]
async fn a_device_that_is_not_there_says_which_are() {
    let world = World::lab().await;

    let error = world
        .fail("get_device", json!({ "device": "sw-attic" }))
        .await;
    let list = world.fail("list_devices", json!({ "site": "attic" })).await;

    assert_eq!(
        (reason(&error), field(&error)),
        ("device_not_found", "device")
    );
    assert!(hint(&error).contains("sw-rack"), "{}", hint(&error));
    assert_eq!(reason(&list), "site_not_found");
}

#[tokio::test]
async fn a_gateway_stays_one_in_its_detail() {
    let world = World::lab().await;

    let shown = world.call("get_device", json!({ "device": GATEWAY })).await;

    assert_eq!(shown["device"]["kind"], "gateway");
}
