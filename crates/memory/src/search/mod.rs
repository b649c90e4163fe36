//! Finding: by words and by meaning, joined.

mod fuse;
mod rank;

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{Hit, Memory, MemoryQuery, Order, Purpose, TextQuery, Vector};
use homelab_core::page::PageRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answers::{Degraded, Told};
use crate::embedding::{embed, says_something};
use crate::manage::ListRequest;
use crate::owners::Caller;
use crate::service::MemoryService;
use crate::similar::rounded;
use crate::text::{cut, exact_of_query, one_line, words};

use fuse::fuse;
use rank::Ranking;

/// Memories of an answer unless asked otherwise.
pub(crate) const DEFAULT_LIMIT: u32 = 10;
/// Most memories of an answer.
pub(crate) const MAX_LIMIT: u32 = 100;
/// Fewest candidates of each half.
const CANDIDATES: u32 = 50;
/// Most words of a question that are searched for.
const MOST_WORDS: usize = 32;
/// Most whole tokens of a question.
const MOST_EXACT: usize = 16;
/// Characters of each memory's text.
const SHOWN: usize = 1000;
/// Longest question, characters; the rest is not read.
const MAX_QUERY: usize = 2000;

/// Which halves of the search are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Both.
    #[default]
    Hybrid,
    /// Full text alone.
    Text,
    /// Vectors alone.
    Vector,
}

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchRequest {
    /// A question, or words; empty for the newest.
    pub query: String,
    /// Only with this label.
    pub user_id: Option<String>,
    /// Only with this label.
    pub agent_id: Option<String>,
    /// Only with this label.
    pub run_id: Option<String>,
    /// Further conditions, as [`filters`](crate::filters) reads them.
    pub filters: Option<Value>,
    /// Memories of the answer, 1 to 100; 10 by default.
    pub limit: Option<u32>,
    /// Least `relevance`, 0 to 1.
    pub threshold: Option<f64>,
    /// As things stood then.
    pub as_of: Option<Micros>,
    /// Expired ones too.
    pub include_expired: bool,
    /// Made no earlier.
    pub since: Option<Micros>,
    /// Made earlier.
    pub until: Option<Micros>,
    /// Says of each memory why it was found.
    pub explain: bool,
    /// Which halves are used.
    pub mode: Mode,
}

/// Why a memory was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explained {
    /// Place by full text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_text: Option<u32>,
    /// Place by vector, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_vector: Option<u32>,
    /// Nearness of meaning, -1 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f64>,
    /// Words and whole tokens of the question that the memory holds.
    pub matched_terms: Vec<String>,
    /// Whole tokens of the question (addresses, host names, paths, …) that it holds; more of them go first.
    pub exact: u32,
    /// What the joined score was multiplied by, by its reason.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub boosts: std::collections::BTreeMap<String, f64>,
    /// An older statement of the same that this one was put in front of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer_than: Option<String>,
}

/// A memory that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The memory, its text cut to 1,000 characters.
    #[serde(flatten)]
    pub memory: Told,
    /// What the order goes by, 0 to 1: the ranks by text and by vector, joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// How much of the question it answers, 0 to 1, by its words and its meaning: low for all means that nothing is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevance: Option<f64>,
    /// Why it was found, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explained>,
}

/// What was found, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchAnswer {
    /// The memories.
    pub results: Vec<Found>,
    /// `vector`: found by words alone, because the embedding model did not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<Degraded>,
}

impl MemoryService {
    /// The best memories for a question.
    ///
    /// Candidates are the best by full text and the nearest by vector, joined by their ranks. Those that hold more of
    /// the addresses, host names, paths and error codes that the question names go first. Of two statements that
    /// differ in a value alone the newer one goes first, unless the question asks for what was before.
    ///
    /// # Errors
    /// `invalid_argument` on a filter or the threshold. A model that does not answer is none, `degraded` says so.
    pub async fn search(
        &self,
        caller: &Caller,
        request: &SearchRequest,
    ) -> ToolResult<SearchAnswer> {
        if request
            .threshold
            .is_some_and(|one| !(0.0..=1.0).contains(&one))
        {
            return Err(ToolError::invalid(
                "threshold",
                "`threshold` is between 0 and 1",
            ));
        }
        let limit = request.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        let (question, _) = cut(&one_line(&request.query), MAX_QUERY);
        let query = self.query(caller, &request.conditions())?;
        if question.is_empty() {
            return self.newest(&query, limit).await;
        }
        let (found, degraded) = self.ranked(&query, &question, limit, request.mode).await?;
        let least = request.threshold.unwrap_or(0.0);
        let results = found
            .into_iter()
            .filter(|one| one.relevance >= least)
            .take(limit as usize)
            .map(|one| one.told(request.explain))
            .collect();
        Ok(SearchAnswer { results, degraded })
    }

    async fn newest(&self, query: &MemoryQuery, limit: u32) -> ToolResult<SearchAnswer> {
        let page = PageRequest::first(limit);
        let found = self.parts.store.list(query, Order::Newest, &page).await?;
        let results = found
            .items
            .into_iter()
            .map(|memory| Found {
                memory: Told::short(memory, SHOWN),
                score: None,
                relevance: None,
                explain: None,
            })
            .collect();
        Ok(SearchAnswer {
            results,
            degraded: Vec::new(),
        })
    }

    /// All candidates in their order.
    pub(crate) async fn ranked(
        &self,
        query: &MemoryQuery,
        question: &str,
        limit: u32,
        mode: Mode,
    ) -> ToolResult<(Vec<Ranked>, Vec<Degraded>)> {
        let most = CANDIDATES.max(limit.saturating_mul(4));
        let terms = terms_of(question);
        let by_text = async {
            if mode == Mode::Vector || (terms.words.is_empty() && terms.exact.is_empty()) {
                return Ok(Vec::new());
            }
            self.parts.store.by_text(query, &terms, most).await
        };
        let by_vector = async {
            if mode == Mode::Text {
                return Ok(Nearest::default());
            }
            self.nearest(query, question, most).await
        };
        let (by_text, nearest) = futures_util::future::join(by_text, by_vector).await;
        let (by_text, nearest) = (by_text?, nearest?);
        let mut candidates = fuse(&by_text, &nearest.hits, &self.settings().weights);
        candidates.truncate(most as usize);
        let wanted: Vec<(String, u32)> = candidates
            .iter()
            .map(|one| (one.id.clone(), one.version))
            .collect();
        let rows = self.parts.store.revisions(&query.visible, &wanted).await?;
        let at = query.as_of.unwrap_or(query.now);
        let ranking = Ranking::new(question, &terms, at, self.settings().weights.words);
        let degraded = if nearest.failed {
            vec![Degraded::Vector]
        } else {
            Vec::new()
        };
        Ok((ranking.order(candidates, rows), degraded))
    }

    /// The nearest by vector; whatever is wrong with the model only means that there are none.
    async fn nearest(&self, query: &MemoryQuery, question: &str, most: u32) -> ToolResult<Nearest> {
        let Some(embedder) = self.searching().await? else {
            return Ok(Nearest::default());
        };
        let made = embed(
            &**embedder,
            &[question],
            Purpose::Query,
            self.settings().query_deadline,
        )
        .await;
        let vector: Option<Vector> = match made {
            Ok(vectors) => vectors.into_iter().next().filter(says_something),
            Err(error) => {
                tracing::warn!(model = embedder.model(), %error, "a search went without vectors");
                return Ok(Nearest {
                    hits: Vec::new(),
                    failed: true,
                });
            }
        };
        let hits = match vector {
            Some(vector) => self.parts.store.by_vector(query, &vector, most).await?,
            None => Vec::new(),
        };
        // What has nothing in common with the question only fills the answer.
        let hits = hits.into_iter().filter(|hit| hit.score > 0.0).collect();
        Ok(Nearest {
            hits,
            failed: false,
        })
    }
}

#[derive(Default)]
struct Nearest {
    hits: Vec<Hit>,
    failed: bool,
}

fn terms_of(question: &str) -> TextQuery {
    let mut terms = TextQuery {
        words: words(question),
        exact: exact_of_query(question),
    };
    terms.words.truncate(MOST_WORDS);
    terms.exact.truncate(MOST_EXACT);
    terms
}

impl SearchRequest {
    fn conditions(&self) -> ListRequest {
        ListRequest {
            user_id: self.user_id.clone(),
            agent_id: self.agent_id.clone(),
            run_id: self.run_id.clone(),
            filters: self.filters.clone(),
            as_of: self.as_of,
            include_expired: self.include_expired,
            since: self.since,
            until: self.until,
            ..ListRequest::default()
        }
    }
}

/// A candidate with its place.
#[derive(Debug, Clone)]
pub(crate) struct Ranked {
    pub(crate) memory: Memory,
    pub(crate) score: f64,
    pub(crate) relevance: f64,
    pub(crate) why: Explained,
}

impl Ranked {
    fn told(self, explain: bool) -> Found {
        Found {
            memory: Told::short(self.memory, SHOWN),
            score: Some(rounded(self.score)),
            relevance: Some(rounded(self.relevance)),
            explain: explain.then_some(self.why),
        }
    }
}
