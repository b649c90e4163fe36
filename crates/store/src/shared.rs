//! What every store holds.

use std::sync::Arc;

use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::id::uuid_v7;

use crate::db::Db;

/// The database, the time and randomness.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Shared {
    /// A new id.
    pub(crate) fn id(&self) -> String {
        uuid_v7(&*self.clock, &*self.entropy)
    }

    /// The time.
    pub(crate) fn now(&self) -> Micros {
        self.clock.now()
    }
}
