//! Summaries: the best of what is there, or, with a language model, its own words with their sources.

mod abstractive;
mod extractive;

use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::memory::{About, MAX_ABOUT, MAX_CONTENT, Memory, Order};
use homelab_core::page::PageRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::add::{NewEntry, OnSimilar};
use crate::answers::Degraded;
use crate::manage::ListRequest;
use crate::owners::Caller;
use crate::search::Mode;
use crate::service::MemoryService;
use crate::text::{cut, one_line};

/// Most memories that a summary is made of.
const SOURCES: u32 = 200;
/// Tokens of a summary unless asked otherwise.
const DEFAULT_TOKENS: u32 = 500;
/// Fewest and most tokens of a summary.
const TOKENS: (u32, u32) = (50, 4000);
/// Characters of a token, on average, in English.
const CHARACTERS: usize = 4;

/// What is to be summed up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SummaryRequest {
    /// What it is to be about; everything by default.
    pub query: Option<String>,
    /// Only with this label.
    pub user_id: Option<String>,
    /// Only with this label.
    pub agent_id: Option<String>,
    /// Only with this label.
    pub run_id: Option<String>,
    /// Further conditions, as [`filters`](crate::filters) reads them.
    pub filters: Option<Value>,
    /// Only what was learned since.
    pub since: Option<Micros>,
    /// Only what was learned before.
    pub until: Option<Micros>,
    /// Longest summary, tokens of about 4 characters, 50 to 4000; 500 by default.
    pub max_tokens: Option<u32>,
    /// Whether it is kept as a memory of the category `summary`. What it is made of stays.
    pub store: bool,
}

/// How a summary was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SummaryKind {
    /// Memories as they are, one for several that are alike.
    Extractive,
    /// A language model's sentences.
    Abstractive,
}

/// One sentence of a summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SummaryLine {
    /// What it says.
    pub text: String,
    /// The memories that say it.
    pub ids: Vec<String>,
    /// When the newest of them was learned.
    pub at: Micros,
}

/// A summary, in the order of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SummaryAnswer {
    /// How it was made.
    pub kind: SummaryKind,
    /// Its sentences; empty if there is nothing to sum up.
    pub lines: Vec<SummaryLine>,
    /// Memories that it is made of.
    pub considered: u32,
    /// Whether there are more memories than were considered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Sentences of the language model that were dropped, because they named no memory or none that there is, or said
    /// what no memory says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u32>,
    /// The memory that keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_as: Option<String>,
    /// `llm`: extractive, because the language model did not answer usably; `vector`: alike by words alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<Degraded>,
}

impl MemoryService {
    /// Sums up what is known, altogether or about something.
    ///
    /// # Errors
    /// `invalid_argument` on a filter. A model that does not answer is none, `degraded` says so.
    pub async fn summarize(
        &self,
        caller: &Caller,
        request: &SummaryRequest,
    ) -> ToolResult<SummaryAnswer> {
        let tokens = request.max_tokens.unwrap_or(DEFAULT_TOKENS);
        let budget = Budget(tokens.clamp(TOKENS.0, TOKENS.1) as usize * CHARACTERS);
        let mut degraded = Vec::new();
        let (memories, more) = self.sources(caller, request, &mut degraded).await?;
        let considered = u32::try_from(memories.len()).unwrap_or(u32::MAX);
        let written = match &self.parts.llm {
            Some(llm) if !memories.is_empty() => {
                let written = self
                    .written(&**llm, request.query.as_deref(), &memories, budget)
                    .await;
                if written.is_none() {
                    degraded.push(Degraded::Llm);
                }
                written
            }
            _ => None,
        };
        let (kind, mut lines, dropped) = if let Some((lines, dropped)) = written {
            (SummaryKind::Abstractive, lines, dropped)
        } else {
            let (lines, by_words) = self.picked(&memories, budget).await;
            if by_words && !degraded.contains(&Degraded::Vector) {
                degraded.push(Degraded::Vector);
            }
            (SummaryKind::Extractive, lines, 0)
        };
        lines.sort_by_key(|line| line.at);
        let stored_as = if request.store && !lines.is_empty() {
            Some(self.kept_summary(caller, request, &lines).await?)
        } else {
            None
        };
        Ok(SummaryAnswer {
            kind,
            lines,
            considered,
            more,
            dropped: Some(dropped).filter(|count| *count > 0),
            stored_as,
            degraded,
        })
    }

    /// What it is made of, without earlier summaries: a copy of a copy only gets worse.
    async fn sources(
        &self,
        caller: &Caller,
        request: &SummaryRequest,
        degraded: &mut Vec<Degraded>,
    ) -> ToolResult<(Vec<Memory>, bool)> {
        let conditions = ListRequest {
            user_id: request.user_id.clone(),
            agent_id: request.agent_id.clone(),
            run_id: request.run_id.clone(),
            filters: request.filters.clone(),
            since: request.since,
            until: request.until,
            ..ListRequest::default()
        };
        let query = self.query(caller, &conditions)?;
        let question = request.query.as_deref().map(one_line).unwrap_or_default();
        let (mut memories, more) = if question.is_empty() {
            let page = PageRequest::first(SOURCES);
            let page = self.parts.store.list(&query, Order::Newest, &page).await?;
            (page.items, page.next_cursor.is_some())
        } else {
            let (question, _) = cut(&question, 1000);
            let (found, failed) = self
                .ranked(&query, &question, SOURCES / 4, Mode::Hybrid)
                .await?;
            degraded.extend(failed);
            let best = found.iter().map(|one| one.relevance).fold(0.0, f64::max);
            // What is far less to the point than the best is about something else.
            let to_the_point = found
                .into_iter()
                .filter(|one| one.relevance >= best * 0.4)
                .map(|one| one.memory);
            (to_the_point.collect(), false)
        };
        memories.retain(|memory| memory.category != "summary");
        Ok((memories, more))
    }

    async fn kept_summary(
        &self,
        caller: &Caller,
        request: &SummaryRequest,
        lines: &[SummaryLine],
    ) -> ToolResult<String> {
        let mut content = String::new();
        let mut sources: Vec<String> = Vec::new();
        for line in lines {
            if content.len() + line.text.len() + 3 > MAX_CONTENT {
                break;
            }
            content.push_str("- ");
            content.push_str(&line.text);
            content.push('\n');
            for id in &line.ids {
                // 8 KiB of metadata hold about 200 ids.
                if sources.len() < 150 && !sources.contains(id) {
                    sources.push(id.clone());
                }
            }
        }
        let about = sources.iter().take(MAX_ABOUT).map(|id| About {
            kind: "memory".to_owned(),
            name: id.clone(),
        });
        let entry = NewEntry {
            content: Some(content),
            user_id: request.user_id.clone(),
            agent_id: request.agent_id.clone(),
            run_id: request.run_id.clone(),
            category: Some("summary".to_owned()),
            source: Some("summarize_memories".to_owned()),
            about: about.collect(),
            metadata: Map::from_iter([("summary_of".to_owned(), Value::from(sources))]),
            on_similar: OnSimilar::Store,
            ..NewEntry::default()
        };
        let added = self.add(caller, entry).await?;
        Ok(added
            .results
            .into_iter()
            .next()
            .map(|one| one.id)
            .unwrap_or_default())
    }
}

/// Characters that are left.
#[derive(Debug, Clone, Copy)]
struct Budget(usize);

impl Budget {
    /// Takes a line off, if there is room for it.
    fn take(&mut self, text: &str) -> bool {
        let needed = text.chars().count() + 3;
        match self.0.checked_sub(needed) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}
