//! The whole program: how fast it answers, what it costs, and how that compares.

mod bare;
mod budgets;
mod ccpm;
mod compare;
mod flood;
mod import;
mod lab;
mod load;
mod ordinary;
mod policy;
mod sse;
mod unaudited;

use anyhow::bail;

use crate::option;

/// How long one client is refused in the whole run.
const FLOOD_SECONDS: u64 = 60;

/// Runs one of them.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    match arguments.get(1).map(String::as_str) {
        Some("bare") => bare::serve(
            option(arguments, "--database", None)?.as_ref(),
            option(arguments, "--port", None)?.parse()?,
        ),
        Some("ordinary") => ordinary::serve(
            option(arguments, "--database", None)?.as_ref(),
            option(arguments, "--port", None)?.parse()?,
        ),
        Some("load") => compare::load(
            option(arguments, "--port", None)?.parse()?,
            option(arguments, "--key", None).ok().as_deref(),
            option(arguments, "--connections", Some("1"))?.parse()?,
            option(arguments, "--seconds", Some("3"))?.parse()?,
        ),
        Some("unaudited") => unaudited::serve(
            option(arguments, "--database", None)?.as_ref(),
            option(arguments, "--port", None)?.parse()?,
        ),
        Some("compare") => {
            let program = option(arguments, "--program", None)?;
            let seconds = option(arguments, "--seconds", Some("5"))?.parse()?;
            let lab = lab::Lab::new(program.as_ref())?;
            import::report(&lab)?;
            budgets::report(&lab)?;
            compare::report(
                &lab,
                &compare::Others {
                    python: option(arguments, "--python", None)?,
                    fastmcp: option(arguments, "--fastmcp", None)?,
                },
                seconds,
            )?;
            sse::report(&lab, seconds)?;
            policy::report(&lab, seconds)?;
            flood::report(&lab, FLOOD_SECONDS)
        }
        Some("ccpm") => ccpm::report(),
        Some("flood") => {
            let program = option(arguments, "--program", None)?;
            let seconds = option(arguments, "--seconds", Some("60"))?.parse()?;
            let lab = lab::Lab::new(program.as_ref())?;
            import::report(&lab)?;
            flood::report(&lab, seconds)
        }
        Some("sse") => {
            let program = option(arguments, "--program", None)?;
            let seconds = option(arguments, "--seconds", Some("5"))?.parse()?;
            let lab = lab::Lab::new(program.as_ref())?;
            import::report(&lab)?;
            sse::report(&lab, seconds)
        }
        Some("policy") => {
            let Ok(program) = option(arguments, "--program", None) else {
                return policy::decisions();
            };
            let seconds = option(arguments, "--seconds", Some("5"))?.parse()?;
            let lab = lab::Lab::new(program.as_ref())?;
            import::report(&lab)?;
            policy::report(&lab, seconds)
        }
        _ => bail!("run benches/run"),
    }
}
