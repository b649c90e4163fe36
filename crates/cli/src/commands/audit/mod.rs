//! `audit`: the record of all calls.

mod archive;
mod export;
mod head;
mod show;
mod verify;

use anyhow::Result;
use clap::Subcommand;
use homelab_core::clock::Micros;

use crate::commands::{with_services, with_services_or_demo};
use crate::exit::{Exit, Failure};
use crate::session::Session;

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the newest rows.
    Show(show::Show),
    /// Find every row that was changed, removed, inserted or moved.
    Verify(verify::Args),
    /// Write a range of rows, signed, so that others can verify it.
    Export(export::Args),
    /// Verify an export with the public key alone, on any machine.
    VerifyExport(verify::ExportArgs),
    /// Print the signed head, to be kept elsewhere.
    Head(head::Args),
    /// Print the key that others verify with.
    PublicKey,
    /// Move old rows to a file that verifies with the public key alone.
    Archive(archive::Args),
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    match &command {
        // Needs neither configuration nor data: it runs where there is none.
        Command::VerifyExport(args) => verify::export(args, session),
        Command::Archive(args) => {
            with_services(session, async |services, _| {
                archive::run(args, services, session).await
            })
            .await
        }
        command => {
            with_services_or_demo(session, async |services, _| match command {
                Command::Show(args) => show::run(args, services, session).await,
                Command::Verify(args) => verify::run(args, services, session).await,
                Command::Export(args) => export::run(args, services, session).await,
                Command::Head(args) => head::run(args, services, session).await,
                Command::PublicKey | Command::VerifyExport(_) | Command::Archive(_) => {
                    head::public_key(services, session)
                }
            })
            .await
        }
    }
}

/// A point in time: RFC 3339, or this long ago.
fn point(text: &str, now: Micros) -> Result<Micros> {
    if let Some(at) = Micros::from_rfc3339(text) {
        return Ok(at);
    }
    let split = text.len() - text.chars().last().map_or(0, char::len_utf8);
    let age = text.split_at_checked(split).and_then(|(number, unit)| {
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        number.parse::<i64>().ok()?.checked_mul(seconds)
    });
    match age {
        Some(age) => Ok(now.plus_seconds(-age)),
        None => Err(
            Failure::usage(format!("`{text}` is neither a time nor an age"))
                .hint("write `2026-01-31T12:00:00Z`, or an age such as `30m`, `2h`, `7d`")
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", -90)]
    #[case("2h", -7_200)]
    #[case("7d", -604_800)]
    #[case("1970-01-02T00:00:00Z", -10_000_000 + 86_400)]
    fn a_time_may_be_an_age(#[case] text: &str, #[case] seconds: i64) {
        let now = Micros(0).plus_seconds(10_000_000);

        assert_eq!(point(text, now).unwrap(), now.plus_seconds(seconds));
    }

    #[rstest]
    #[case("")]
    #[case("h")]
    #[case("yesterday")]
    #[case("9223372036854775807d")]
    #[case("2\u{e4}")]
    fn other_texts_are_no_times(#[case] text: &str) {
        assert!(point(text, Micros(0)).is_err());
    }
}
