//! `serve --demo`: a made-up lab in a data directory of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homelab_core::secret::Secret;
use homelab_core::store::Credential;
use homelab_lab::{Lab, demo};
use homelab_ssh::SshConfig;
use serde_json::Value;
use tempfile::TempDir;

use crate::config::Config;
use crate::config::sections::{Audit, Auth, Database, Secrets};
use crate::data_dir::{DataDir, demo_place, make_private_dir};
use crate::exit::Failure;
use crate::services::Services;
use crate::session::Session;

/// Name of the directory that the demo's proxy reads.
const PROXY_FILES: &str = "demo-traefik";

/// Where a demo keeps its data.
pub(super) enum Demo {
    /// In the directory that was named; it is kept.
    Kept(DataDir),
    /// In the demo's own place, where commands of the same user find it while it runs.
    Own(DataDir),
    /// In one that nobody else knows, because another demo runs already.
    Temporary(TempDir),
}

impl Demo {
    /// Finds a place for the data.
    ///
    /// # Errors
    /// If the named directory holds data that is not a demo's.
    pub(super) fn prepare(session: &Session) -> Result<Self> {
        match (&session.data_dir, demo_place(&session.environment)) {
            (Some(path), _) => Self::in_named(session.environment.directory.join(path)),
            (None, Some(path)) => match Self::in_own(path)? {
                Some(own) => Ok(own),
                None => Self::in_temporary(),
            },
            (None, None) => Self::in_temporary(),
        }
    }

    fn in_named(path: PathBuf) -> Result<Self> {
        let data = DataDir::open(path)?;
        if !data.is_empty() && !data.is_demo() {
            let text = format!(
                "`{}` holds data that is not a demo's",
                data.path().display()
            );
            return Err(Failure::new(text)
                .hint("name another `--data-dir`, or none: the demo then uses one of its own")
                .into());
        }
        data.mark_as_demo()?;
        Ok(Self::Kept(data))
    }

    /// A demo that was killed left its data behind; each starts afresh. `None` if one runs.
    fn in_own(path: PathBuf) -> Result<Option<Self>> {
        let data = DataDir::open(path)?;
        let Ok(_lock) = data.lock_exclusive() else {
            return Ok(None);
        };
        if data.is_demo() {
            std::fs::remove_dir_all(data.path()).context("removing the data of an older demo")?;
        }
        let data = DataDir::open(data.path().to_owned())?;
        data.mark_as_demo()?;
        Ok(Some(Self::Own(data)))
    }

    fn in_temporary() -> Result<Self> {
        let temporary = tempfile::Builder::new()
            .prefix("homelab-demo-")
            .tempdir()
            .context("making a temporary data directory")?;
        Ok(Self::Temporary(temporary))
    }

    /// The data directory.
    pub(super) fn data_dir(&self) -> Result<DataDir> {
        match self {
            Self::Kept(data) | Self::Own(data) => Ok(data.clone()),
            Self::Temporary(directory) => DataDir::open(directory.path().to_owned()),
        }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(data) | Self::Own(data) => data.path(),
            Self::Temporary(directory) => directory.path(),
        }
    }

    /// What commands need to find it; nothing in its own place.
    pub(super) fn option(&self) -> String {
        match self {
            Self::Own(_) => String::new(),
            _ => format!("--data-dir {} ", self.path().display()),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Self::Own(data) = self
            && let Err(error) = std::fs::remove_dir_all(data.path())
        {
            tracing::warn!(%error, "the demo's data could not be removed");
        }
    }
}

/// Takes everything out of the configuration that belongs to the real lab.
pub(crate) fn use_nothing_real(config: &mut Config) {
    config.data_dir = None;
    config.database = Database::default();
    config.secrets = Secrets::default();
    config.audit = Audit::default();
    config.auth = Auth {
        enabled: config.auth.enabled,
        ..Auth::default()
    };
    config.ssh = SshConfig::default();
    config.servers.clear();
}

/// Starts the lab, and has a server configured for each of its systems.
pub(super) async fn start(config: &mut Config, data: &DataDir) -> Result<Lab> {
    let lab = Lab::start().await.context("starting the demo lab")?;
    let proxy_files = data.file(PROXY_FILES);
    make_private_dir(&proxy_files).context("making the demo proxy's directory")?;
    let sections = lab.systems.settings(&proxy_files).into_iter();
    config.servers = sections
        .filter_map(|(name, settings)| match settings {
            Value::Object(settings) => Some((name.to_owned(), settings)),
            _ => None,
        })
        .collect();
    data.note_demo_servers(&config.servers)?;
    Ok(lab)
}

/// Stores the lab's inventory and credentials.
pub(super) async fn fill(services: &Services, lab: &Lab) -> Result<()> {
    let snapshot = demo::inventory_on(lab);
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
    Ok(())
}

/// Somebody may take a demo's data for their own.
pub(super) fn warn_if_real_use_of_demo_data(demo: bool, data: &DataDir) {
    if !demo && data.is_demo() {
        tracing::warn!(
            "`{}` holds the made-up data of a demo; use another data directory for your lab",
            data.path().display()
        );
    }
}
