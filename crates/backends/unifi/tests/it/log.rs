//! Events and alarms.

use homelab_lab::unifi::Release;
use serde_json::json;

use crate::world::{With, World, column, reason};

#[tokio::test]
async fn what_happened_is_told_in_the_same_words_by_all_releases() {
    for release in [Release::V10_5, Release::V9_1, Release::V8_6] {
        let world = World::release(release, With::Both).await;
        world
            .unifi
            .add_alarm("DEVICE_DISCONNECTED", "ap-garage disconnected.");
        world.clock.advance_seconds(60);
        world
            .call("block_client", json!({ "client": "phone" }))
            .await;

        let events = world.call("list_events", json!({})).await;
        let found = world
            .call("list_events", json!({ "search": "GARAGE" }))
            .await;
        let alarms = world.call("list_alarms", json!({ "hours": 1 })).await;

        let messages = column(&events, "message");
        assert_eq!(messages[0], "phone was blocked by Admin.", "{release:?}");
        assert_eq!(events["items"][0]["time"], "2026-06-01T00:01:00Z");
        assert_eq!(found["total"], 1);
        assert_eq!(column(&alarms, "message"), ["ap-garage disconnected."]);
    }
}

#[tokio::test]
async fn older_entries_are_left_out() {
    let world = World::lab().await;
    world
        .unifi
        .add_alarm("DEVICE_DISCONNECTED", "ap-garage disconnected.");
    world.clock.advance_seconds(3 * 3600);

    let recent = world.call("list_alarms", json!({ "hours": 2 })).await;
    let all = world.call("list_alarms", json!({})).await;

    assert_eq!((&recent["total"], &all["total"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn another_site_that_is_not_there_is_not_found() {
    let world = World::lab().await;

    let events = world.fail("list_events", json!({ "site": "attic" })).await;
    let alarms = world.fail("list_alarms", json!({ "site": "attic" })).await;

    assert_eq!(
        (reason(&events), reason(&alarms)),
        ("site_not_found", "site_not_found")
    );
}
