//! The official conformance suite, run against our doors: once with the fixtures it asks for behind
//! them, once with our own handler.

#![expect(
    deprecated,
    reason = "the suite of 2025-11-25 asks for what 2026-07-28 deprecates"
)]

mod asks;
mod catalogue;
mod content;
mod fixture;
mod plain;
mod rounds;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use homelab_gateway::transport::http::router_for;
use homelab_testkit::{Peer, Proc, command};
use serde_json::Value;

use crate::transport::support::server::{Setup, TestServer};
use fixture::Fixture;

/// A whole list takes a few seconds.
const LONGEST: Duration = Duration::from_mins(4);

const STATELESS: &[&str] = &["--requirements", "2026-07-28"];
const SESSIONS: &[&str] = &["--suite", "all", "--spec-version", "2025-11-25"];

/// Runs a list of the suite. Exactly what `baseline` says fails: a scenario, or one check of a
/// scenario as `scenario/check`.
async fn fails_only_where_expected(server: &TestServer, list: &[&str], baseline: &str) {
    let Some(suite) = Peer::Conformance.require() else {
        return;
    };
    let results = tempfile::tempdir().unwrap();
    let mut command = command(suite);
    command
        .arg("server")
        .arg("--url")
        .arg(format!("http://{}/mcp", server.address))
        .arg("-o")
        .arg(results.path())
        .args(list);

    let said = tokio::task::spawn_blocking(move || {
        let mut suite = Proc::spawn(&mut command).unwrap();
        suite.wait(LONGEST).unwrap();
        suite.stdout()
    })
    .await
    .unwrap();

    let expected: BTreeSet<&str> = baseline
        .lines()
        .filter_map(|line| line.split('#').next())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let (ran, failed) = read(results.path());
    let unexpected: Vec<_> = failed
        .iter()
        .filter(|(scenario, check, _)| {
            let check = format!("{scenario}/{check}");
            !expected.contains(scenario.as_str()) && !expected.contains(check.as_str())
        })
        .collect();
    let stale: Vec<_> = expected
        .iter()
        .filter(|entry| {
            let (scenario, check) = entry.split_once('/').unwrap_or((entry, ""));
            !failed
                .iter()
                .any(|failure| failure.0 == scenario && (check.is_empty() || failure.1 == check))
        })
        .collect();
    assert!(ran > 30, "the suite ended early:\n{said}");
    assert!(unexpected.is_empty(), "these fail: {unexpected:#?}");
    assert!(stale.is_empty(), "these pass now: {stale:#?}");
}

/// How many scenarios ran, and which of their checks failed, and why.
fn read(results: &Path) -> (usize, Vec<(String, String, String)>) {
    let mut ran = 0;
    let mut failed = Vec::new();
    for folder in std::fs::read_dir(results).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        // `server-<scenario>-<time>`, where the time is `2026-01-02T03-04-05-678Z`.
        let scenario = name.strip_prefix("server-").unwrap();
        let scenario = scenario.rsplitn(7, '-').last().unwrap();
        let checks = std::fs::read(folder.path().join("checks.json")).unwrap();
        let checks: Vec<Value> = serde_json::from_slice(&checks).unwrap();
        ran += 1;
        failed.extend(
            checks
                .iter()
                .filter(|check| check["status"] == "FAILURE")
                .map(|check| {
                    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
                    (scenario.to_owned(), text("id"), text("errorMessage"))
                }),
        );
    }
    (ran, failed)
}

async fn fixture() -> TestServer {
    let fixture = Fixture::default();
    TestServer::serving(Setup::default(), move |parts| {
        router_for(parts, move |_, _| fixture.clone())
    })
    .await
}

#[tokio::test]
async fn the_suite_of_2026_07_28_passes_with_its_fixtures() {
    let server = fixture().await;

    let baseline = include_str!("fixtures-2026-07-28.txt");
    fails_only_where_expected(&server, STATELESS, baseline).await;
}

#[tokio::test]
async fn the_suite_of_2025_11_25_passes_with_its_fixtures() {
    let server = fixture().await;

    fails_only_where_expected(&server, SESSIONS, "").await;
}

#[tokio::test]
async fn what_applies_of_2026_07_28_passes_with_our_own_handler() {
    let server = TestServer::start().await;

    let baseline = include_str!("ours-2026-07-28.txt");
    fails_only_where_expected(&server, STATELESS, baseline).await;
}

#[tokio::test]
async fn what_applies_of_2025_11_25_passes_with_our_own_handler() {
    let server = TestServer::start().await;

    let baseline = include_str!("ours-2025-11-25.txt");
    fails_only_where_expected(&server, SESSIONS, baseline).await;
}
