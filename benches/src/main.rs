//! Benchmarks, run by hand through `benches/run`.
//!
//! `homelab-benches memory …` needs no more than the store and the memory engine: without the default feature
//! `program` nothing else is built.

mod memory;
#[cfg(feature = "program")]
mod program;

use std::io::{self, Write};

use anyhow::Context as _;

/// Prints one line of a report.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// The value after `--name`, or the default.
fn option(arguments: &[String], name: &str, default: Option<&str>) -> anyhow::Result<String> {
    let given = arguments
        .iter()
        .skip_while(|argument| *argument != name)
        .nth(1)
        .map(String::as_str);
    given
        .or(default)
        .map(str::to_owned)
        .with_context(|| format!("{name} VALUE is needed"))
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|what| what == "memory") {
        return memory::run(&arguments);
    }
    #[cfg(feature = "program")]
    return program::run(&arguments);
    #[cfg(not(feature = "program"))]
    anyhow::bail!("this build measures memory alone");
}
