//! Verification and pruning.

use homelab_lab::pbs::{Condition, SnapshotSeed};
use serde_json::{Value, json};

use super::{A, DAY, ask, get, run, server, wait};

#[tokio::test]
async fn verifying_changes_the_state_of_what_it_looked_at() {
    let (server, _) = server().await;
    server.add_snapshot(SnapshotSeed {
        condition: Condition::Corrupt,
        ..SnapshotSeed::new("main", "host", "nas", 60)
    });

    let group = json!({"backup-type": "vm", "backup-id": "100"});
    let good = run(&server, &format!("{A}/verify"), &group).await;
    let bad = run(&server, &format!("{A}/verify"), &json!({})).await;
    let snapshots = get(&server, &format!("{A}/snapshots")).await;
    let part = json!({"backup-time": 1}).to_string();
    let part = ask(&server, "POST", &format!("{A}/verify"), &part).await;

    let states: Vec<&str> = snapshots
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["verification"]["state"].as_str().unwrap())
        .collect();
    assert_eq!(good, "OK");
    assert_eq!(
        bad,
        "verification failed - please check the log for details"
    );
    assert_eq!(states, ["ok", "ok", "ok", "ok", "failed"]);
    assert_eq!(part.status, 400);
    assert_eq!(server.tasks(), ["verify_group", "verify"]);
}

#[tokio::test]
async fn the_verified_are_passed_over_unless_asked_for() {
    let (server, clock) = server().await;
    run(&server, &format!("{A}/verify"), &json!({})).await;
    let upid_of = |rows: &Value| rows[0]["verification"]["upid"].clone();
    let first = upid_of(&get(&server, &format!("{A}/snapshots")).await);
    clock.advance_seconds(10 * DAY);

    run(&server, &format!("{A}/verify"), &json!({})).await;
    let skipped = upid_of(&get(&server, &format!("{A}/snapshots")).await);
    run(
        &server,
        &format!("{A}/verify"),
        &json!({"outdated-after": 7}),
    )
    .await;
    let again = upid_of(&get(&server, &format!("{A}/snapshots")).await);

    assert_eq!(skipped, first);
    assert_ne!(again, first);
}

#[tokio::test]
async fn a_dry_run_lists_and_leaves_everything() {
    let (server, _) = server().await;
    let prune = format!("{A}/prune");
    let group = |dry: bool| {
        json!({"backup-type": "vm", "backup-id": "100", "keep-last": 1, "dry-run": dry}).to_string()
    };

    let list = ask(&server, "POST", &prune, &group(true)).await.json()["data"].take();
    let before = server.snapshots("main").len();
    ask(&server, "POST", &prune, &group(false)).await;

    let keeps: Vec<bool> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["keep"].as_bool().unwrap())
        .collect();
    assert_eq!(keeps, [false, false, true]);
    assert_eq!(before, 4);
    assert_eq!(
        server.snapshots("main"),
        ["ct/200/2026-11-19T02:00:00Z", "vm/100/2026-11-20T02:00:00Z"]
    );
}

#[tokio::test]
async fn without_a_retention_everything_stays_and_protected_ones_always_do() {
    let (server, _) = server().await;
    let time = 1_795_140_000 - 2 * DAY;
    let body =
        json!({"backup-type": "vm", "backup-id": "100", "backup-time": time, "protected": true});
    ask(&server, "PUT", &format!("{A}/protected"), &body.to_string()).await;
    let group = json!({"backup-type": "vm", "backup-id": "100"}).to_string();

    let nothing = ask(&server, "POST", &format!("{A}/prune"), &group)
        .await
        .json();
    let last = json!({"backup-type": "vm", "backup-id": "100", "keep-last": 1, "use-task": true});
    let task = run(&server, &format!("{A}/prune"), &last).await;
    let refused = format!("{A}/snapshots?backup-type=vm&backup-id=100&backup-time={time}");
    let refused = ask(&server, "DELETE", &refused, "").await;

    assert!(
        nothing["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["keep"] == true)
    );
    assert_eq!(task, "OK");
    assert_eq!(refused.status, 400);
    assert_eq!(
        server.snapshots("main"),
        [
            "ct/200/2026-11-19T02:00:00Z",
            "vm/100/2026-11-18T02:00:00Z",
            "vm/100/2026-11-20T02:00:00Z"
        ]
    );
}

#[tokio::test]
async fn pruning_a_store_is_a_task_even_as_dry_run() {
    let (server, _) = server().await;
    let path = format!("{A}/prune-datastore");

    let answer = ask(
        &server,
        "POST",
        &path,
        &json!({"keep-last": 1, "dry-run": true}).to_string(),
    )
    .await;
    let upid = answer.json()["data"].as_str().unwrap().to_owned();
    wait(&server, &upid).await;
    let log = ask(
        &server,
        "GET",
        &format!("/nodes/localhost/tasks/{upid}/log?test-status=1"),
        "",
    )
    .await
    .json();
    let before = server.snapshots("main").len();
    run(&server, &path, &json!({"keep-last": 1})).await;

    let lines: Vec<&str> = log["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["t"].as_str().unwrap())
        .collect();
    assert!(
        lines.contains(&"remove vm/100/2026-11-18T02:00:00Z"),
        "{lines:?}"
    );
    assert_eq!(log["active"], false);
    assert_eq!(before, 4);
    assert_eq!(server.snapshots("main").len(), 2);
}
