//! Memories, their revisions and history, their vectors and full text.
//!
//! Every statement holds the owner's name or an id that was looked up with it, so that no filter reaches another
//! owner's. On SQLite words are found by FTS5, on PostgreSQL by a `tsvector`; tokens that are found whole, such as
//! addresses, are rows of a table of their own on both.

mod add;
mod conditions;
mod erase;
mod filter;
mod insert;
mod lines;
#[cfg(test)]
mod plans;
mod read;
mod rows;
mod text;
mod vectors;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use homelab_core::clock::Micros;
use homelab_core::memory::{
    About, Added, Change, Changed, Event, HistoryEntry, Hit, Memory, MemoryQuery, MemoryStats,
    ModelCount, NewMemory, Note, Order, TextQuery, Unembedded, Vector, Visible,
};
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{Memories, StoreResult};

use crate::db::{Lock, Tx};
use crate::shared::Shared;
use crate::tidy::Grown;

pub(crate) use rows::{ABOUT, HISTORY, OWNERS, REVISIONS, TOKENS, VECTORS};
pub(crate) use text::Frequencies;
pub(crate) use vectors::{Shelves, Space};

/// The table that errors name.
const ENTITY: &str = "memories";

/// [`Memories`] on either engine.
pub(crate) struct MemoryStore {
    pub(crate) shared: Shared,
    pub(crate) shelves: Arc<Shelves>,
    pub(crate) space: Arc<Space>,
    pub(crate) frequencies: Arc<Frequencies>,
    pub(crate) growth: Growth,
}

/// How many memories were added by many at once since the program started.
#[derive(Default)]
pub(crate) struct Growth(AtomicUsize);

impl Growth {
    /// Counts more of them; whether there are twice as many as when it last said so, and enough to look at them anew.
    fn counts(&self, more: usize) -> bool {
        const ENOUGH: usize = 512;
        let before = self.0.fetch_add(more, Ordering::Relaxed);
        (before + more).max(ENOUGH).ilog2() > before.max(ENOUGH - 1).ilog2()
    }
}

impl MemoryStore {
    async fn write(&self) -> StoreResult<Tx> {
        self.shared.db.write(Lock::Memories).await
    }
}

#[async_trait]
impl Memories for MemoryStore {
    async fn add(&self, new: &NewMemory, event: Event, note: &Note) -> StoreResult<Added> {
        let mut tx = self.write().await?;
        let added = add::add(&mut tx.conn(), &self.space, new, event, note).await?;
        tx.commit().await?;
        Ok(added)
    }

    async fn add_all(
        &self,
        new: &[NewMemory],
        event: Event,
        note: &Note,
    ) -> StoreResult<Vec<Added>> {
        let mut tx = self.write().await?;
        let added = add::add_all(&mut tx.conn(), &self.space, new, event, note).await?;
        tx.commit().await?;
        if self.growth.counts(new.len()) {
            self.shared.db.tidy(&[Grown::Memories]).await;
        }
        Ok(added)
    }

    async fn get(&self, visible: &Visible, id: &str) -> StoreResult<Option<Memory>> {
        let mut session = self.shared.db.point().await?;
        let found = write::newest(&mut session.conn(), visible, id).await?;
        Ok(found.map(|found| found.memory))
    }

    async fn revisions(
        &self,
        visible: &Visible,
        wanted: &[(String, u32)],
    ) -> StoreResult<Vec<Memory>> {
        read::revisions(&self.shared, visible, wanted).await
    }

    async fn change(
        &self,
        visible: &Visible,
        id: &str,
        change: &Change,
        note: &Note,
    ) -> StoreResult<Changed> {
        let mut tx = self.write().await?;
        let changed = write::change(&mut tx.conn(), &self.space, visible, id, change, note).await?;
        tx.commit().await?;
        Ok(changed)
    }

    async fn delete(&self, visible: &Visible, id: &str, note: &Note) -> StoreResult<Changed> {
        let mut tx = self.write().await?;
        let changed = write::delete(&mut tx.conn(), visible, id, note).await?;
        tx.commit().await?;
        Ok(changed)
    }

    async fn restore(&self, visible: &Visible, id: &str, note: &Note) -> StoreResult<Changed> {
        let mut tx = self.write().await?;
        let changed = write::restore(&mut tx.conn(), visible, id, note).await?;
        tx.commit().await?;
        Ok(changed)
    }

    async fn purge(&self, visible: &Visible, id: &str) -> StoreResult<bool> {
        let mut tx = self.write().await?;
        let purged = erase::purge(&mut tx.conn(), visible, id).await?;
        tx.commit().await?;
        if purged {
            self.shared.db.forget().await;
        }
        Ok(purged)
    }

    async fn history(
        &self,
        visible: &Visible,
        id: &str,
        page: &PageRequest,
    ) -> StoreResult<Option<Page<HistoryEntry>>> {
        read::history(&self.shared, visible, id, page).await
    }

    async fn list(
        &self,
        query: &MemoryQuery,
        order: Order,
        page: &PageRequest,
    ) -> StoreResult<Page<Memory>> {
        read::list(&self.shared, query, order, page).await
    }

    async fn by_text(
        &self,
        query: &MemoryQuery,
        text: &TextQuery,
        most: u32,
    ) -> StoreResult<Vec<Hit>> {
        text::by_text(&self.shared, &self.frequencies, query, text, most).await
    }

    async fn by_vector(
        &self,
        query: &MemoryQuery,
        vector: &Vector,
        most: u32,
    ) -> StoreResult<Vec<Hit>> {
        let (shelves, space) = (&self.shelves, &self.space);
        vectors::by_vector(&self.shared, shelves, space, query, vector, most).await
    }

    async fn about(
        &self,
        visible: &Visible,
        things: &[About],
        now: Micros,
        most: u32,
    ) -> StoreResult<Vec<Memory>> {
        read::about(&self.shared, visible, things, now, most).await
    }

    async fn unembedded(&self, model: &str, most: u32) -> StoreResult<Vec<Unembedded>> {
        read::unembedded(&self.shared, model, most).await
    }

    async fn put_vectors(&self, vectors: &[(String, u32, Vector)]) -> StoreResult<()> {
        let mut tx = self.write().await?;
        vectors::put_vectors(&mut tx.conn(), &self.space, vectors).await?;
        tx.commit().await
    }

    async fn models(&self) -> StoreResult<Vec<ModelCount>> {
        read::models(&self.shared).await
    }

    async fn forget_model(&self, model: &str) -> StoreResult<u64> {
        let mut tx = self.write().await?;
        let forgotten = erase::forget_model(&mut tx.conn(), model).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    async fn stats(&self, visible: &Visible, now: Micros) -> StoreResult<MemoryStats> {
        read::stats(&self.shared, visible, now).await
    }
}
