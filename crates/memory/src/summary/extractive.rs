//! Memories as they are: those that are alike stand behind the one in their middle.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use homelab_core::memory::{Memory, Purpose, Vector};

use super::{Budget, SummaryLine};
use crate::embedding::{cosine, embed, says_something};
use crate::service::MemoryService;
use crate::text::{Identity, cut, one_line, stem, words};

/// Cosine from which two memories are about the same.
const SAME_BY_VECTOR: f64 = 0.7;
/// Share of common words from which they are.
const SAME_BY_WORDS: f64 = 0.4;
/// Longest line, characters.
const LINE: usize = 300;

/// How alike memories are.
enum Likeness {
    Vectors(Vec<Vector>),
    Words(Vec<BTreeSet<String>>),
}

impl Likeness {
    #[expect(clippy::cast_precision_loss, reason = "a text has few words")]
    fn between(&self, left: usize, right: usize) -> f64 {
        match self {
            Self::Vectors(vectors) => cosine(&vectors[left], &vectors[right]),
            Self::Words(words) => {
                let both = words[left].intersection(&words[right]).count();
                let all = words[left].union(&words[right]).count().max(1);
                both as f64 / all as f64
            }
        }
    }

    fn same_from(&self) -> f64 {
        match self {
            Self::Vectors(_) => SAME_BY_VECTOR,
            Self::Words(_) => SAME_BY_WORDS,
        }
    }
}

impl MemoryService {
    /// Lines within the budget, and whether an embedder was there but did not answer.
    pub(super) async fn picked(
        &self,
        memories: &[Memory],
        budget: Budget,
    ) -> (Vec<SummaryLine>, bool) {
        let texts: Vec<String> = memories
            .iter()
            .map(|memory| cut(&memory.content, 1000).0)
            .collect();
        let mut by_words = false;
        let vectors = match &self.parts.embedder {
            Some(embedder) if !texts.is_empty() => {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let deadline = self.settings().write_deadline;
                let made = embed(&**embedder, &texts, Purpose::Document, deadline).await;
                by_words = made.is_err();
                made.ok()
            }
            _ => None,
        };
        let likeness = match vectors {
            Some(vectors) if vectors.iter().all(says_something) => Likeness::Vectors(vectors),
            _ => Likeness::Words(texts.iter().map(|text| stems(text)).collect()),
        };
        (pick(memories, &likeness, budget), by_words)
    }
}

fn stems(text: &str) -> BTreeSet<String> {
    words(text)
        .iter()
        .map(|word| stem(word).to_owned())
        .collect()
}

fn pick(memories: &[Memory], likeness: &Likeness, mut budget: Budget) -> Vec<SummaryLine> {
    let identities: Vec<Identity> = memories
        .iter()
        .map(|memory| Identity::of(&memory.content))
        .collect();
    let mut clusters = clusters(memories, likeness);
    clusters.sort_by_key(|cluster| {
        let newest = cluster.iter().map(|one| memories[*one].valid_from).max();
        (Reverse(cluster.len()), Reverse(newest))
    });
    let mut lines: Vec<SummaryLine> = Vec::new();
    let mut chosen: Vec<usize> = Vec::new();
    // First one line of each cluster, then what else they say, as long as there is room.
    let mut rest: Vec<(usize, usize)> = Vec::new();
    for cluster in &clusters {
        let middle = medoid(cluster, memories, &identities, likeness);
        let text = line(&memories[middle]);
        if !budget.take(&text) {
            continue;
        }
        chosen.push(middle);
        rest.extend(
            cluster
                .iter()
                .filter(|one| **one != middle)
                .map(|one| (*one, lines.len())),
        );
        lines.push(SummaryLine {
            text,
            ids: vec![memories[middle].id.clone()],
            at: memories[middle].valid_from,
        });
    }
    for (one, of) in rest {
        let memory = &memories[one];
        let says_nothing_new = chosen.iter().any(|other| {
            identities[one].says_the_same(&identities[*other])
                && likeness.between(one, *other) >= likeness.same_from()
                || identities[*other].is_change_of(&identities[one])
                    && memories[*other].valid_from >= memory.valid_from
        });
        let text = line(memory);
        if says_nothing_new {
            lines[of].ids.push(memory.id.clone());
        } else if budget.take(&text) {
            chosen.push(one);
            lines.push(SummaryLine {
                text,
                ids: vec![memory.id.clone()],
                at: memory.valid_from,
            });
        }
    }
    lines
}

fn line(memory: &Memory) -> String {
    let (text, is_cut) = cut(&one_line(&memory.content), LINE);
    if is_cut { format!("{text} …") } else { text }
}

/// Each memory goes to the cluster that it is most like on average, or begins one.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are a few hundred memories"
)]
fn clusters(memories: &[Memory], likeness: &Likeness) -> Vec<Vec<usize>> {
    let mut clusters: Vec<Vec<usize>> = Vec::new();
    for one in 0..memories.len() {
        let nearest = clusters
            .iter()
            .enumerate()
            .map(|(place, cluster)| {
                let sum: f64 = cluster
                    .iter()
                    .map(|other| likeness.between(one, *other))
                    .sum();
                (sum / cluster.len() as f64, place)
            })
            .max_by(|left, right| left.0.total_cmp(&right.0));
        match nearest {
            Some((near, place)) if near >= likeness.same_from() => clusters[place].push(one),
            _ => clusters.push(vec![one]),
        }
    }
    clusters
}

/// The one in the middle of a cluster; if a newer one changes what it says, that.
fn medoid(
    cluster: &[usize],
    memories: &[Memory],
    identities: &[Identity],
    likeness: &Likeness,
) -> usize {
    let nearness = |one: usize| -> f64 {
        let all: f64 = cluster
            .iter()
            .map(|other| likeness.between(one, *other))
            .sum();
        all + memories[one].importance * 0.1
    };
    let middle = cluster
        .iter()
        .copied()
        .max_by(|left, right| {
            nearness(*left)
                .total_cmp(&nearness(*right))
                .then(memories[*left].valid_from.cmp(&memories[*right].valid_from))
        })
        .unwrap_or_default();
    cluster
        .iter()
        .copied()
        .filter(|one| {
            memories[*one].valid_from > memories[middle].valid_from
                && identities[*one].is_change_of(&identities[middle])
        })
        .max_by_key(|one| memories[*one].valid_from)
        .unwrap_or(middle)
}
