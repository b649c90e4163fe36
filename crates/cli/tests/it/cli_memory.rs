//! What agents remember, from the command line: counting, finding, moving in and out, vectors.

use serde_json::{Value, json};

use crate::cli_support::Place;

/// What the reference memory server keeps.
const GRAPH: &str = r#"{"type":"entity","name":"nas01","entityType":"device","observations":["has 4 disks","is at 192.0.2.5"]}
{"type":"relation","from":"nas01","to":"rack","relationType":"stands_in"}
"#;

const NOTE: &str = "---\ncategory: runbook\nuser_id: alice\n---\n# Restart the NAS\n- stop the backups first\n- then hold the button for 4 s\n";

/// Keeps a text by the tool, as the local user does.
fn add(place: &Place, args: &Value) -> Value {
    place.json(&["tools", "call", "add_memory", "--args", &args.to_string()])
}

fn texts(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().expect("a list");
    results
        .iter()
        .map(|one| one["content"].as_str().expect("a text"))
        .collect()
}

#[test]
fn a_memory_is_kept_found_and_counted_without_any_setting() {
    let place = Place::new();
    let example = json!({
        "content": "Discovered 12 VMs in Proxmox cluster",
        "user_id": "infrastructure_agent",
        "metadata": { "category": "discovery", "source": "proxmox" },
    });

    add(&place, &example);
    let found = place.json(&["memory", "search", "how many machines are in proxmox?"]);
    let stats = place.json(&["memory", "stats"]);
    let shown = place.run(&["memory", "search", "proxmox"]).ok().stdout;

    assert_eq!(texts(&found), ["Discovered 12 VMs in Proxmox cluster"]);
    assert_eq!(stats["memories"], 1);
    assert_eq!(stats["categories"], json!({ "discovery": 1 }));
    assert_eq!(stats["models"][0]["vectors"], 1);
    assert!(shown.contains("infrastructure_agent"), "{shown}");
}

#[test]
fn an_export_imports_into_an_empty_place_as_it_was() {
    let (one, other) = (Place::new(), Place::new());
    one.write("graph.jsonl", GRAPH);
    one.write("notes/nas.md", NOTE);
    one.run(&["memory", "import", "graph.jsonl", "notes/nas.md"])
        .ok();
    add(
        &one,
        &json!({
            "content": "nas01 beeps\nwhen its »fan« stops",
            "importance": 0.9,
            "about": [{ "kind": "devices", "name": "nas01" }],
            "ttl_days": 30,
            "metadata": { "list": [1, 2.5, { "deep": null }] },
        }),
    );

    let exported = one.run(&["memory", "export"]).ok().stdout;
    other.write("copy.jsonl", &exported);
    let taken = other.json(&["memory", "import", "copy.jsonl"]);
    let again = other.json(&["memory", "import", "copy.jsonl"]);

    assert_eq!(exported.lines().count(), 7, "{exported}");
    assert_eq!(taken, json!({ "new": 6, "same": 0, "here": 0 }));
    assert_eq!(again, json!({ "new": 0, "same": 0, "here": 6 }));
    assert_eq!(other.run(&["memory", "export"]).ok().stdout, exported);
}

#[test]
fn an_export_is_a_file_for_its_owner_alone() {
    let place = Place::new();
    add(&place, &json!({ "content": "the nas is blue" }));

    let ran = place
        .run(&["memory", "export", "--output", "all.jsonl"])
        .ok();

    assert!(ran.stderr.contains("wrote 1 memories"), "{ran:?}");
    assert_eq!(crate::cli_support::mode(&place.path("all.jsonl")), 0o600);
}

#[test]
fn what_was_imported_is_found_at_once_and_gets_its_vectors() {
    let place = Place::new();
    place.write("graph.jsonl", GRAPH);

    place.run(&["memory", "import", "graph.jsonl"]).ok();
    let by_words = place.json(&["memory", "search", "192.0.2.5"]);
    let reindexed = place.json(&["memory", "reindex"]);
    let again = place.json(&["memory", "reindex"]);
    let all = place.json(&["memory", "reindex", "--all"]);

    assert_eq!(texts(&by_words)[0], "nas01: is at 192.0.2.5");
    assert_eq!(reindexed["embedded"], 3);
    assert_eq!(again["embedded"], 0);
    assert_eq!(all["embedded"], 3);
}

#[test]
fn one_bad_line_keeps_all_others_out_and_is_named() {
    let place = Place::new();
    place.write("graph.jsonl", &format!("{GRAPH}nonsense\n"));

    let ran = place.run(&["memory", "import", "graph.jsonl"]).failed(1);
    let json = place
        .run(&["memory", "import", "graph.jsonl", "--json"])
        .failed(1);

    assert!(
        ran.stderr.contains("graph.jsonl: line 3: it is no JSON"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("nothing was imported"), "{ran:?}");
    assert_eq!(json.json()["problems"][0]["at"], "line 3");
    assert_eq!(place.json(&["memory", "stats"])["memories"], 0);
}

#[test]
fn a_secret_in_an_import_is_refused_without_being_repeated() {
    let place = Place::new();
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    place.write(
        "mem0.json",
        &json!({ "results": [{ "memory": format!("use {secret}") }] }).to_string(),
    );

    let ran = place.run(&["memory", "import", "mem0.json"]).failed(1);

    assert!(
        ran.stderr.contains("memory 1: it seems to hold a secret"),
        "{ran:?}"
    );
    assert!(!ran.stderr.contains(secret), "{ran:?}");
}

#[test]
fn a_dry_run_changes_nothing_and_makes_nothing() {
    let place = Place::new();
    place.write("graph.jsonl", GRAPH);

    let ran = place.json(&["memory", "import", "graph.jsonl", "--dry-run"]);

    assert_eq!(ran, json!({ "would_import": 3 }));
    assert!(!place.data("homelab.db").exists());
}

#[test]
fn owners_are_kept_apart_and_an_import_can_name_one() {
    let place = Place::new();
    let export = json!({ "results": [
        { "memory": "the nas is blue", "user_id": "alice", "created_at": "2026-01-02T03:04:05Z" },
    ] });
    place.write("mem0.json", &export.to_string());

    place
        .run(&["memory", "import", "mem0.json", "--owner", "claude"])
        .ok();
    add(&place, &json!({ "content": "the nas is loud" }));
    let search = |owner: &str| place.json(&["memory", "search", "nas", "--owner", owner]);
    let by_tool = [
        "tools",
        "call",
        "search_memories",
        "--args",
        r#"{"query":"nas"}"#,
    ];

    assert_eq!(texts(&search("claude")), ["the nas is blue"]);
    assert_eq!(texts(&search("local")), ["the nas is loud"]);
    assert_eq!(texts(&place.json(&by_tool)), ["the nas is loud"]);
    assert_eq!(texts(&place.json(&["memory", "search", "nas"])).len(), 2);
    assert_eq!(place.json(&["memory", "stats"])["owners"], 2);
    let exported = place
        .run(&["memory", "export", "--owner", "claude"])
        .ok()
        .stdout;
    assert!(exported.contains("2026-01-02T03:04:05Z"), "{exported}");
    assert!(!exported.contains("loud"), "{exported}");
}

#[test]
fn a_file_whose_form_nobody_knows_is_a_question() {
    let place = Place::new();
    place.write("words.txt", "just some words\n");

    let ran = place.run(&["memory", "import", "words.txt"]).failed(2);

    assert!(ran.stderr.contains("--form"), "{ran:?}");
}
