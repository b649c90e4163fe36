//! `credentials rotate-key`.
//!
//! The order survives a crash at any point: the new key is in the key file before anything is
//! encrypted with it, and the old one stays there until `--prune`, so a server that still runs
//! with the old keys keeps working, and what it writes stays readable.

use anyhow::Result;
use homelab_core::keyring::Keyring;
use homelab_core::secret::Secret;
use homelab_core::store::MASTER_KEY_FINGERPRINT;
use serde_json::json;

use crate::commands::with_services;
use crate::data_dir::MASTER_KEY;
use crate::exit::{Exit, Failure};
use crate::key_files::{self, Source};
use crate::services::{Event, Services};
use crate::session::Session;

/// Options of `credentials rotate-key`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With the key in the data directory: makes a new one, encrypts every password and archive with it, and
keeps the old one so that running servers go on; restart them, then run it again with --prune.
With the key in the configuration (HOMELAB_DB_KEY, secrets.master_key): put the new key before the
old one, separated by a comma, and run this; then restart the servers and remove the old one.")]
pub(crate) struct Args {
    /// Make no new key; encrypt everything with the newest one and forget the others.
    #[arg(long)]
    prune: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, loaded| {
        let master = &services.master;
        let configured = key_files::configured_master(&loaded.config)?;
        let keys = match (master.source(), args.prune) {
            (Source::Configuration, true) => {
                return Err(Failure::usage("the key is in the configuration, and is pruned there")
                    .hint("remove the old keys from `secrets.master_key` or `HOMELAB_DB_KEY`")
                    .into());
            }
            (Source::Configuration, false) if configured.len() < 2 => {
                return Err(Failure::usage("the configuration names one key only")
                    .hint("write the new key before the old one: `HOMELAB_DB_KEY=new,old`")
                    .into());
            }
            (Source::Configuration, false) => configured,
            (Source::File, true) => master.texts(),
            (Source::File, false) => {
                let made = Keyring::generate(session.entropy.as_ref());
                session.redactor.learn(&made);
                let with_new = |keys: Vec<Secret>| [vec![made.clone()], keys].concat();
                write_keys(services, &with_new(master.in_file()))?;
                with_new(master.texts())
            }
        };
        let ring = key_files::ring(&keys)?;
        let renew = |token: &str| ring.renew(token).map_err(|error| error.to_string());
        // Each all or nothing; where only the first was done, all keys are still there.
        let passwords = services.stores.credentials.rewrite(&renew).await?;
        let archives = services.stores.archives.rewrite(&renew).await?;
        services.stores.settings.set(MASTER_KEY_FINGERPRINT, ring.fingerprint()).await?;
        let from_file = master.source() == Source::File;
        if from_file && args.prune {
            write_keys(services, keys.get(..1).unwrap_or_default())?;
        }
        services
            .record(Event {
                action: if args.prune { "master_key_pruned" } else { "master_key_rotated" },
                target_type: "key",
                target_id: ring.fingerprint(),
                by: None,
                details: Some(format!("{passwords} passwords and {archives} archives encrypted again")),
            })
            .await?;
        if session.output.is_json() {
            let fingerprint = ring.fingerprint();
            session.output.json(&json!({
                "fingerprint": fingerprint,
                "encrypted_again": passwords,
                "archives_encrypted_again": archives,
            }))?;
        } else {
            session.output.line(format!(
                "encrypted {passwords} passwords and {archives} archives with key {}",
                ring.fingerprint()
            ))?;
            if from_file && !args.prune {
                session.output.note("restart running servers, then run `credentials rotate-key --prune` to forget the old key")?;
            }
        }
        Ok(Exit::Ok)
    })
    .await
}

fn write_keys(services: &Services, keys: &[Secret]) -> Result<()> {
    let lines: Vec<&str> = keys.iter().map(Secret::expose).collect();
    services
        .data
        .write_private(MASTER_KEY, &format!("{}\n", lines.join("\n")))
}
