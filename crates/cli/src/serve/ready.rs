//! Whether this process can serve.

use async_trait::async_trait;
use homelab_gateway::rest::Readiness;
use homelab_store::Database;

/// Ready while the database answers; it is migrated and the listeners are up before the first
/// request can come.
pub(super) struct Ready(pub(super) Database);

#[async_trait]
impl Readiness for Ready {
    async fn check(&self) -> Result<(), String> {
        self.0.ping().await.map_err(|error| {
            tracing::warn!(%error, "the database does not answer");
            "the database does not answer".to_owned()
        })
    }
}
