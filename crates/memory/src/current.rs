//! The service that is in force: a configuration that is read anew makes another one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::service::MemoryService;

/// Leads to the service in force, for whoever was made before it or outlives it.
#[derive(Default)]
pub struct Current(watch::Sender<Option<Arc<MemoryService>>>);

impl Current {
    /// Leads to this one from now on.
    pub fn set(&self, service: Arc<MemoryService>) {
        self.0.send_replace(Some(service));
    }

    /// The service in force; none where the server is switched off or its settings cannot be used.
    pub fn service(&self) -> Option<Arc<MemoryService>> {
        self.0.borrow().clone()
    }

    /// Does the background work of whichever service is in force, until it is dropped.
    pub async fn work(&self, period: Duration) {
        let mut changes = self.0.subscribe();
        loop {
            let service = changes.borrow_and_update().clone();
            let working = async {
                match &service {
                    Some(service) => service.work(period).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = working => {}
                changed = changes.changed() => if changed.is_err() {
                    // We are the sender: this cannot be while we are here.
                    return;
                },
            }
        }
    }
}
