//! Asks every question of the labelled set in every way.

use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use homelab_memory::{Mode, SearchRequest, Weights};
use serde::Serialize;

use super::bed::{Bed, Where};
use super::measure::{Figures, Found, Outcome, TOP, Verdict};
use super::set::{Half, Kind, Set};
use crate::say;

/// The ways, as they are called in a report.
const WAYS: [(&str, Mode); 4] = [
    ("full text", Mode::Text),
    ("vectors", Mode::Vector),
    ("hybrid", Mode::Hybrid),
    ("joined ranks", Mode::Hybrid),
];

/// How the last of [`WAYS`] joins the halves: by their ranks alone.
const BY_RANK: Weights = Weights {
    text: 1.0,
    vector: 1.0,
    k: 60.0,
    words: None,
};

/// What came of one database and one model.
#[derive(Serialize)]
pub(crate) struct Run {
    /// Which database.
    pub(crate) database: &'static str,
    /// Which model.
    pub(crate) model: String,
    /// One for each of [`WAYS`].
    pub(crate) ways: Vec<Way>,
}

/// What came of one way.
#[derive(Serialize)]
pub(crate) struct Way {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its figures.
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
}

impl Run {
    /// The verdict on one way.
    pub(crate) fn way(&self, name: &str) -> anyhow::Result<&Verdict> {
        let mut ways = self.ways.iter();
        let way = ways.find(|way| way.name == name).context("a way")?;
        Ok(&way.verdict)
    }
}

/// Fills a new database with the set and asks.
pub(crate) async fn ask(set: &Set, place: &Where) -> anyhow::Result<Run> {
    let bed = Bed::new(place).await?;
    let ours = bed.fill(set).await?;
    let mut ways = Vec::new();
    let by_rank = bed.with(BY_RANK);
    for (name, mode) in WAYS {
        let service = if name == "joined ranks" {
            &by_rank
        } else {
            &bed.service
        };
        let mut outcomes = Vec::new();
        for question in &set.questions {
            let request = SearchRequest {
                query: question.words.clone(),
                limit: Some(u32::try_from(TOP)?),
                as_of: question.as_of,
                mode,
                ..SearchRequest::default()
            };
            let caller = bed.caller(&question.owner);
            let answer = service.search(&caller, &request).await;
            let answer = answer.with_context(|| format!("{question:?}"))?;
            anyhow::ensure!(answer.degraded.is_empty(), "{question:?}");
            outcomes.push(Outcome {
                question,
                found: found(&answer.results, &ours)?,
            });
        }
        ways.push(Way {
            name,
            verdict: Verdict::of(&outcomes)?,
        });
    }
    let model = bed.embedder.model().to_owned();
    bed.close().await;
    Ok(Run {
        database: place.name(),
        model,
        ways,
    })
}

fn found(
    results: &[homelab_memory::Found],
    ours: &HashMap<String, String>,
) -> anyhow::Result<Vec<Found>> {
    results
        .iter()
        .map(|found| {
            Ok(Found {
                id: ours.get(&found.memory.id).context("a known id")?.clone(),
                score: found.relevance.context("a relevance")?,
            })
        })
        .collect()
}

/// Prints it as tables.
pub(crate) fn print(run: &Run) -> anyhow::Result<()> {
    say(&format!(
        "\n{} with {}: recall@10 / MRR",
        run.database, run.model
    ))?;
    let mut head = format!("| {:30} |", "");
    for way in &run.ways {
        write!(head, " {:13} |", way.name)?;
    }
    say(&head)?;
    let columns = "---------------|".repeat(run.ways.len());
    say(&format!("|{}|{columns}", "-".repeat(32)))?;
    row("all", run, |verdict| Some(verdict.all))?;
    row("  odd half (weights chosen by it)", run, |verdict| {
        verdict.halves.get(&Half::Tuned).copied()
    })?;
    row("  even half (held out)", run, |verdict| {
        verdict.halves.get(&Half::HeldOut).copied()
    })?;
    for (kind, name) in [
        (Kind::Paraphrase, "paraphrase"),
        (Kind::Exact, "exact"),
        (Kind::Temporal, "temporal"),
        (Kind::NearDuplicate, "near_duplicate"),
        (Kind::LookAlike, "look_alike"),
    ] {
        row(name, run, |verdict| verdict.kinds.get(&kind).copied())?;
        row(&format!("  held out: {name}"), run, |verdict| {
            let half = verdict.kinds_of_halves.get(&Half::HeldOut)?;
            half.get(&kind).copied()
        })?;
    }
    for (kind, name) in [
        (Kind::Temporal, "right above stale"),
        (Kind::NearDuplicate, "right above near-duplicates"),
    ] {
        cells(name, run, |verdict| {
            let above = verdict.kinds.get(&kind)?.right_above_wrong?;
            Some(format!("{above:.3}"))
        })?;
    }
    cells("the other owner's, shown", run, |verdict| {
        Some(verdict.all.leaks.to_string())
    })?;
    thresholds(run)
}

/// One line of a table.
fn cells(name: &str, run: &Run, cell: impl Fn(&Verdict) -> Option<String>) -> anyhow::Result<()> {
    let mut line = format!("| {name:30} |");
    for way in &run.ways {
        let text = cell(&way.verdict).unwrap_or_default();
        write!(line, " {text:13} |")?;
    }
    say(&line)
}

fn row(name: &str, run: &Run, figures: impl Fn(&Verdict) -> Option<Figures>) -> anyhow::Result<()> {
    cells(name, run, |verdict| {
        let figures = figures(verdict)?;
        Some(format!("{:.3} / {:.3}", figures.recall_at_10, figures.mrr))
    })
}

fn thresholds(run: &Run) -> anyhow::Result<()> {
    say("\nunanswerable questions, hybrid: what a threshold on the first answer's relevance does")?;
    say("| threshold | rightly nothing | right answers kept |")?;
    say("|-----------|-----------------|--------------------|")?;
    for row in &run.way("hybrid")?.thresholds {
        say(&format!(
            "| {:9.3} | {:15.3} | {:18.3} |",
            row.score, row.silent, row.kept
        ))?;
    }
    for way in &run.ways {
        let missed = &way.verdict.missed;
        say(&format!(
            "{}: {} missed: {}",
            way.name,
            missed.len(),
            missed.join(" ")
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that was written by hand and a part of the bulk, and every third question: seconds, not minutes.
    fn sample() -> Set {
        let mut set = Set::read().unwrap();
        set.told
            .retain(|told| told.id.starts_with('m') || told.id.as_str() < "b0281");
        set.questions = set.questions.into_iter().step_by(3).collect();
        set
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_a_sample_of_the_set_what_is_asked_for_is_found_and_nothing_of_another_owner() {
        let run = ask(&sample(), &Where::Sqlite).await.unwrap();

        let [text, vectors, hybrid] =
            ["full text", "vectors", "hybrid"].map(|name| run.way(name).unwrap());
        assert_eq!(hybrid.all.leaks, 0);
        assert!(
            hybrid.all.recall_at_10 >= 0.93,
            "{:?}, missed {:?}",
            hybrid.all,
            hybrid.missed
        );
        assert!(hybrid.all.recall_at_10 >= text.all.recall_at_10);
        assert!(hybrid.all.recall_at_10 >= vectors.all.recall_at_10);
        for kind in [
            Kind::Exact,
            Kind::Temporal,
            Kind::NearDuplicate,
            Kind::LookAlike,
        ] {
            let figures = hybrid.kinds[&kind];
            assert!(figures.recall_at_10 >= 0.95, "{kind:?}: {figures:?}");
        }
        let right = hybrid.kinds[&Kind::Temporal].right_above_wrong.unwrap();
        assert!(right >= 0.9, "{right}");
    }
}
