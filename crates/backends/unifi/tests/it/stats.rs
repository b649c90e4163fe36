//! The network in one answer.

use homelab_lab::unifi::{DeviceKind, DeviceSeed, KeyReach};
use serde_json::{Value, json};

use crate::world::{With, World, reason};

#[tokio::test]
async fn the_network_is_summarised() {
    for with in [With::Both, With::Account] {
        let world = World::with(with).await;
        world.unifi.add_device(DeviceSeed {
            state: "OFFLINE".into(),
            ..DeviceSeed::new("00:00:5e:00:53:04", "ap-garage", DeviceKind::AccessPoint)
        });

        let stats = world.call("get_network_stats", json!({ "top": 1 })).await;

        assert_eq!(
            stats["clients"],
            json!({ "total": 2, "wired": 1, "wireless": 1, "vpn": 0 })
        );
        assert_eq!(stats["devices"], json!({ "OFFLINE": 1, "ONLINE": 3 }));
        assert_eq!(
            stats["devices_down"],
            json!(["ap-garage (access point): OFFLINE"])
        );
        assert_eq!(
            (&stats["wan"]["ip"], &stats["wan"]["latency_ms"]),
            (&json!("203.0.113.17"), &json!(9.0))
        );
        assert_eq!(stats["wan"]["down_bps"], 8_400_000);
        assert_eq!(
            (&stats["health"]["lan"], &stats["version"]),
            (&json!("ok"), &json!("10.5.66"))
        );
        assert_eq!(stats["top_clients"].as_array().unwrap().len(), 1);
        assert_eq!(stats.get("notes"), None);
    }
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let world = World::with(With::Key).await;
    world.unifi.set_key_reach(KeyReach::Nothing);

    let stats = world.call("get_network_stats", json!({})).await;

    assert_eq!(
        (&stats["clients"]["total"], stats.get("wan")),
        (&json!(2), None)
    );
    let notes: Vec<&str> = stats["notes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("Internet connection")),
        "{notes:?}"
    );
}

#[tokio::test]
async fn another_site_that_is_not_there_is_not_found() {
    let world = World::lab().await;

    let error = world
        .fail("get_network_stats", json!({ "site": "attic" }))
        .await;

    assert_eq!(reason(&error), "site_not_found");
}
