//! Agents, messages, tasks, sprints and sessions.
//!
//! Each row holds its whole record as JSON in `body`, and beside it what is looked up, ordered or
//! counted. Numbers of new rows come from the rows that are there: nobody else writes meanwhile.

mod agents;
mod answers;
mod messages;
#[cfg(test)]
mod plans;
mod reports;
mod sessions;
mod sprints;
mod task_list;
mod tasks;

use async_trait::async_trait;
use homelab_core::ccpm::{Choice, Foreign};
use homelab_core::store::{Ccpm, CcpmRows, Numbered, StoreError, StoreResult, Topic};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::{Batch, Conn, Lock, Tx};
use crate::row::Row;
use crate::shared::Shared;

pub(crate) use agents::TABLE as AGENTS;
pub(crate) use answers::TABLE as ANSWERS;
pub(crate) use messages::TABLE as MESSAGES;
pub(crate) use reports::TABLE as REPORTS;
pub(crate) use sessions::{CONTEXTS, TABLE as SESSIONS};
pub(crate) use sprints::TABLE as SPRINTS;
pub(crate) use tasks::{DEPENDENCIES, EVENTS, TABLE as TASKS};

/// [`Ccpm`] on either engine.
pub(crate) struct CcpmStore(pub(crate) Shared);

#[async_trait]
impl Ccpm for CcpmStore {
    async fn read(&self) -> StoreResult<Box<dyn CcpmRows>> {
        Ok(Box::new(Rows {
            tx: self.0.db.snapshot().await?,
            shared: None,
        }))
    }

    async fn write(&self) -> StoreResult<Box<dyn CcpmRows>> {
        Ok(Box::new(Rows {
            tx: self.0.db.write(Lock::Ccpm).await?,
            shared: Some(self.0.clone()),
        }))
    }
}

/// An open transaction.
struct Rows {
    tx: Tx,
    /// Whom to tell of a commit; absent in one that reads.
    shared: Option<Shared>,
}

impl Rows {
    fn conn(&mut self) -> Conn<'_> {
        self.tx.conn()
    }
}

#[async_trait]
impl CcpmRows for Rows {
    async fn commit(self: Box<Self>) -> StoreResult<()> {
        match self.shared {
            Some(shared) => shared.commit(self.tx, Topic::Ccpm).await,
            None => self.tx.commit().await,
        }
    }
}

/// The record in a row.
fn read<T: DeserializeOwned>(row: Row<'_>) -> StoreResult<T> {
    let text = row.text("body")?;
    serde_json::from_str(&text).map_err(|error| StoreError::Corrupt {
        entity: "ccpm",
        detail: format!("column `body`: {error}"),
    })
}

/// The record in a row, with its number.
fn numbered<T: DeserializeOwned>(row: Row<'_>) -> StoreResult<Numbered<T>> {
    Ok(Numbered {
        number: row.int("number")?,
        value: read(row)?,
    })
}

/// A record as it is stored.
fn body<T: Serialize>(record: &T) -> StoreResult<String> {
    serde_json::to_string(record)
        .map_err(|error| StoreError::Internal(format!("a record is no JSON: {error}")))
}

/// A value of a closed list in a column.
fn choice<T: Choice>(text: &str, foreign: impl FnOnce(Foreign) -> T) -> T {
    T::parse(text).unwrap_or_else(|| foreign(Foreign::new(text)))
}

/// Ids as rows of one argument, `{"id": …}`.
fn ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> StoreResult<Batch> {
    #[derive(Serialize)]
    struct Id<'a> {
        id: &'a str,
    }
    let rows: Vec<Id<'a>> = ids.into_iter().map(|id| Id { id }).collect();
    Batch::of(&rows)
}
