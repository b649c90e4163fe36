//! Images.

use std::time::Duration;

use http::HeaderValue;

use super::call::{Call, Filters};
use super::engine::Engine;
use super::error::ApiError;
use super::{JsonLines, REGISTRY_AUTH};
use crate::reference::Reference;
use crate::types::{Distribution, HistoryItem, ImageInspect, ImageRemoved, ImageSummary};

/// How long an engine may look for an image at its registry before the transfer begins.
const REGISTRY_PATIENCE: Duration = Duration::from_mins(2);

impl Engine {
    pub(crate) async fn images(&self, all: bool) -> Result<Vec<ImageSummary>, ApiError> {
        self.json(Call::get("image_list", "/images/json", &[]).with("all", all))
            .await
    }

    pub(crate) async fn image(&self, name: &str) -> Result<ImageInspect, ApiError> {
        self.json(Call::get("image_inspect", "/images/{}/json", &[name]))
            .await
    }

    /// An image as the engine describes it.
    pub(crate) async fn image_raw(&self, name: &str) -> Result<serde_json::Value, ApiError> {
        self.json(Call::get("image_inspect", "/images/{}/json", &[name]))
            .await
    }

    /// Its layers, the last one first.
    pub(crate) async fn history(&self, name: &str) -> Result<Vec<HistoryItem>, ApiError> {
        self.json(Call::get("image_history", "/images/{}/history", &[name]))
            .await
    }

    /// Fetches an image; the answer is about its way. Errors may come in it.
    pub(crate) async fn pull(
        &self,
        image: &Reference,
        platform: Option<&str>,
        auth: HeaderValue,
    ) -> Result<JsonLines, ApiError> {
        let call = Call::post("image_pull", "/images/create", &[])
            .with("fromImage", &image.repository)
            .with("tag", image.version())
            .maybe("platform", platform)
            .header(REGISTRY_AUTH, auth)
            .timeout(REGISTRY_PATIENCE);
        Ok(JsonLines::new(self.open(call).await?))
    }

    /// Sends an image to its registry; the answer is about its way. Errors may come in it.
    pub(crate) async fn push(
        &self,
        image: &Reference,
        auth: HeaderValue,
    ) -> Result<JsonLines, ApiError> {
        let call = Call::post("image_push", "/images/{}/push", &[&image.repository])
            .with("tag", image.version())
            .header(REGISTRY_AUTH, auth)
            .timeout(REGISTRY_PATIENCE);
        Ok(JsonLines::new(self.open(call).await?))
    }

    pub(crate) async fn tag(&self, image: &str, target: &Reference) -> Result<bool, ApiError> {
        let call = Call::post("image_tag", "/images/{}/tag", &[image])
            .with("repo", &target.repository)
            .with("tag", target.version());
        self.done(call).await
    }

    pub(crate) async fn remove_image(
        &self,
        image: &str,
        force: bool,
        keep_parents: bool,
    ) -> Result<Vec<ImageRemoved>, ApiError> {
        let call = Call::delete("image_remove", "/images/{}", &[image])
            .with("force", force)
            .with("noprune", keep_parents)
            .timeout(REGISTRY_PATIENCE);
        self.json(call).await
    }

    /// What the registry has under this name now, asked by the engine.
    pub(crate) async fn distribution(
        &self,
        image: &Reference,
        auth: HeaderValue,
    ) -> Result<Distribution, ApiError> {
        let name = image.complete().to_string();
        let call = Call::get("image_distribution", "/distribution/{}/json", &[&name])
            .header(REGISTRY_AUTH, auth);
        self.json(call).await
    }

    /// Images without a name, or all that no container uses.
    pub(crate) async fn prune_images(
        &self,
        all: bool,
        filters: Filters,
    ) -> Result<crate::types::Pruned, ApiError> {
        let filters = filters.and("dangling", if all { "false" } else { "true" });
        self.json(
            Call::post("image_prune", "/images/prune", &[])
                .filtered(&filters)
                .timeout(REGISTRY_PATIENCE),
        )
        .await
    }
}
