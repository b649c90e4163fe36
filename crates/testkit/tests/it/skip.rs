//! A missing peer is reported, and fails where peers are required.

use std::time::Duration;

use homelab_testkit::{Proc, command, skip};

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the ignored half below with what the environment says about peers; output stays captured as usual.
fn run_a_skipping_test(require: Option<&str>) -> Proc {
    let binary = std::env::current_exe().unwrap();
    let mut command = command(binary);
    command.args(["--ignored", "--exact", "skip::half_that_skips"]);
    if let Some(value) = require {
        command.env("HOMELAB_TEST_REQUIRE_PEERS", value);
    }
    Proc::spawn(&mut command).unwrap()
}

#[test]
#[ignore = "run by the other tests of this file"]
fn half_that_skips() {
    skip("no such peer");
}

#[test]
fn a_skip_is_seen_although_the_test_passes() {
    let mut tests = run_a_skipping_test(None);

    assert!(tests.wait(PATIENCE).unwrap().success());

    let line = tests.wait_for_line("SKIPPED", PATIENCE).unwrap();
    assert_eq!(line, "SKIPPED: skip::half_that_skips: no such peer");
}

#[test]
fn a_skip_fails_the_test_where_peers_are_required() {
    let mut tests = run_a_skipping_test(Some("1"));

    assert!(!tests.wait(PATIENCE).unwrap().success());

    tests
        .wait_for_line(
            "no such peer, and HOMELAB_TEST_REQUIRE_PEERS=1 forbids to skip",
            PATIENCE,
        )
        .unwrap();
}
