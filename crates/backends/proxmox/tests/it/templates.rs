//! Templates of containers.

use serde_json::json;

use crate::world::{World, column, reason};

#[tokio::test]
async fn templates_that_are_here_and_that_can_be_had() {
    let world = World::lab().await;

    let here = world
        .call("list_templates", json!({ "node": "pve1" }))
        .await;
    let available = world
        .call(
            "list_templates",
            json!({ "available": true, "name": "DEBIAN" }),
        )
        .await;

    assert!(
        column(&here, "template")[0]
            .as_str()
            .expect("a volume")
            .starts_with("local:vztmpl/")
    );
    assert!(!column(&available, "template").is_empty());
}

#[tokio::test]
async fn a_template_is_downloaded_to_the_storage_that_takes_it() {
    let world = World::lab().await;
    let available = world
        .call("list_templates", json!({ "available": true }))
        .await;
    let here = world.cluster.volumes("vztmpl");
    let name = column(&available, "template")
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .find(|name| !here.iter().any(|volid| volid.ends_with(name.as_str())))
        .expect("one that is not here");

    let done = world
        .call(
            "download_template",
            json!({ "template": name, "node": "pve2" }),
        )
        .await;

    assert_eq!(done["template"], format!("local:vztmpl/{name}"));
    assert_eq!(done["node"], "pve2");
}

#[tokio::test]
async fn what_nobody_offers_cannot_be_downloaded() {
    let world = World::lab().await;

    let error = world
        .fail(
            "download_template",
            json!({ "template": "no-such-template.tar.zst", "storage": "local" }),
        )
        .await;
    let nowhere = world
        .fail(
            "download_template",
            json!({ "template": "x.tar.zst", "storage": "tape" }),
        )
        .await;
    let list = world
        .fail(
            "list_templates",
            json!({ "available": true, "node": "pve9" }),
        )
        .await;

    assert!(error.envelope().upstream_status.is_some(), "{error}");
    assert_eq!(reason(&nowhere), "no_node");
    assert_eq!(reason(&list), "node_not_found");
}
