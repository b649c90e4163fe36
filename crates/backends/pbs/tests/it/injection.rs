//! Names that are none: nothing of them leaves the process.

use homelab_core::error::Code;
use serde_json::{Value, json};

use crate::world::{World, name};

/// What somebody might write to reach another place.
const EVIL: [&str; 16] = [
    "../../access/users",
    "..",
    "main/../archive",
    "main?ns=other",
    "main#x",
    "main&dry-run=false",
    "main%2f..%2farchive",
    "main\r\nX-Evil: 1",
    "main\u{0}",
    "main;rm -rf /",
    "$(id)",
    "`id`",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "ma\u{2028}in",
    "mäin",
];

/// A call with one argument replaced.
fn with(mut args: Value, field: &str, evil: &str) -> Value {
    args[field] = evil.into();
    args
}

async fn refused(world: &World, tool: &str, args: Value, field: &str) {
    let error = world.refuse(tool, args.clone()).await;

    assert_eq!(error.code(), Code::InvalidArgument, "{tool} {args}");
    let named = error.envelope().field.as_deref().unwrap_or_default();
    assert!(named.starts_with(field), "{tool} {args}: {named}");
}

#[tokio::test]
async fn no_name_reaches_another_place() {
    let world = World::lab().await;
    let backup = name("vm/100", 2);
    let cases: Vec<(&str, Value, &[&str])> = vec![
        ("list_backups", json!({}), &["datastore", "ns", "group"]),
        (
            "verify_backup",
            json!({ "datastore": "main" }),
            &["datastore", "ns", "backup"],
        ),
        (
            "prune_backups",
            json!({ "datastore": "main", "keep_last": 1 }),
            &["datastore", "ns", "group"],
        ),
        (
            "sync_to_remote",
            json!({ "datastore": "main", "remote": "offsite", "remote_datastore": "copy" }),
            &["datastore", "ns", "remote", "remote_datastore", "remote_ns"],
        ),
        ("run_gc", json!({ "datastore": "main" }), &["datastore"]),
        (
            "run_job",
            json!({ "type": "prune", "job": "nightly" }),
            &["job"],
        ),
        (
            "protect_backup",
            json!({ "datastore": "main", "backup": backup, "protected": true }),
            &["datastore", "ns", "backup"],
        ),
        (
            "delete_backup",
            json!({ "datastore": "main", "backup": backup }),
            &["datastore", "ns", "backup"],
        ),
        (
            "delete_backup_group",
            json!({ "datastore": "main", "group": "vm/100", "count": 3 }),
            &["datastore", "ns", "group"],
        ),
        (
            "create_namespace",
            json!({ "datastore": "main", "ns": "x" }),
            &["datastore", "ns"],
        ),
        ("list_remotes", json!({}), &["remote"]),
        ("get_task_status", json!({}), &["upid"]),
        ("stop_task", json!({}), &["upid"]),
    ];

    for (tool, args, fields) in cases {
        for field in fields {
            for evil in EVIL {
                refused(&world, tool, with(args.clone(), field, evil), field).await;
            }
        }
    }

    assert_eq!(world.pbs.log().lines(), [""; 0]);
}

#[tokio::test]
async fn no_time_or_group_smuggles_more() {
    let world = World::lab().await;
    let args = json!({ "datastore": "main" });
    for evil in [
        "vm/100/2026-05-31T22:00:00Z&backup-id=200",
        "vm/100/2026-05-31T22:00:00Z/../x",
        "vm/100/1; drop",
        "vm/100/-1",
        "vm/100/0",
        "vm/100/18446744073709551616",
        "vm/../100/2026-05-31T22:00:00Z",
        "qemu/100/2026-05-31T22:00:00Z",
        "vm//2026-05-31T22:00:00Z",
    ] {
        refused(
            &world,
            "delete_backup",
            with(args.clone(), "backup", evil),
            "backup",
        )
        .await;
    }

    assert_eq!(world.pbs.log().lines(), [""; 0]);
}

#[tokio::test]
async fn a_task_id_stays_one_part_of_the_address() {
    let world = World::lab().await;
    let upid =
        "UPID:localhost:00000001:00000001:00000001:6740A1B2:x:../../../version?a=1#b%2f:root@pam:";

    let error = world.fail("get_task_status", json!({ "upid": upid })).await;

    assert_eq!(error.code(), Code::NotFound);
    let asked = world.pbs.log().all();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0]
            .path
            .starts_with("/api2/json/nodes/localhost/tasks/UPID")
    );
    assert!(
        asked[0]
            .path
            .contains("..%2F..%2F..%2Fversion%3Fa%3D1%23b%252f"),
        "{}",
        asked[0].path
    );
    assert_eq!(asked[0].query, None);
}

#[tokio::test]
async fn texts_travel_as_data() {
    let world = World::lab().await;
    let notes = "\"}, \"ns\": \"other\" &notes=x\n<b>${HOME}`id`";

    let done = world
        .call(
            "set_backup_notes",
            json!({ "datastore": "main", "backup": "vm/100", "notes": notes }),
        )
        .await;

    assert_eq!(done["notes"], notes);
}

#[tokio::test]
async fn the_longest_names_still_fit_into_an_address() {
    let world = World::lab().await;
    let part = "n".repeat(35);
    let ns = [part.as_str(); 7].join("/");
    let id = "i".repeat(128);
    let backup = format!("host/{id}/2026-05-31T22:00:00Z");

    let error = world
        .fail(
            "delete_backup",
            json!({ "datastore": "main", "ns": ns, "backup": backup }),
        )
        .await;

    assert_eq!(error.code(), Code::NotFound);
}
