//! A canary: a stored secret that is asked for, repeated in arguments and provoked into errors turns
//! up in nothing but the one answer that is meant to hold it.

use serde_json::json;

use crate::cli_support::{Place, Ran};
use crate::clients_http::McpConnection;

const STORED: &str = "canary-stored-7f3a9c-secret";
const CONFIGURED: &str = "Y2FuYXJ5LWNvbmZpZ3VyZWQta2V5LTMyLWJ5dGVzISE=";

/// Calls that touch the stored secret in every way we could think of.
fn provoke(port: u16, key: &str) {
    let mut client = McpConnection::open(port, key).expect("a connection");
    let calls = [
        ("homelab_search", json!({ "query": STORED })),
        ("homelab_lookup_ip", json!({ "ip": STORED })),
        ("homelab_get_device", json!({ "name": STORED })),
        (
            "homelab_upsert_device",
            json!({ "name": "x", "notes": STORED }),
        ),
        ("homelab_upsert_device", json!({ "name": "x", STORED: 1 })),
        ("homelab_list_devices", json!({ "cursor": STORED })),
        (STORED, json!({})),
        ("homelab_get_credentials", json!({ "target": "nas" })),
    ];
    for (tool, arguments) in calls {
        // Whatever the answer is; an error is one of the things to provoke.
        drop(client.post(tool, &arguments));
    }
}

#[test]
fn no_log_level_no_error_no_audit_row_and_no_metric_holds_a_stored_secret() {
    let place = Place::new();
    let variables = [("HOMELAB_DB_KEY", CONFIGURED)];
    let keys = place
        .run_with(&["keys", "init", "--json"], &variables)
        .ok()
        .json();
    let owner = keys["owner"]["key"].as_str().expect("a key").to_owned();
    let mut set = place.command(&["credentials", "set", "nas", "--password-env", "PW"]);
    set.env("PW", STORED).envs(variables);
    Ran::of(set).ok();
    let mut admin = place.command(&[
        "keys", "create", "--name", "canary", "--role", "admin", "--json",
    ]);
    admin.env("HOMELAB_OWNER_KEY", &owner).envs(variables);
    let admin = Ran::of(admin).ok().json();
    let admin = admin["key"].as_str().expect("a key").to_owned();

    let mut seen = String::new();
    for level in ["error", "warn", "info", "debug", "trace"] {
        for format in ["json", "human"] {
            let settings = [
                variables[0],
                ("HOMELAB__LOG__LEVEL", level),
                ("HOMELAB__LOG__FORMAT", format),
            ];
            let port = homelab_testkit::free_port().expect("a port");
            let listen = format!("127.0.0.1:{port}");
            let mut command = place.command(&["serve", "--listen", &listen]);
            command.envs(settings);
            let server = homelab_testkit::Proc::spawn(&mut command).expect("the server starts");
            homelab_testkit::wait_for_port(port, crate::cli_support::PATIENCE).expect("it listens");
            provoke(port, &admin);
            let metrics = crate::clients_http::Connection::open(port)
                .and_then(|mut connection| connection.request("GET", "/metrics", &[], b""))
                .expect("metrics");
            seen.push_str(&String::from_utf8_lossy(&metrics.body));
            seen.push_str(&server.stderr());
            seen.push_str(&server.stdout());
        }
    }
    let audit = place.run_with(&["audit", "export"], &variables).ok().stdout;
    let failed = place.run_with(
        &[
            "tools",
            "call",
            "homelab_lookup_ip",
            "--args",
            &json!({ "ip": STORED }).to_string(),
        ],
        &variables,
    );

    assert!(
        audit.contains("homelab_get_credentials"),
        "the calls were recorded"
    );
    assert!(seen.contains("DEBUG") && seen.contains("homelab_mcp_tool_calls_total"));
    for (what, text) in [
        ("log or metrics", &seen),
        ("audit", &audit),
        ("error", &failed.stderr),
    ] {
        for secret in [STORED, CONFIGURED, admin.as_str(), owner.as_str()] {
            let around = text
                .find(secret)
                .and_then(|at| text.get(at.saturating_sub(200)..at + 80));
            assert_eq!(around, None, "in {what}");
        }
    }
    let database = std::fs::read(place.data("homelab.db")).expect("the database");
    let holds = |secret: &str| {
        database
            .windows(secret.len())
            .any(|part| part == secret.as_bytes())
    };
    assert!(!holds(&owner) && !holds(&admin) && !holds(CONFIGURED));
}
