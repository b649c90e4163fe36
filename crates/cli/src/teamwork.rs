//! Our own CCPM service, and which agent each caller of it is.

use std::sync::Arc;

use arc_swap::ArcSwap;
use homelab_backend_ccpm::embedded;
use homelab_ccpm::{Identities, Parts, Service};
use homelab_core::clock::{Clock, Entropy};
use homelab_core::store::Stores;

use crate::config::Config;
use crate::servers;

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

impl Teamwork {
    /// Puts it together; nothing is read yet.
    pub(crate) fn new(
        config: &Config,
        stores: &Stores,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let found = instance(config);
        let settings = found
            .as_ref()
            .map(|(_, embedded)| embedded.settings.clone());
        let service = Service::new(Parts {
            store: stores.ccpm.clone(),
            signals: stores.signals.clone(),
            audit: Some(stores.audit.clone()),
            clock,
            entropy,
            settings: settings.unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        let identities = found
            .as_ref()
            .map(|(_, embedded)| embedded.identities.clone());
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
}

/// The instance that uses our own database: the one named like the kind, else the first.
fn instance(config: &Config) -> Option<(String, homelab_backend_ccpm::Embedded)> {
    let mut found: Vec<_> = servers::instances(config)
        .into_iter()
        .filter(|instance| instance.kind.name == homelab_ccpm::KIND)
        .filter_map(|instance| Some((instance.name, embedded(&instance.settings)?)))
        .filter(|(_, embedded)| embedded.is_used)
        .collect();
    let named = found
        .iter()
        .position(|(name, _)| name == homelab_ccpm::KIND);
    let at = named.unwrap_or(0);
    (at < found.len()).then(|| found.swap_remove(at))
}
