//! Reading one memory, changing, deleting and restoring it, its history, and lists.

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{
    About, Change, Changed, HistoryEntry, MemoryQuery, MemoryStats, NewText, Order,
};
use homelab_core::page::{Page, PageRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::add::EmbeddingState;
use crate::answers::Told;
use crate::errors;
use crate::filters;
use crate::owners::Caller;
use crate::prepare::{self, Extras, Prepared};
use crate::service::MemoryService;

/// Characters of a memory in a list.
const LISTED: usize = 500;
/// Most memories about some things that are told.
const MOST_ABOUT: u32 = 50;

/// A change of one memory: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edit {
    /// New text.
    pub content: Option<String>,
    /// New metadata, all of it; `category` and `source` in here are taken out of it, and the category counts where it
    /// is not given apart.
    pub metadata: Option<Map<String, Value>>,
    /// New category.
    pub category: Option<String>,
    /// New importance, 0 to 1.
    pub importance: Option<f64>,
    /// New things that it is about, all of them.
    pub about: Option<Vec<About>>,
    /// Days from now until it is no longer told unasked; 0 is never.
    pub ttl_days: Option<u32>,
    /// The same as a moment; counts more.
    pub expires_at: Option<Micros>,
    /// Only if it is still at this version.
    pub expected_version: Option<u32>,
    /// Why; kept in the history.
    pub reason: Option<String>,
}

/// A memory after it was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Updated {
    /// As it is now.
    pub memory: Told,
    /// Whether the new text can be found by its meaning yet; absent if the text stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingState>,
    /// Kinds of secrets that were taken out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
}

/// What became of a memory that was to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deleted {
    /// Its id.
    pub id: String,
    /// Whether it was erased with its history; otherwise it can be restored.
    pub purged: bool,
}

/// A memory whose deletion was taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Restored {
    /// As it is now.
    pub memory: Told,
}

/// The history of one memory, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// The memory's id.
    pub id: String,
    /// What happened, with old and new text.
    #[serde(flatten)]
    pub page: Page<HistoryEntry>,
}

/// Which memories to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListRequest {
    /// Only with this label.
    pub user_id: Option<String>,
    /// Only with this label.
    pub agent_id: Option<String>,
    /// Only with this label.
    pub run_id: Option<String>,
    /// Further conditions, as [`filters`] reads them.
    pub filters: Option<Value>,
    /// As things stood then.
    pub as_of: Option<Micros>,
    /// Expired ones too.
    pub include_expired: bool,
    /// Made no earlier.
    pub since: Option<Micros>,
    /// Made earlier.
    pub until: Option<Micros>,
    /// How they are ordered.
    pub order: Order,
    /// Memories of a page; 25 by default.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl MemoryService {
    /// One memory, at its newest revision; a deleted one says when it was deleted.
    ///
    /// # Errors
    /// `not_found` if there is none for this caller.
    pub async fn get(&self, caller: &Caller, id: &str) -> ToolResult<Told> {
        let id = Self::known_id(id)?;
        let found = self.parts.store.get(&caller.visible, &id).await?;
        found.map(Told::from).ok_or_else(|| errors::unknown(&id))
    }

    /// Changes one: the old text stays in its history.
    ///
    /// # Errors
    /// `not_found`; `conflict` if it is at another version (`memory_changed`) or another memory says the same
    /// (`memory_same`); `invalid_argument` as for something new.
    pub async fn update(&self, caller: &Caller, id: &str, edit: Edit) -> ToolResult<Updated> {
        let id = Self::known_id(id)?;
        let note = self.note(caller, edit.reason.as_deref())?;
        let on_secret = self.settings().on_secret;
        let mut masked = Vec::new();
        let mut change = Change {
            importance: edit.importance,
            expected_version: edit.expected_version,
            about: edit.about.map(prepare::about).transpose()?,
            ..Change::default()
        };
        if edit
            .importance
            .is_some_and(|one| !(0.0..=1.0).contains(&one))
        {
            return Err(ToolError::invalid(
                "importance",
                "`importance` is between 0 and 1",
            ));
        }
        let has_metadata = edit.metadata.is_some();
        let extras = Extras::new(
            edit.category.as_deref(),
            None,
            edit.metadata.unwrap_or_default(),
            on_secret,
        )?;
        change.category = extras.category;
        change.metadata = has_metadata.then_some(extras.metadata);
        masked.extend(extras.masked);
        if edit.ttl_days.is_some() || edit.expires_at.is_some() {
            change.expires_at = Some(self.expiry("", edit.ttl_days, edit.expires_at)?);
        }
        let text = edit
            .content
            .as_deref()
            .map(|text| Prepared::new("content", text, on_secret))
            .transpose()?;
        let mut embedding = None;
        if let Some(text) = text {
            // Whoever may not see it learns nothing, and no text goes to a model for nothing.
            let known = self.parts.store.get(&caller.visible, &id).await?;
            if known.is_none_or(|memory| memory.deleted_at.is_some()) {
                return Err(errors::unknown(&id));
            }
            let vectors = self.vectors_of(&[&text.content]).await;
            let vector = vectors.and_then(|vectors| vectors.into_iter().next());
            embedding = Some(match (&self.parts.embedder, &vector) {
                (None, _) => EmbeddingState::Off,
                (_, Some(_)) => EmbeddingState::Done,
                (_, None) => EmbeddingState::Pending,
            });
            masked.extend(text.masked);
            change.text = Some(NewText {
                content: text.content,
                exact: text.exact,
                hash: text.hash,
                vector,
            });
        }
        if change
            == (Change {
                expected_version: edit.expected_version,
                ..Change::default()
            })
        {
            return Err(ToolError::invalid("content", "nothing is to be changed")
                .hint("give `content`, `metadata` or another field"));
        }
        let changed = self
            .parts
            .store
            .change(&caller.visible, &id, &change, &note)
            .await?;
        Ok(Updated {
            memory: Told::from(done(changed, &id, edit.expected_version)?),
            embedding,
            masked,
        })
    }

    /// Deletes one: it is told no more, but its history stays and [`restore`](Self::restore) takes it back. With
    /// `purge` every byte of it is erased, whatever its state, for good.
    ///
    /// # Errors
    /// `not_found`; of a deleted one too, unless it is purged.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: &str,
        reason: Option<&str>,
        purge: bool,
    ) -> ToolResult<Deleted> {
        let id = Self::known_id(id)?;
        let note = self.note(caller, reason)?;
        if purge {
            return if self.parts.store.purge(&caller.visible, &id).await? {
                Ok(Deleted { id, purged: true })
            } else {
                Err(errors::unknown(&id))
            };
        }
        let changed = self.parts.store.delete(&caller.visible, &id, &note).await?;
        done(changed, &id, None)?;
        Ok(Deleted { id, purged: false })
    }

    /// Takes a deletion back.
    ///
    /// # Errors
    /// `not_found` if there is no deleted memory of this id; `conflict` (`memory_same`) if another one says the same
    /// by now.
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &str,
        reason: Option<&str>,
    ) -> ToolResult<Restored> {
        let id = Self::known_id(id)?;
        let note = self.note(caller, reason)?;
        let changed = self
            .parts
            .store
            .restore(&caller.visible, &id, &note)
            .await?;
        let memory = Told::from(done(changed, &id, None)?);
        Ok(Restored { memory })
    }

    /// What happened to one, newest first, with old and new text; of deleted ones too.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn history(
        &self,
        caller: &Caller,
        id: &str,
        page: &PageRequest,
    ) -> ToolResult<History> {
        let id = Self::known_id(id)?;
        let found = self.parts.store.history(&caller.visible, &id, page).await?;
        match found {
            Some(page) => Ok(History { id, page }),
            None => Err(errors::unknown(&id)),
        }
    }

    /// A page of memories, texts cut to 500 characters.
    ///
    /// # Errors
    /// `invalid_argument` on a filter or a cursor.
    pub async fn list(&self, caller: &Caller, request: &ListRequest) -> ToolResult<Page<Told>> {
        let page = PageRequest::from_args(request.limit, request.cursor.as_deref())?;
        let query = self.query(caller, request)?;
        let found = self.parts.store.list(&query, request.order, &page).await?;
        Ok(found.map(|memory| Told::short(memory, LISTED)))
    }

    /// What is known about things of the lab, newest first, texts cut to 200 characters.
    ///
    /// # Errors
    /// As the store's.
    pub async fn about(
        &self,
        caller: &Caller,
        things: &[About],
        most: u32,
    ) -> ToolResult<Vec<Told>> {
        let most = most.clamp(1, MOST_ABOUT);
        let found = self
            .parts
            .store
            .about(&caller.visible, things, self.now(), most)
            .await?;
        Ok(found
            .into_iter()
            .map(|memory| Told::short(memory, 200))
            .collect())
    }

    /// Counts of what the caller may see.
    ///
    /// # Errors
    /// As the store's.
    pub async fn stats(&self, caller: &Caller) -> ToolResult<MemoryStats> {
        Ok(self.parts.store.stats(&caller.visible, self.now()).await?)
    }

    /// The query of a list.
    pub(crate) fn query(&self, caller: &Caller, request: &ListRequest) -> ToolResult<MemoryQuery> {
        let mut query = self.everything(&caller.visible);
        query.user_id = prepare::label("user_id", request.user_id.as_deref())?;
        query.agent_id = prepare::label("agent_id", request.agent_id.as_deref())?;
        query.run_id = prepare::label("run_id", request.run_id.as_deref())?;
        query.filter = match &request.filters {
            Some(filters) => filters::parse(filters)?,
            None => None,
        };
        query.as_of = request.as_of;
        query.include_expired = request.include_expired;
        query.since = request.since;
        query.until = request.until;
        Ok(query)
    }

    /// Ids are short and plain; anything else is as unknown as a wrong one.
    fn known_id(id: &str) -> ToolResult<String> {
        let id = id.trim().to_ascii_lowercase();
        let is_plain = (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if is_plain {
            Ok(id)
        } else {
            Err(errors::unknown(&id.replace(char::is_control, "")))
        }
    }
}

fn done(
    changed: Changed,
    id: &str,
    expected: Option<u32>,
) -> ToolResult<homelab_core::memory::Memory> {
    match changed {
        Changed::Done(memory) => Ok(memory),
        Changed::NotFound => Err(errors::unknown(id)),
        Changed::OtherVersion(now) => Err(errors::other_version(expected.unwrap_or_default(), now)),
        Changed::SameAs(other) => Err(errors::same_as(&other)),
    }
}
