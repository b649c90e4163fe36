//! Networks, WLANs, forwarded ports.

use homelab_core::tool::Effect;
use homelab_lab::unifi::Release;
use serde_json::json;

use crate::world::{With, World, column, field, hint, reason, says};

#[tokio::test]
async fn networks_are_told_with_their_subnets() {
    for (with, api) in [(With::Both, "both"), (With::Account, "legacy")] {
        let world = World::with(with).await;

        let list = world.call("list_networks", json!({})).await;

        let at = column(&list, "name")
            .iter()
            .position(|name| name == "trusted")
            .unwrap();
        let trusted = &list["items"][at];
        assert_eq!(list["api"], api);
        assert_eq!(
            (&trusted["vlan"], &trusted["subnet"]),
            (&json!(30), &json!("192.0.2.129/26"))
        );
    }
}

#[tokio::test]
async fn a_network_names_its_zone() {
    let world = World::lab().await;

    let list = world.call("list_networks", json!({})).await;

    let at = column(&list, "name")
        .iter()
        .position(|name| name == "guests")
        .unwrap();
    assert_eq!(list["items"][at]["zone"], "Hotspot");
}

#[tokio::test]
async fn wlans_are_listed_without_passphrases() {
    for (release, api) in [(Release::V10_5, "integration"), (Release::V9_1, "legacy")] {
        let world = World::release(release, With::Both).await;

        let list = world.call("list_wlans", json!({})).await;

        assert_eq!(list["api"], api);
        assert_eq!(column(&list, "name"), ["homelab", "homelab-guests"]);
        assert_eq!(list["items"][0]["network"], "trusted");
        assert!(!list.to_string().contains("kestrel"), "{list}");
    }
}

#[tokio::test]
async fn wlans_that_the_official_api_lacks_come_from_the_old_one() {
    let world = World::lab().await;
    let site = homelab_lab::unifi::Unifi::site_id("default");
    let path = format!("/proxy/network/integration/v1/sites/{site}/wifi/");
    world
        .unifi
        .faults()
        .always(path, homelab_lab::Fault::Status(404));

    let list = world.call("list_wlans", json!({})).await;

    assert_eq!(
        (&list["api"], &list["total"]),
        (&json!("legacy"), &json!(2))
    );
}

#[tokio::test]
async fn a_wlan_is_switched_off_and_on_again() {
    let world = World::lab().await;
    let args = json!({ "wlan": "homelab", "enabled": false });

    let plan = world.preview("set_wlan_enabled", args.clone()).await;
    let targets = world.targets("set_wlan_enabled", args.clone()).await;
    let inverse = world
        .inverse("set_wlan_enabled", args.clone())
        .await
        .unwrap();
    let done = world.call("set_wlan_enabled", args.clone()).await;
    let off = world.unifi.wlan_enabled("homelab");
    world.call("set_wlan_enabled", args.clone()).await;
    let writes = world.writes().len();
    world.undo(inverse).await;

    assert_eq!(plan.summary, "switch the WLAN `homelab` off");
    assert!(says(&plan.impact, "1 client lose"), "{:?}", plan.impact);
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].name.as_deref()),
        ("wlan", Some("homelab"))
    );
    assert_eq!(
        (&done["wlan"]["enabled"], off, writes),
        (&json!(false), Some(false), 1)
    );
    assert_eq!(world.unifi.wlan_enabled("homelab"), Some(true));
    assert_eq!(world.effect("set_wlan_enabled", args), Effect::Destructive);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::lab().await;

    let wlan = json!({ "wlan": "Homelab", "enabled": false });
    let wlan = world.fail("set_wlan_enabled", wlan).await;
    let forward = json!({ "forward": "ssh", "enabled": false });
    let forward = world.fail("set_port_forward_enabled", forward).await;
    let networks = world
        .fail("list_networks", json!({ "site": "attic" }))
        .await;
    let wlans = world.fail("list_wlans", json!({ "site": "attic" })).await;
    let forwards = world
        .fail("list_port_forwards", json!({ "site": "attic" }))
        .await;

    assert_eq!((reason(&wlan), field(&wlan)), ("wlan_not_found", "wlan"));
    assert!(hint(&wlan).contains("`homelab`"), "{}", hint(&wlan));
    assert_eq!(
        (reason(&forward), field(&forward)),
        ("object_not_found", "forward")
    );
    for error in [networks, wlans, forwards] {
        assert_eq!(reason(&error), "site_not_found");
    }
}

#[tokio::test]
async fn a_forwarded_port_is_closed_and_opened() {
    let world = World::lab().await;
    let args = json!({ "forward": "web", "enabled": false });

    let list = world.call("list_port_forwards", json!({})).await;
    let plan = world
        .preview("set_port_forward_enabled", args.clone())
        .await;
    let targets = world
        .targets("set_port_forward_enabled", args.clone())
        .await;
    let inverse = world
        .inverse("set_port_forward_enabled", args.clone())
        .await
        .unwrap();
    let done = world.call("set_port_forward_enabled", args.clone()).await;
    let closed = world
        .call("list_port_forwards", json!({ "enabled": false }))
        .await;
    world.undo(inverse).await;

    assert_eq!(
        (&list["items"][0]["port"], &list["items"][0]["to"]),
        (&json!("443"), &json!("192.0.2.140"))
    );
    assert!(says(&plan.impact, "192.0.2.140:8443"), "{:?}", plan.impact);
    assert_eq!(targets[0].kind, "port_forward");
    assert_eq!(
        (&done["forward"]["enabled"], &closed["total"]),
        (&json!(false), &json!(1))
    );
    let records = world.unifi.records();
    let web = records.iter().find(|one| one["name"] == "web").unwrap();
    assert_eq!(
        (&web["enabled"], &web["fwd"]),
        (&json!(true), &json!("192.0.2.140"))
    );
    let open = json!({ "forward": "web", "enabled": true });
    assert_eq!(
        world.effect("set_port_forward_enabled", open),
        Effect::Critical
    );
}
