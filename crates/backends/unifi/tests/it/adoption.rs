//! Devices that wait to be adopted, by both APIs.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::unifi::{DeviceKind, DeviceSeed, Release};
use serde_json::{Value, json};

use crate::world::{With, World, column, field, hint, reason, says};

const NEW: &str = "00:00:5e:00:53:77";

/// A console before which a switch waits.
fn waiting(world: World) -> World {
    world.unifi.add_device(DeviceSeed {
        state: "PENDING_ADOPTION".into(),
        ip: "192.0.2.77".into(),
        ..DeviceSeed::new(NEW, "new", DeviceKind::Switch)
    });
    world
}

#[tokio::test]
async fn devices_that_wait_are_listed_by_either_api() {
    for (with, api) in [(With::Both, "integration"), (With::Account, "legacy")] {
        let world = waiting(World::with(with).await);

        let list = world.call("list_pending_devices", json!({})).await;

        assert_eq!(list["api"], api);
        assert_eq!(column(&list, "mac"), [NEW]);
        assert_eq!(column(&list, "kind"), ["switch"]);
        assert_eq!(column(&list, "state"), ["PENDING_ADOPTION"]);
    }
}

#[tokio::test]
async fn a_device_waits_for_the_sites_that_can_adopt_it() {
    let world = waiting(World::lab().await);
    world.unifi.add_site("attic", "Attic", true);

    let there = json!({ "site": "attic" });
    let there = world.call("list_pending_devices", there).await;
    let nowhere = json!({ "site": "cellar" });
    let nowhere = world.fail("list_pending_devices", nowhere).await;

    assert_eq!(there["total"], 0);
    assert_eq!(reason(&nowhere), "site_not_found");
}

#[tokio::test]
async fn a_device_is_adopted_by_either_api() {
    for (with, api, body) in [
        (
            With::Both,
            "integration",
            json!({ "macAddress": NEW, "ignoreDeviceLimit": false }),
        ),
        (
            With::Account,
            "legacy",
            json!({ "cmd": "adopt", "mac": NEW }),
        ),
    ] {
        let world = waiting(World::with(with).await);
        let args = json!({ "device": "192.0.2.77" });

        let plan = world.preview("adopt_device", args.clone()).await;
        let targets = world.targets("adopt_device", args.clone()).await;
        let done = world.call("adopt_device", args.clone()).await;
        let again = world.fail("adopt_device", args.clone()).await;

        assert!(
            plan.summary.contains(NEW) || plan.summary.contains("`new`"),
            "{}",
            plan.summary
        );
        assert!(says(&plan.impact, "passphrases"), "{:?}", plan.impact);
        assert_eq!(targets[0].id, NEW);
        assert_eq!(
            (&done["api"], &done["device"]["state"]),
            (&json!(api), &json!("ADOPTING"))
        );
        assert_eq!(world.writes().len(), 1);
        let sent: Vec<Value> = ["/devices", "/cmd/devmgr"]
            .iter()
            .flat_map(|path| world.bodies(path))
            .collect();
        assert_eq!(sent, [body]);
        assert_eq!(
            (reason(&again), field(&again)),
            ("device_not_found", "device")
        );
        assert!(hint(&again).contains("no device"), "{}", hint(&again));
        assert_eq!(world.effect("adopt_device", args), Effect::Destructive);
    }
}

#[tokio::test]
async fn a_release_that_only_lists_adopts_by_its_old_api() {
    let world = waiting(World::release(Release::V10_0, With::Both).await);

    let list = world.call("list_pending_devices", json!({})).await;
    let done = world.call("adopt_device", json!({ "device": NEW })).await;

    assert_eq!(
        (&list["api"], &done["api"]),
        (&json!("integration"), &json!("legacy"))
    );
}

#[tokio::test]
async fn what_is_not_waiting_is_not_adopted() {
    let world = waiting(World::lab().await);

    let error = world
        .fail("adopt_device", json!({ "device": "sw-rack" }))
        .await;
    let key = waiting(World::release(Release::V10_0, With::Key).await);
    let no_way = key.fail("adopt_device", json!({ "device": NEW })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "device_not_found")
    );
    assert!(hint(&error).contains(NEW), "{}", hint(&error));
    assert_eq!(reason(&no_way), "needs_local_account");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn an_adoption_that_does_not_begin_is_a_failure() {
    for (with, path) in [(With::Both, "/v1/sites/"), (With::Account, "/api/s/")] {
        let world = waiting(World::with(with).await);
        world.unifi.swallow_next_write(path);

        let ran = world
            .run("adopt_device", json!({ "device": NEW }))
            .await
            .unwrap();

        assert_eq!(
            (ran.mismatches[0].field, ran.mismatches[0].found.as_str()),
            ("device", "PENDING_ADOPTION")
        );
    }
}
