//! Freshness, told from the archives.

use homelab_core::error::Code;
use homelab_lab::pbs::{Condition, SnapshotSeed};
use serde_json::json;

use crate::world::{World, column, reason, snapshot};

#[tokio::test]
async fn only_groups_that_need_attention_are_listed() {
    let world = World::lab().await;

    let report = world.call("check_freshness", json!({})).await;

    assert_eq!(column(&report, "group"), ["ct/200"]);
    assert_eq!(column(&report, "state"), ["stale"]);
    assert_eq!(column(&report, "age_hours"), [60]);
    assert_eq!(
        report["counts"],
        json!({ "fresh": 2, "stale": 1, "unusable": 0, "missing": 0 })
    );
}

#[tokio::test]
async fn a_running_or_broken_backup_does_not_count() {
    let world = World::lab().await;
    world.pbs.add_snapshot(SnapshotSeed {
        condition: Condition::Unfinished,
        ..snapshot("ct", "200", 1)
    });
    world.pbs.add_snapshot(SnapshotSeed {
        verified: Some(false),
        ..snapshot("vm", "300", 1)
    });

    let report = world.call("check_freshness", json!({})).await;

    assert_eq!(column(&report, "group"), ["vm/300", "ct/200"]);
    assert_eq!(column(&report, "state"), ["unusable", "stale"]);
    let remark = report["items"][1]["remark"].as_str().expect("a remark");
    assert!(remark.contains("1 unfinished"), "{remark}");
}

#[tokio::test]
async fn a_task_that_claims_success_makes_nothing_fresh() {
    let world = World::lab().await;
    // It ends well, and leaves no new backup behind.
    world
        .call(
            "verify_backup",
            json!({ "datastore": "main", "backup": "ct/200" }),
        )
        .await;

    let report = world.call("check_freshness", json!({})).await;

    assert_eq!(column(&report, "group"), ["ct/200"]);
    let asked = world.pbs.log().lines();
    let asked = asked
        .iter()
        .rev()
        .take_while(|line| !line.contains("/verify"));
    assert!(asked.clone().any(|line| line.ends_with("/snapshots")));
    assert!(!asked.clone().any(|line| line.contains("/tasks?")));
}

#[tokio::test]
async fn expected_groups_age_and_place_can_be_chosen() {
    let world = World::lab().await;

    let report = world
        .call(
            "check_freshness",
            json!({ "datastore": "main", "max_age_hours": 100, "expect": ["vm/100", "vm/555"], "all": true }),
        )
        .await;
    let strict = world
        .call(
            "check_freshness",
            json!({ "ns": "home/lab", "datastore": "main", "max_age_hours": 1 }),
        )
        .await;

    assert_eq!(
        column(&report, "group"),
        ["vm/555", "ct/200", "vm/100", "host/nas"]
    );
    assert_eq!(
        column(&report, "state"),
        ["missing", "fresh", "fresh", "fresh"]
    );
    assert_eq!(strict["counts"]["fresh"], 1);
}

#[tokio::test]
async fn the_configured_age_counts_unless_another_is_given() {
    let world = World::configured(json!({ "stale_after_hours": 61 })).await;

    let report = world.call("check_freshness", json!({})).await;

    assert_eq!(
        (&report["max_age_hours"], &report["total"]),
        (&json!(61), &json!(0))
    );
}

#[tokio::test]
async fn an_unknown_store_is_not_found() {
    let world = World::lab().await;

    let error = world
        .fail("check_freshness", json!({ "datastore": "tape" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "datastore_not_found")
    );
}
