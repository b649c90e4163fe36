//! Memories: what the store keeps, finds and erases.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Micros;
use crate::memory::{
    About, Added, Change, Changed, Event, HistoryEntry, Hit, Memory, MemoryQuery, MemoryStats,
    ModelCount, NewMemory, Note, Order, TextQuery, Unembedded, Vector, Visible,
};
use crate::page::{Page, PageRequest};

/// Memories. What is not [`Visible`] does not exist for any method.
#[async_trait]
pub trait Memories: Send + Sync {
    /// Keeps a new one, with its history's first line, all in one transaction. `event` is [`Event::Add`] or
    /// [`Event::Import`].
    async fn add(&self, new: &NewMemory, event: Event, note: &Note) -> StoreResult<Added>;
    /// Many at once, in one transaction, in their order; for imports.
    async fn add_all(
        &self,
        new: &[NewMemory],
        event: Event,
        note: &Note,
    ) -> StoreResult<Vec<Added>>;
    /// One by id, at its newest revision; tombstones too.
    async fn get(&self, visible: &Visible, id: &str) -> StoreResult<Option<Memory>>;
    /// Those of these revisions that there are, in no order.
    async fn revisions(
        &self,
        visible: &Visible,
        wanted: &[(String, u32)],
    ) -> StoreResult<Vec<Memory>>;
    /// Changes one: a new text or metadata makes a new revision.
    async fn change(
        &self,
        visible: &Visible,
        id: &str,
        change: &Change,
        note: &Note,
    ) -> StoreResult<Changed>;
    /// Deletes one as a tombstone: no search or list tells of it, its history stays.
    async fn delete(&self, visible: &Visible, id: &str, note: &Note) -> StoreResult<Changed>;
    /// Takes a deletion back.
    async fn restore(&self, visible: &Visible, id: &str, note: &Note) -> StoreResult<Changed>;
    /// Erases one, whatever its state: all revisions, history, vectors and full text, so that no byte of its
    /// text stays in the database's files. False if there is none.
    async fn purge(&self, visible: &Visible, id: &str) -> StoreResult<bool>;
    /// Its history, newest first; absent if there is no such memory.
    async fn history(
        &self,
        visible: &Visible,
        id: &str,
        page: &PageRequest,
    ) -> StoreResult<Option<Page<HistoryEntry>>>;
    /// A page of a list.
    async fn list(
        &self,
        query: &MemoryQuery,
        order: Order,
        page: &PageRequest,
    ) -> StoreResult<Page<Memory>>;
    /// The best by full text, at most `most`; those that hold more exact tokens first, then by rank.
    async fn by_text(
        &self,
        query: &MemoryQuery,
        text: &TextQuery,
        most: u32,
    ) -> StoreResult<Vec<Hit>>;
    /// The nearest by vector among those that have one of the same model, at most `most`. The query's conditions
    /// are applied before the nearest are taken.
    async fn by_vector(
        &self,
        query: &MemoryQuery,
        vector: &Vector,
        most: u32,
    ) -> StoreResult<Vec<Hit>>;
    /// Those that hold and are about any of these things, newest first.
    async fn about(
        &self,
        visible: &Visible,
        things: &[About],
        now: Micros,
        most: u32,
    ) -> StoreResult<Vec<Memory>>;
    /// Revisions of memories that are not deleted and lack a vector of this model, oldest first.
    async fn unembedded(&self, model: &str, most: u32) -> StoreResult<Vec<Unembedded>>;
    /// Stores vectors that were made later; a revision that is gone meanwhile is passed over.
    async fn put_vectors(&self, vectors: &[(String, u32, Vector)]) -> StoreResult<()>;
    /// Which models have vectors, and how many.
    async fn models(&self) -> StoreResult<Vec<ModelCount>>;
    /// Drops all vectors of a model.
    async fn forget_model(&self, model: &str) -> StoreResult<u64>;
    /// Counts.
    async fn stats(&self, visible: &Visible, now: Micros) -> StoreResult<MemoryStats>;
}
