//! How search and add slow down as one owner's memories become more: 1,000, 10,000, 100,000, a million.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use homelab_memory::{Mode, NewEntry, SearchRequest};
use serde_json::{Value, json};

use super::bed::{Bed, Where};
use super::generate::Texts;
use super::set::{NOW, Set};
use crate::say;

/// Whose they are; everything belongs to one owner, the worst case for isolation by range.
const OWNER: &str = "north";
/// Memories that are put in at once.
const BATCH: usize = 1_000;
/// Adds that are timed at each size.
const ADDS: usize = 200;
/// A way to search that takes longer than this for all questions is asked fewer, [`FEWEST`] at least.
const PATIENCE: Duration = Duration::from_mins(1);
const FEWEST: usize = 60;
/// Questions of a kind stand together; every eleventh, round and round, is a mixture at any length.
const STRIDE: usize = 11;
/// Slowest search and add that one in twenty may take, with the table in the binary.
const SEARCH: Duration = Duration::from_millis(25);
const ADD: Duration = Duration::from_millis(15);
/// How many there are then.
const AT: usize = 100_000;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Most memories.
    pub(crate) most: usize,
    /// From how many numbers on pgvector's index is used; absent: as by default.
    pub(crate) index_from: Option<u32>,
}

/// A way to search.
struct Way {
    name: &'static str,
    mode: Mode,
    filters: Option<Value>,
}

/// The first is what the tools do unless told otherwise, and what the budget is for.
fn ways() -> Vec<Way> {
    let way = |name, mode, filters| Way {
        name,
        mode,
        filters,
    };
    vec![
        way("hybrid", Mode::Hybrid, None),
        way("full text", Mode::Text, None),
        way("vectors", Mode::Vector, None),
        way(
            "hybrid, 1 in 5 meets the filter",
            Mode::Hybrid,
            Some(json!({ "category": "incident" })),
        ),
        way(
            "hybrid, 1 in 1,000 meets the filter",
            Mode::Hybrid,
            Some(json!({ "shelf": 7 })),
        ),
    ]
}

/// Prints the growth curve, and the ways to search at each size.
pub(crate) async fn report(place: &Where, plan: Plan) -> anyhow::Result<()> {
    let set = Set::read()?;
    let bed = Bed::new(place).await?;
    bed.go_to(NOW);
    if let Some(numbers) = plan.index_from {
        bed.index_from(numbers);
    }
    let mut texts = Texts::new()?;
    say(&format!(
        "\n{}, {}: {} questions and {ADDS} adds, one after the other, at each size\n",
        bed.describe().await?,
        bed.embedder.model(),
        set.questions.len(),
    ))?;
    say(&row(&[
        "memories",
        "filled, 1/s",
        "add p50",
        "add p95",
        "first search",
        "search p50",
        "search p95",
        "search p99",
        "database",
        "process",
    ]))?;
    say("|---|---|---|---|---|---|---|---|---|---|")?;
    let (mut held, mut size) = (0, 1_000);
    let mut by_way = Vec::new();
    let mut verdict = None;
    while size <= plan.most {
        let begun = Instant::now();
        let missing = size - held;
        while held < size {
            held += pour(&bed, &mut texts, BATCH.min(size - held)).await?;
        }
        let rate = rate(missing, begun.elapsed());
        let first = first(&bed, &set).await?;
        let mut taken = Vec::new();
        for way in ways() {
            let times = searches(&bed, &set, &way).await?;
            taken.push((way.name, times));
        }
        let adds = adds(&bed, &mut texts).await?;
        held += ADDS;
        let hybrid = &taken[0].1;
        say(&row(&[
            &size.to_string(),
            &rate,
            &shown(&adds, 50),
            &shown(&adds, 95),
            &format!("{first:.0?}"),
            &shown(hybrid, 50),
            &shown(hybrid, 95),
            &shown(hybrid, 99),
            &megabytes(bed.bytes().await?),
            &megabytes(resident()?),
        ]))?;
        if size == AT {
            verdict = Some((at(hybrid, 95), at(&adds, 95)));
        }
        by_way.push((size, taken));
        size *= 10;
    }
    say(&format!(
        "\n{}",
        row(&["search", "memories", "asked", "p50", "p95", "p99"])
    ))?;
    say("|---|---|---|---|---|---|")?;
    for (place, way) in ways().iter().enumerate() {
        for (size, taken) in &by_way {
            let times = &taken[place].1;
            let [half, most, nearly_all] = [50, 95, 99].map(|percent| shown(times, percent));
            say(&row(&[
                way.name,
                &size.to_string(),
                &times.len().to_string(),
                &half,
                &most,
                &nearly_all,
            ]))?;
        }
    }
    if let Some((search, add)) = verdict {
        say(&format!(
            "\nat {AT} memories: search p95 {search:.1?} (budget {SEARCH:?}: {}), add p95 {add:.1?} (budget {ADD:?}: {})",
            kept(search, SEARCH),
            kept(add, ADD)
        ))?;
    }
    bed.close().await;
    Ok(())
}

fn row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn kept(taken: Duration, budget: Duration) -> &'static str {
    if taken <= budget { "kept" } else { "MISSED" }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no exact count")]
fn rate(many: usize, taken: Duration) -> String {
    format!("{:.0}", many as f64 / taken.as_secs_f64())
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn shown(sorted: &[Duration], percent: usize) -> String {
    format!("{:.1?}", at(sorted, percent))
}

/// What this process holds in memory, bytes; a database server is another process.
fn resident() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: u64 = kilobytes.context("the resident set's size")?.parse()?;
    Ok(kilobytes * 1_024)
}

async fn pour(bed: &Bed, texts: &mut Texts, many: usize) -> anyhow::Result<usize> {
    let batch: Vec<_> = (0..many)
        .map(|_| texts.next())
        .collect::<anyhow::Result<_>>()?;
    bed.pour(OWNER, &batch).await?;
    Ok(many)
}

fn request(words: &str, way: &Way) -> SearchRequest {
    SearchRequest {
        query: words.to_owned(),
        mode: way.mode,
        filters: way.filters.clone(),
        ..SearchRequest::default()
    }
}

/// The first search reads the vectors, or has an index made; the others begin when that is done.
async fn first(bed: &Bed, set: &Set) -> anyhow::Result<Duration> {
    let taken = search(bed, &set.questions[0].words, &ways()[0]).await?;
    bed.settled().await;
    Ok(taken)
}

async fn search(bed: &Bed, words: &str, way: &Way) -> anyhow::Result<Duration> {
    let request = request(words, way);
    let started = Instant::now();
    bed.service.search(&bed.caller(OWNER), &request).await?;
    Ok(started.elapsed())
}

/// One question after the other, the quickest first.
async fn searches(bed: &Bed, set: &Set, way: &Way) -> anyhow::Result<Vec<Duration>> {
    let questions = &set.questions;
    let begun = Instant::now();
    let mut taken = Vec::new();
    for place in 0..questions.len() {
        if taken.len() >= FEWEST && begun.elapsed() > PATIENCE {
            break;
        }
        let question = &questions[place * STRIDE % questions.len()];
        taken.push(search(bed, &question.words, way).await?);
    }
    taken.sort_unstable();
    Ok(taken)
}

async fn adds(bed: &Bed, texts: &mut Texts) -> anyhow::Result<Vec<Duration>> {
    let caller = bed.caller(OWNER);
    let mut taken = Vec::new();
    for _ in 0..ADDS {
        let (category, text) = texts.next()?;
        let entry = NewEntry {
            content: Some(text),
            user_id: Some(OWNER.to_owned()),
            category: Some(category.to_owned()),
            ..NewEntry::default()
        };
        let started = Instant::now();
        bed.service.add(&caller, entry).await?;
        taken.push(started.elapsed());
    }
    taken.sort_unstable();
    Ok(taken)
}
