//! Keeping clients out, letting them in, making them reconnect.

use std::sync::Arc;

use homelab_core::error::Code;
use homelab_lab::unifi::{ClientKind, ClientSeed, KeyReach};
use serde_json::json;

use crate::world::{NAS, PHONE, SWITCH, With, World, context, field, hint, reason, says};

#[tokio::test]
async fn a_client_is_blocked_and_its_block_undone() {
    let world = World::lab().await;
    let args = json!({ "client": "phone", "reason": "bedtime" });

    let plan = world.preview("block_client", args.clone()).await;
    let targets = world.targets("block_client", args.clone()).await;
    let inverse = world.inverse("block_client", args.clone()).await.unwrap();
    let done = world.call("block_client", args).await;
    let blocked = world.unifi.is_blocked(PHONE);
    world.undo(inverse).await;

    assert_eq!(plan.summary, format!("block `phone` ({PHONE})"));
    assert!(
        says(&plan.impact, "loses its connection"),
        "{:?}",
        plan.impact
    );
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("client", PHONE)
    );
    assert_eq!(
        (&done["client"]["blocked"], &done["api"]),
        (&json!(true), &json!("legacy"))
    );
    assert_eq!(
        (blocked, world.unifi.is_blocked(PHONE)),
        (Some(true), Some(false))
    );
    assert_eq!(
        world.bodies("/cmd/stamgr"),
        [
            json!({ "cmd": "block-sta", "mac": PHONE }),
            json!({ "cmd": "unblock-sta", "mac": PHONE })
        ]
    );
}

#[tokio::test]
async fn blocking_twice_sends_once() {
    let world = World::lab().await;

    world.call("block_client", json!({ "client": NAS })).await;
    let again = world.call("block_client", json!({ "client": NAS })).await;
    let inverse = world
        .inverse("block_client", json!({ "client": NAS }))
        .await;
    let list = world
        .call("list_clients", json!({ "status": "blocked" }))
        .await;

    assert_eq!(
        (again["client"]["blocked"].clone(), inverse),
        (json!(true), None)
    );
    assert_eq!(world.writes().len(), 1);
    assert_eq!(list["items"][0]["mac"], NAS);
}

#[tokio::test]
async fn a_block_that_does_not_take_is_a_failure() {
    let world = World::lab().await;
    world.unifi.swallow_next_write("/api/s/default/cmd/stamgr");

    let ran = world
        .run("block_client", json!({ "client": "phone" }))
        .await
        .unwrap();

    assert_eq!(
        (ran.mismatches[0].field, ran.mismatches[0].found.as_str()),
        ("blocked", "false")
    );
}

#[tokio::test]
async fn what_would_cut_us_off_is_not_blocked() {
    let mut world = World::lab().await;
    world.unifi.add_client(ClientSeed::wired(SWITCH, "uplink"));
    world.unifi.add_client(ClientSeed {
        kind: ClientKind::Vpn,
        ..ClientSeed::wired("00:00:5e:00:53:20", "road")
    });
    let mut ctx = context();
    ctx.peer = Some(Arc::from("192.0.2.141:50123"));

    let device = world
        .fail("block_client", json!({ "client": SWITCH }))
        .await;
    let caller = world
        .run_in("block_client", json!({ "client": "phone" }), &ctx)
        .await
        .unwrap_err();
    let vpn = world
        .fail("block_client", json!({ "client": "road" }))
        .await;
    world.reopen(&json!({ "never_block": ["00-00-5E-00-53-10"] }));
    let protected = world.fail("block_client", json!({ "client": "nas" })).await;

    for error in [&device, &caller, &protected] {
        assert_eq!(
            (error.code(), reason(error)),
            (Code::Conflict, "protected_client")
        );
    }
    assert!(hint(&protected).contains("servers.unifi.never_block"));
    assert_eq!((reason(&vpn), field(&vpn)), ("no_mac", "client"));
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn unblocking_somebody_unknown_fails() {
    let world = World::lab().await;

    let error = world
        .fail("unblock_client", json!({ "client": "00:00:5e:00:53:99" }))
        .await;

    assert_eq!(reason(&error), "client_not_found");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_client_reconnects_if_it_is_connected() {
    let world = World::lab().await;

    let plan = world
        .preview("reconnect_client", json!({ "client": "phone" }))
        .await;
    let done = world
        .call("reconnect_client", json!({ "client": "phone" }))
        .await;
    let gone = world
        .fail("reconnect_client", json!({ "client": "printer" }))
        .await;

    assert_eq!(plan.summary, "disconnect `phone` for a moment");
    assert_eq!(done["client"]["mac"], PHONE);
    assert_eq!(
        world.bodies("/cmd/stamgr"),
        [json!({ "cmd": "kick-sta", "mac": PHONE })]
    );
    assert_eq!(
        (gone.code(), reason(&gone)),
        (Code::Conflict, "client_offline")
    );
}

#[tokio::test]
async fn a_key_alone_blocks_only_where_the_console_lets_it() {
    let world = World::with(With::Key).await;

    let refused = world
        .fail("block_client", json!({ "client": "phone" }))
        .await;
    let tries = world.writes().len();
    world.unifi.set_key_reach(KeyReach::Everything);
    world
        .call("block_client", json!({ "client": "phone" }))
        .await;

    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::NotConfigured, "needs_local_account")
    );
    assert!(
        hint(&refused).contains("local access"),
        "{}",
        hint(&refused)
    );
    assert_eq!((tries, world.unifi.is_blocked(PHONE)), (1, Some(true)));
}
