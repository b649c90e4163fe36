//! Stores that hold nothing.

use async_trait::async_trait;
use homelab_core::audit::{AuditEntry, ChainHead, ChainedEntry};
use homelab_core::clock::Micros;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{ApiKey, AuditFilter, AuditLog, AuditSink, Keys, Settings, StoreResult};
use homelab_gateway::rest::Readiness;

pub(crate) struct NoSettings;

#[async_trait]
impl Settings for NoSettings {
    async fn get(&self, _: &str) -> StoreResult<Option<String>> {
        Ok(None)
    }

    async fn set(&self, _: &str, _: &str) -> StoreResult<()> {
        Ok(())
    }

    async fn get_or_set(&self, _: &str, value: &str) -> StoreResult<String> {
        Ok(value.to_owned())
    }
}

pub(crate) struct NoAudit;

#[async_trait]
impl AuditSink for NoAudit {
    async fn durable(&self, _: AuditEntry) -> StoreResult<()> {
        Ok(())
    }

    async fn queued(&self, _: AuditEntry) -> StoreResult<()> {
        Ok(())
    }

    async fn flush(&self) -> StoreResult<()> {
        Ok(())
    }
}

#[async_trait]
impl AuditLog for NoAudit {
    async fn append(&self, _: &[ChainedEntry], _: &ChainHead) -> StoreResult<()> {
        Ok(())
    }

    async fn append_legacy(&self, _: &[AuditEntry]) -> StoreResult<()> {
        Ok(())
    }

    async fn show(&self, _: &AuditFilter, page: &PageRequest) -> StoreResult<Page<ChainedEntry>> {
        Ok(Page::from_rows(
            Vec::new(),
            page,
            0,
            |row: &ChainedEntry| row.entry.id.clone(),
        ))
    }

    async fn scan(&self, _: Option<(String, i64)>, _: u32) -> StoreResult<Vec<ChainedEntry>> {
        Ok(Vec::new())
    }

    async fn heads(&self) -> StoreResult<Vec<ChainHead>> {
        Ok(Vec::new())
    }
}

pub(crate) struct NoKeys;

#[async_trait]
impl Keys for NoKeys {
    async fn get(&self, _: &str) -> StoreResult<Option<ApiKey>> {
        Ok(None)
    }

    async fn list(&self) -> StoreResult<Vec<ApiKey>> {
        Ok(Vec::new())
    }

    async fn insert(&self, _: ApiKey) -> StoreResult<()> {
        Ok(())
    }

    async fn revoke(&self, _: &str, _: Micros) -> StoreResult<bool> {
        Ok(false)
    }

    async fn insert_first(&self, _: Vec<ApiKey>) -> StoreResult<bool> {
        Ok(false)
    }

    async fn revision(&self) -> StoreResult<i64> {
        Ok(0)
    }
}

pub(crate) struct Ready;

#[async_trait]
impl Readiness for Ready {
    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
