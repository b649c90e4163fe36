//! Other servers.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, field, reason};

#[tokio::test]
async fn remotes_are_listed_without_asking_them() {
    let world = World::lab().await;
    world.pbs.add_remote("offsite", &["copy"]);

    let list = world.call("list_remotes", json!({})).await;

    let remote = &list["remotes"][0];
    assert_eq!(
        (&remote["remote"], &remote["host"]),
        (&json!("offsite"), &json!("offsite.example"))
    );
    assert_eq!(remote.get("datastores"), None);
    assert_eq!(remote.get("password"), None);
}

#[tokio::test]
async fn a_scan_tells_stores_and_who_does_not_answer() {
    let world = World::lab().await;
    world.pbs.add_remote("far-away", &["copy"]);
    world.pbs.add_remote("offsite", &["copy", "more"]);
    world.pbs.set_reachable("far-away", false);

    let list = world.call("list_remotes", json!({ "scan": true })).await;

    let problem = list["remotes"][0]["problem"].as_str().expect("a remark");
    assert!(problem.contains("Connection refused"), "{problem}");
    assert_eq!(list["remotes"][1]["datastores"], json!(["copy", "more"]));
}

#[tokio::test]
async fn an_unknown_remote_is_not_found() {
    let world = World::lab().await;

    let error = world
        .fail("list_remotes", json!({ "remote": "nowhere" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "remote_not_found")
    );
    assert_eq!(field(&error), "remote");
}
