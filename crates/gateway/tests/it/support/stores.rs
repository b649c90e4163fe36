//! Stores in memory that can be made to fail.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use homelab_core::audit::{AuditEntry, ChainHead, ChainedEntry, EntryKind};
use homelab_core::clock::Micros;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{
    ApiKey, AuditFilter, AuditLog, AuditSink, Keys, Settings, StoreError, StoreResult,
};

/// Settings that can be made to fail.
#[derive(Default)]
pub(crate) struct MemorySettings {
    values: Mutex<HashMap<String, String>>,
    pub(crate) broken: AtomicBool,
}

impl MemorySettings {
    fn checked(&self) -> StoreResult<std::sync::MutexGuard<'_, HashMap<String, String>>> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("disk full".into()));
        }
        Ok(self.values.lock().unwrap())
    }
}

#[async_trait]
impl Settings for MemorySettings {
    async fn get(&self, name: &str) -> StoreResult<Option<String>> {
        Ok(self.checked()?.get(name).cloned())
    }

    async fn set(&self, name: &str, value: &str) -> StoreResult<()> {
        self.checked()?.insert(name.into(), value.into());
        Ok(())
    }

    async fn get_or_set(&self, name: &str, value: &str) -> StoreResult<String> {
        let mut values = self.checked()?;
        Ok(values
            .entry(name.into())
            .or_insert_with(|| value.into())
            .clone())
    }
}

/// A kept row, and whether its writer waited for the disk.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) entry: AuditEntry,
    pub(crate) durable: bool,
}

/// An audit that keeps rows in order and can be made to fail for one kind of row.
#[derive(Default)]
pub(crate) struct MemoryAudit {
    rows: Mutex<Vec<Kept>>,
    broken: Mutex<Vec<EntryKind>>,
}

impl MemoryAudit {
    pub(crate) fn rows(&self) -> Vec<Kept> {
        self.rows.lock().unwrap().clone()
    }

    pub(crate) fn break_for(&self, kind: EntryKind) {
        self.broken.lock().unwrap().push(kind);
    }

    fn keep(&self, entry: AuditEntry, durable: bool) -> StoreResult<()> {
        if self.broken.lock().unwrap().contains(&entry.kind) {
            return Err(StoreError::Unavailable("disk full".into()));
        }
        self.rows.lock().unwrap().push(Kept { entry, durable });
        Ok(())
    }
}

#[async_trait]
impl AuditSink for MemoryAudit {
    async fn durable(&self, entry: AuditEntry) -> StoreResult<()> {
        self.keep(entry, true)
    }

    async fn queued(&self, entry: AuditEntry) -> StoreResult<()> {
        self.keep(entry, false)
    }

    async fn flush(&self) -> StoreResult<()> {
        Ok(())
    }
}

/// Reads what was kept, unchained.
#[async_trait]
impl AuditLog for MemoryAudit {
    async fn append(&self, _rows: &[ChainedEntry], _head: &ChainHead) -> StoreResult<()> {
        Err(StoreError::Internal("this audit keeps no chain".into()))
    }

    async fn append_legacy(&self, _entries: &[AuditEntry]) -> StoreResult<()> {
        Err(StoreError::Internal("this audit keeps no old rows".into()))
    }

    async fn show(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<ChainedEntry>> {
        let fits = |row: &AuditEntry| {
            filter
                .request_id
                .as_ref()
                .is_none_or(|id| *id == row.request_id)
                && filter.since.is_none_or(|since| row.timestamp >= since)
                && filter.until.is_none_or(|until| row.timestamp < until)
        };
        let rows: Vec<_> = self
            .rows()
            .into_iter()
            .rev()
            .filter(|row| fits(&row.entry))
            .map(|row| ChainedEntry {
                chain: "memory".into(),
                seq: 1,
                entry: row.entry,
                mac: String::new(),
            })
            .collect();
        let total = u64::try_from(rows.len()).unwrap();
        Ok(Page::from_rows(rows, page, total, |row| {
            row.entry.id.clone()
        }))
    }

    async fn scan(
        &self,
        _after: Option<(String, i64)>,
        _limit: u32,
    ) -> StoreResult<Vec<ChainedEntry>> {
        Ok(Vec::new())
    }

    async fn heads(&self) -> StoreResult<Vec<ChainHead>> {
        Ok(Vec::new())
    }
}

/// Keys that count how often they are read, and can be made to fail.
#[derive(Default)]
pub(crate) struct MemoryKeys {
    keys: Mutex<Vec<ApiKey>>,
    revision: AtomicI64,
    pub(crate) queries: AtomicU64,
    pub(crate) broken: AtomicBool,
}

impl MemoryKeys {
    fn checked(&self) -> StoreResult<std::sync::MutexGuard<'_, Vec<ApiKey>>> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("disk full".into()));
        }
        Ok(self.keys.lock().unwrap())
    }
}

#[async_trait]
impl Keys for MemoryKeys {
    async fn get(&self, id: &str) -> StoreResult<Option<ApiKey>> {
        Ok(self.checked()?.iter().find(|key| key.id == id).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<ApiKey>> {
        Ok(self.checked()?.clone())
    }

    async fn insert(&self, key: ApiKey) -> StoreResult<()> {
        self.checked()?.push(key);
        self.revision.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn revoke(&self, id_or_name: &str, at: Micros) -> StoreResult<bool> {
        let mut keys = self.checked()?;
        let found = keys
            .iter_mut()
            .find(|key| key.id == id_or_name || key.name == id_or_name);
        if let Some(key) = found {
            key.revoked_at = Some(at);
            self.revision.fetch_add(1, Ordering::SeqCst);
            return Ok(true);
        }
        Ok(false)
    }

    async fn insert_first(&self, new: Vec<ApiKey>) -> StoreResult<bool> {
        let mut keys = self.checked()?;
        let is_first = keys.is_empty();
        if is_first {
            keys.extend(new);
            self.revision.fetch_add(1, Ordering::SeqCst);
        }
        Ok(is_first)
    }

    async fn revision(&self) -> StoreResult<i64> {
        drop(self.checked()?);
        Ok(self.revision.load(Ordering::SeqCst))
    }
}
