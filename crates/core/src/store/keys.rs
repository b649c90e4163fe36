//! API keys, and small values that all processes share.

use async_trait::async_trait;
use serde::Serialize;

use super::StoreResult;
use crate::call::CredentialKind;
use crate::clock::Micros;
use crate::policy::{Grants, Role};

/// An API key without the key: only its hash is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Public part, also the key's prefix.
    pub id: String,
    /// Name for people and rules; unique among keys in force.
    pub name: String,
    /// Agent or owner.
    pub kind: CredentialKind,
    /// Its role.
    pub role: Role,
    /// Narrowing patterns.
    pub grants: Grants,
    /// SHA-256 of the secret part, hexadecimal.
    #[serde(skip)]
    pub hash: String,
    /// When it was made.
    pub created_at: Micros,
    /// When it stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Micros>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Micros>,
}

/// Stored API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The key with this id, revoked ones included.
    async fn get(&self, id: &str) -> StoreResult<Option<ApiKey>>;
    /// All keys, oldest first.
    async fn list(&self) -> StoreResult<Vec<ApiKey>>;
    /// Stores a new key; a conflict if a key in force has its name.
    async fn insert(&self, key: ApiKey) -> StoreResult<()>;
    /// Revokes by id or name; false if none in force was found.
    async fn revoke(&self, id_or_name: &str, at: Micros) -> StoreResult<bool>;
    /// Stores the first keys, all or none: false, with nothing stored, if any key exists. Two
    /// processes that start together on one new database get one pair of keys.
    async fn insert_first(&self, keys: Vec<ApiKey>) -> StoreResult<bool>;
    /// A number that changes whenever any key changes, so that a cache knows when to forget.
    async fn revision(&self) -> StoreResult<i64>;
}

/// Small values that all processes share.
#[async_trait]
pub trait Settings: Send + Sync {
    /// The value.
    async fn get(&self, name: &str) -> StoreResult<Option<String>>;
    /// Sets it.
    async fn set(&self, name: &str, value: &str) -> StoreResult<()>;
    /// Sets it if absent, and returns what it is afterwards.
    async fn get_or_set(&self, name: &str, value: &str) -> StoreResult<String>;
}

/// Name of the kill switch in [`Settings`]: `on` stops every change.
pub const KILL_SWITCH: &str = "kill_switch";
/// Name of the Fernet key's fingerprint in [`Settings`].
pub const MASTER_KEY_FINGERPRINT: &str = "master_key_fingerprint";
/// Name of the audit key's fingerprint in [`Settings`].
pub const AUDIT_KEY_FINGERPRINT: &str = "audit_key_fingerprint";
/// Name of the fingerprint in [`Settings`] of the key that verifies signed checkpoints.
pub const AUDIT_SIGNING_KEY_FINGERPRINT: &str = "audit_signing_key_fingerprint";
