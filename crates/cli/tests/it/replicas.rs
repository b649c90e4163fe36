//! Several servers on one database, and what is left when one of them dies in the middle.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use homelab_testkit::Postgres;
use serde_json::{Value, json};

use crate::clients_http::{Connection, McpConnection};
use crate::clients_support::{Gateway, Home};

/// Every change of a device needs the owner.
const RULES: &str = r#"
[[policy.rules]]
name = "devices need the owner"
tools = ["homelab_upsert_device"]
decision = "approve"
"#;

/// A home whose servers hold every change of a device.
fn held(home: Home) -> (Home, PathBuf) {
    let config = home.file("homelab.toml", RULES);
    (home, config)
}

fn serve(home: &Home, config: &std::path::Path, environment: &[(&str, &str)]) -> Gateway {
    let config = config.display().to_string();
    home.serve_with(&["--config", &config], environment)
}

fn device(name: &str) -> Value {
    json!({ "name": name })
}

/// Asks for a change that is held; returns the approval's id.
fn ask(server: &Gateway, name: &str) -> String {
    let mut client = McpConnection::open(server.port, &server.key).expect("it listens");
    let answer = client
        .post("homelab_upsert_device", &device(name))
        .expect("an answer");
    let message = answer.message().expect("a message");
    let envelope = message["result"]["content"][1]["text"].as_str();
    let envelope: Value = serde_json::from_str(envelope.expect("an envelope")).expect("JSON");
    let id = envelope["approval_id"].as_str();
    id.unwrap_or_else(|| panic!("{envelope}")).to_owned()
}

/// Calls once; whether it ran.
fn runs(server: &Gateway, name: &str) -> bool {
    let Ok(mut client) = McpConnection::open(server.port, &server.key) else {
        return false;
    };
    let answer = client.post("homelab_upsert_device", &device(name));
    answer.is_ok_and(|answer| answer.text().contains("\"isError\":false"))
}

/// Lets the owner decide through this server.
fn approve(home: &Home, server: &Gateway, id: &str) -> Option<u16> {
    let bearer = format!("Bearer {}", home.owner_key());
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let path = format!("/api/v1/approvals/{id}");
    let mut connection = Connection::open(server.port).ok()?;
    let shown = connection.request("GET", &path, &headers, b"").ok()?;
    let digest = shown.message()?["digest"].clone();
    let decision = json!({ "decision": "approve", "digest": digest }).to_string();
    let path = format!("{path}/decision");
    let decided = connection.request("POST", &path, &headers, decision.as_bytes());
    decided.ok().map(|answer| answer.status)
}

fn approval(home: &Home, id: &str) -> Value {
    home.json(&["approvals", "show", id])
}

/// How often the audit says that a change of this device succeeded.
fn successes(home: &Home, name: &str) -> usize {
    home.succeed(&["audit", "export"])
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|row| row["kind"] == "outcome" && row["outcome"] == "ok")
        .filter(|row| {
            row["arguments"]
                .as_str()
                .is_some_and(|text| text.contains(name))
        })
        .count()
}

fn has_device(home: &Home, name: &str) -> bool {
    let inventory = home.json(&["inventory", "export"]);
    let devices = inventory["devices"].as_array().into_iter().flatten();
    devices.into_iter().any(|device| device["name"] == name)
}

#[test]
fn asked_on_one_replica_decided_on_another_a_call_runs_once() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let (home, config) = held(Home::on_postgres(postgres));
    let (first, second) = (serve(&home, &config, &[]), serve(&home, &config, &[]));

    let id = ask(&first, "shared");
    assert_eq!(ask(&second, "shared"), id, "the other replica knows it");
    assert_eq!(approve(&home, &second, &id), Some(200));
    assert_eq!(approve(&home, &first, &id), Some(409), "a double click");
    let ran = AtomicUsize::new(0);
    thread::scope(|scope| {
        for server in [&first, &second].repeat(8) {
            let ran = &ran;
            scope.spawn(move || {
                ran.fetch_add(usize::from(runs(server, "shared")), Ordering::Relaxed);
            });
        }
    });

    assert_eq!(ran.load(Ordering::Relaxed), 1);
    assert_eq!(successes(&home, "shared"), 1);
    assert_eq!(approval(&home, &id)["state"], "executed");
    home.succeed(&["audit", "verify"]);
}

#[test]
fn the_owner_turns_the_kill_switch_on_one_replica_for_all() {
    let home = Home::new();
    let servers = [home.serve(&[]), home.serve(&[])];
    let turn = |server: &Gateway, key: &str, state: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        let body = json!({ "state": state, "reason": "a test" }).to_string();
        let mut connection = Connection::open(server.port).expect("it listens");
        let answer = connection.request("POST", "/api/v1/kill-switch", &headers, body.as_bytes());
        answer.expect("an answer").status
    };
    assert!(runs(&servers[1], "before"));

    assert_eq!(turn(&servers[0], &servers[0].key, "on"), 403);
    assert_eq!(turn(&servers[0], home.owner_key(), "maybe"), 400);
    assert_eq!(turn(&servers[0], home.owner_key(), "on"), 200);
    assert!(!runs(&servers[1], "stopped"));
    assert_eq!(turn(&servers[1], home.owner_key(), "off"), 200);
    assert!(runs(&servers[0], "after"));
    // The file stops changes too, also where nobody can reach the database.
    let file = home.data_dir().join("kill-switch");
    std::fs::write(&file, "").expect("a file");
    assert!(!runs(&servers[0], "by file"));
    std::fs::remove_file(&file).expect("it was there");
    assert!(runs(&servers[0], "again"));
}

/// What is left when the process that runs an approved call dies at one place.
struct Left {
    at: &'static str,
    /// Whether the change was made.
    made: bool,
    /// Whether the same approval lets the call run after the restart.
    usable: bool,
    /// How the approval stands once its run counts as lost.
    state: &'static str,
    /// What is read back about the run.
    outcome: Option<&'static str>,
}

const PLACES: [Left; 6] = [
    Left {
        at: "asked",
        made: false,
        usable: true,
        state: "executed",
        outcome: Some("ok"),
    },
    Left {
        at: "voted",
        made: false,
        usable: true,
        state: "executed",
        outcome: Some("ok"),
    },
    Left {
        at: "intended",
        made: false,
        usable: true,
        state: "executed",
        outcome: Some("ok"),
    },
    Left {
        at: "begun",
        made: false,
        usable: false,
        state: "unknown",
        outcome: None,
    },
    Left {
        at: "ran",
        made: true,
        usable: false,
        state: "unknown",
        outcome: None,
    },
    Left {
        at: "recorded",
        made: true,
        usable: false,
        state: "unknown",
        outcome: Some("ok"),
    },
];

/// Kills at the place, looks at what is left through a second server, and goes on there.
fn killed_at(home: &Home, left: &Left) {
    let config = home.file("homelab.toml", RULES);
    let name = format!("killed-{}", left.at);
    let survivor = serve(home, &config, &[]);
    let mut dying = serve(home, &config, &[("HOMELAB_TEST_ABORT_AT", left.at)]);

    let id = match left.at {
        "asked" => {
            assert!(!runs(&dying, &name));
            let listed = home.json(&["approvals", "list"]);
            listed["items"][0]["id"]
                .as_str()
                .expect("it was kept")
                .to_owned()
        }
        _ => ask(&survivor, &name),
    };
    if left.at == "voted" {
        assert_eq!(approve(home, &dying, &id), None);
    } else {
        assert_eq!(approve(home, &survivor, &id), Some(200), "{}", left.at);
    }
    if !matches!(left.at, "asked" | "voted") {
        assert!(!runs(&dying, &name), "{}", left.at);
    }
    dying.kill();
    assert_eq!(has_device(home, &name), left.made, "{}", left.at);

    assert_eq!(runs(&survivor, &name), left.usable, "{}", left.at);
    let deadline = Instant::now() + Duration::from_secs(90);
    let end = loop {
        let now = approval(home, &id);
        if now["state"] != "executing" || Instant::now() > deadline {
            break now;
        }
        thread::sleep(Duration::from_secs(1));
    };
    assert_eq!(end["state"], left.state, "{}", left.at);
    assert_eq!(end["outcome"].as_str(), left.outcome, "{}", left.at);
    // It is never run again by itself, and the old approval lets nothing through.
    assert!(!runs(&survivor, &name), "{}", left.at);
    home.succeed(&["audit", "verify"]);
}

#[test]
fn a_call_whose_process_dies_runs_at_most_once_on_sqlite() {
    thread::scope(|scope| {
        for left in &PLACES {
            scope.spawn(|| killed_at(&Home::new(), left));
        }
    });
}

#[test]
fn a_call_whose_process_dies_runs_at_most_once_on_postgresql() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    thread::scope(|scope| {
        for left in &PLACES {
            scope.spawn(|| killed_at(&Home::on_postgres(postgres), left));
        }
    });
}

#[test]
fn a_database_that_restarts_under_load_costs_no_acknowledged_write_and_no_restart() {
    let Some(postgres) = Postgres::start().expect("a server of our own") else {
        return;
    };
    let home = Home::on_postgres(&postgres);
    let servers = [home.serve(&[]), home.serve(&[])];
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let (server, stop, written) = (&servers[client % 2], &stop, &written);
                scope.spawn(move || write_until(server, client, stop, written))
            })
            .collect();
        let until = |goal: usize| {
            let deadline = Instant::now() + Duration::from_mins(2);
            while written.load(Ordering::Relaxed) < goal {
                assert!(
                    Instant::now() < deadline,
                    "{} writes",
                    written.load(Ordering::Relaxed)
                );
                thread::sleep(Duration::from_millis(10));
            }
        };
        until(60);
        postgres.restart().expect("it restarts");
        until(written.load(Ordering::Relaxed) + 60);
        postgres.kill().expect("it dies");
        postgres.restart().expect("it recovers");
        until(written.load(Ordering::Relaxed) + 60);
        stop.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .flat_map(|client| client.join().expect("no client panics"))
            .collect()
    });

    let inventory = home.json(&["inventory", "export"]);
    let devices: std::collections::HashSet<&str> = inventory["devices"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|device| device["name"].as_str())
        .collect();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|name| !devices.contains(name.as_str()))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    home.succeed(&["audit", "verify"]);
    for server in servers {
        server.stop();
    }
}

/// Writes devices until told to stop; returns the names of those that were acknowledged. While the
/// database is away, calls fail with an error that says so, on a connection that stays open.
fn write_until(
    server: &Gateway,
    client: usize,
    stop: &AtomicBool,
    written: &AtomicUsize,
) -> Vec<String> {
    let mut connection = McpConnection::open(server.port, &server.key).expect("it listens");
    let mut names = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("load-{client}-{number}");
        let answer = connection
            .post("homelab_upsert_device", &device(&name))
            .expect("the server answers, database or not");
        let text = answer.text();
        if text.contains("\"isError\":false") {
            names.push(name);
            written.fetch_add(1, Ordering::Relaxed);
        } else {
            let is_clean = ["database", "audit", "unavailable"]
                .iter()
                .any(|word| text.contains(word));
            assert!(is_clean, "{text}");
            thread::sleep(Duration::from_millis(20));
        }
    }
    names
}
