//! Keeping something new.

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{
    About, Added, Change, Changed, Event, NewMemory, NewText, Note, Scope, Vector, Visible,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answers::Degraded;
use crate::errors;
use crate::owners::Caller;
use crate::prepare::{self, Extras, Prepared};
use crate::service::MemoryService;
use crate::similar::{Neighbours, Similar};

/// Most messages of one call.
const MAX_MESSAGES: usize = 50;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// `user`, `assistant`, `system` or `tool`; only what the first two say is learned from.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// What is done with a text that says what another memory says already, in other words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnSimilar {
    /// It is kept all the same, and the other one named.
    #[default]
    Store,
    /// It is not kept.
    Skip,
    /// The other one takes its wording.
    Update,
}

/// Something to keep.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewEntry {
    /// The text; or `messages`.
    pub content: Option<String>,
    /// A conversation; without `infer` each message of a user or an assistant is one memory.
    pub messages: Vec<Message>,
    /// Whom it is about or for; the principal's name by default.
    pub user_id: Option<String>,
    /// Agent that learned it.
    pub agent_id: Option<String>,
    /// Run in which it was learned.
    pub run_id: Option<String>,
    /// What else is kept with it; `category` and `source` in here count where they are not given apart.
    pub metadata: Map<String, Value>,
    /// `fact` by default.
    pub category: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// 0 to 1; 0.5 by default.
    pub importance: Option<f64>,
    /// Things of the lab that it is about.
    pub about: Vec<About>,
    /// Days until it is no longer told unasked; 0 is never. By default 7 for the category `state`, never for others.
    pub ttl_days: Option<u32>,
    /// The same as a moment; counts more.
    pub expires_at: Option<Micros>,
    /// From when it holds; now by default.
    pub valid_from: Option<Micros>,
    /// Whether a language model takes the facts out of it.
    pub infer: bool,
    /// Memory whose place it takes.
    pub supersedes: Option<String>,
    /// What to do where another memory says the same.
    pub on_similar: OnSimilar,
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// It is a new memory.
    Add,
    /// It is a new memory in the place of another.
    Supersede,
    /// It is the new wording of another memory.
    Update,
    /// It was there already, or is not kept because of `on_similar`.
    None,
}

/// Whether a memory can be found by its meaning yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingState {
    /// Yes.
    Done,
    /// Its vector is made later; until then it is found by its words.
    Pending,
    /// There is no embedding model: it is found by its words.
    Off,
}

/// What became of one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// The memory that says it now.
    pub id: String,
    /// What was done.
    pub event: Outcome,
    /// The memory's version.
    pub version: u32,
    /// Its text, where it is not the one that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// How often the same was told, where it was there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_count: Option<u32>,
    /// When it stops being told unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Micros>,
    /// Whether it can be found by its meaning yet.
    pub embedding: EmbeddingState,
    /// Memories that say the same in other words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub similar: Vec<Similar>,
    /// Memories that say it with another number, address or name. If this one takes the place of one of them, delete
    /// this one and add it again with `supersedes`, or update the other one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change_of: Vec<Similar>,
    /// Kinds of secrets that were taken out of the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
}

/// What became of everything that was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddAnswer {
    /// One for each memory; empty if a language model found nothing worth keeping.
    pub results: Vec<Written>,
    /// `llm`: the text was kept as it is, because there is no language model or it did not answer usably.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<Degraded>,
    /// Facts of the language model that were dropped, because they were not in the text or not worth keeping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u32>,
}

/// A text on its way into the store, with what it shares with others of the same call.
pub(crate) struct Draft {
    pub(crate) text: Prepared,
    pub(crate) category: Option<String>,
    /// Whether the text is another than the caller gave.
    pub(crate) is_derived: bool,
}

impl MemoryService {
    /// Keeps a text, or what a conversation says.
    ///
    /// # Errors
    /// `invalid_argument` with the field: nothing to keep, too long, a secret (`secret_in_memory`); `not_found` if the
    /// memory to supersede is not there. If one text of several is refused, none is kept.
    pub async fn add(&self, caller: &Caller, entry: NewEntry) -> ToolResult<AddAnswer> {
        let texts = given(&entry)?;
        if entry.supersedes.is_some() && (entry.infer || texts.len() > 1) {
            let message = "several memories cannot take the place of one";
            return Err(ToolError::invalid("supersedes", message)
                .hint("give one `content` without `infer`"));
        }
        let on_secret = self.settings().on_secret;
        let mut given = Vec::new();
        for (field, text) in &texts {
            given.push(Draft {
                text: Prepared::new(field, text, on_secret)?,
                category: None,
                is_derived: texts.len() > 1,
            });
        }
        let writing = self.writing(caller, &entry)?;
        let mut degraded = Vec::new();
        let mut dropped = None;
        if entry.infer {
            match self.extracted(caller, &writing.scope, &entry, &given).await {
                Some(facts) => {
                    dropped = Some(facts.dropped).filter(|count| *count > 0);
                    given = facts.drafts;
                }
                None => degraded.push(Degraded::Llm),
            }
        }
        let results = self.write_all(caller, &writing, given).await?;
        Ok(AddAnswer {
            results,
            degraded,
            dropped,
        })
    }

    fn writing(&self, caller: &Caller, entry: &NewEntry) -> ToolResult<Writing> {
        let importance = entry.importance.unwrap_or(0.5);
        if !(0.0..=1.0).contains(&importance) {
            return Err(ToolError::invalid(
                "importance",
                "`importance` is between 0 and 1",
            ));
        }
        let extras = Extras::new(
            entry.category.as_deref(),
            entry.source.as_deref(),
            entry.metadata.clone(),
            self.settings().on_secret,
        )?;
        Ok(Writing {
            scope: Self::scope(
                caller,
                entry.user_id.as_deref(),
                entry.agent_id.as_deref(),
                entry.run_id.as_deref(),
            )?,
            importance,
            about: prepare::about(entry.about.clone())?,
            extras,
            ttl_days: entry.ttl_days,
            expires_at: entry.expires_at,
            valid_from: entry.valid_from,
            supersedes: entry.supersedes.clone(),
            on_similar: entry.on_similar,
            note: self.note(caller, None)?,
        })
    }

    /// Keeps texts of one call, each with its vector where that can be had.
    async fn write_all(
        &self,
        caller: &Caller,
        writing: &Writing,
        drafts: Vec<Draft>,
    ) -> ToolResult<Vec<Written>> {
        let texts: Vec<&str> = drafts.iter().map(|one| one.text.content.as_str()).collect();
        let vectors = if texts.is_empty() {
            None
        } else {
            self.vectors_of(&texts).await
        };
        let mut vectors = vectors.map(Vec::into_iter);
        let mut results = Vec::new();
        for draft in drafts {
            let vector = vectors.as_mut().and_then(Iterator::next);
            results.push(self.write(caller, writing, draft, vector).await?);
        }
        Ok(results)
    }

    async fn write(
        &self,
        caller: &Caller,
        writing: &Writing,
        draft: Draft,
        vector: Option<Vector>,
    ) -> ToolResult<Written> {
        let embedding = match (&self.parts.embedder, &vector) {
            (None, _) => EmbeddingState::Off,
            (_, Some(_)) => EmbeddingState::Done,
            (_, None) => EmbeddingState::Pending,
        };
        let near = self
            .neighbours(
                caller,
                &writing.scope.user_id,
                &draft.text,
                vector.as_ref(),
                writing.supersedes.as_deref(),
            )
            .await?;
        let mut written = Written {
            id: String::new(),
            event: Outcome::None,
            version: 1,
            content: (draft.is_derived || !draft.text.masked.is_empty())
                .then(|| draft.text.content.clone()),
            seen_count: None,
            expires_at: None,
            embedding,
            similar: Vec::new(),
            change_of: Vec::new(),
            masked: [&draft.text.masked[..], &writing.extras.masked[..]].concat(),
        };
        let is_twin = !near.is_known && writing.supersedes.is_none();
        if let Some(twin) = near.similar.first().filter(|_| is_twin) {
            let twin = twin.id.clone();
            let done = match writing.on_similar {
                OnSimilar::Store => None,
                OnSimilar::Skip => self.skipped(caller, &twin).await?,
                OnSimilar::Update => {
                    self.reworded(caller, writing, &draft, vector.as_ref(), &twin)
                        .await?
                }
            };
            if let Some((event, version)) = done {
                written.id = twin;
                written.event = event;
                written.version = version;
                written.similar = near.similar;
                return Ok(written);
            }
        }
        self.kept(writing, draft, vector, near, written).await
    }

    /// The twin's version, if it is still there.
    async fn skipped(&self, caller: &Caller, twin: &str) -> ToolResult<Option<(Outcome, u32)>> {
        let found = self.parts.store.get(&caller.visible, twin).await?;
        Ok(found.map(|memory| (Outcome::None, memory.version)))
    }

    async fn reworded(
        &self,
        caller: &Caller,
        writing: &Writing,
        draft: &Draft,
        vector: Option<&Vector>,
        twin: &str,
    ) -> ToolResult<Option<(Outcome, u32)>> {
        let change = Change {
            text: Some(NewText {
                content: draft.text.content.clone(),
                exact: draft.text.exact.clone(),
                hash: draft.text.hash.clone(),
                vector: vector.cloned(),
            }),
            ..Change::default()
        };
        let visible = Visible::Owner(caller.owner.clone());
        let changed = self
            .parts
            .store
            .change(&visible, twin, &change, &writing.note)
            .await?;
        Ok(match changed {
            Changed::Done(memory) => Some((Outcome::Update, memory.version)),
            _ => None,
        })
    }

    async fn kept(
        &self,
        writing: &Writing,
        draft: Draft,
        vector: Option<Vector>,
        near: Neighbours,
        mut written: Written,
    ) -> ToolResult<Written> {
        let now = self.now();
        let category = writing.category(&draft);
        let new = NewMemory {
            id: self.id(),
            scope: writing.scope.clone(),
            content: draft.text.content,
            exact: draft.text.exact,
            hash: draft.text.hash,
            expires_at: self.expiry(&category, writing.ttl_days, writing.expires_at)?,
            category,
            metadata: writing.extras.metadata.clone(),
            source: writing.extras.source.clone(),
            importance: writing.importance,
            about: writing.about.clone(),
            created_at: now,
            valid_from: writing.valid_from.unwrap_or(now),
            supersedes: writing.supersedes.clone(),
            vector,
        };
        match self
            .parts
            .store
            .add(&new, Event::Add, &writing.note)
            .await?
        {
            Added::New(memory) => {
                written.event = if writing.supersedes.is_some() {
                    Outcome::Supersede
                } else {
                    Outcome::Add
                };
                written.id = memory.id;
                written.version = memory.version;
                written.expires_at = memory.expires_at;
                written.similar = near.similar;
                written.change_of = near.change_of;
            }
            Added::Same(memory) => {
                written.event = Outcome::None;
                written.id = memory.id;
                written.version = memory.version;
                written.seen_count = Some(memory.seen_count);
                written.expires_at = memory.expires_at;
            }
            Added::NothingToSupersede => {
                let id = writing.supersedes.as_deref().unwrap_or_default();
                return Err(errors::unknown(id).field("supersedes"));
            }
        }
        Ok(written)
    }
}

/// What all texts of one call share.
struct Writing {
    scope: Scope,
    importance: f64,
    about: Vec<About>,
    extras: Extras,
    ttl_days: Option<u32>,
    expires_at: Option<Micros>,
    valid_from: Option<Micros>,
    supersedes: Option<String>,
    on_similar: OnSimilar,
    note: Note,
}

impl Writing {
    fn category(&self, draft: &Draft) -> String {
        let given = self.extras.category.clone();
        given
            .or_else(|| draft.category.clone())
            .unwrap_or_else(|| "fact".to_owned())
    }
}

/// The texts of a call with their fields.
fn given(entry: &NewEntry) -> ToolResult<Vec<(String, String)>> {
    match (&entry.content, entry.messages.len()) {
        (Some(_), 1..) => Err(ToolError::invalid(
            "messages",
            "give `content` or `messages`, not both",
        )),
        (Some(content), 0) => Ok(vec![("content".to_owned(), content.clone())]),
        (None, 0) => Err(ToolError::invalid("content", "there is no text to keep")
            .reason("memory_empty")
            .hint("give `content`, or `messages` of a conversation")),
        (None, count) if count > MAX_MESSAGES => {
            let message = format!("at most {MAX_MESSAGES} messages are taken at once");
            Err(ToolError::invalid("messages", message))
        }
        (None, _) => {
            let said: Vec<(String, String)> = entry
                .messages
                .iter()
                .enumerate()
                .filter(|(_, message)| is_said(message))
                .map(|(index, message)| {
                    (
                        format!("messages[{index}].content"),
                        message.content.clone(),
                    )
                })
                .collect();
            if said.is_empty() {
                return Err(ToolError::invalid(
                    "messages",
                    "no message of a user or an assistant says anything",
                )
                .reason("memory_empty"));
            }
            Ok(said)
        }
    }
}

/// Whether something was said that is worth keeping: not by a program, and not what the model was told to be.
fn is_said(message: &Message) -> bool {
    let role = message.role.trim().to_ascii_lowercase();
    matches!(role.as_str(), "user" | "assistant" | "human" | "ai")
        && !message.content.trim().is_empty()
}
