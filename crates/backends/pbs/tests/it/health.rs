//! The answer about everything at once.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::Fault;
use homelab_lab::pbs::{Condition, Outcome, SnapshotSeed};
use serde_json::{Value, json};

use crate::world::{World, snapshot};

fn whats(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .map(|finding| finding["what"].as_str().expect("a text").to_owned())
        .collect()
}

fn has(report: &Value, text: &str) -> bool {
    whats(report).iter().any(|what| what.contains(text))
}

#[tokio::test]
async fn everything_that_needs_attention_is_found() {
    let world = World::lab().await;
    world.pbs.add_snapshot(SnapshotSeed {
        verified: Some(false),
        condition: Condition::Corrupt,
        ..snapshot("vm", "300", 2)
    });
    world.pbs.add_job(
        "verify",
        "weekly",
        json!({ "store": "main", "schedule": "sat" }),
    );
    world.pbs.next_task(Outcome::Error("out of luck".into()));
    world
        .fail("run_job", json!({ "type": "verify", "job": "weekly" }))
        .await;

    let report = world.call("get_backup_health", json!({})).await;

    assert_eq!(report["healthy"], false);
    assert_eq!(
        (&report["backups"], &report["broken"]),
        (&json!(6), &json!(1))
    );
    assert!(
        has(&report, "`vm/300` in `main`: none of 1 backup can be used"),
        "{report}"
    );
    assert!(has(&report, "failed verification"), "{report}");
    assert!(
        has(&report, "`ct/200` in `main`: newest backup is 2 days old"),
        "{report}"
    );
    assert!(
        has(&report, "verify job `weekly` failed: out of luck"),
        "{report}"
    );
    assert!(has(&report, "the task `verificationjob`"), "{report}");
    assert!(
        has(&report, "garbage was never collected in `main`"),
        "{report}"
    );
    assert!(has(&report, "1 broken chunks"), "{report}");
    assert_eq!(report["findings"][0]["severity"], "critical");
}

#[tokio::test]
async fn a_full_datastore_is_found() {
    let world = World::configured(json!({ "full_percent": 30 })).await;

    let report = world.call("get_backup_health", json!({})).await;

    assert!(has(&report, "`main` is 30 % full"), "{report}");
}

#[tokio::test]
async fn a_health_that_is_not_known_is_not_good() {
    let world = World::configured(json!({ "stale_after_hours": 100 })).await;
    world.call("run_gc", json!({ "datastore": "main" })).await;
    world
        .call("run_gc", json!({ "datastore": "archive" }))
        .await;
    let good = world.call("get_backup_health", json!({})).await;
    world
        .pbs
        .faults()
        .always("/api2/json/status/datastore-usage", Fault::Status(500));

    let unknown = world.call("get_backup_health", json!({})).await;

    assert_eq!(whats(&good), [""; 0]);
    assert_eq!(good["healthy"], true);
    assert_eq!(unknown["healthy"], false);
    let problem = unknown["problems"][0].as_str().expect("a remark");
    assert!(problem.starts_with("usage: "), "{problem}");
}

#[tokio::test]
async fn without_the_backups_there_is_no_answer() {
    let world = World::lab().await;
    world
        .pbs
        .faults()
        .always("/api2/json/admin/datastore", Fault::Status(500));

    let error = world.fail("get_backup_health", json!({})).await;

    assert_eq!(error.code(), Code::UpstreamRejected);
}

#[tokio::test]
async fn the_servers_own_health_names_release_and_missing_rights() {
    let mut world = World::lab().await;
    let good = world.health().await;
    world.as_token("/system", &["Sys.Audit"]);

    let lacking = world.health().await;

    assert_eq!(good.status, HealthStatus::Ok);
    assert_eq!(good.message, "Proxmox Backup Server 4.1.1");
    assert_eq!(lacking.status, HealthStatus::Degraded);
    assert!(
        lacking
            .hint
            .expect("a hint")
            .contains("DatastoreAudit --auth-id 'root@pam!small'")
    );
}
