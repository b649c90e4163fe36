//! Size of the binary, resident memory at rest, and the time until the first answer.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use homelab_testkit::Proc;

use super::compare::verdict;
use super::lab::{Lab, resident_bytes};
use crate::say;

const MIB: u64 = 1024 * 1024;
/// Largest binary.
const BINARY: u64 = 60 * MIB;
/// Most resident memory of a server at rest.
const RESIDENT: u64 = 40 * MIB;
/// Longest time from the start of the process to its first answer.
const FIRST_ANSWER: Duration = Duration::from_millis(50);
/// Starts that are timed.
const STARTS: usize = 11;

/// Prints all three.
pub(crate) fn report(lab: &Lab) -> anyhow::Result<()> {
    let size = lab.program.metadata()?.len();
    say(&format!(
        "binary: {} MiB {} (budget {} MiB)",
        size / MIB,
        verdict(size < BINARY),
        BINARY / MIB
    ))?;

    let (server, _) = lab.serve()?;
    // What the start needs and gives back is no memory at rest.
    std::thread::sleep(Duration::from_secs(3));
    let resident = resident_bytes(&server)?;
    drop(server);
    say(&format!(
        "resident at rest: {} MiB {} (budget {} MiB)",
        resident / MIB,
        verdict(resident < RESIDENT),
        RESIDENT / MIB
    ))?;

    let mut starts = (0..STARTS)
        .map(|_| first_answer(lab))
        .collect::<anyhow::Result<Vec<_>>>()?;
    starts.sort_unstable();
    let median = starts[STARTS / 2];
    say(&format!(
        "first answer over stdio: {median:.1?} {} (budget {FIRST_ANSWER:?})",
        verdict(median < FIRST_ANSWER)
    ))
}

/// From the start of the process to the answer of `initialize`.
fn first_answer(lab: &Lab) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut server = Proc::spawn(&mut lab.command(&["serve", "--stdio"]))?;
    let mut stdin = server.take_stdin().context("a pipe")?;
    stdin.write_all(
        br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#,
    )?;
    stdin.write_all(b"\n")?;
    server.wait_for_line("serverInfo", Duration::from_secs(10))?;
    Ok(started.elapsed())
}
