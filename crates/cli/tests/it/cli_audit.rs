//! The audit, backups and secrets from outside.

use homelab_testkit::{Peer, command};
use serde_json::{Value, json};

use crate::cli_support::{Place, Ran};

/// Three recorded calls.
fn recorded() -> Place {
    let place = Place::new();
    place.init();
    for name in ["a", "b", "c"] {
        let device = json!({ "name": name }).to_string();
        place
            .run(&["tools", "call", "homelab_upsert_device", "--args", &device])
            .ok();
    }
    place
}

/// Changes the database behind the program's back.
fn tamper(place: &Place, sql: &str) -> Option<()> {
    let python = Peer::Python.require()?;
    let mut change = command(python);
    change
        .args([
            "-c",
            "import sqlite3,sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])",
        ])
        .arg(place.data("homelab.db"))
        .arg(sql);
    Ran::of(change).ok();
    Some(())
}

#[test]
fn an_untouched_audit_verifies_and_shows_who_did_what() {
    let place = recorded();

    let verified = place.json(&["audit", "verify"]);
    let rows = place.json(&[
        "audit",
        "show",
        "--action",
        "homelab_upsert_device",
        "--outcome",
        "ok",
    ]);

    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(rows.as_array().expect("rows").len(), 3, "{rows}");
    assert!(
        rows[0]["user"]
            .as_str()
            .expect("a user")
            .starts_with("cli:"),
        "{rows}"
    );
    assert!(
        rows[0]["arguments"]
            .as_str()
            .expect("arguments")
            .contains("\"c\""),
        "{rows}"
    );
    assert!(
        rows[0]["duration_us"].as_i64().is_some_and(|took| took > 0),
        "{rows}"
    );
    assert_eq!(place.json(&["audit", "show", "--until", "1h"]), json!([]));
}

#[test]
fn a_changed_row_is_named() {
    let place = recorded();
    let sql = "UPDATE audit_log SET outcome = 'denied' WHERE action = 'homelab_upsert_device' AND outcome = 'ok' AND arguments LIKE '%\"b\"%'";
    let Some(()) = tamper(&place, sql) else {
        return;
    };

    let verified = place.run(&["audit", "verify", "--json"]).failed(1).json();

    assert_eq!(verified["ok"], false);
    let rows = place.json(&["audit", "show", "--outcome", "denied"]);
    assert_eq!(
        verified["faults"][0]["id"], rows[0]["id"],
        "{verified}\n{rows}"
    );
    assert!(place.run(&["doctor"]).failed(1).stdout.contains("faults"));
}

#[test]
fn a_removed_row_is_found() {
    let place = recorded();
    let sql = "DELETE FROM audit_log WHERE action = 'homelab_upsert_device' AND outcome = 'ok' AND arguments LIKE '%\"c\"%'";
    let Some(()) = tamper(&place, sql) else {
        return;
    };

    let ran = place.run(&["audit", "verify"]).failed(1);

    assert!(ran.stdout.contains("missing"), "{ran:?}");
}

#[test]
fn an_export_verifies_elsewhere_and_an_altered_one_does_not() {
    let place = recorded();
    place
        .run(&["audit", "export", "--output", "audit.jsonl"])
        .ok();

    let good = place.json(&["audit", "verify", "--file", "audit.jsonl"]);
    let text = std::fs::read_to_string(place.path("audit.jsonl")).expect("the file");
    place.write("altered.jsonl", &text.replacen("\\\"a\\\"", "\\\"z\\\"", 1));
    let altered = place.run(&["audit", "verify", "--file", "altered.jsonl"]);

    assert_eq!(good["ok"], true, "{good}");
    assert!(
        good["rows"].as_u64().is_some_and(|rows| rows >= 8),
        "{good}"
    );
    altered.failed(1);
}

#[test]
fn a_backup_brings_everything_back() {
    let place = recorded();
    let mut set = place.command(&["credentials", "set", "nas", "--password-env", "PW"]);
    set.env("PW", "hunter2-hunter2");
    Ran::of(set).ok();

    place.run(&["backup", "saved"]).ok();
    place
        .run(&["inventory", "add", "device", "name=later"])
        .ok();
    let refused = place.run(&["restore", "saved"]).failed(1);
    place.run(&["restore", "saved", "--force"]).ok();
    place
        .run(&["--data-dir", "elsewhere", "restore", "saved"])
        .ok();

    assert!(refused.stderr.contains("--force"), "{refused:?}");
    for data in [&[][..], &["--data-dir", "elsewhere"]] {
        let devices = place.json(&[data, &["inventory", "list"]].concat());
        assert_eq!(devices.as_array().expect("devices").len(), 3, "{devices}");
        let get = [
            "tools",
            "call",
            "homelab_get_credentials",
            "--args",
            "{\"target\":\"nas\"}",
        ];
        let found = place.json(&[data, &get].concat());
        assert_eq!(found["credentials"][0]["password"], "hunter2-hunter2");
        assert_eq!(
            place.json(&[data, &["audit", "verify"]].concat())["ok"],
            true
        );
    }
}

#[test]
fn a_damaged_backup_and_a_busy_data_directory_are_refused() {
    let place = recorded();
    place.run(&["backup", "saved"]).ok();
    let (_server, _) = place.serve(&[], &[]);

    let busy = place.run(&["restore", "saved", "--force"]).failed(1);
    std::fs::write(place.path("saved/audit.key"), "00").expect("our file");
    let damaged = place
        .run(&["--data-dir", "new", "restore", "saved"])
        .failed(1);

    assert!(busy.stderr.contains("another homelab-mcp uses"), "{busy:?}");
    assert!(
        damaged.stderr.contains("`audit.key` of this backup"),
        "{damaged:?}"
    );
}

#[test]
fn a_new_master_key_reads_everything_and_the_old_one_can_be_forgotten() {
    let place = Place::new();
    place.init();
    let mut set = place.command(&["credentials", "set", "nas", "--password-env", "PW"]);
    set.env("PW", "hunter2-hunter2");
    Ran::of(set).ok();
    let first = std::fs::read_to_string(place.data("master.key")).expect("the key");
    let password = || -> Value {
        let get = [
            "tools",
            "call",
            "homelab_get_credentials",
            "--args",
            "{\"target\":\"nas\"}",
        ];
        place.json(&get)["credentials"][0]["password"].clone()
    };

    let rotated = place.json(&["credentials", "rotate-key"]);
    let both = std::fs::read_to_string(place.data("master.key")).expect("the keys");
    assert_eq!(password(), "hunter2-hunter2");
    place.run(&["credentials", "rotate-key", "--prune"]).ok();
    let last = std::fs::read_to_string(place.data("master.key")).expect("the key");

    assert_eq!(rotated["encrypted_again"], 1, "{rotated}");
    assert!(both.contains(first.trim()) && both.lines().count() == 2);
    assert!(!last.contains(first.trim()) && last.lines().count() == 1);
    assert_eq!(password(), "hunter2-hunter2");
}

#[test]
fn a_password_is_never_an_argument_and_never_listed() {
    let place = Place::new();
    place.init();

    let none = place.run(&["credentials", "set", "nas"]).failed(2);
    let mut piped = place.command(&["credentials", "set", "nas", "--password-stdin"]);
    let file = std::fs::File::open(place.write("pw", "hunter2-hunter2\n")).expect("the file");
    piped.stdin(file);
    Ran::of(piped).ok();
    let listed = place.run(&["credentials", "list", "--json"]).ok();
    place.run(&["credentials", "delete", "nas"]).ok();

    assert!(none.stderr.contains("--password-stdin"), "{none:?}");
    assert_eq!(listed.json()[0]["secret"], "stored");
    assert!(!listed.stdout.contains("hunter2"), "{listed:?}");
    assert_eq!(place.json(&["credentials", "list"]), json!([]));
}
