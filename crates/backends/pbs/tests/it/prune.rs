//! Pruning: the dry run is what is carried out.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use homelab_lab::pbs::SnapshotSeed;
use serde_json::{Value, json};

use crate::world::{World, context, field, name, reason, reporting, says, snapshot};

const PRUNE: &str = "/api2/json/admin/datastore/main/prune";

fn keep_one(more: &Value) -> Value {
    let mut args = json!({ "datastore": "main", "keep_last": 1 });
    for (name, value) in more.as_object().expect("arguments") {
        args[name] = value.clone();
    }
    args
}

async fn planned(world: &World) -> String {
    let dry = world.call("prune_backups", keep_one(&json!({}))).await;
    dry["plan"].as_str().expect("a plan").to_owned()
}

#[tokio::test]
async fn a_dry_run_lists_what_would_go_and_removes_nothing() {
    let world = World::lab().await;
    let before = world.pbs.snapshots("main");

    let dry = world.call("prune_backups", keep_one(&json!({}))).await;

    assert_eq!(dry["dry_run"], true);
    assert_eq!(
        (&dry["removed_total"], &dry["kept_total"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(dry["groups"][0]["group"], "vm/100");
    assert_eq!(
        dry["groups"][0]["removed"],
        json!([name("vm/100", 50), name("vm/100", 26)])
    );
    assert_eq!(world.pbs.snapshots("main"), before);
    assert!(
        world
            .bodies("/prune")
            .iter()
            .all(|body| body["dry-run"] == true)
    );
}

#[tokio::test]
async fn the_plan_is_carried_out_and_nothing_else() {
    let world = World::lab().await;
    let plan = planned(&world).await;
    let args = keep_one(&json!({ "dry_run": false, "plan": plan }));

    let preview = world.preview("prune_backups", args.clone()).await;
    let targets = world.targets("prune_backups", args.clone()).await;
    let done = world.call("prune_backups", args).await;

    assert_eq!(
        preview.summary,
        "prune 2 groups in `main` to last 1: remove 2 backups for good"
    );
    let line = format!("removes `{}` in `main`", name("vm/100", 50));
    assert!(says(&preview.impact, &line), "{:?}", preview.impact);
    assert!(says(&preview.impact, "run_gc"), "{:?}", preview.impact);
    assert_eq!(targets.len(), 1);
    assert_eq!(targets[0].id, "main/vm/100");
    assert_eq!(done["removed_total"], 2);
    assert_eq!(
        world.pbs.snapshots("main"),
        [name("ct/200", 60), name("host/nas", 1), name("vm/100", 2)]
    );
    // The group of which nothing goes is left alone.
    let pruned: Vec<Value> = world
        .bodies("/prune")
        .into_iter()
        .filter(|body| body["dry-run"] == false)
        .collect();
    assert_eq!(pruned.len(), 1);
    assert_eq!(pruned[0]["backup-id"], "100");
}

#[tokio::test]
async fn a_backup_that_comes_in_between_stops_everything() {
    let world = World::lab().await;
    let plan = planned(&world).await;
    world.pbs.add_snapshot(snapshot("vm", "100", 0));
    let before = world.pbs.snapshots("main");
    let args = keep_one(&json!({ "dry_run": false, "plan": plan }));

    let preview = world.try_preview("prune_backups", args.clone()).await;
    let error = world.fail("prune_backups", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "plan_changed")
    );
    assert_eq!(reason(&preview.unwrap_err()), "plan_changed");
    assert!(error.envelope().message.contains("now 3 backups would go"));
    assert_eq!(world.pbs.snapshots("main"), before);
}

#[tokio::test]
async fn nothing_is_removed_without_a_plan_or_a_retention() {
    let world = World::lab().await;

    let no_plan = world
        .fail("prune_backups", keep_one(&json!({ "dry_run": false })))
        .await;
    let no_keep = world
        .fail("prune_backups", json!({ "datastore": "main" }))
        .await;
    let zero = world
        .refuse(
            "prune_backups",
            json!({ "datastore": "main", "keep_last": -1 }),
        )
        .await;

    assert_eq!(
        (reason(&no_plan), field(&no_plan)),
        ("plan_missing", "plan")
    );
    assert_eq!(
        (reason(&no_keep), field(&no_keep)),
        ("keep_missing", "keep_last")
    );
    assert_eq!(zero.code(), Code::InvalidArgument);
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_protected_backup_is_never_removed() {
    let world = World::lab().await;
    world.pbs.add_snapshot(SnapshotSeed {
        protected: true,
        ..snapshot("vm", "100", 90)
    });

    let dry = world.call("prune_backups", keep_one(&json!({}))).await;
    let plan = dry["plan"].clone();
    world
        .call(
            "prune_backups",
            keep_one(&json!({ "dry_run": false, "plan": plan })),
        )
        .await;

    assert_eq!(dry["groups"][0]["protected"], 1);
    assert_eq!(dry["removed_total"], 2);
    assert!(world.pbs.snapshots("main").contains(&name("vm/100", 90)));
}

#[tokio::test]
async fn one_group_or_the_namespaces_below_are_pruned_when_asked_for() {
    let world = World::lab().await;
    for hours in [30, 31] {
        world.pbs.add_snapshot(SnapshotSeed {
            ns: "home/lab".into(),
            ..snapshot("host", "nas", hours)
        });
    }

    let group = world
        .call("prune_backups", keep_one(&json!({ "group": "ct/200" })))
        .await;
    let below = world
        .call("prune_backups", keep_one(&json!({ "max_depth": 7 })))
        .await;
    let there = world
        .call("prune_backups", keep_one(&json!({ "ns": "home/lab" })))
        .await;

    assert_eq!(group["removed_total"], 0);
    assert_eq!(below["removed_total"], 4);
    assert_eq!(there["removed_total"], 2);
    assert_eq!(there["groups"][0]["ns"], "home/lab");
}

#[tokio::test]
async fn a_dry_run_only_looks_and_the_rest_is_destructive() {
    let world = World::lab().await;

    assert_eq!(
        world.effect("prune_backups", keep_one(&json!({}))),
        Effect::Read
    );
    assert_eq!(
        world.effect("prune_backups", keep_one(&json!({ "dry_run": false }))),
        Effect::Destructive
    );
}

#[tokio::test]
async fn a_group_that_fails_is_reported_beside_those_that_went() {
    let world = World::lab().await;
    world.pbs.add_snapshot(snapshot("vm", "101", 3));
    world.pbs.add_snapshot(snapshot("vm", "101", 4));
    let plan = planned(&world).await;
    // Three groups are looked at again, then the first is pruned, then the second fails.
    let args = keep_one(&json!({ "dry_run": false, "plan": plan }));
    for _ in 0..4 {
        world
            .pbs
            .faults()
            .next(1, PRUNE, Fault::Delay(std::time::Duration::ZERO));
    }
    world.pbs.faults().next(1, PRUNE, Fault::Status(500));

    let ran = world.run("prune_backups", args).await.expect("a result");

    assert_eq!(ran.output["removed_total"], 2);
    assert_eq!(
        ran.mismatches[0].found,
        format!("still there: {}", name("vm/101", 4))
    );
    let problem = ran.output["problems"][0].as_str().expect("a remark");
    assert!(problem.contains("`vm/101`"), "{problem}");
}

#[tokio::test]
async fn progress_counts_groups_and_a_cancelled_call_stops_between_them() {
    let world = World::lab().await;
    let plan = planned(&world).await;
    let args = keep_one(&json!({ "dry_run": false, "plan": plan }));
    let cancelled = context();
    cancelled.cancel.cancel();
    let (ctx, reports) = reporting();

    let error = world
        .run_in("prune_backups", args.clone(), &cancelled)
        .await
        .expect_err("it was cancelled");
    let before = world.pbs.snapshots("main").len();
    world
        .run_in("prune_backups", args, &ctx)
        .await
        .expect("a result");

    assert_eq!((error.code(), reason(&error)), (Code::Timeout, "cancelled"));
    assert_eq!(before, 5);
    let reports = reports.lock().expect("no panic");
    assert_eq!(reports[0].1, Some(1.0));
    assert!(reports[0].2.contains("vm/100"));
}

#[tokio::test]
async fn an_unknown_group_is_not_found() {
    let world = World::lab().await;

    let error = world
        .fail("prune_backups", keep_one(&json!({ "group": "vm/999" })))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "group_not_found")
    );
}
