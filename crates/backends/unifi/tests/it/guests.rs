//! Letting guests of the hotspot in, and ending their access.

use homelab_core::error::Code;
use homelab_lab::unifi::{ClientSeed, Release};
use serde_json::json;

use crate::world::{AP, PRINTER, With, World, reason};

const GUEST: &str = "00:00:5e:00:53:20";

fn with_guest(world: World) -> World {
    world.unifi.add_client(ClientSeed {
        ip: Some("198.51.100.141".into()),
        network: "guests".into(),
        uplink: AP.into(),
        guest: true,
        ..ClientSeed::wireless(GUEST, "visitor", "homelab-guests")
    });
    world
}

#[tokio::test]
async fn a_guest_is_let_in_within_limits_and_out_again() {
    let world = with_guest(World::lab().await);
    let args = json!({ "client": "visitor", "minutes": 60, "down_kbps": 2000 });

    let inverse = world.inverse("authorize_guest", args.clone()).await;
    let preview = world.preview("authorize_guest", args.clone()).await;
    let granted = world.call("authorize_guest", args.clone()).await;
    let again = world.inverse("authorize_guest", args).await;
    let ended = world.undo(inverse.expect("an inverse")).await;

    assert_eq!(preview.changes[0].to.as_deref(), Some("true"));
    assert_eq!(
        (&granted["authorized"], &granted["mac"]),
        (&json!(true), &json!(GUEST))
    );
    assert_eq!(granted["expires_at"], "2026-06-01T01:00:00Z");
    assert!(again.is_none(), "its limits from before are not known");
    assert_eq!(ended["authorized"], false);
    let bodies = world.bodies("/actions");
    assert_eq!(
        bodies,
        [
            json!({ "action": "AUTHORIZE_GUEST_ACCESS", "timeLimitMinutes": 60, "rxRateLimitKbps": 2000 }),
            json!({ "action": "UNAUTHORIZE_GUEST_ACCESS" }),
        ]
    );
}

#[tokio::test]
async fn who_is_no_guest_or_not_there_is_not_let_in() {
    let world = World::lab().await;

    let no_guest = world
        .fail("authorize_guest", json!({ "client": "nas" }))
        .await;
    let absent = world
        .fail("authorize_guest", json!({ "client": PRINTER }))
        .await;

    assert_eq!(
        (no_guest.code(), reason(&no_guest)),
        (Code::UpstreamRejected, "refused_by_console")
    );
    assert_eq!(
        (absent.code(), reason(&absent)),
        (Code::Conflict, "client_offline")
    );
}

#[tokio::test]
async fn an_older_release_cannot() {
    let world = with_guest(World::release(Release::V9_0, With::Both).await);

    let error = world
        .fail("unauthorize_guest", json!({ "client": "visitor" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "not_supported")
    );
    assert_eq!(world.writes(), [""; 0]);
}
