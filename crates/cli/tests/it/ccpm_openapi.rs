//! The published description of the contract's routes, and whether the server keeps to it: Schemathesis
//! asks what the description allows, and what it does not.

use homelab_testkit::{Peer, command};
use serde_json::{Value, json};

use crate::ccpm_support::{Agent, Rest};
use crate::clients_support::Home;

/// Requests for each operation and phase; enough to find what is missing, within two minutes.
const EXAMPLES: &str = "20";
/// The same requests each time.
const SEED: &str = "20260601";
/// Not asked: whether every request that fits the description succeeds. It does not say which ids
/// exist, nor all that a value has to be.
const LEFT_OUT: &str = "positive_data_acceptance";

#[test]
fn the_description_is_published_for_whoever_has_a_key() {
    let home = Home::new();
    let server = home.serve(&[]);

    let published = Rest::new(&server, &server.key).get("/api/openapi.json");
    let document: Value = published.message().expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let operations: usize = paths
        .values()
        .map(|path| path.as_object().map_or(0, serde_json::Map::len))
        .sum();

    assert_eq!(published.header("content-type"), Some("application/json"));
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!((paths.len(), operations), (23, 33));
    let nobody = Rest::new(&server, "hl_nothing").get("/api/openapi.json");
    assert_eq!(nobody.status, 401);
    server.stop();
}

#[test]
fn schemathesis_finds_nothing_that_contradicts_the_description() {
    let Some(schemathesis) = Peer::Schemathesis.require() else {
        return;
    };
    let home = Home::new();
    let server = home.serve(&[]);
    let mut asker = Agent::register(&home, &server, "asker", "human");
    Agent::register(&home, &server, "worker", "developer");
    // Something to find.
    asker.call("ccpm_create_task", json!({ "title": "Look at me" }));
    asker.call(
        "ccpm_send_message",
        json!({ "to": "worker", "subject": "s", "body": "b" }),
    );
    let admin = home.create_key("tester", "admin").key;
    let description = Rest::new(&server, &admin).get("/api/openapi.json");
    let file = home.file("openapi.json", &description.text());

    let mut tester = command(schemathesis);
    tester
        .arg("run")
        .arg(&file)
        .args(["--url", &server.url("")])
        .args(["--header", &format!("Authorization: Bearer {admin}")])
        .args(["--header", "X-Agent-Id: asker"])
        .args(["--exclude-checks", LEFT_OUT])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", EXAMPLES, "--seed", SEED])
        .args(["--max-time", "110", "--suppress-health-check", "all"])
        .args(["--continue-on-failure", "--no-color", "--workers", "2"])
        .current_dir(home.data_dir());
    let output = tester.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);

    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    server.stop();
}
