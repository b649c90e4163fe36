//! How search and add slow down as one owner's memories become more: 1,000, 10,000, 100,000, a million.

use std::time::{Duration, Instant};

use homelab_memory::{NewEntry, SearchRequest};

use super::bed::{Bed, Where};
use super::generate::Texts;
use super::set::{NOW, Set};
use crate::say;

/// Whose they are; everything belongs to one owner, the worst case for isolation by range.
const OWNER: &str = "north";
/// Memories that are put in at once.
const BATCH: usize = 1_000;
/// Calls that are timed at each size.
const CALLS: usize = 200;
/// Slowest search and add that one in twenty may take, with the table in the binary.
const SEARCH: Duration = Duration::from_millis(25);
const ADD: Duration = Duration::from_millis(15);

/// Prints the growth curve.
pub(crate) async fn report(place: &Where, most: usize) -> anyhow::Result<()> {
    let set = Set::read()?;
    let bed = Bed::new(place).await?;
    bed.go_to(NOW);
    let mut texts = Texts::new()?;
    say(&format!(
        "\n{}: budgets at 100,000 are search p95 {SEARCH:?}, add p95 {ADD:?}",
        place.name()
    ))?;
    say("| memories | search p50 | search p95 | add p50 | add p95 | size |")?;
    say("|---|---|---|---|---|---|")?;
    let mut held = 0;
    let mut size = 1_000;
    while size <= most {
        while held < size {
            let many = BATCH.min(size - held);
            let batch: Vec<_> = (0..many)
                .map(|_| texts.next())
                .collect::<anyhow::Result<_>>()?;
            bed.pour(OWNER, &batch).await?;
            held += many;
        }
        let search = searches(&bed, &set).await?;
        let add = adds(&bed, &mut texts).await?;
        held += CALLS;
        let bytes = match place {
            Where::Sqlite => format!("{} MB", bed.bytes()? / 1_000_000),
            Where::Postgres(_) => "-".to_owned(),
        };
        say(&format!(
            "| {size} | {:.1?} | {:.1?} | {:.1?} | {:.1?} | {bytes} |",
            at(&search, 50),
            at(&search, 95),
            at(&add, 50),
            at(&add, 95),
        ))?;
        size *= 10;
    }
    bed.close().await;
    Ok(())
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// One question after the other; the first one is not timed, it reads the vectors.
async fn searches(bed: &Bed, set: &Set) -> anyhow::Result<Vec<Duration>> {
    let caller = bed.caller(OWNER);
    let mut taken = Vec::new();
    for question in set.questions.iter().take(CALLS + 1) {
        let request = SearchRequest {
            query: question.words.clone(),
            ..SearchRequest::default()
        };
        let started = Instant::now();
        bed.service.search(&caller, &request).await?;
        taken.push(started.elapsed());
    }
    taken.remove(0);
    taken.sort_unstable();
    Ok(taken)
}

async fn adds(bed: &Bed, texts: &mut Texts) -> anyhow::Result<Vec<Duration>> {
    let caller = bed.caller(OWNER);
    let mut taken = Vec::new();
    for _ in 0..CALLS {
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
