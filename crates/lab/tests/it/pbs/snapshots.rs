//! Stores, namespaces and snapshots.

use homelab_lab::pbs::{Pbs, SnapshotSeed};
use serde_json::{Value, json};

use super::{A, ask, get, run, server};

#[tokio::test]
async fn a_missing_store_is_a_400_and_a_missing_path_a_404() {
    let (server, _) = server().await;

    let store = ask(&server, "GET", "/admin/datastore/none/snapshots", "").await;
    let path = ask(&server, "GET", "/admin/nothing", "").await;
    let long = ask(
        &server,
        "GET",
        &format!("{A}/groups?ns={}", "a".repeat(3100)),
        "",
    )
    .await;

    assert_eq!(
        (store.status, store.body().as_str()),
        (400, "no such datastore 'none'")
    );
    assert_eq!(path.status, 404);
    assert_eq!(long.status, 414);
    assert_eq!(server.log().unexpected().len(), 2);
}

#[tokio::test]
async fn wrong_parameters_are_refused_and_noted() {
    let (server, _) = server().await;
    let prune = format!("{A}/prune");

    let zero = json!({"backup-type": "vm", "backup-id": "100", "keep-last": 0}).to_string();
    let zero = ask(&server, "POST", &prune, &zero).await;
    let text =
        json!({"backup-type": "vm", "backup-id": "100", "keep-last": "2", "x": 1}).to_string();
    let text = ask(&server, "POST", &prune, &text).await;
    let none = ask(&server, "POST", &prune, "{}").await;

    assert_eq!(
        (zero.status, zero.body().as_str()),
        (
            400,
            "parameter verification failed - 'keep-last': value must have a minimum value of 1 (got 0)"
        )
    );
    assert!(
        text.body().contains("'keep-last': Expected integer value."),
        "{}",
        text.body()
    );
    assert!(
        text.body()
            .contains("'x': schema does not allow additional properties.")
    );
    assert!(none.body().contains("'backup-id': parameter is missing"));
    assert_eq!(server.log().unexpected().len(), 3);
}

#[tokio::test]
async fn groups_count_their_snapshots() {
    let (server, _) = server().await;

    let groups = get(&server, &format!("{A}/groups")).await;
    let snapshots = get(
        &server,
        &format!("{A}/snapshots?backup-type=vm&backup-id=100"),
    )
    .await;

    assert_eq!(groups.as_array().unwrap().len(), 2);
    let vm = groups
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["backup-type"] == "vm")
        .unwrap();
    assert_eq!(
        (&vm["backup-count"], &vm["last-backup"]),
        (&json!(3), &json!(1_795_140_000))
    );
    assert_eq!(snapshots.as_array().unwrap().len(), 3);
    assert_eq!(snapshots[0]["files"][0]["filename"], "drive-scsi0.img.fidx");
}

#[tokio::test]
async fn a_namespace_hides_from_its_parent() {
    let (server, _) = server().await;
    server.add_snapshot(SnapshotSeed {
        ns: "site/one".to_owned(),
        ..SnapshotSeed::new("main", "vm", "100", 0)
    });

    let root = get(&server, &format!("{A}/snapshots")).await;
    let inside = get(&server, &format!("{A}/snapshots?ns=site/one")).await;
    let all = get(&server, &format!("{A}/namespace")).await;
    let one_level = get(&server, &format!("{A}/namespace?max-depth=1")).await;
    let missing = ask(&server, "GET", &format!("{A}/snapshots?ns=none"), "").await;

    assert_eq!(root.as_array().unwrap().len(), 4);
    assert_eq!(inside.as_array().unwrap().len(), 1);
    assert_eq!(all, json!([{"ns": ""}, {"ns": "site"}, {"ns": "site/one"}]));
    assert_eq!(one_level, json!([{"ns": ""}, {"ns": "site"}]));
    assert_eq!(missing.status, 400);
}

#[tokio::test]
async fn space_is_free_once_the_garbage_is_collected() {
    let (server, _) = server().await;
    let used = |status: &Value| status["used"].as_u64().unwrap();
    let path = format!("{A}/status?verbose=1");
    let at_first = get(&server, &path).await;

    ask(
        &server,
        "DELETE",
        &format!("{A}/groups?backup-type=vm&backup-id=100"),
        "",
    )
    .await;
    let removed = get(&server, &path).await;
    let done = run(&server, &format!("{A}/gc"), &json!({})).await;
    let collected = get(&server, &path).await;
    let gc = get(&server, &format!("{A}/gc")).await;

    assert_eq!(
        at_first["counts"]["vm"],
        json!({"groups": 1, "snapshots": 3})
    );
    assert_eq!(used(&removed), used(&at_first));
    assert_eq!(done, "OK");
    assert!(used(&collected) < used(&at_first));
    assert_eq!(gc["last-run-state"], "OK");
    assert!(gc["removed-bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn the_demo_has_something_to_find() {
    let server = Pbs::demo().await.unwrap();

    let usage = get(&server, "/status/datastore-usage").await;
    let snapshots = get(&server, &format!("{A}/snapshots")).await;

    let full = usage
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["store"] == "archive")
        .unwrap();
    assert!(full["used"].as_f64().unwrap() / full["total"].as_f64().unwrap() > 0.85);
    let failed = snapshots.as_array().unwrap().iter();
    assert_eq!(
        failed
            .filter(|row| row["verification"]["state"] == "failed")
            .count(),
        1
    );
    assert_eq!(server.log().unexpected(), [""; 0]);
}
