//! `serve --demo`: a made-up lab in a data directory of its own.

use std::path::Path;

use anyhow::{Context as _, Result};
use homelab_core::secret::Secret;
use homelab_core::store::Credential;
use homelab_lab::{Lab, demo};
use tempfile::TempDir;

use super::is_demo;
use crate::config::Config;
use crate::config::sections::{Audit, Database, Secrets};
use crate::data_dir::{DEMO, DataDir};
use crate::exit::Failure;
use crate::services::Services;
use crate::session::Session;

/// Where a demo keeps its data.
pub(super) enum Demo {
    /// In the directory that was named; it is kept.
    Kept(DataDir),
    /// In one that goes away with the demo.
    Temporary(TempDir),
}

impl Demo {
    /// Finds a place for the data.
    ///
    /// # Errors
    /// If the named directory holds data that is not a demo's.
    pub(super) fn prepare(session: &Session) -> Result<Self> {
        let Some(path) = &session.data_dir else {
            let temporary = tempfile::Builder::new()
                .prefix("homelab-demo-")
                .tempdir()
                .context("making a temporary data directory")?;
            return Ok(Self::Temporary(temporary));
        };
        let path = session.environment.directory.join(path);
        let holds_something = path
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some());
        let data = DataDir::open(path)?;
        if holds_something && !is_demo(&data) {
            let text = format!(
                "`{}` holds data that is not a demo's",
                data.path().display()
            );
            return Err(Failure::new(text)
                .hint("name another `--data-dir`, or none: the demo then uses a temporary one")
                .into());
        }
        data.write_private(
            DEMO,
            "Everything in this directory is made up by `serve --demo`.\n",
        )?;
        Ok(Self::Kept(data))
    }

    /// The data directory.
    pub(super) fn data_dir(&self) -> Result<DataDir> {
        match self {
            Self::Kept(data) => Ok(data.clone()),
            Self::Temporary(directory) => DataDir::open(directory.path().to_owned()),
        }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(data) => data.path(),
            Self::Temporary(directory) => directory.path(),
        }
    }
}

/// Takes everything out of the configuration that belongs to the real lab.
pub(super) fn use_nothing_real(config: &mut Config) {
    config.data_dir = None;
    config.database = Database::default();
    config.secrets = Secrets::default();
    config.audit = Audit::default();
    config.servers.clear();
}

/// Starts the lab and stores its inventory and credentials.
pub(super) async fn fill(services: &Services) -> Result<Lab> {
    let lab = Lab::start().await.context("starting the demo lab")?;
    let snapshot = demo::inventory_on(&lab);
    services
        .stores
        .inventory
        .import(snapshot)
        .await
        .context("storing the demo lab")?;
    let (now, ring) = (services.env.clock.now(), &services.master.ring);
    for one in demo::credentials() {
        let credential = Credential {
            id: String::new(),
            target_type: one.target_type.to_owned(),
            target_id: one.target.to_owned(),
            username: Some(one.username.to_owned()),
            password_encrypted: one.password.map(|text| ring.encrypt(&Secret::new(text))),
            ssh_key_path: one.ssh_key_path.map(str::to_owned),
            auth_type: one.auth_type.to_owned(),
            notes: Some(one.notes.to_owned()),
            created_at: now,
            updated_at: now,
        };
        services.stores.credentials.put(credential).await?;
    }
    Ok(lab)
}

/// Somebody may take a demo's data for their own.
pub(super) fn warn_if_real_use_of_demo_data(demo: bool, data: &DataDir) {
    if !demo && is_demo(data) {
        tracing::warn!(
            "`{}` holds the made-up data of a demo; use another data directory for your lab",
            data.path().display()
        );
    }
}
