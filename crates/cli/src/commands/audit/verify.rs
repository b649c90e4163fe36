//! `audit verify` and `audit verify-export`.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homelab_core::audit::{
    Checkpoint, ExportVerifier, Fault, PublicKey, Verification, VerifiedExport,
};
use homelab_core::store::AuditSink as _;

use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::services::Services;
use crate::session::Session;

/// Faults that are listed at most; the rest follows from them, most of the time.
const LISTED: usize = 50;

/// Options of `audit verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp audit verify
  homelab-mcp audit verify --against /mnt/nas/homelab-heads

Exit code 0 if every row is as it was written, 1 if not.")]
pub(crate) struct Args {
    /// Verify an exported file instead of the database.
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    file: Option<PathBuf>,
    /// A head that was kept elsewhere (`audit head`), or a file with such lines: proves that
    /// nothing that was there then is gone or another now.
    #[arg(long, value_name = "HEAD|FILE")]
    against: Vec<String>,
}

/// Options of `audit verify-export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: homelab-mcp audit verify-export january.jsonl --public-key 3d4017c3e843895a…

The key is what `homelab-mcp audit public-key` printed on the machine that wrote the file; get it
from somebody you trust, not with the file. Exit code 0 if every row is as it was signed, 1 if not.")]
pub(crate) struct ExportArgs {
    /// The export or archive.
    file: PathBuf,
    /// Public key: 64 hexadecimal digits, or a file that holds them.
    #[arg(long, value_name = "KEY|FILE")]
    public_key: String,
}

/// Verifies the database, or an exported file with the key at hand.
pub(super) async fn run(args: &Args, services: &Services, session: &Session) -> Result<Exit> {
    let output = &session.output;
    if let Some(path) = &args.file {
        let path = session.environment.directory.join(path);
        let found = read_export(&path, services.trail.keys().signing.public())?;
        return report_export(&found, output);
    }
    let mut pinned = Vec::new();
    for text in &args.against {
        pinned.extend(heads(text, &session.environment.directory)?);
    }
    services.audit.flush().await?;
    let found = services.trail.verify(&pinned).await?;
    if output.is_json() {
        let mut value = serde_json::to_value(&found)?;
        value["ok"] = found.faults.is_empty().into();
        value["against"] = pinned.len().into();
        output.json(&value)?;
    } else {
        report(&found, &pinned, output)?;
    }
    Ok(exit(&found.faults))
}

fn report(found: &Verification, pinned: &[Checkpoint], output: &Output) -> Result<()> {
    if !found.faults.is_empty() {
        return report_faults(&found.faults, found.rows, output);
    }
    let good = output.mark(Mark::Good, "intact");
    output.line(format!(
        "the audit is {good}: {} rows, {} signed checkpoints",
        found.rows, found.checkpoints
    ))?;
    if let (rows @ 1.., Some(at)) = (found.archived.rows, found.archived.at) {
        let chains = found.archived.chains;
        let time = at.to_rfc3339();
        output.line(format!(
            "{rows} older rows of {chains} chains were moved to archives, the last one on {time}"
        ))?;
    }
    if let Some(newest) = pinned.iter().max_by_key(|one| one.number) {
        let time = newest.timestamp.to_rfc3339();
        output.line(format!(
            "nothing was cut off or replaced since head {} of {time}",
            newest.number
        ))?;
    }
    Ok(())
}

/// The heads of a head line, or of a file of them.
fn heads(text: &str, directory: &Path) -> Result<Vec<Checkpoint>> {
    if text.trim_start().starts_with('{') {
        return Checkpoint::parse_line(text)
            .map(|head| vec![head])
            .ok_or_else(|| Failure::usage("this is not a head line").into());
    }
    let path = directory.join(text);
    let lines =
        std::fs::read_to_string(&path).with_context(|| format!("reading `{}`", path.display()))?;
    let heads: Vec<_> = lines.lines().filter_map(Checkpoint::parse_line).collect();
    if heads.is_empty() {
        let text = format!("`{}` holds no head line", path.display());
        let hint = "head lines are printed by `homelab-mcp audit head`";
        return Err(Failure::new(text).hint(hint).into());
    }
    Ok(heads)
}

/// Verifies an export with the public key alone.
pub(super) fn export(args: &ExportArgs, session: &Session) -> Result<Exit> {
    let directory = &session.environment.directory;
    let key = public_key(&args.public_key, directory)?;
    let found = read_export(&directory.join(&args.file), key)?;
    report_export(&found, &session.output)
}

/// The key that was written out, or the first one in a file.
fn public_key(text: &str, directory: &Path) -> Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let path = directory.join(text);
    let content = std::fs::read_to_string(&path).map_err(|_| {
        Failure::usage(format!("`{text}` is neither a public key nor a file"))
            .hint("a key is 64 hexadecimal digits, as `homelab-mcp audit public-key` prints it")
    })?;
    let mut words = content.split_whitespace();
    words
        .find_map(|word| word.parse().ok())
        .ok_or_else(|| Failure::usage(format!("`{}` holds no public key", path.display())).into())
}

/// Reads an export and verifies it.
pub(super) fn read_export(path: &Path, key: PublicKey) -> Result<VerifiedExport> {
    let reading = || format!("reading `{}`", path.display());
    let file = File::open(path).with_context(reading)?;
    let mut verifier = ExportVerifier::new(key);
    for (line, number) in BufReader::new(file).lines().zip(1..) {
        verifier.line(number, &line.with_context(reading)?);
    }
    Ok(verifier.finish())
}

fn report_export(found: &VerifiedExport, output: &Output) -> Result<Exit> {
    if output.is_json() {
        let mut value = serde_json::to_value(found)?;
        value["ok"] = found.faults.is_empty().into();
        output.json(&value)?;
        return Ok(exit(&found.faults));
    }
    if !found.faults.is_empty() {
        report_faults(&found.faults, found.rows, output)?;
        return Ok(Exit::Failed);
    }
    let good = output.mark(Mark::Good, "intact");
    let chains = found.header.as_ref().map_or(0, |header| header.spans.len());
    output.line(format!(
        "the export is {good}: {} rows of {chains} chains, {} signed checkpoints",
        found.rows, found.checkpoints
    ))?;
    if let Some((first, last)) = found.times {
        let (first, last) = (first.to_rfc3339(), last.to_rfc3339());
        output.line(format!(
            "every row from {first} to {last} is as it was signed"
        ))?;
    }
    if let Some(header) = &found.header {
        output.line(format!("signed with key {}", header.key))?;
    }
    Ok(Exit::Ok)
}

fn report_faults(faults: &[Fault], rows: u64, output: &Output) -> Result<()> {
    let cells = faults.iter().take(LISTED).map(|fault| {
        vec![
            fault.chain.clone(),
            fault.seq.to_string(),
            fault.id.clone().unwrap_or_default(),
            fault.problem.clone(),
        ]
    });
    output.table(&["CHAIN", "ROW", "ID", "PROBLEM"], cells.collect())?;
    let bad = output.mark(Mark::Bad, "not intact");
    output.line(format!(
        "the audit is {bad}: {} faults in {rows} rows",
        faults.len()
    ))?;
    if faults.len() > LISTED {
        output.line(format!("{} more are in `--json`", faults.len() - LISTED))?;
    }
    Ok(())
}

fn exit(faults: &[Fault]) -> Exit {
    if faults.is_empty() {
        Exit::Ok
    } else {
        Exit::Failed
    }
}
