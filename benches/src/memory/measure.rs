//! What a list of answers is worth.

use std::collections::BTreeMap;

use serde::Serialize;

use super::set::{Half, Kind, Question};

/// How many answers count.
pub(crate) const TOP: usize = 10;

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// The memory, by the set's id.
    pub(crate) id: String,
    /// What the search says it is worth.
    pub(crate) score: f64,
}

/// One question with what was found, best first.
pub(crate) struct Outcome<'a> {
    pub(crate) question: &'a Question,
    pub(crate) found: Vec<Found>,
}

impl Outcome<'_> {
    /// Place of a memory among the first ten, from 1.
    fn place(&self, id: &str) -> Option<usize> {
        self.found
            .iter()
            .take(TOP)
            .position(|found| found.id == id)
            .map(|index| index + 1)
    }

    /// Place of the best of those that answer.
    pub(crate) fn first_right(&self) -> Option<usize> {
        self.question
            .relevant
            .iter()
            .filter_map(|id| self.place(id))
            .min()
    }

    /// Whether an answer was found and stands above all that is wrong.
    fn right_above_wrong(&self) -> bool {
        let wrong = self.question.wrong.iter().filter_map(|id| self.place(id));
        self.first_right()
            .is_some_and(|right| wrong.min().is_none_or(|wrong| right < wrong))
    }

    /// How many of the other owner's look-alikes were found.
    fn leaks(&self) -> usize {
        let wrong = &self.question.wrong;
        let found = self.found.iter().filter(|found| wrong.contains(&found.id));
        if self.question.kind == Kind::LookAlike {
            found.count()
        } else {
            0
        }
    }

    /// What the first answer is said to be worth.
    fn best_score(&self) -> f64 {
        self.found.first().map_or(0.0, |found| found.score)
    }
}

/// Figures of some questions that have an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// Questions.
    pub(crate) questions: usize,
    /// Mean share of the answers that are among the first ten.
    pub(crate) recall_at_10: f64,
    /// Mean of one over the place of the first answer; 0 beyond the tenth.
    pub(crate) mrr: f64,
    /// Share of the questions with a wrong memory nearby whose answer stands above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) right_above_wrong: Option<f64>,
    /// Memories of the other owner that were shown.
    pub(crate) leaks: usize,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of questions are far below 2^52"
)]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

impl Figures {
    /// Over these, without those that nothing answers; absent if none is left.
    pub(crate) fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome<'a>>) -> Option<Self> {
        let (mut questions, mut leaks, mut with_wrong, mut above) = (0, 0, 0, 0);
        let (mut recall, mut reciprocal) = (0.0, 0.0);
        for outcome in outcomes {
            let question = outcome.question;
            if question.relevant.is_empty() {
                continue;
            }
            questions += 1;
            leaks += outcome.leaks();
            let ids = question.relevant.iter();
            let found = ids.filter(|id| outcome.place(id).is_some()).count();
            recall += share(found, question.relevant.len());
            reciprocal += outcome.first_right().map_or(0.0, |place| share(1, place));
            if !question.wrong.is_empty() {
                with_wrong += 1;
                above += usize::from(outcome.right_above_wrong());
            }
        }
        (questions > 0).then(|| Self {
            questions,
            recall_at_10: recall / share(questions, 1),
            mrr: reciprocal / share(questions, 1),
            right_above_wrong: (with_wrong > 0).then(|| share(above, with_wrong)),
            leaks,
        })
    }
}

/// What a threshold on the first answer's score would do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Threshold {
    /// Answers below it are not shown.
    pub(crate) score: f64,
    /// Share of the unanswerable questions that would rightly get nothing.
    pub(crate) silent: f64,
    /// Share of the answered questions whose right answer would still be shown.
    pub(crate) kept: f64,
}

/// The scores at which one more tenth of the unanswerable questions falls silent.
pub(crate) fn thresholds(outcomes: &[Outcome<'_>]) -> Vec<Threshold> {
    let mut best: Vec<f64> = outcomes
        .iter()
        .filter(|outcome| outcome.question.kind == Kind::Unanswerable)
        .map(Outcome::best_score)
        .collect();
    best.sort_by(f64::total_cmp);
    let right: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| {
            let place = outcome.first_right()?;
            Some(outcome.found[place - 1].score)
        })
        .collect();
    [50, 75, 90, 100]
        .into_iter()
        .filter_map(|percent| {
            let score = *best.get((best.len() * percent / 100).checked_sub(1)?)?;
            Some(Threshold {
                score,
                silent: share(
                    best.iter().filter(|best| **best <= score).count(),
                    best.len(),
                ),
                kept: share(
                    right.iter().filter(|right| **right > score).count(),
                    right.len(),
                ),
            })
        })
        .collect()
}

/// Everything about one way to search.
#[derive(Serialize)]
pub(crate) struct Verdict {
    /// All questions that have an answer.
    pub(crate) all: Figures,
    /// By half.
    pub(crate) halves: BTreeMap<Half, Figures>,
    /// By kind.
    pub(crate) kinds: BTreeMap<Kind, Figures>,
    /// By half and kind.
    pub(crate) kinds_of_halves: BTreeMap<Half, BTreeMap<Kind, Figures>>,
    /// For the questions without one.
    pub(crate) thresholds: Vec<Threshold>,
    /// Ids of the questions whose answer is not among the first ten.
    pub(crate) missed: Vec<String>,
}

fn by_kind<'a>(outcomes: &[&'a Outcome<'a>]) -> BTreeMap<Kind, Figures> {
    let kinds = outcomes.iter().map(|outcome| outcome.question.kind);
    let kinds: std::collections::BTreeSet<Kind> = kinds.collect();
    kinds
        .into_iter()
        .filter_map(|kind| {
            let of = outcomes.iter().copied();
            let figures = Figures::of(of.filter(|outcome| outcome.question.kind == kind))?;
            Some((kind, figures))
        })
        .collect()
}

impl Verdict {
    /// Over all outcomes of one way.
    pub(crate) fn of(outcomes: &[Outcome<'_>]) -> anyhow::Result<Self> {
        let all: Vec<&Outcome<'_>> = outcomes.iter().collect();
        let half = |half: Half| -> Vec<&Outcome<'_>> {
            let of = all.iter().copied();
            of.filter(|outcome| outcome.question.half() == half)
                .collect()
        };
        let halves = [Half::Tuned, Half::HeldOut];
        Ok(Self {
            all: Figures::of(outcomes)
                .ok_or_else(|| anyhow::anyhow!("no question has an answer"))?,
            halves: halves
                .into_iter()
                .filter_map(|one| Some((one, Figures::of(half(one))?)))
                .collect(),
            kinds: by_kind(&all),
            kinds_of_halves: halves
                .into_iter()
                .map(|one| (one, by_kind(&half(one))))
                .collect(),
            thresholds: thresholds(outcomes),
            missed: all
                .iter()
                .filter(|outcome| {
                    !outcome.question.relevant.is_empty() && outcome.first_right().is_none()
                })
                .map(|outcome| outcome.question.id.clone())
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(kind: Kind, relevant: &[&str], wrong: &[&str]) -> Question {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Question {
            id: "q001".to_owned(),
            kind,
            owner: "north".to_owned(),
            words: String::new(),
            relevant: owned(relevant),
            wrong: owned(wrong),
            as_of: None,
        }
    }

    fn outcome<'a>(question: &'a Question, found: &[(&str, f64)]) -> Outcome<'a> {
        let found = found.iter().map(|(id, score)| Found {
            id: (*id).to_owned(),
            score: *score,
        });
        Outcome {
            question,
            found: found.collect(),
        }
    }

    #[test]
    fn an_answer_in_second_place_counts_half_and_one_in_eleventh_not_at_all() {
        let asked = question(Kind::Paraphrase, &["m1"], &[]);
        let second = outcome(&asked, &[("m2", 2.0), ("m1", 1.0)]);
        let mut ids: Vec<(String, f64)> = (2..12).map(|n| (format!("m{n}"), 1.0)).collect();
        ids.push(("m1".to_owned(), 0.5));
        let ids: Vec<(&str, f64)> = ids.iter().map(|(id, s)| (id.as_str(), *s)).collect();
        let eleventh = outcome(&asked, &ids);

        let figures = Figures::of([&second, &eleventh]).unwrap();

        assert_eq!(
            (figures.questions, figures.recall_at_10, figures.mrr),
            (2, 0.5, 0.25)
        );
        assert_eq!(figures.right_above_wrong, None);
    }

    #[test]
    fn a_stale_value_above_the_right_one_is_counted_and_one_that_is_hidden_is_not() {
        let asked = question(Kind::Temporal, &["m1"], &["m2"]);
        let stale_first = outcome(&asked, &[("m2", 2.0), ("m1", 1.0)]);
        let hidden = outcome(&asked, &[("m1", 1.0)]);

        let figures = Figures::of([&stale_first, &hidden]).unwrap();

        assert_eq!(figures.right_above_wrong, Some(0.5));
        assert_eq!(figures.leaks, 0);
    }

    #[test]
    fn a_look_alike_of_another_owner_is_a_leak_wherever_it_stands() {
        let asked = question(Kind::LookAlike, &["m1"], &["m2"]);
        let leaking = outcome(&asked, &[("m1", 2.0), ("m2", 1.0)]);

        assert_eq!(Figures::of([&leaking]).unwrap().leaks, 1);
    }

    #[test]
    fn a_threshold_says_who_falls_silent_and_what_it_costs() {
        let nothing = question(Kind::Unanswerable, &[], &[]);
        let asked = question(Kind::Exact, &["m1"], &[]);
        let outcomes = [
            outcome(&nothing, &[("m9", 0.2)]),
            outcome(&nothing, &[("m9", 0.4)]),
            outcome(&asked, &[("m1", 0.3)]),
            outcome(&asked, &[("m1", 0.9)]),
        ];

        let thresholds = thresholds(&outcomes);

        let rows: Vec<(f64, f64, f64)> = thresholds
            .iter()
            .map(|row| (row.score, row.silent, row.kept))
            .collect();
        assert_eq!(rows.first(), Some(&(0.2, 0.5, 1.0)));
        assert_eq!(rows.last(), Some(&(0.4, 1.0, 0.5)));
    }
}
