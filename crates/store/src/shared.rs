//! What every store holds.

use std::sync::Arc;

use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::id::uuid_v7;
use homelab_core::store::{StoreResult, Topic};

use crate::db::{Db, Tx};
use crate::signals::Hub;

/// The database, the time and randomness, and who waits for news.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) hub: Arc<Hub>,
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

    /// Commits a change of the topic, and tells whoever waits for one, in any process.
    pub(crate) async fn commit(&self, mut tx: Tx, topic: Topic) -> StoreResult<()> {
        tx.announce(topic).await?;
        tx.commit().await?;
        self.hub.news().tell(topic);
        Ok(())
    }
}
