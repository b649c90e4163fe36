//! Copying, jobs and tasks.

use homelab_lab::pbs::{Outcome, Pace, Release, SnapshotSeed};
use serde_json::{Value, json};

use super::{A, DAY, ask, get, run, server, server_of, wait};

#[tokio::test]
async fn a_push_copies_what_is_missing_and_removes_what_vanished_if_asked() {
    let (server, _) = server().await;
    server.add_remote("offsite", &["homelab"]);
    server.add_remote_snapshot("offsite", SnapshotSeed::new("homelab", "vm", "999", DAY));
    let push = |more: Value| {
        let mut body = json!({"store": "main", "remote": "offsite", "remote-store": "homelab"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };

    let filtered = run(
        &server,
        "/push",
        &push(json!({"group-filter": ["type:ct"]})),
    )
    .await;
    let first = server.remote_snapshots("offsite", "homelab");
    run(
        &server,
        "/push",
        &push(json!({"remove-vanished": true, "transfer-last": 1})),
    )
    .await;

    assert_eq!(filtered, "OK");
    assert_eq!(
        first,
        ["ct/200/2026-11-19T02:00:00Z", "vm/999/2026-11-19T02:00:00Z"]
    );
    assert_eq!(
        server.remote_snapshots("offsite", "homelab"),
        ["ct/200/2026-11-19T02:00:00Z", "vm/100/2026-11-20T02:00:00Z"]
    );
}

#[tokio::test]
async fn a_pull_brings_snapshots_and_an_unreachable_remote_fails_the_task() {
    let (server, _) = server().await;
    server.add_remote("offsite", &["homelab"]);
    server.add_remote_snapshot("offsite", SnapshotSeed::new("homelab", "vm", "500", DAY));
    let body = json!({"store": "main", "remote": "offsite", "remote-store": "homelab"});

    let done = run(&server, "/pull", &body).await;
    let scan = get(&server, "/config/remote/offsite/scan").await;
    server.set_reachable("offsite", false);
    let failed = run(&server, "/pull", &body).await;
    let unscanned = ask(&server, "GET", "/config/remote/offsite/scan", "").await;

    assert_eq!(done, "OK");
    assert!(
        server
            .snapshots("main")
            .contains(&"vm/500/2026-11-19T02:00:00Z".to_owned())
    );
    assert_eq!(scan[0]["store"], "homelab");
    assert!(failed.contains("Connection refused"), "{failed}");
    assert_eq!(unscanned.status, 503);
}

#[tokio::test]
async fn jobs_that_push_show_only_when_asked_for() {
    let (server, _) = server().await;
    server.add_remote("offsite", &["homelab"]);
    let body = json!({"id": "to-offsite", "store": "main", "remote": "offsite", "remote-store": "homelab", "sync-direction": "push", "schedule": "daily"});

    let made = ask(&server, "POST", "/config/sync", &body.to_string()).await;
    let usual = get(&server, "/admin/sync").await;
    let exit = run(&server, "/admin/sync/to-offsite/run", &json!({})).await;
    let all = get(&server, "/admin/sync?sync-direction=all").await;

    assert_eq!(made.status, 200, "{}", made.body());
    assert_eq!(usual, json!([]));
    assert_eq!(exit, "OK");
    assert_eq!(
        (&all[0]["id"], &all[0]["last-run-state"]),
        (&json!("to-offsite"), &json!("OK"))
    );
    assert_eq!(server.remote_snapshots("offsite", "homelab").len(), 4);
}

#[tokio::test]
async fn release_3_cannot_push_nor_choose_threads_nor_tell_a_jobs_task() {
    let (server, _) = server_of(Release::V3_2).await;
    server.add_job(
        "verify",
        "nightly",
        json!({"store": "main", "schedule": "daily"}),
    );

    let push = json!({"store": "main", "remote": "offsite", "remote-store": "x-store"}).to_string();
    let push = ask(&server, "POST", "/push", &push).await;
    let threads = json!({"read-threads": 4}).to_string();
    let threads = ask(&server, "POST", &format!("{A}/verify"), &threads).await;
    let job = ask(&server, "POST", "/admin/verify/nightly/run", "").await;
    server.finish_tasks();
    let tasks = get(&server, "/nodes/localhost/tasks?typefilter=verificationjob").await;

    assert_eq!((push.status, threads.status), (404, 400));
    assert_eq!(job.json(), json!({"data": null}));
    assert_eq!(
        (&tasks[0]["worker_id"], &tasks[0]["status"]),
        (&json!("main:nightly"), &json!("OK"))
    );
}

#[tokio::test]
async fn a_task_has_a_name_of_nine_fields_and_ends_as_told() {
    let (server, _) = server().await;
    server.set_pace(Pace::Polls(1));
    server.next_task(Outcome::Warnings(1));
    server.next_task(Outcome::Died);

    let answer = ask(&server, "POST", &format!("{A}/gc"), "").await;
    let upid = answer.json()["data"].as_str().unwrap().to_owned();
    let running = get(&server, "/nodes/localhost/tasks?running=1").await;
    let warned = wait(&server, &upid).await;
    let died = run(&server, &format!("{A}/gc"), &json!({})).await;
    let errors = get(&server, "/nodes/localhost/tasks?errors=1").await;

    let fields: Vec<&str> = upid.split(':').collect();
    assert_eq!(fields.len(), 10);
    assert_eq!(
        (fields[1], fields[6], fields[8]),
        ("localhost", "garbage_collection", "root@pam!lab")
    );
    assert!(running[0].get("status").is_none());
    assert_eq!((warned.as_str(), died.as_str()), ("WARNINGS: 1", "unknown"));
    assert_eq!(errors.as_array().unwrap().len(), 1);
}
