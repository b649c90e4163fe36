//! Releases that differ.

use homelab_core::error::Code;
use homelab_lab::pbs::Release;
use rstest::rstest;
use serde_json::json;

use crate::world::{World, column, field, hint, reason};

#[rstest]
#[case(Release::V3_2, "3.2.9")]
#[case(Release::V3_4, "3.4.4")]
#[case(Release::V4_1, "4.1.1")]
#[tokio::test]
async fn the_main_tools_work_in_every_release(#[case] release: Release, #[case] version: &str) {
    let world = World::release(release).await;

    let node = world.call("get_node_status", json!({})).await;
    let list = world.call("list_backups", json!({})).await;
    let done = world
        .call("verify_backup", json!({ "datastore": "main" }))
        .await;
    let dry = world
        .call(
            "prune_backups",
            json!({ "datastore": "main", "keep_last": 1 }),
        )
        .await;
    world.call("get_backup_health", json!({})).await;
    world.call("get_datastore_usage", json!({})).await;

    assert_eq!(node["version"], version);
    assert_eq!(column(&list, "backup").len(), 3);
    assert_eq!(done["verdict"], "ok");
    assert_eq!(dry["removed_total"], 2);
}

#[tokio::test]
async fn an_option_that_a_release_lacks_is_named() {
    let mut world = World::release(Release::V3_4).await;
    world.lenient = true;

    let error = world
        .fail(
            "verify_backup",
            json!({ "datastore": "main", "read_threads": 2 }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::InvalidArgument, "parameter_refused")
    );
    assert_eq!(field(&error), "read_threads");
    assert!(hint(&error).contains("leave it out"));
}

#[tokio::test]
async fn what_a_release_lacks_is_left_out_once_the_release_is_known() {
    let old = World::release(Release::V3_2).await;
    let new = World::release(Release::V4_1).await;

    let before = old.lacking().len();
    old.health().await;
    new.health().await;

    assert_eq!(before, 0);
    assert_eq!(old.lacking(), ["sync_to_remote"]);
    assert_eq!(new.lacking(), [""; 0]);
}
