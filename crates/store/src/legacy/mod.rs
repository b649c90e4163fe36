//! Reading the database of an older Python server: its SQLite file, or its tables in PostgreSQL's
//! schema `public`. Nothing is ever written there.
//!
//! Such databases grew over time, so tables and columns may be missing or go by other names; what
//! is not understood becomes a warning, and everything else is taken.

mod audit;
mod credentials;
mod fields;
mod inventory;
mod source;

use homelab_core::audit::AuditEntry;
use homelab_core::inventory::Snapshot;
use homelab_core::keyring::Keyring;
use homelab_core::secret::Secret;
use thiserror::Error;

use self::fields::Warnings;
use self::inventory::Ids;
use self::source::{Source, Wanted};
use crate::db::Values;

/// What an older database holds, in our terms.
#[derive(Debug, Default)]
pub struct Legacy {
    /// Its inventory, without ids: importing it goes by names.
    pub snapshot: Snapshot,
    /// Its credentials.
    pub credentials: Vec<LegacyCredential>,
    /// Its audit rows, for [`AuditLog::append_legacy`](homelab_core::store::AuditLog::append_legacy);
    /// their ids are made from what they hold, so that taking them twice adds nothing.
    pub audit: Vec<AuditEntry>,
    /// What was left out or changed, a sentence each, without secrets.
    pub warnings: Vec<String>,
}

/// A credential of an older database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyCredential {
    /// `device`, `service`, `vm`, `host` or what the old system wrote.
    pub target_type: String,
    /// Name of the target, or what the old system wrote if it names nothing.
    pub target_id: String,
    /// Login name.
    pub username: Option<String>,
    /// The password, if a key was given that decrypts it.
    pub password: Option<Secret>,
    /// The Fernet token as it was stored there.
    pub password_encrypted: Option<String>,
    /// Path of a private key.
    pub ssh_key_path: Option<String>,
    /// `password`, `ssh_key`, ….
    pub auth_type: String,
    /// Free text.
    pub notes: Option<String>,
}

/// Why an older database could not be read.
#[derive(Debug, Error)]
pub enum LegacyError {
    /// There is no such file.
    #[error("there is no file `{0}`")]
    Missing(String),
    /// It cannot be opened or connected to.
    #[error("the source cannot be opened: {0}")]
    Unavailable(String),
    /// It has none of the tables that such a server has.
    #[error("the source has none of the tables of the older server, such as `virtual_machines`")]
    NothingThere,
    /// A table cannot be read.
    #[error("table `{table}` cannot be read: {detail}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The database's words.
        detail: String,
    },
}

/// Reads `sqlite:PATH` (or just a path) or `postgres://…`, as of one moment. Passwords are
/// decrypted with `keyring`; without it, or where no key fits, they stay encrypted and a warning
/// says so.
pub async fn read(source: &str, keyring: Option<&Keyring>) -> Result<Legacy, LegacyError> {
    let mut source = Source::open(source).await?;
    let tables = read_tables(&mut source).await;
    source.close().await;
    let tables = tables?;

    let mut warnings = Warnings::default();
    let mut ids = Ids::default();
    let snapshot = inventory::snapshot(&tables, &mut ids, &mut warnings);
    let credentials = credentials::read(&tables.credentials, &ids, keyring, &mut warnings);
    let audit = audit::read(&tables.audit_log, &mut warnings);
    Ok(Legacy {
        snapshot,
        credentials,
        audit,
        warnings: warnings.into_inner(),
    })
}

/// Rows of all tables, as they are.
#[derive(Default)]
struct Tables {
    proxmox_hosts: Vec<Values>,
    virtual_machines: Vec<Values>,
    devices: Vec<Values>,
    test_equipment: Vec<Values>,
    services: Vec<Values>,
    networks: Vec<Values>,
    network_config: Vec<Values>,
    firewall_rules: Vec<Values>,
    credentials: Vec<Values>,
    audit_log: Vec<Values>,
}

async fn read_tables(source: &mut Source) -> Result<Tables, LegacyError> {
    let mut tables = Tables::default();
    let mut found = false;
    for (place, wanted) in [
        (&mut tables.proxmox_hosts, source::PROXMOX_HOSTS),
        (&mut tables.virtual_machines, source::VIRTUAL_MACHINES),
        (&mut tables.devices, source::DEVICES),
        (&mut tables.test_equipment, source::TEST_EQUIPMENT),
        (&mut tables.services, source::SERVICES),
        (&mut tables.networks, source::NETWORKS),
        (&mut tables.network_config, source::NETWORK_CONFIG),
        (&mut tables.firewall_rules, source::FIREWALL_RULES),
        (&mut tables.credentials, source::CREDENTIALS),
        (&mut tables.audit_log, source::AUDIT_LOG),
    ] {
        if let Some(rows) = first_present(source, wanted).await? {
            *place = rows;
            found = true;
        }
    }
    if found {
        Ok(tables)
    } else {
        Err(LegacyError::NothingThere)
    }
}

/// The rows of the first of these tables that is there.
async fn first_present(
    source: &mut Source,
    wanted: &[Wanted],
) -> Result<Option<Vec<Values>>, LegacyError> {
    for table in wanted {
        if source.has(table).await? {
            return source.rows(table).await.map(Some);
        }
    }
    Ok(None)
}
