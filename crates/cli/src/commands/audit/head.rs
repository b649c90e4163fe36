//! `audit head` and `audit public-key`.

use anyhow::Result;
use homelab_core::store::AuditSink as _;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::services::Services;
use crate::session::Session;

/// Options of `audit head`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp audit head | ssh backup@other 'cat >> homelab-heads'
  homelab-mcp audit verify --against homelab-heads

One line stands for every row of every chain that was written until now. It holds no secret.")]
pub(crate) struct Args {}

/// Signs where every chain stands, and prints the newest checkpoint as one line.
pub(super) async fn run(_: &Args, services: &Services, session: &Session) -> Result<Exit> {
    services.audit.flush().await?;
    services.trail.checkpoint_all().await?;
    let Some(newest) = services.trail.newest().await? else {
        return Err(Failure::new("there is nothing to sign: the audit is empty")
            .hint("call a tool, then try again")
            .into());
    };
    if session.output.is_json() {
        session.output.json(&newest)?;
    } else {
        session.output.line(newest.line())?;
    }
    Ok(Exit::Ok)
}

/// Prints the key that others verify with.
pub(super) fn public_key(services: &Services, session: &Session) -> Result<Exit> {
    let key = services.trail.keys().signing.public();
    if session.output.is_json() {
        session.output.json(&json!({
            "public_key": key.to_string(), "fingerprint": key.fingerprint(),
            "algorithm": "Ed25519",
        }))?;
    } else {
        session.output.line(key)?;
        session
            .output
            .note(format!("fingerprint {}", key.fingerprint()))?;
    }
    Ok(Exit::Ok)
}
