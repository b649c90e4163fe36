//! Scheduled backups.

use homelab_core::error::Code;
use homelab_lab::proxmox::Outcome;
use serde_json::json;

use crate::world::{World, column, field, reason};

async fn nightly(world: &World) {
    world
        .call(
            "create_backup_job",
            json!({ "id": "nightly", "schedule": "02:30", "storage": "nas", "vmids": [100, 200], "keep_last": 3, "comment": "all that matters" }),
        )
        .await;
}

#[tokio::test]
async fn a_job_is_made_and_listed() {
    let world = World::lab().await;

    nightly(&world).await;
    let list = world.call("list_backup_jobs", json!({})).await;

    assert_eq!(column(&list, "id"), ["nightly"]);
    let job = &list["items"][0];
    assert_eq!(
        (&job["schedule"], &job["storage"]),
        (&json!("02:30"), &json!("nas"))
    );
    assert_eq!(job["guests"], json!(["100", "200"]));
    assert_eq!(job["retention"], "keep-last=3");
    assert_eq!(
        (&job["enabled"], &job["comment"]),
        (&json!(true), &json!("all that matters"))
    );
}

#[tokio::test]
async fn an_id_is_used_once_and_a_job_saves_one_thing() {
    let world = World::lab().await;
    nightly(&world).await;

    let again = world
        .fail(
            "create_backup_job",
            json!({ "id": "nightly", "schedule": "1:00", "storage": "nas", "all": true }),
        )
        .await;
    let both = world
        .fail("create_backup_job", json!({ "id": "j2", "schedule": "1:00", "storage": "nas", "all": true, "vmids": [100] }))
        .await;

    assert_eq!(
        (again.code(), reason(&again), field(&again)),
        (Code::Conflict, "job_exists", "id")
    );
    assert_eq!(field(&both), "vmids");
    assert_eq!(
        world
            .targets(
                "create_backup_job",
                json!({ "id": "j2", "schedule": "1:00", "storage": "nas" })
            )
            .await[0]
            .kind,
        "backup_job"
    );
}

#[tokio::test]
async fn a_job_runs_on_every_node_that_has_guests_of_it() {
    let world = World::lab().await;
    nightly(&world).await;

    let plan = world
        .preview("run_backup_job", json!({ "id": "nightly" }))
        .await;
    let targets = world
        .targets("run_backup_job", json!({ "id": "nightly" }))
        .await;
    let run = world
        .call("run_backup_job", json!({ "id": "nightly" }))
        .await;

    assert_eq!(plan.summary, "back up 2 guests by the job `nightly`");
    let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
    assert_eq!(ids, ["nightly", "100", "200"]);
    assert_eq!(run["vmids"], json!([100, 200]));
    assert_eq!(run["tasks"].as_array().map(Vec::len), Some(2));
    assert_eq!(run["problems"], json!([]));
    assert_eq!(world.cluster.volumes("backup").len(), 2);
}

#[tokio::test]
async fn a_run_that_fails_on_one_node_says_so() {
    let world = World::lab().await;
    nightly(&world).await;
    world.cluster.next_task(Outcome::Error("job errors".into()));

    let run = world
        .call("run_backup_job", json!({ "id": "nightly" }))
        .await;

    assert_eq!(run["tasks"][0]["state"], "failed");
    assert!(
        run["problems"][0]
            .as_str()
            .expect("a problem")
            .contains("job errors")
    );
    assert_eq!(world.cluster.volumes("backup").len(), 1);
}

#[tokio::test]
async fn an_unknown_job_and_one_without_guests_do_not_run() {
    let world = World::lab().await;
    world
        .call(
            "create_backup_job",
            json!({ "id": "empty", "schedule": "1:00", "storage": "nas", "vmids": [999] }),
        )
        .await;

    let unknown = world
        .fail("run_backup_job", json!({ "id": "weekly" }))
        .await;
    let empty = world.fail("run_backup_job", json!({ "id": "empty" })).await;

    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::NotFound, "job_not_found")
    );
    assert_eq!(reason(&empty), "job_empty");
}

#[tokio::test]
async fn jobs_need_a_right_to_be_seen() {
    let mut world = World::lab().await;
    world.cluster.add_token("root@pam!ops", "ops-secret");
    world.reopen(&json!({ "token_id": "root@pam!ops", "token_secret": "ops-secret" }));

    let error = world.fail("list_backup_jobs", json!({})).await;

    assert_eq!(reason(&error), "privilege_missing");
    assert!(
        error.envelope().message.contains("`Sys.Audit` on `/`"),
        "{error}"
    );
}
