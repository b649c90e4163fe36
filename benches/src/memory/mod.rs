//! How well memory finds things, and how fast.

mod bed;
mod generate;
mod measure;
mod quality;
mod set;
mod speed;

use anyhow::bail;

use bed::Where;
use set::Set;

use crate::{option, say};

/// How it is called.
const USAGE: &str = "memory quality [--postgres URL] [--json FILE]
memory speed [--postgres URL] [--most 100000] [--only postgres] [--index-from NUMBERS]
memory generate";

/// Runs `memory <what>`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    match arguments.get(2).map(String::as_str) {
        Some("quality") => quality(arguments),
        Some("speed") => {
            let plan = speed::Plan {
                most: option(arguments, "--most", Some("100000"))?.parse()?,
                index_from: option(arguments, "--index-from", None)
                    .ok()
                    .map(|numbers| numbers.parse())
                    .transpose()?,
            };
            let only = option(arguments, "--only", None).ok();
            let runtime = runtime()?;
            places(arguments)
                .iter()
                .filter(|place| only.as_deref().is_none_or(|only| place.is_called(only)))
                .try_for_each(|place| runtime.block_on(speed::report(place, plan)))
        }
        Some("generate") => generate::print(set::by_hand()?.len()),
        _ => bail!("{USAGE}"),
    }
}

/// SQLite, and PostgreSQL where a URL of an empty database is given.
fn places(arguments: &[String]) -> Vec<Where> {
    let url = option(arguments, "--postgres", None).ok();
    let mut places = vec![Where::Sqlite];
    places.extend(url.map(Where::Postgres));
    places
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

fn quality(arguments: &[String]) -> anyhow::Result<()> {
    let set = Set::read()?;
    let runtime = runtime()?;
    let mut runs = Vec::new();
    for place in places(arguments) {
        let run = runtime.block_on(quality::ask(&set, &place))?;
        quality::print(&run)?;
        runs.push(run);
    }
    if let Ok(file) = option(arguments, "--json", None) {
        std::fs::write(&file, serde_json::to_vec_pretty(&runs)?)?;
        say(&format!("written to {file}"))?;
    }
    Ok(())
}
