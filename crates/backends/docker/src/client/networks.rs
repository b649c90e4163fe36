//! Networks and volumes.

use serde_json::{Value, json};

use super::call::{Call, Filters};
use super::engine::Engine;
use super::error::ApiError;
use crate::types::{Created, Network, Pruned, Texts, Volume, VolumeList};

impl Engine {
    pub(crate) async fn networks(&self) -> Result<Vec<Network>, ApiError> {
        self.json(Call::get("network_list", "/networks", &[])).await
    }

    /// Networks that no container is attached to; a stopped one is not.
    pub(crate) async fn idle_networks(&self) -> Result<Vec<Network>, ApiError> {
        let filters = Filters::default().and("dangling", "true");
        self.json(Call::get("network_list", "/networks", &[]).filtered(&filters))
            .await
    }

    pub(crate) async fn create_network(&self, body: Value) -> Result<Created, ApiError> {
        self.json(Call::post("network_create", "/networks/create", &[]).json(body))
            .await
    }

    pub(crate) async fn remove_network(&self, id: &str) -> Result<bool, ApiError> {
        self.done(Call::delete("network_remove", "/networks/{}", &[id]))
            .await
    }

    pub(crate) async fn connect(
        &self,
        network: &str,
        container: &str,
        endpoint: Value,
    ) -> Result<bool, ApiError> {
        let body = json!({ "Container": container, "EndpointConfig": endpoint });
        self.done(Call::post("network_connect", "/networks/{}/connect", &[network]).json(body))
            .await
    }

    pub(crate) async fn disconnect(
        &self,
        network: &str,
        container: &str,
        force: bool,
    ) -> Result<bool, ApiError> {
        let body = json!({ "Container": container, "Force": force });
        self.done(
            Call::post("network_disconnect", "/networks/{}/disconnect", &[network]).json(body),
        )
        .await
    }

    pub(crate) async fn prune_networks(&self, filters: &Filters) -> Result<Pruned, ApiError> {
        self.json(Call::post("network_prune", "/networks/prune", &[]).filtered(filters))
            .await
    }

    pub(crate) async fn volumes(&self) -> Result<Vec<Volume>, ApiError> {
        let list: VolumeList = self.json(Call::get("volume_list", "/volumes", &[])).await?;
        Ok(list.volumes)
    }

    pub(crate) async fn create_volume(
        &self,
        name: &str,
        driver: &str,
        options: &Texts,
        labels: &Texts,
    ) -> Result<Volume, ApiError> {
        let body =
            json!({ "Name": name, "Driver": driver, "DriverOpts": options, "Labels": labels });
        self.json(Call::post("volume_create", "/volumes/create", &[]).json(body))
            .await
    }

    pub(crate) async fn remove_volume(&self, name: &str) -> Result<bool, ApiError> {
        self.done(Call::delete("volume_remove", "/volumes/{}", &[name]))
            .await
    }
}
