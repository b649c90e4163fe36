//! The labelled set: what was told, and what is asked.

#[cfg(test)]
use std::collections::BTreeMap;

use anyhow::Context as _;
use homelab_core::clock::Micros;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const BY_HAND: &str = include_str!("../../data/memory/memories.jsonl");
const BULK: &str = include_str!("../../data/memory/bulk.jsonl");
const QUESTIONS: &str = include_str!("../../data/memory/questions.jsonl");

/// The moment at which the questions are asked: 2026-10-01T12:00:00Z.
pub(crate) const NOW: Micros = Micros(1_790_856_000_000_000);

/// One memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    /// `m` and a number when it was written by hand, `b` and a number in the bulk.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) owner: String,
    /// Label of the owner's.
    pub(crate) user_id: String,
    /// Who told it.
    pub(crate) agent_id: String,
    /// See [`homelab_core::memory::Memory::category`].
    pub(crate) category: String,
    /// When it was told.
    pub(crate) at: Micros,
    /// The text.
    pub(crate) text: String,
    /// The memory whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) supersedes: Option<String>,
}

/// What makes a question hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// It says in other words what the memory says.
    Paraphrase,
    /// It names an address, a path, a code.
    Exact,
    /// What it asks for has changed.
    Temporal,
    /// Others say nearly the same of something else.
    NearDuplicate,
    /// The other owner has nearly the same memory.
    LookAlike,
    /// Nobody told the answer.
    Unanswerable,
}

/// One question with its labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// `q` and a number; odd ones may be tuned on, even ones are held out.
    pub(crate) id: String,
    /// What makes it hard.
    pub(crate) kind: Kind,
    /// Who asks.
    pub(crate) owner: String,
    /// The words.
    #[serde(rename = "question")]
    pub(crate) words: String,
    /// The memories that answer it.
    pub(crate) relevant: Vec<String>,
    /// Memories that must rank below each of those; for [`Kind::LookAlike`] they must not be found at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) wrong: Vec<String>,
    /// The moment that is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) as_of: Option<Micros>,
}

/// Which half of the questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Half {
    /// Weights may be chosen by it.
    Tuned,
    /// It is looked at only.
    HeldOut,
}

impl Question {
    /// The half it belongs to.
    pub(crate) fn half(&self) -> Half {
        if self.id.ends_with(['1', '3', '5', '7', '9']) {
            Half::Tuned
        } else {
            Half::HeldOut
        }
    }
}

/// Everything.
pub(crate) struct Set {
    /// In the order in which it was told.
    pub(crate) told: Vec<Told>,
    /// In the order of their ids.
    pub(crate) questions: Vec<Question>,
}

fn lines<T: DeserializeOwned>(text: &str) -> anyhow::Result<Vec<T>> {
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

/// Those written by hand.
pub(crate) fn by_hand() -> anyhow::Result<Vec<Told>> {
    lines(BY_HAND)
}

impl Set {
    /// Reads it.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut told = by_hand()?;
        told.extend(lines::<Told>(BULK)?);
        told.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        Ok(Self {
            told,
            questions: lines(QUESTIONS)?,
        })
    }

    /// The memories by id.
    #[cfg(test)]
    pub(crate) fn by_id(&self) -> BTreeMap<&str, &Told> {
        self.told
            .iter()
            .map(|told| (told.id.as_str(), told))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::memory::generate;

    #[test]
    fn the_bulk_is_what_the_generator_makes() {
        let made = generate::bulk(by_hand().unwrap().len()).unwrap();

        assert_eq!(lines::<Told>(BULK).unwrap(), made);
    }

    #[test]
    fn the_set_is_as_large_as_it_claims_and_every_label_names_a_memory() {
        let set = Set::read().unwrap();
        let by_id = set.by_id();
        let mut kinds = BTreeMap::new();

        for question in &set.questions {
            *kinds.entry(question.kind).or_insert(0) += 1;
            for label in &question.relevant {
                assert_eq!(by_id[label.as_str()].owner, question.owner, "{question:?}");
                assert!(!question.wrong.contains(label), "{question:?}");
            }
            for label in &question.wrong {
                let same = by_id[label.as_str()].owner == question.owner;
                assert_eq!(same, question.kind != Kind::LookAlike, "{question:?}");
            }
            let unanswerable = question.kind == Kind::Unanswerable;
            assert_eq!(question.relevant.is_empty(), unanswerable, "{question:?}");
        }

        assert_eq!((set.told.len(), by_id.len()), (2_000, 2_000));
        let least = [
            (Kind::Paraphrase, 100),
            (Kind::Exact, 60),
            (Kind::Temporal, 50),
            (Kind::NearDuplicate, 40),
            (Kind::LookAlike, 30),
            (Kind::Unanswerable, 30),
        ];
        for (kind, least) in least {
            assert!(kinds[&kind] >= least, "{kind:?}: {kinds:?}");
        }
        let ids: BTreeSet<_> = set.questions.iter().map(|question| &question.id).collect();
        assert_eq!(ids.len(), set.questions.len());
    }

    #[test]
    fn whatever_takes_a_place_comes_later_and_belongs_to_the_same_owner() {
        let set = Set::read().unwrap();
        let by_id = set.by_id();

        for told in &set.told {
            assert!(told.at < NOW, "{told:?}");
            if let Some(old) = &told.supersedes {
                let old = by_id[old.as_str()];
                assert!(
                    old.at < told.at && old.owner == told.owner,
                    "{told:?} {old:?}"
                );
            }
        }
    }
}
