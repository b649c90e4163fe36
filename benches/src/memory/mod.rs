//! How well memory finds things, and how fast.

mod generate;
mod set;

use anyhow::bail;

/// Runs `memory <what>`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    match arguments.get(2).map(String::as_str) {
        Some("generate") => generate::print(set::by_hand()?.len()),
        _ => bail!("memory generate"),
    }
}
