//! Tasks.

use homelab_lab::proxmox::{Outcome, Pace};
use serde_json::json;

use super::{ask, cluster, get, run, wait};

const START: &str = "/nodes/pve1/qemu/100/status/start";

#[tokio::test]
async fn a_task_runs_for_as_many_looks_as_the_test_says() {
    let (cluster, _) = cluster().await;
    cluster.set_pace(Pace::Polls(2));

    let upid = ask(&cluster, "POST", START, "").await.json()["data"].take();
    let upid = upid.as_str().unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let status = get(&cluster, &format!("/nodes/pve1/tasks/{upid}/status")).await;
        seen.push((status["status"].clone(), cluster.is_running(100).unwrap()));
    }

    let status = get(&cluster, &format!("/nodes/pve1/tasks/{upid}/status")).await;
    let fields: Vec<&str> = upid.split(':').collect();
    assert_eq!(
        (&status["user"], &status["tokenid"]),
        (&json!("root@pam"), &json!("lab"))
    );
    assert_eq!(
        status["pstart"],
        json!(u32::from_str_radix(fields[3], 16).unwrap())
    );
    assert_eq!(fields.len(), 9);
    assert_eq!(fields[..2], ["UPID", "pve1"]);
    assert_eq!(fields[5..], ["qmstart", "100", "root@pam!lab", ""]);
    assert!(
        fields[2..5]
            .iter()
            .all(|hex| hex.len() == 8 && u32::from_str_radix(hex, 16).is_ok())
    );
    assert_eq!(
        seen,
        [
            (json!("running"), false),
            (json!("running"), false),
            (json!("stopped"), true)
        ]
    );
}

#[tokio::test]
async fn a_task_can_end_in_each_of_the_known_ways() {
    let (cluster, _) = cluster().await;
    cluster.next_task(Outcome::Warnings(2));
    cluster.next_task(Outcome::Error("no space left on device".to_owned()));
    cluster.next_task(Outcome::Died);

    let warned = run(&cluster, "POST", START, "").await;
    let failed = run(&cluster, "POST", "/nodes/pve1/qemu/101/status/stop", "").await;
    let died = run(&cluster, "POST", "/nodes/pve1/qemu/101/status/stop", "").await;
    let again = run(&cluster, "POST", START, "").await;

    assert_eq!(warned, "WARNINGS: 2");
    assert_eq!(failed, "no space left on device");
    assert_eq!(died, "unexpected status");
    assert_eq!(again, "VM 100 already running");
    assert_eq!(cluster.is_running(101), Some(true));
}

#[tokio::test]
async fn a_log_is_paged_and_tells_how_long_it_is() {
    let (cluster, _) = cluster().await;
    cluster.next_task(Outcome::Warnings(80));
    let upid = ask(&cluster, "POST", START, "").await.json()["data"].take();
    let upid = upid.as_str().unwrap();
    wait(&cluster, upid).await;

    let log = format!("/nodes/pve1/tasks/{upid}/log");
    let first = ask(&cluster, "GET", &log, "").await.json();
    let tail = ask(&cluster, "GET", &format!("{log}?start=81&limit=5"), "")
        .await
        .json();

    assert_eq!(first["data"].as_array().unwrap().len(), 50);
    assert_eq!(first["data"][0]["n"], 1);
    assert_eq!(first["total"], 82);
    assert_eq!(tail["data"], json!([{"n": 82, "t": "TASK WARNINGS: 80"}]));
}

#[tokio::test]
async fn the_list_holds_finished_tasks_unless_asked_for_running_ones() {
    let (cluster, _) = cluster().await;
    let upid = ask(&cluster, "POST", START, "").await.json()["data"].take();

    let archive = get(&cluster, "/nodes/pve1/tasks").await;
    let active = get(&cluster, "/nodes/pve1/tasks?source=active").await;
    wait(&cluster, upid.as_str().unwrap()).await;
    let later = get(&cluster, "/nodes/pve1/tasks?vmid=100&typefilter=qmstart").await;
    let failed = get(&cluster, "/nodes/pve1/tasks?errors=1").await;

    assert_eq!(archive, json!([]));
    assert_eq!(active[0]["upid"], upid);
    assert!(active[0].get("status").is_none());
    assert_eq!(later[0]["status"], "OK");
    assert_eq!(failed, json!([]));
}

#[tokio::test]
async fn a_stopped_task_has_done_nothing() {
    let (cluster, _) = cluster().await;
    cluster.set_pace(Pace::Polls(9));
    let upid = ask(&cluster, "POST", START, "").await.json()["data"].take();
    let upid = upid.as_str().unwrap();

    let stopped = ask(&cluster, "DELETE", &format!("/nodes/pve1/tasks/{upid}"), "").await;
    let status = get(&cluster, &format!("/nodes/pve1/tasks/{upid}/status")).await;

    assert_eq!(stopped.status, 200);
    assert_eq!(status["exitstatus"], "interrupted by signal");
    assert_eq!(cluster.is_running(100), Some(false));
}

#[tokio::test]
async fn by_the_clock_a_task_ends_without_a_look() {
    let (cluster, clock) = cluster().await;
    cluster.set_pace(Pace::Seconds(3));
    ask(&cluster, "POST", START, "").await;

    let before = get(&cluster, "/nodes/pve1/qemu/100/status/current").await;
    clock.advance_seconds(3);
    let after = get(&cluster, "/nodes/pve1/qemu/100/status/current").await;

    assert_eq!(
        (&before["status"], &after["status"]),
        (&json!("stopped"), &json!("running"))
    );
}

#[tokio::test]
async fn somebody_elses_task_needs_the_right_to_look() {
    let (cluster, _) = cluster().await;
    cluster.add_token("ops@pve!ro", "secret");
    let upid = ask(&cluster, "POST", START, "").await.json()["data"].take();
    let path = format!("/nodes/pve1/tasks/{}/status", upid.as_str().unwrap());

    let refused = super::ask_as(&cluster, ("ops@pve!ro", "secret"), "GET", &path, "").await;

    assert_eq!(
        refused.reason,
        "Permission check failed (/nodes/pve1, Sys.Audit)"
    );
}
