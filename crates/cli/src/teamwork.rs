//! Our own CCPM service: put together, kept tidy, and which agent each caller of it is.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use homelab_backend_ccpm::embedded;
use homelab_ccpm::{Identities, Parts, Service};
use homelab_core::clock::{Clock, Entropy};
use homelab_core::store::Stores;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::config::Config;
use crate::servers;

/// How often what time alone changes is stored.
const UPKEEP: Duration = Duration::from_mins(5);

/// The service, and what its REST routes need beside it.
pub(crate) struct Teamwork {
    /// The service.
    pub(crate) service: Arc<Service>,
    /// Which agent each caller is, by the configuration in force.
    pub(crate) identities: Arc<ArcSwap<Identities>>,
    /// Name of the instance that uses our own database; none if another service is used instead, or
    /// the server is switched off.
    pub(crate) instance: Option<Arc<str>>,
}

/// Ends its task when it goes.
pub(crate) struct Upkeep(JoinHandle<()>);

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Teamwork {
    /// Puts it together; nothing is read yet.
    pub(crate) fn new(
        config: &Config,
        stores: &Stores,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let found = instance(config);
        let settings = found.as_ref().map(|(_, embedded)| embedded.settings.clone());
        let service = Service::new(Parts {
            store: stores.ccpm.clone(),
            signals: stores.signals.clone(),
            audit: Some(stores.audit.clone()),
            clock,
            entropy,
            settings: settings.unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        let identities = found.as_ref().map(|(_, embedded)| embedded.identities.clone());
        Self {
            service: Arc::new(service),
            identities: Arc::new(ArcSwap::from_pointee(identities.unwrap_or_default())),
            instance: found.map(|(name, _)| name.into()),
        }
    }

    /// Takes up who is which agent. The service's own settings need a restart.
    pub(crate) fn reload(&self, config: &Config) {
        if let Some((_, embedded)) = instance(config) {
            self.identities.store(Arc::new(embedded.identities));
        }
    }

    /// Keeps the tables tidy for as long as the result lives.
    pub(crate) fn keep_tidy(&self) -> Upkeep {
        let service = Arc::clone(&self.service);
        Upkeep(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = service.upkeep().await {
                    tracing::warn!(%error, "the tables of agents and tasks were not tidied up");
                }
            }
        }))
    }
}

/// The instance that uses our own database: the one named like the kind, else the first.
fn instance(config: &Config) -> Option<(String, homelab_backend_ccpm::Embedded)> {
    let mut found: Vec<_> = servers::instances(config)
        .into_iter()
        .filter(|instance| instance.kind.name == homelab_ccpm::KIND)
        .filter_map(|instance| Some((instance.name, embedded(&instance.settings)?)))
        .filter(|(_, embedded)| embedded.is_used)
        .collect();
    let named = found.iter().position(|(name, _)| name == homelab_ccpm::KIND);
    let at = named.unwrap_or(0);
    (at < found.len()).then(|| found.swap_remove(at))
}
