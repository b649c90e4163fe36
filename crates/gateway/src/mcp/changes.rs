//! Who is told that the list of tools changed.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells connected clients that tools came, went or changed.
///
/// Whoever swaps the registry calls [`ToolListChanges::announce`] afterwards: sessions of the older
/// protocol revisions and `subscriptions/listen` streams of the newer ones then get
/// `notifications/tools/list_changed`. Announcements in quick succession may arrive as one.
#[derive(Debug, Clone)]
pub struct ToolListChanges(Arc<watch::Sender<u64>>);

impl Default for ToolListChanges {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl ToolListChanges {
    /// Announces a change; never blocks, and costs nothing when nobody listens.
    pub fn announce(&self) {
        self.0
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    /// How many changes were announced so far.
    pub(crate) fn version(&self) -> u64 {
        *self.0.borrow()
    }

    /// From now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
