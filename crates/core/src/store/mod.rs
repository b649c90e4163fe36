//! What storage must offer, one trait per aggregate; `homelab-store` implements all of them for
//! SQLite and PostgreSQL.
//!
//! Every method is one transaction. Lists are ordered by the natural key (names folded to lower
//! case, addresses in numeric order where stated) and paged by keyset.

mod approvals;
mod archives;
mod ccpm;
mod keys;
mod memories;
mod sightings;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::audit::{AuditEntry, ChainHead, ChainedEntry};
use crate::clock::Micros;
use crate::error::{Code, ToolError};
use crate::inventory::{
    Address, Device, Equipment, FirewallRule, Host, Network, Record, Service, Snapshot, Status,
    VirtualMachine,
};
use crate::net::{Cidr, Ip};
use crate::page::{Page, PageRequest};

pub use approvals::{
    ApprovalFilter, Approvals, Asked, Budgets, Signals, Step, TaintMark, Taints, Take, Topic,
    UsedUp, taint_scope,
};
pub use archives::{Archive, Archives, Keep, Kept};
pub use ccpm::{
    Activity, AgentQuery, AgentRows, AnswerRows, Ccpm, CcpmRows, ContextTotals, InboxQuery,
    KeptAnswer, MessageQuery, MessageRows, Numbered, ReportRows, SessionQuery, SessionRows,
    SprintRows, TaskQuery, TaskRows, Wanted, sort_key,
};
pub use keys::{
    AUDIT_KEY_FINGERPRINT, AUDIT_SIGNING_KEY_FINGERPRINT, ApiKey, KILL_SWITCH, Keys,
    MASTER_KEY_FINGERPRINT, Settings,
};
pub use memories::Memories;
pub use sightings::{Known, Observed, Sighting, Sightings};

/// What a store answers.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why storage failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another record holds this key already.
    #[error("a record with this {field} exists already in {entity}: `{value}`")]
    Conflict {
        /// Table.
        entity: &'static str,
        /// Field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// A network has no free address left.
    #[error("no address of this network is free: `{network}`")]
    Exhausted {
        /// Its name.
        network: String,
    },
    /// A record refers to one that does not exist.
    #[error("{field} names no record of {entity}: `{value}`")]
    UnknownReference {
        /// Table that was looked in.
        entity: &'static str,
        /// Field that refers.
        field: &'static str,
        /// Name it holds.
        value: String,
    },
    /// A value that no store of ours can keep: an empty or overlong key, a NUL character, a cursor
    /// that is not ours.
    #[error("{field} of {entity} cannot be stored: {detail}")]
    Invalid {
        /// Table.
        entity: &'static str,
        /// Field.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The database is not one of ours, or was made by a newer version; nothing was changed.
    #[error("this database cannot be used: {0}")]
    Incompatible(String),
    /// The database cannot be reached or is busy; trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A stored value cannot be read back.
    #[error("{entity} holds a value that cannot be read: {detail}")]
    Corrupt {
        /// Table.
        entity: &'static str,
        /// What and where.
        detail: String,
    },
    /// Anything else; a fault of ours.
    #[error("the database refused a statement: {0}")]
    Internal(String),
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { field, .. } => {
                Self::new(Code::Conflict, error.to_string()).field(*field)
            }
            StoreError::Exhausted { .. } => {
                Self::new(Code::Conflict, error.to_string()).field("network")
            }
            StoreError::UnknownReference { field, .. } | StoreError::Invalid { field, .. } => {
                Self::invalid(*field, error.to_string())
            }
            StoreError::Incompatible(_) => Self::new(Code::NotConfigured, error.to_string())
                .reason("database_incompatible")
                .hint("point the configuration at another database, or run the newer version"),
            StoreError::Unavailable(_) => {
                Self::new(Code::UpstreamUnreachable, "the database is not available")
                    .reason("database_unavailable")
                    .hint("run `homelab-mcp doctor` to see what is wrong with it")
            }
            // The detail may quote stored text, so it goes to the log alone.
            StoreError::Corrupt { .. } => Self::internal("a stored value cannot be read")
                .reason("stored_value_unreadable")
                .hint("find the request id in the log"),
            StoreError::Internal(_) => Self::internal("the database refused a statement")
                .reason("statement_refused")
                .hint("find the request id in the log"),
        }
    }
}

/// Which devices to list; absent fields match everything. Texts are compared without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Exact category.
    pub category: Option<String>,
    /// Exact status.
    pub status: Option<Status>,
    /// Exact type.
    pub kind: Option<String>,
    /// Has this tag.
    pub tag: Option<String>,
}

/// Which services to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceFilter {
    /// Runs on the device or guest of this name.
    pub device: Option<String>,
    /// Exact type.
    pub kind: Option<String>,
}

/// Which guests to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VmFilter {
    /// Exact status.
    pub status: Option<Status>,
    /// On the host of this node name.
    pub host: Option<String>,
}

/// Which instruments to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EquipmentFilter {
    /// Exact type.
    pub kind: Option<String>,
    /// Exact status.
    pub status: Option<Status>,
    /// Part of name, maker or model.
    pub search: Option<String>,
}

/// One record found by search or address lookup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// Which kind of record: the table's name.
    pub entity: String,
    /// Its id.
    pub id: String,
    /// Its name or address.
    pub name: String,
    /// Its address, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Ip>,
    /// One line more: type, model, what it is allocated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Field that matched: `name`, `hostname`, `ip`, `mac`, `tag`, `notes`.
    pub matched: String,
}

/// Counts for the summary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InventoryCounts {
    /// Records by table.
    pub records: BTreeMap<String, u64>,
    /// Devices by status.
    pub devices_by_status: BTreeMap<String, u64>,
    /// Devices by category (`uncategorised` for none).
    pub devices_by_category: BTreeMap<String, u64>,
    /// Guests by status.
    pub vms_by_status: BTreeMap<String, u64>,
    /// Services by type (`untyped` for none).
    pub services_by_type: BTreeMap<String, u64>,
}

/// What an import did, by table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// New records.
    pub created: BTreeMap<String, u64>,
    /// Changed records.
    pub updated: BTreeMap<String, u64>,
    /// Records that were the same already.
    pub unchanged: BTreeMap<String, u64>,
}

/// Stored records of one kind.
///
/// `get` finds by id or by natural key (name without case, canonical address). `put` inserts, or
/// replaces the record of the same id, else of the same natural key; it returns the record as
/// stored. `near` gives up to five keys similar to a name that was not found.
#[async_trait]
pub trait Records<R: Record>: Send + Sync {
    /// Finds one.
    async fn get(&self, key: &str) -> StoreResult<Option<R>>;
    /// Inserts or replaces.
    async fn put(&self, record: R) -> StoreResult<R>;
    /// Removes by id; false if there was none.
    async fn delete(&self, id: &str) -> StoreResult<bool>;
    /// Similar keys.
    async fn near(&self, key: &str) -> StoreResult<Vec<String>>;
}

/// The inventory.
#[async_trait]
pub trait Inventory:
    Records<Host>
    + Records<VirtualMachine>
    + Records<Device>
    + Records<Equipment>
    + Records<Service>
    + Records<Network>
    + Records<Address>
    + Records<FirewallRule>
{
    /// Devices by name.
    async fn devices(&self, filter: &DeviceFilter, page: &PageRequest)
    -> StoreResult<Page<Device>>;
    /// Devices with this address.
    async fn devices_by_ip(&self, ip: Ip) -> StoreResult<Vec<Device>>;
    /// Services by name.
    async fn services(
        &self,
        filter: &ServiceFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<Service>>;
    /// Guests by name.
    async fn virtual_machines(
        &self,
        filter: &VmFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<VirtualMachine>>;
    /// Hosts by node name.
    async fn hosts(&self, page: &PageRequest) -> StoreResult<Page<Host>>;
    /// Instruments by name.
    async fn equipment(
        &self,
        filter: &EquipmentFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<Equipment>>;
    /// Networks by name.
    async fn networks(&self, page: &PageRequest) -> StoreResult<Page<Network>>;
    /// Firewall rules by name.
    async fn firewall_rules(&self, page: &PageRequest) -> StoreResult<Page<FirewallRule>>;
    /// Allocated addresses in numeric order, of one network if given.
    async fn addresses(
        &self,
        network: Option<&str>,
        page: &PageRequest,
    ) -> StoreResult<Page<Address>>;
    /// Everything that has this address, through indexes.
    async fn lookup_ip(&self, ip: Ip) -> StoreResult<Vec<Found>>;
    /// Everything whose name, host name, address, MAC, tag or notes contain the text; exact
    /// matches first. At most 200.
    async fn search(&self, query: &str, limit: u32) -> StoreResult<Vec<Found>>;
    /// Counts.
    async fn counts(&self) -> StoreResult<InventoryCounts>;
    /// Allocates an address: the given one, else the lowest free one of the network that is not
    /// its gateway, in its DHCP pool, or used by any record. Atomic: two callers never get the
    /// same one. [`StoreError::Conflict`] if the given one is taken, [`StoreError::Exhausted`] if
    /// the network is full, [`StoreError::Invalid`] if the given one is not a host's address there.
    async fn allocate(&self, wanted: &Allocation) -> StoreResult<Address>;
    /// Inserts or updates everything, or nothing.
    async fn import(&self, snapshot: Snapshot) -> StoreResult<ImportReport>;
    /// Everything, ordered by natural key.
    async fn export(&self) -> StoreResult<Snapshot>;
}

/// What [`Inventory::allocate`] is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// Network to allocate from.
    pub network: String,
    /// Its addresses.
    pub cidr: Cidr,
    /// The wanted address; the lowest free one if absent.
    pub ip: Option<Ip>,
    /// The record to store; its `ip_address` is replaced.
    pub record: Address,
}

/// A stored credential; its password is a Fernet token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Our id.
    pub id: String,
    /// Which kind of thing it opens: `device`, `service`, `vm`, `host`, `other`.
    pub target_type: String,
    /// Which one: its name (or, for imported rows, whatever the old system wrote).
    pub target_id: String,
    /// Login name.
    pub username: Option<String>,
    /// Fernet token of the password, token or passphrase.
    pub password_encrypted: Option<String>,
    /// Path of a private key on this machine.
    pub ssh_key_path: Option<String>,
    /// `password`, `ssh_key`, `api_token`, …
    pub auth_type: String,
    /// Free text.
    pub notes: Option<String>,
    /// When it was stored.
    pub created_at: Micros,
    /// When it was last changed.
    pub updated_at: Micros,
}

/// Stored credentials.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// All credentials whose target or id this is (without case), by type and login name.
    async fn find(&self, target: &str) -> StoreResult<Vec<Credential>>;
    /// All of them, by target.
    async fn list(&self, page: &PageRequest) -> StoreResult<Page<Credential>>;
    /// Inserts, or replaces the one with the same target, type and login name.
    async fn put(&self, credential: Credential) -> StoreResult<Credential>;
    /// Removes by id.
    async fn delete(&self, id: &str) -> StoreResult<bool>;
    /// Replaces every token by what `rewrite` makes of it, in one transaction; returns how many
    /// changed. An error of `rewrite` leaves everything as it was.
    async fn rewrite(&self, rewrite: &Rewrite<'_>) -> StoreResult<u64>;
}

/// What becomes of a Fernet token when all are encrypted again; `None` leaves it as it is.
pub type Rewrite<'r> = dyn for<'t> Fn(&'t str) -> Result<Option<String>, String> + Send + Sync + 'r;

/// Which audit rows to show, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Exact user.
    pub user: Option<String>,
    /// Exact action.
    pub action: Option<String>,
    /// Exact instance.
    pub target_id: Option<String>,
    /// Exact outcome.
    pub outcome: Option<String>,
    /// Exact request.
    pub request_id: Option<String>,
    /// Not before.
    pub since: Option<Micros>,
    /// Before.
    pub until: Option<Micros>,
}

/// The stored audit rows; chaining them is [`AuditSink`]'s business.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends rows and moves the chain's head, in one durable transaction. Fails if the stored
    /// head is not the one the rows follow on.
    async fn append(&self, rows: &[ChainedEntry], head: &ChainHead) -> StoreResult<()>;
    /// Appends rows that no chain of ours covers, from an older system.
    async fn append_legacy(&self, entries: &[AuditEntry]) -> StoreResult<()>;
    /// Rows newest first.
    async fn show(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<ChainedEntry>>;
    /// Chained rows after `(chain, seq)`, ordered by chain and number, for verifying and exporting.
    async fn scan(
        &self,
        after: Option<(String, i64)>,
        limit: u32,
    ) -> StoreResult<Vec<ChainedEntry>>;
    /// The heads of all chains.
    async fn heads(&self) -> StoreResult<Vec<ChainHead>>;
}

/// Where the call pipeline hands its audit rows.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Returns when the row is durable.
    async fn durable(&self, entry: AuditEntry) -> StoreResult<()>;
    /// Queues a row; it is durable within 50 ms. Waits when the queue is full, so that a flood of
    /// reads slows down rather than losing rows.
    async fn queued(&self, entry: AuditEntry) -> StoreResult<()>;
    /// Waits until everything queued so far is durable.
    async fn flush(&self) -> StoreResult<()>;
}

/// All stores behind one database.
#[derive(Clone)]
pub struct Stores {
    /// The inventory.
    pub inventory: Arc<dyn Inventory>,
    /// What servers told, beside the inventory.
    pub sightings: Arc<dyn Sightings>,
    /// Credentials.
    pub credentials: Arc<dyn Credentials>,
    /// Archives that servers gave out.
    pub archives: Arc<dyn Archives>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// Shared values.
    pub settings: Arc<dyn Settings>,
    /// Stored audit rows.
    pub audit: Arc<dyn AuditLog>,
    /// Held calls.
    pub approvals: Arc<dyn Approvals>,
    /// Who has read text by outsiders.
    pub taints: Arc<dyn Taints>,
    /// Budgets.
    pub budgets: Arc<dyn Budgets>,
    /// Agents, messages, tasks, sprints and sessions.
    pub ccpm: Arc<dyn Ccpm>,
    /// What agents learned.
    pub memories: Arc<dyn Memories>,
    /// News between processes.
    pub signals: Arc<dyn Signals>,
}
