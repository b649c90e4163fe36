//! The engine itself.

use std::time::Duration;

use super::JsonLines;
use super::call::{Call, Filters};
use super::engine::Engine;
use super::error::ApiError;
use crate::types::{DiskUsage, Info, Pruned, Version};

/// Engines measure every volume for this.
const DISK_PATIENCE: Duration = Duration::from_mins(2);

impl Engine {
    pub(crate) async fn engine_version(&self) -> Result<Version, ApiError> {
        self.json(Call::get("version", "/version", &[])).await
    }

    pub(crate) async fn info(&self) -> Result<Info, ApiError> {
        self.json(Call::get("info", "/info", &[])).await
    }

    pub(crate) async fn disk_usage(&self) -> Result<DiskUsage, ApiError> {
        // Since API 1.52 the single things come only if asked for.
        let call = Call::get("disk_usage", "/system/df", &[]).with("verbose", true);
        self.json(call.timeout(DISK_PATIENCE)).await
    }

    /// What happened between two times, as seconds since the epoch. Ends by itself where `until` is
    /// past.
    pub(crate) async fn events(
        &self,
        since: &str,
        until: &str,
        filters: &Filters,
    ) -> Result<JsonLines, ApiError> {
        let call = Call::get("events", "/events", &[])
            .with("since", since)
            .with("until", until)
            .filtered(filters);
        Ok(JsonLines::new(self.open(call).await?))
    }

    pub(crate) async fn prune_containers(&self, filters: &Filters) -> Result<Pruned, ApiError> {
        let call = Call::post("container_prune", "/containers/prune", &[]).filtered(filters);
        self.json(call.timeout(DISK_PATIENCE)).await
    }

    pub(crate) async fn prune_builds(&self, filters: &Filters) -> Result<Pruned, ApiError> {
        let call = Call::post("build_prune", "/build/prune", &[]).filtered(filters);
        self.json(call.timeout(DISK_PATIENCE)).await
    }
}
