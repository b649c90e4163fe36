//! Namespaces.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, column, field, reason, says};

#[tokio::test]
async fn namespaces_are_listed_with_what_is_in_them() {
    let world = World::lab().await;

    let list = world.call("list_namespaces", json!({})).await;

    assert_eq!(
        column(&list, "datastore"),
        ["archive", "main", "main", "main"]
    );
    assert_eq!(column(&list, "ns"), ["", "", "home", "home/lab"]);
    assert_eq!(column(&list, "backups"), [0, 4, 0, 1]);
    assert_eq!(list["items"][3]["newest"], "2026-05-31T23:00:00Z");
}

#[tokio::test]
async fn a_namespace_is_created_and_taken_back() {
    let world = World::lab().await;
    let args = json!({ "datastore": "main", "ns": "home/office" });
    let inverse = world.inverse("create_namespace", args.clone()).await;
    let targets = world.targets("create_namespace", args.clone()).await;

    let made = world.call("create_namespace", args.clone()).await;
    let again = world.inverse("create_namespace", args.clone()).await;
    let error = world.fail("create_namespace", args).await;
    let gone = world.undo(inverse.expect("an inverse")).await;

    assert_eq!(targets[0].id, "main:home/office");
    assert_eq!(
        (&made["exists"], &gone["exists"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(again, None);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "namespace_exists")
    );
}

#[tokio::test]
async fn an_empty_namespace_is_deleted_and_comes_back() {
    let world = World::lab().await;
    let args = json!({ "datastore": "archive", "ns": "old" });
    world.call("create_namespace", args.clone()).await;
    let inverse = world.inverse("delete_namespace", args.clone()).await;
    let plan = world.preview("delete_namespace", args.clone()).await;
    let targets = world.targets("delete_namespace", args.clone()).await;

    let gone = world.call("delete_namespace", args).await;
    let back = world.undo(inverse.expect("an inverse")).await;

    assert_eq!(plan.summary, "delete the namespace `archive:old`");
    assert_eq!(targets[0].kind, "namespace");
    assert_eq!(
        (&gone["exists"], &back["exists"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn a_namespace_with_backups_below_stays() {
    let world = World::lab().await;
    let args = json!({ "datastore": "main", "ns": "home" });

    let plan = world.preview("delete_namespace", args.clone()).await;
    let inverse = world.inverse("delete_namespace", args.clone()).await;
    let error = world.fail("delete_namespace", args).await;

    assert!(
        says(&plan.impact, "`home/lab` goes with it"),
        "{:?}",
        plan.impact
    );
    assert!(
        says(&plan.impact, "1 group, which makes this fail"),
        "{:?}",
        plan.impact
    );
    assert_eq!(inverse, None);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "namespace_not_empty")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn the_root_and_unknown_places_are_refused() {
    let world = World::lab().await;

    let root = world
        .fail("delete_namespace", json!({ "datastore": "main", "ns": "" }))
        .await;
    let made = world
        .fail("create_namespace", json!({ "datastore": "main", "ns": "" }))
        .await;
    let parent = world
        .fail(
            "create_namespace",
            json!({ "datastore": "main", "ns": "away/there" }),
        )
        .await;
    let store = world
        .fail("list_namespaces", json!({ "datastore": "tape" }))
        .await;

    assert_eq!((root.code(), field(&root)), (Code::InvalidArgument, "ns"));
    assert_eq!(field(&made), "ns");
    assert_eq!(reason(&parent), "namespace_not_found");
    assert_eq!(reason(&store), "datastore_not_found");
}
