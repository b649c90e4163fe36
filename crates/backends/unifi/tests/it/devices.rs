//! Access points, switches and gateways.

use homelab_lab::unifi::{DeviceKind, DeviceSeed};
use serde_json::json;

use crate::world::{AP, GATEWAY, SWITCH, With, World, column, field, hint, reason};

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

#[tokio::test]
async fn a_device_blinks_until_it_is_found() {
    for with in [With::Both, With::Account] {
        let world = World::with(with).await;
        let args = json!({ "device": "ap-hall", "on": true });

        let plan = world.preview("locate_device", args.clone()).await;
        let targets = world.targets("locate_device", args.clone()).await;
        let inverse = world.inverse("locate_device", args.clone()).await;
        let done = world.call("locate_device", args.clone()).await;
        let nothing = world.inverse("locate_device", args).await;
        let off = world.undo(inverse.unwrap()).await;

        assert_eq!(plan.summary, "let the light of `ap-hall` blink");
        assert_eq!(
            (
                plan.changes[0].from.as_deref(),
                plan.changes[0].to.as_deref()
            ),
            (Some("false"), Some("true"))
        );
        assert_eq!(targets[0].id, AP);
        assert_eq!(
            (&done["locating"], &done["api"]),
            (&json!(true), &json!("legacy"))
        );
        assert!(nothing.is_none());
        assert_eq!(off["locating"], false);
        assert_eq!(world.unifi.done(AP), ["set-locate", "unset-locate"]);
    }
}

#[tokio::test]
async fn a_light_that_does_not_blink_is_told() {
    let world = World::lab().await;
    world.unifi.swallow_next_write("/api/s/default/cmd/devmgr");

    let ran = world
        .run("locate_device", json!({ "device": AP, "on": true }))
        .await
        .unwrap();

    assert_eq!(
        (ran.mismatches[0].field, ran.mismatches[0].found.as_str()),
        ("on", "false")
    );
}

#[tokio::test]
async fn a_light_needs_a_device_and_an_administrator() {
    let world = World::lab().await;
    let key = World::with(With::Key).await;

    let missing = json!({ "device": "sw-attic", "on": true });
    let missing = world.fail("locate_device", missing).await;
    let no_way = json!({ "device": "ap-hall", "on": true });
    let no_way = key.fail("locate_device", no_way).await;

    assert_eq!(
        (reason(&missing), field(&missing)),
        ("device_not_found", "device")
    );
    assert_eq!(reason(&no_way), "needs_local_account");
    assert_eq!(key.unifi.done(AP), [""; 0]);
}
