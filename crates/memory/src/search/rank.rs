//! The order of candidates, once their texts are there.

use std::collections::{BTreeMap, HashMap, HashSet};

use homelab_core::clock::Micros;
use homelab_core::memory::{Memory, TextQuery};

use super::fuse::Candidate;
use super::{Explained, Ranked};
use crate::similar::rounded;
use crate::text::{Identity, Succession, exact_tokens, stem, words};

/// By how much the importance of a memory moves it at most, either way.
const IMPORTANCE: f64 = 0.05;
/// By how much a measured state moves that was measured just now; it halves every [`HALF_LIFE_DAYS`].
const FRESH_STATE: f64 = 0.05;
const HALF_LIFE_DAYS: f64 = 3.0;
/// By how much the newest candidate moves where a question asks for what is now.
const NEWEST: f64 = 0.1;
/// Candidates from the top among which a newer statement is put in front of an older one.
const COMPARED: usize = 30;
/// Share of an older statement's score that the newer one must have for it.
const WORTH: f64 = 0.5;

const NOW: &[&str] = &[
    "current",
    "currently",
    "now",
    "nowadays",
    "latest",
    "newest",
    "today",
    "still",
    "recent",
    "recently",
    "present",
    "presently",
    "moment",
    "these days",
    "anymore",
    "up-to-date",
];
const BEFORE: &[&str] = &[
    "previous",
    "previously",
    "former",
    "formerly",
    "earlier",
    "old",
    "older",
    "oldest",
    "original",
    "originally",
    "initially",
    "before",
    "past",
    "once",
    "history",
    "used",
    "first",
];

/// What a question asks of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Now,
    Before,
    Any,
}

fn time_of(question: &str) -> Time {
    let lower = question.to_lowercase();
    let asked: HashSet<&str> = lower
        .split(|letter: char| !letter.is_alphanumeric() && letter != '-')
        .collect();
    let any = |list: &[&str]| list.iter().any(|word| asked.contains(word));
    if any(NOW) {
        Time::Now
    } else if any(BEFORE) && !lower.contains("used for") && !lower.contains("used by") {
        Time::Before
    } else {
        Time::Any
    }
}

/// How candidates for one question are ordered.
pub(super) struct Ranking<'q> {
    terms: &'q TextQuery,
    time: Time,
    at: Micros,
    /// See [`Weights::words`](crate::service::Weights::words).
    words: Option<f64>,
}

/// A candidate with its text.
struct Row {
    one: Candidate,
    memory: Memory,
    matched: Vec<String>,
}

impl<'q> Ranking<'q> {
    pub(super) fn new(
        question: &str,
        terms: &'q TextQuery,
        at: Micros,
        words: Option<f64>,
    ) -> Self {
        Self {
            terms,
            time: time_of(question),
            at,
            words,
        }
    }

    pub(super) fn order(&self, candidates: Vec<Candidate>, memories: Vec<Memory>) -> Vec<Ranked> {
        let mut by_key: HashMap<(String, u32), Memory> = memories
            .into_iter()
            .map(|memory| ((memory.id.clone(), memory.version), memory))
            .collect();
        let rows: Vec<Row> = candidates
            .into_iter()
            .filter_map(|one| {
                let memory = by_key.remove(&(one.id.clone(), one.version))?;
                let matched = self.matched(&memory.content);
                Some(Row {
                    one,
                    memory,
                    matched,
                })
            })
            .collect();
        let weights = self.weights(&rows);
        let newest = places_by_age(&rows);
        let least = least_cosine(&rows);
        let mut ranked: Vec<Ranked> = rows
            .into_iter()
            .zip(newest)
            .map(|(row, newest)| self.ranked(row, &weights, newest, least))
            .collect();
        ranked.sort_by(|left, right| {
            (right.why.exact.cmp(&left.why.exact))
                .then(right.score.total_cmp(&left.score))
                .then_with(|| right.memory.id.cmp(&left.memory.id))
        });
        if self.time != Time::Before {
            newer_first(&mut ranked);
        }
        ranked
    }

    /// Terms of the question that a text holds.
    fn matched(&self, content: &str) -> Vec<String> {
        let held: HashSet<String> = words(content)
            .iter()
            .map(|word| stem(word).to_owned())
            .collect();
        let whole: HashSet<String> = exact_tokens(content).into_iter().collect();
        let exact = self.terms.exact.iter().filter(|term| whole.contains(*term));
        let plain = self
            .terms
            .words
            .iter()
            .filter(|term| held.contains(stem(term)));
        let mut matched: Vec<String> = exact.cloned().collect();
        for term in plain {
            if !matched.contains(term) {
                matched.push(term.clone());
            }
        }
        matched
    }

    /// How much each term of the question says: the fewer candidates hold it, the more.
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are a few hundred candidates"
    )]
    fn weights(&self, rows: &[Row]) -> BTreeMap<&'q str, f64> {
        let terms = self.terms.words.iter().chain(&self.terms.exact);
        terms
            .map(|term| {
                let holders = rows.iter().filter(|row| row.matched.contains(term)).count();
                let weight = (1.0 + (rows.len() as f64 + 1.0) / (holders as f64 + 1.0)).ln();
                (term.as_str(), weight)
            })
            .collect()
    }

    fn ranked(
        &self,
        row: Row,
        weights: &BTreeMap<&str, f64>,
        newest: f64,
        least: Option<f64>,
    ) -> Ranked {
        let Row {
            one,
            memory,
            matched,
        } = row;
        let all: f64 = weights.values().sum();
        let held: f64 = matched
            .iter()
            .filter_map(|term| weights.get(term.as_str()))
            .sum();
        let covered = if all > 0.0 { held / all } else { 0.0 };
        let near = one.cosine.map(|cosine| cosine.clamp(0.0, 1.0));
        let relevance = match near {
            None => covered,
            Some(near) => 0.6 * covered.max(near) + 0.4 * covered.min(near),
        };
        let mut boosts = BTreeMap::new();
        let mut boost = |name: &str, by: f64| {
            if by.abs() > 1e-4 {
                boosts.insert(name.to_owned(), rounded(1.0 + by));
            }
            1.0 + by
        };
        let mut score = match (self.words, least) {
            (Some(words), Some(least)) => (near.unwrap_or(least) + words * covered) / (1.0 + words),
            _ => one.score,
        };
        score *= boost("importance", IMPORTANCE * 2.0 * (memory.importance - 0.5));
        if memory.category == "state" {
            let fresh = 0.5_f64.powf(days(memory.valid_from, self.at) / HALF_LIFE_DAYS);
            score *= boost("fresh_state", FRESH_STATE * fresh);
        }
        if self.time == Time::Now {
            score *= boost("newest", NEWEST * newest);
        }
        Ranked {
            score: score.min(1.0),
            relevance,
            why: Explained {
                rank_text: one.rank_text,
                rank_vector: one.rank_vector,
                cosine: one.cosine.map(rounded),
                matched_terms: matched,
                exact: one.exact,
                boosts,
                newer_than: None,
            },
            memory,
        }
    }
}

/// The cosine that whatever only the words found has at most; absent unless both halves found something.
fn least_cosine(rows: &[Row]) -> Option<f64> {
    rows.iter().find(|row| row.one.rank_text.is_some())?;
    let cosines = rows.iter().filter_map(|row| row.one.cosine);
    cosines.reduce(f64::min).map(|least| least.clamp(0.0, 1.0))
}

/// For each row how new it is among all, 0 to 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are a few hundred candidates"
)]
fn places_by_age(rows: &[Row]) -> Vec<f64> {
    let mut times: Vec<Micros> = rows.iter().map(|row| row.memory.valid_from).collect();
    times.sort_unstable();
    times.dedup();
    let last = times.len().saturating_sub(1).max(1) as f64;
    rows.iter()
        .map(|row| {
            let place = times.partition_point(|time| *time < row.memory.valid_from);
            place as f64 / last
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "days need no microseconds")]
fn days(from: Micros, to: Micros) -> f64 {
    (to.0.saturating_sub(from.0).max(0)) as f64 / (24.0 * 3600.0 * 1e6)
}

/// Puts each statement in front of the first older one whose place it takes: it differs from it in a value alone, or it
/// says in other words what became of it. What holds more of the question's whole tokens stays in front, the question
/// named it; so does what holds a word of the question that the newer one lacks, unless that one says that something
/// changed. What is worth far less does not come to the front only because it is newer.
fn newer_first(ranked: &mut Vec<Ranked>) {
    let compared = ranked.len().min(COMPARED);
    let mut identities: Vec<Identity> = ranked
        .iter()
        .take(compared)
        .map(|one| Identity::of(&one.memory.content))
        .collect();
    for later in 1..compared {
        let older = (0..later).find(|earlier| {
            let (first, second) = (&ranked[*earlier], &ranked[later]);
            first.why.exact == second.why.exact
                && first.memory.id != second.memory.id
                && first.memory.valid_from < second.memory.valid_from
                && first.memory.scope.user_id == second.memory.scope.user_id
                && second.score >= first.score * WORTH
                && match identities[later].succeeds(&identities[*earlier]) {
                    Succession::Told => true,
                    Succession::Likely => holds_all_of(second, first),
                    Succession::None => {
                        holds_all_of(second, first)
                            && identities[later].is_change_of(&identities[*earlier])
                    }
                }
        });
        if let Some(earlier) = older {
            let mut newer = ranked.remove(later);
            newer.why.newer_than = Some(ranked[earlier].memory.id.clone());
            // The order stays that of the scores.
            newer.score = newer.score.max(ranked[earlier].score);
            ranked.insert(earlier, newer);
            let identity = identities.remove(later);
            identities.insert(earlier, identity);
        }
    }
}

/// Whether one holds every term of the question that the other one holds.
fn holds_all_of(one: &Ranked, other: &Ranked) -> bool {
    let held = &one.why.matched_terms;
    other
        .why
        .matched_terms
        .iter()
        .all(|term| held.contains(term))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("what is the current address of nas01?", Time::Now)]
    #[case("where was the NAS before the move?", Time::Before)]
    #[case("what is vlan 30 used for?", Time::Any)]
    #[case("which disk is full?", Time::Any)]
    fn a_question_tells_its_time(#[case] question: &str, #[case] time: Time) {
        assert_eq!(time_of(question), time);
    }
}
