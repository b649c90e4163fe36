//! Restarting devices, and taking power from a port.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use serde_json::json;

use crate::world::{AP, GATEWAY, SWITCH, With, World, context, field, reason, says};

#[tokio::test]
async fn a_device_restarts_by_either_api() {
    for (with, api) in [(With::Both, "integration"), (With::Account, "legacy")] {
        let world = World::with(with).await;
        let args = json!({ "device": "ap-hall" });

        let plan = world.preview("reboot_device", args.clone()).await;
        let targets = world.targets("reboot_device", args.clone()).await;
        let done = world.call("reboot_device", args).await;

        assert_eq!(plan.summary, "restart the access point `ap-hall`");
        assert!(says(&plan.impact, "1 client lose"), "{:?}", plan.impact);
        assert_eq!(
            (targets[0].id.as_str(), targets[0].kind.as_str()),
            (AP, "device")
        );
        assert_eq!((&done["api"], world.unifi.done(AP).len()), (&json!(api), 1));
        assert_eq!(done.get("back"), None);
    }
}

#[tokio::test]
async fn a_restart_is_followed_until_the_device_is_back() {
    let world = World::lab().await;
    world.unifi.set_restart_looks(3);

    let done = world
        .call("reboot_device", json!({ "device": AP, "wait": true }))
        .await;

    assert_eq!(
        (&done["back"], &done["state"]),
        (&json!(true), &json!("ONLINE"))
    );
    assert_eq!(done.get("hint"), None);
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test]
async fn a_call_that_is_cancelled_says_that_the_restart_goes_on() {
    let world = World::lab().await;
    world.unifi.set_restart_looks(u32::MAX);
    let ctx = context();
    ctx.cancel.cancel();

    let args = json!({ "device": AP, "wait": true });
    let error = world.run_in("reboot_device", args, &ctx).await.unwrap_err();

    assert_eq!((error.code(), reason(&error)), (Code::Timeout, "cancelled"));
    assert_eq!(world.unifi.done(AP).len(), 1);
}

#[tokio::test]
async fn a_gateway_restarts_only_if_that_is_said() {
    let world = World::lab().await;

    let error = world
        .fail("reboot_device", json!({ "device": "gateway" }))
        .await;
    let before = world.writes();
    world
        .call(
            "reboot_device",
            json!({ "device": "gateway", "gateway": true }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "gateway_not_confirmed")
    );
    assert_eq!((field(&error), before.len()), ("gateway", 0));
    assert_eq!(world.unifi.done(GATEWAY).len(), 1);
    let effect = |gateway: bool| {
        world.effect(
            "reboot_device",
            json!({ "device": "x", "gateway": gateway }),
        )
    };
    assert_eq!(
        (effect(true), effect(false)),
        (Effect::Critical, Effect::Destructive)
    );
}

#[tokio::test]
async fn a_port_loses_its_power_for_a_moment() {
    for (with, api) in [(With::Both, "integration"), (With::Account, "legacy")] {
        let world = World::with(with).await;
        let args = json!({ "device": "sw-rack", "port": 3 });

        let plan = world.preview("power_cycle_port", args.clone()).await;
        let targets = world.targets("power_cycle_port", args.clone()).await;
        let done = world.call("power_cycle_port", args).await;

        assert_eq!(plan.summary, "take the power from port 3 of `sw-rack`");
        assert_eq!(targets[1].id, format!("{SWITCH}/3"));
        assert_eq!(
            (&done["api"], &done["port"]["port"]),
            (&json!(api), &json!(3))
        );
        assert_eq!(world.unifi.done(SWITCH), ["power-cycle 3"]);
    }
}

#[tokio::test]
async fn a_port_without_power_is_left_alone() {
    let world = World::lab().await;

    let missing = world
        .fail(
            "power_cycle_port",
            json!({ "device": "sw-rack", "port": 9 }),
        )
        .await;
    let plain = world
        .fail(
            "power_cycle_port",
            json!({ "device": "gateway", "port": 1 }),
        )
        .await;

    assert_eq!(
        (reason(&missing), field(&missing)),
        ("port_not_found", "port")
    );
    assert_eq!((reason(&plain), field(&plain)), ("no_poe", "port"));
    assert_eq!(world.writes(), [""; 0]);
}
