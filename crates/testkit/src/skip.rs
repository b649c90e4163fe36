//! What a test does when a real peer is not installed.

use std::io::Write;
use std::thread;

const REQUIRE_PEERS: &str = "HOMELAB_TEST_REQUIRE_PEERS";

/// Whether a missing peer fails a test: `HOMELAB_TEST_REQUIRE_PEERS=1`, which CI sets.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test run, not a setting of the program"
)]
pub fn peers_are_required() -> bool {
    std::env::var_os(REQUIRE_PEERS).is_some_and(|value| value == "1")
}

/// Reports that the running test cannot do its work here; the test returns after it.
///
/// Prints `SKIPPED: <test>: <why>` to stderr, past the test runner's capture of printed text, so that the line is
/// seen although the test counts as passed.
///
/// # Panics
/// When [`peers_are_required`].
pub fn skip(why: &str) {
    let current = thread::current();
    let test = current.name().unwrap_or("?");
    assert!(
        !peers_are_required(),
        "{why}, and {REQUIRE_PEERS}=1 forbids to skip"
    );
    // Nothing is lost when stderr is closed: nobody would read the line.
    writeln!(std::io::stderr(), "SKIPPED: {test}: {why}").unwrap_or_default();
}
