//! Protecting, annotating and deleting backups.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::pbs::SnapshotSeed;
use serde_json::json;

use crate::world::{World, field, hint, name, reason, says, snapshot};

#[tokio::test]
async fn protection_is_set_read_back_and_undone() {
    let world = World::lab().await;
    let args = json!({ "datastore": "main", "backup": name("vm/100", 2), "protected": true });
    let inverse = world
        .inverse("protect_backup", args.clone())
        .await
        .expect("an inverse");

    let done = world.call("protect_backup", args.clone()).await;
    let again = world.inverse("protect_backup", args.clone()).await;
    let deletion = json!({ "datastore": "main", "backup": name("vm/100", 2) });
    let error = world.fail("delete_backup", deletion.clone()).await;
    world.undo(inverse).await;
    world.call("delete_backup", deletion).await;

    assert_eq!(done["backup"]["protected"], true);
    assert_eq!(again, None);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "protected")
    );
    assert!(hint(&error).contains("protect_backup"));
    assert_eq!(world.effect("protect_backup", args), Effect::Write);
    let lift = json!({ "datastore": "main", "backup": name("vm/100", 2), "protected": false });
    assert_eq!(world.effect("protect_backup", lift), Effect::Destructive);
}

#[tokio::test]
async fn protecting_what_is_protected_changes_nothing() {
    let world = World::lab().await;
    world.pbs.add_snapshot(SnapshotSeed {
        protected: true,
        ..snapshot("vm", "101", 3)
    });
    let args = json!({ "datastore": "main", "backup": name("vm/101", 3), "protected": true });

    let plan = world.preview("protect_backup", args.clone()).await;
    let targets = world.targets("protect_backup", args.clone()).await;
    world.call("protect_backup", args).await;

    assert_eq!(
        plan.summary,
        format!("protect `{}` in `main`", name("vm/101", 3))
    );
    assert_eq!(targets[0].kind, "backup");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn notes_are_set_read_back_and_undone() {
    let world = World::lab().await;
    for backup in [name("vm/100", 2), "vm/100".to_owned()] {
        let args = |notes: &str| json!({ "datastore": "main", "backup": backup, "notes": notes });
        world.call("set_backup_notes", args("before")).await;
        let plan = world.preview("set_backup_notes", args("after")).await;
        let inverse = world.inverse("set_backup_notes", args("after")).await;

        let done = world.call("set_backup_notes", args("after")).await;
        let undone = world.undo(inverse.expect("an inverse")).await;

        assert_eq!(plan.changes[0].from.as_deref(), Some("before"));
        assert_eq!(
            (&done["notes"], &undone["notes"]),
            (&json!("after"), &json!("before"))
        );
    }
    let list = world
        .call("list_backups", json!({ "group": "vm/100" }))
        .await;
    assert_eq!(list["items"][0]["comment"], "before");
}

#[tokio::test]
async fn a_backup_is_deleted_for_good() {
    let world = World::lab().await;
    let args = json!({ "datastore": "main", "ns": "home/lab", "backup": name("host/nas", 1) });

    let plan = world.preview("delete_backup", args.clone()).await;
    let targets = world.targets("delete_backup", args.clone()).await;
    let done = world.call("delete_backup", args).await;

    assert!(
        plan.summary.ends_with("in `main:home/lab` for good"),
        "{}",
        plan.summary
    );
    assert!(says(&plan.impact, "the only backup"), "{:?}", plan.impact);
    assert_eq!(
        targets[0].tags,
        ["datastore:main", "ns:home/lab", "group:host/nas"]
    );
    assert_eq!(
        (&done["left"], &done["deleted"]["ns"]),
        (&json!(0), &json!("home/lab"))
    );
    assert!(!world.pbs.snapshots("main").contains(&name("host/nas", 1)));
}

#[tokio::test]
async fn the_plan_warns_when_no_usable_backup_is_left() {
    let world = World::lab().await;
    world.pbs.add_snapshot(SnapshotSeed {
        verified: Some(false),
        ..snapshot("ct", "200", 3)
    });

    let plan = world
        .preview(
            "delete_backup",
            json!({ "datastore": "main", "backup": name("ct/200", 60) }),
        )
        .await;

    assert!(
        says(&plan.impact, "none of the others can be used"),
        "{:?}",
        plan.impact
    );
}

#[tokio::test]
async fn a_group_is_deleted_if_it_is_as_it_was_seen() {
    let world = World::lab().await;
    let args = |count: u32| json!({ "datastore": "main", "group": "vm/100", "count": count });

    let plan = world.preview("delete_backup_group", args(3)).await;
    let targets = world.targets("delete_backup_group", args(3)).await;
    let grown = world.fail("delete_backup_group", args(2)).await;
    let done = world.call("delete_backup_group", args(3)).await;

    assert_eq!(
        plan.summary,
        "delete 3 backups of `vm/100` in `main` for good"
    );
    assert!(says(&plan.impact, "60 GiB"), "{:?}", plan.impact);
    assert_eq!(targets[0].kind, "backup_group");
    assert_eq!(
        (grown.code(), reason(&grown)),
        (Code::Conflict, "count_changed")
    );
    assert_eq!(field(&grown), "count");
    assert_eq!(done["removed"], 3);
    assert_eq!(
        world.pbs.snapshots("main"),
        [name("ct/200", 60), name("host/nas", 1)]
    );
}

#[tokio::test]
async fn a_group_with_a_protected_backup_is_left_whole() {
    let world = World::lab().await;
    world.pbs.add_snapshot(SnapshotSeed {
        protected: true,
        ..snapshot("vm", "100", 90)
    });
    let before = world.pbs.snapshots("main");

    let error = world
        .fail(
            "delete_backup_group",
            json!({ "datastore": "main", "group": "vm/100", "count": 4 }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "protected")
    );
    assert_eq!(world.pbs.snapshots("main"), before);
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::lab().await;
    let backup = name("vm/100", 9);

    let deleted = world
        .fail(
            "delete_backup",
            json!({ "datastore": "main", "backup": backup }),
        )
        .await;
    let protected = world
        .fail(
            "protect_backup",
            json!({ "datastore": "main", "backup": backup, "protected": true }),
        )
        .await;
    let noted = world
        .fail(
            "set_backup_notes",
            json!({ "datastore": "main", "backup": "vm/9", "notes": "" }),
        )
        .await;
    let group = world
        .fail(
            "delete_backup_group",
            json!({ "datastore": "main", "group": "vm/9", "count": 1 }),
        )
        .await;

    assert_eq!(
        (reason(&deleted), field(&deleted)),
        ("snapshot_not_found", "backup")
    );
    assert_eq!(reason(&protected), "snapshot_not_found");
    assert_eq!(reason(&noted), "group_not_found");
    assert_eq!(
        (reason(&group), field(&group)),
        ("group_not_found", "group")
    );
    assert_eq!(world.writes(), [""; 0]);
}
