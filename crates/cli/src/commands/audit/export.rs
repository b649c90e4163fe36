//! `audit export`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use homelab_core::store::AuditSink as _;

use super::point;
use crate::exit::{Exit, Failure};
use crate::services::Services;
use crate::session::Session;

/// Options of `audit export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp audit export --output audit.jsonl
  homelab-mcp audit export --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z -o january.jsonl
  homelab-mcp audit verify-export january.jsonl --public-key KEY     (on any machine)

The file begins and ends on signed checkpoints, so it may hold a few rows beyond the range.")]
pub(crate) struct Args {
    /// Not before: RFC 3339, or an age such as `30m`, `2h`, `7d`.
    #[arg(long)]
    from: Option<String>,
    /// Before: RFC 3339, or an age.
    #[arg(long)]
    to: Option<String>,
    /// Form of the file.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// File to write instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object on each line: header, checkpoints, rows.
    Jsonl,
}

/// Writes the range.
pub(super) async fn run(args: &Args, services: &Services, session: &Session) -> Result<Exit> {
    let Format::Jsonl = args.format;
    let now = session.clock.now();
    let time = |text: &Option<String>| text.as_deref().map(|text| point(text, now)).transpose();
    let (from, to) = (time(&args.from)?, time(&args.to)?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Failure::usage("`--from` is not before `--to`").into());
    }
    services.audit.flush().await?;
    let Some(path) = &args.output else {
        // Kept as it is: a reader that went away (`| head`) is no failure.
        let mut failed = None;
        let mut write = |line: &str| {
            session.output.raw(line).map_err(|error| {
                failed = Some(error);
                io::ErrorKind::Other.into()
            })
        };
        let exported = services.trail.export(from, to, &mut write).await;
        return match failed {
            Some(error) => Err(error),
            None => exported.map(|_| Exit::Ok).map_err(Into::into),
        };
    };
    let path = session.environment.directory.join(path);
    let mut staged = Staged::beside(&path)?;
    let header = services
        .trail
        .export(from, to, &mut |line| staged.write(line))
        .await?;
    staged.finish(&path)?;
    session.output.note(format!(
        "wrote {} rows to {}",
        header.rows(),
        path.display()
    ))?;
    Ok(Exit::Ok)
}

/// A file (0600) that gets its name when it is whole, and is gone if it never is.
pub(super) struct Staged {
    path: PathBuf,
    file: BufWriter<File>,
    kept: bool,
}

impl Staged {
    /// Begins one beside the file that it will become.
    pub(super) fn beside(path: &Path) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let staged = path.with_file_name(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&staged)
            .with_context(|| format!("writing `{}`", staged.display()))?;
        Ok(Self {
            path: staged,
            file: BufWriter::new(file),
            kept: false,
        })
    }

    /// Writes a piece.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// Makes what was written safe on disk; where it is until it gets its name.
    pub(super) fn sync(&mut self) -> Result<&Path> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(&self.path)
    }

    /// Gives it its name, also after a power cut.
    pub(super) fn finish(mut self, path: &Path) -> Result<()> {
        self.sync()?;
        fs::rename(&self.path, path).with_context(|| format!("writing `{}`", path.display()))?;
        self.kept = true;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.kept {
            // That it could not be removed adds nothing to the error at hand.
            fs::remove_file(&self.path).unwrap_or_default();
        }
    }
}
