//! The Proxmox Backup Server stand-in against the API's documentation.

use std::sync::Arc;

use homelab_core::clock::{Clock, ManualClock, Micros};
use homelab_lab::pbs::{
    Condition, Options, Outcome, Pace, Pbs, ROOT_PASSWORD, ROOT_TOKEN, Release, SnapshotSeed,
};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const DAY: i64 = 86_400;
const A: &str = "/admin/datastore/main";

/// A store `main` with three snapshots of VM 100, one day apart, and one of CT 200.
async fn server() -> (Pbs, Arc<ManualClock>) {
    server_of(Release::V4_1).await
}

async fn server_of(release: Release) -> (Pbs, Arc<ManualClock>) {
    let time = Micros::from_rfc3339("2026-11-20T02:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::at(time));
    let server = Pbs::with(Options {
        release,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..Options::default()
    })
    .await
    .unwrap();
    for days in 0..3 {
        server.add_snapshot(SnapshotSeed::new("main", "vm", "100", days * DAY));
    }
    server.add_snapshot(SnapshotSeed::new("main", "ct", "200", DAY));
    (server, clock)
}

async fn ask(server: &Pbs, method: &str, path: &str, body: &str) -> Answer {
    ask_as(server, ROOT_TOKEN, method, path, body).await
}

async fn ask_as(server: &Pbs, token: (&str, &str), method: &str, path: &str, body: &str) -> Answer {
    let token = format!("PBSAPIToken={}:{}", token.0, token.1);
    let headers = [("Authorization", token.as_str()), JSON];
    let headers = if body.is_empty() {
        &headers[..1]
    } else {
        &headers[..]
    };
    let path = format!("/api2/json{path}");
    call(server.address(), method, &path, headers, body).await
}

async fn get(server: &Pbs, path: &str) -> Value {
    let answer = ask(server, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    answer.json()["data"].take()
}

/// Starts a task and waits for its end; its exit status.
async fn run(server: &Pbs, path: &str, body: &Value) -> String {
    let answer = ask(server, "POST", path, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    let upid = answer.json()["data"].as_str().expect("a UPID").to_owned();
    wait(server, &upid).await
}

async fn wait(server: &Pbs, upid: &str) -> String {
    for _ in 0..10 {
        let status = get(server, &format!("/nodes/localhost/tasks/{upid}/status")).await;
        if status["status"] == "stopped" {
            return status["exitstatus"].as_str().unwrap().to_owned();
        }
    }
    panic!("{upid} does not end");
}

#[tokio::test]
async fn a_colon_stands_before_the_secret_and_an_error_is_plain_text() {
    let (server, _) = server().await;

    let right = ask(&server, "GET", "/version", "").await;
    let of_pve = (
        "Authorization",
        "PBSAPIToken=root@pam!lab=66666666-7777-8888-9999-000000000000",
    );
    let of_pve = call(server.address(), "GET", "/api2/json/version", &[of_pve], "").await;
    let none = call(server.address(), "GET", "/api2/json/version", &[], "").await;
    let ping = call(server.address(), "GET", "/api2/json/ping", &[], "").await;

    assert_eq!(right.json()["data"]["version"], "4.1");
    assert_eq!((of_pve.status, none.status), (401, 401));
    assert!(none.head.contains("application/json"), "{}", none.head);
    assert!(serde_json::from_str::<Value>(&none.body()).is_err());
    assert_eq!(ping.json(), json!({"data": {"pong": true}}));
}

#[tokio::test]
async fn a_ticket_comes_in_a_cookie_of_either_name() {
    let (server, _) = server().await;
    let body = json!({"username": "root@pam", "password": ROOT_PASSWORD}).to_string();
    let login = call(
        server.address(),
        "POST",
        "/api2/json/access/ticket",
        &[JSON],
        &body,
    )
    .await;
    let given = login.json()["data"].take();
    let ticket = given["ticket"].as_str().unwrap();
    let path = "/api2/json/admin/datastore";
    let gc = "/api2/json/admin/datastore/main/gc";

    for name in ["PBSAuthCookie", "__Host-PBSAuthCookie"] {
        let cookie = format!("{name}={ticket}");
        let cookie = ("Cookie", cookie.as_str());
        let csrf = (
            "CSRFPreventionToken",
            given["CSRFPreventionToken"].as_str().unwrap(),
        );
        let read = call(server.address(), "GET", path, &[cookie], "").await;
        let without = call(server.address(), "POST", gc, &[cookie], "").await;
        let with = call(server.address(), "POST", gc, &[cookie, csrf], "").await;
        assert_eq!((read.status, without.status, with.status), (200, 401, 200));
    }
}

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

#[tokio::test]
async fn an_owner_may_do_to_its_own_what_others_may_not() {
    let (server, _) = server().await;
    let token = ("vm@pbs!backup", "secret");
    server.add_token(token.0, token.1);
    server.add_snapshot(SnapshotSeed {
        owner: token.0.to_owned(),
        ..SnapshotSeed::new("main", "vm", "300", 0)
    });
    for who in ["vm@pbs", token.0] {
        server.grant(
            who,
            "/datastore/main",
            &["Datastore.Backup", "Datastore.Prune"],
        );
    }

    let seen = ask_as(&server, token, "GET", &format!("{A}/snapshots"), "")
        .await
        .json();
    let own = format!("{A}/groups?backup-type=vm&backup-id=300");
    let own = ask_as(&server, token, "DELETE", &own, "").await;
    let other = format!("{A}/groups?backup-type=vm&backup-id=100");
    let other = ask_as(&server, token, "DELETE", &other, "").await;

    assert_eq!(seen["data"].as_array().unwrap().len(), 1);
    assert_eq!(own.status, 200);
    assert_eq!(
        (other.status, other.body().as_str()),
        (403, "permission check failed.")
    );
}

#[tokio::test]
async fn a_token_without_grants_sees_no_stores() {
    let (server, _) = server().await;
    server.add_token("new@pbs!one", "secret");

    let list = ask_as(
        &server,
        ("new@pbs!one", "secret"),
        "GET",
        "/admin/datastore",
        "",
    )
    .await;

    assert_eq!(list.json(), json!({"data": []}));
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
