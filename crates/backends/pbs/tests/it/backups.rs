//! Listing groups, backups and jobs.

use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::pbs::{Condition, SnapshotSeed};
use serde_json::json;

use crate::world::{World, column, field, name, reason, snapshot};

#[tokio::test]
async fn groups_of_all_datastores_and_namespaces_are_listed() {
    let world = World::lab().await;

    let all = world.call("list_backups", json!({})).await;

    assert_eq!(column(&all, "backup"), ["ct/200", "vm/100", "host/nas"]);
    assert_eq!(all["items"][1]["count"], 3);
    assert_eq!(all["items"][1]["newest"], "2026-05-31T22:00:00Z");
    assert_eq!(all["items"][2]["ns"], "home/lab");
    assert_eq!(all["problems"], json!([]));
}

#[tokio::test]
async fn one_namespace_is_looked_into_alone() {
    let world = World::lab().await;

    let root = world
        .call("list_backups", json!({ "datastore": "main", "ns": "" }))
        .await;
    let lab = world
        .call(
            "list_backups",
            json!({ "ns": "home/lab", "datastore": "main" }),
        )
        .await;
    let machines = world.call("list_backups", json!({ "type": "vm" })).await;

    assert_eq!(column(&root, "backup"), ["ct/200", "vm/100"]);
    assert_eq!(column(&lab, "backup"), ["host/nas"]);
    assert_eq!(column(&machines, "backup"), ["vm/100"]);
}

#[tokio::test]
async fn single_backups_are_listed_newest_first_in_pages() {
    let world = World::lab().await;
    let args = json!({ "view": "snapshots", "group": "vm/100", "limit": 2 });

    let first = world.call("list_backups", args).await;
    let cursor = first["next_cursor"].clone();
    let second = world
        .call(
            "list_backups",
            json!({ "view": "snapshots", "group": "vm/100", "limit": 2, "cursor": cursor }),
        )
        .await;

    assert_eq!(
        column(&first, "backup"),
        [name("vm/100", 2), name("vm/100", 26)]
    );
    assert_eq!(column(&first, "verification"), ["none", "ok"]);
    assert_eq!(first["total"], 3);
    assert_eq!(column(&second, "backup"), [name("vm/100", 50)]);
    assert_eq!(second.get("next_cursor"), None);
}

#[tokio::test]
async fn backups_are_picked_by_what_is_wrong_with_them() {
    let world = World::lab().await;
    let seeds = [
        SnapshotSeed {
            verified: Some(false),
            ..snapshot("vm", "101", 3)
        },
        SnapshotSeed {
            condition: Condition::Unfinished,
            ..snapshot("vm", "102", 4)
        },
        SnapshotSeed {
            protected: true,
            encrypted: true,
            ..snapshot("vm", "103", 5)
        },
    ];
    for seed in seeds {
        world.pbs.add_snapshot(seed);
    }
    let only = async |only: &str| {
        let list = world
            .call(
                "list_backups",
                json!({ "view": "snapshots", "type": "vm", "only": only }),
            )
            .await;
        column(&list, "backup")
    };

    assert_eq!(only("failed").await, [name("vm/101", 3)]);
    assert_eq!(only("unfinished").await, [name("vm/102", 4)]);
    assert_eq!(only("protected").await, [name("vm/103", 5)]);
    assert_eq!(
        only("unverified").await,
        [name("vm/100", 2), name("vm/103", 5)]
    );
}

#[tokio::test]
async fn jobs_of_all_kinds_are_listed_those_that_push_too() {
    let world = World::lab().await;
    world.pbs.add_job(
        "verify",
        "weekly",
        json!({ "store": "main", "schedule": "sat 03:00" }),
    );
    world.pbs.add_job(
        "prune",
        "nightly",
        json!({ "store": "main", "schedule": "daily", "keep-daily": 7 }),
    );
    world.pbs.add_remote("offsite", &["copy"]);
    world.pbs.add_job(
        "sync",
        "away",
        json!({ "store": "main", "remote": "offsite", "remote-store": "copy", "sync-direction": "push" }),
    );

    let all = world
        .call(
            "list_backups",
            json!({ "view": "jobs", "datastore": "main" }),
        )
        .await;

    let kinds: Vec<_> = column(&all, "job")
        .iter()
        .map(|job| job["type"].clone())
        .collect();
    assert_eq!(kinds, ["gc", "prune", "sync", "verify"]);
    assert_eq!(all["items"][1]["job"]["keep"], json!({ "daily": 7 }));
    assert_eq!(all["items"][2]["job"]["direction"], "push");
    assert_eq!(all["items"][3]["job"]["id"], "weekly");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_does_not_hide_the_others() {
    let world = World::lab().await;
    let archive = "/api2/json/admin/datastore/archive/namespace";
    world.pbs.faults().always(archive, Fault::Status(500));

    let all = world.call("list_backups", json!({})).await;
    let alone = world
        .fail("list_backups", json!({ "datastore": "archive" }))
        .await;

    assert_eq!(column(&all, "backup").len(), 3);
    assert!(
        all["problems"][0]
            .as_str()
            .expect("a remark")
            .contains("`archive`")
    );
    assert_eq!(alone.envelope().upstream_status, Some(500));
}

#[tokio::test]
async fn unknown_stores_and_namespaces_are_not_found() {
    let world = World::lab().await;

    let store = world
        .fail("list_backups", json!({ "datastore": "tape" }))
        .await;
    let ns = world
        .fail("list_backups", json!({ "datastore": "main", "ns": "away" }))
        .await;

    assert_eq!(
        (store.code(), reason(&store)),
        (Code::NotFound, "datastore_not_found")
    );
    assert_eq!(field(&store), "datastore");
    assert_eq!(
        (ns.code(), reason(&ns)),
        (Code::NotFound, "namespace_not_found")
    );
    assert_eq!(ns.envelope().upstream_status, Some(400));
}

#[tokio::test]
async fn a_filter_of_another_view_is_an_error() {
    let world = World::lab().await;

    let error = world
        .fail(
            "list_backups",
            json!({ "view": "groups", "only": "failed" }),
        )
        .await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "only")
    );
}
