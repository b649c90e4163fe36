//! Memories found by words among so many that not all can be ranked.

use homelab_core::memory::{Event, Hit, NewMemory, TextQuery};
use homelab_core::store::Memories;
use rstest::rstest;

use crate::lab::{Engine, Lab};
use crate::memories::{add, all, id, memory, note, owner};

/// More than are ranked, and enough for PostgreSQL to guess from a sample.
const MANY: u32 = 5_600;

/// All hold "backup", every second one "disk", the twenty oldest "zigbee", more than are ranked, all old, "cellar".
fn one(number: u32) -> NewMemory {
    let second = if number.is_multiple_of(2) {
        "disk"
    } else {
        "tape"
    };
    let third = if number < 20 { "zigbee" } else { "wired" };
    let fourth = if number < 3_100 { "cellar" } else { "attic" };
    memory(
        number,
        &format!("backup {second} {third} {fourth} number{number}"),
    )
}

async fn found(memories: &dyn Memories, words: &[&str]) -> Vec<String> {
    let text = TextQuery {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        exact: Vec::new(),
    };
    let query = all(owner("claude"));
    let hits: Vec<Hit> = memories.by_text(&query, &text, 25).await.unwrap();
    hits.into_iter().map(|hit| hit.id).collect()
}

#[rstest]
#[tokio::test]
async fn rare_words_lead_and_of_common_ones_the_newest_are_found(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let mut news: Vec<NewMemory> = (0..MANY).map(one).collect();
    // Another's lie between and behind them.
    for number in [3, MANY - 3] {
        let mut foreign = one(number);
        foreign.id = id(MANY + number);
        foreign.scope.owner = "n8n".into();
        news.push(foreign);
    }
    memories
        .add_all(&news, Event::Import, &note(0))
        .await
        .unwrap();
    let newest = |step: usize| -> Vec<String> {
        let numbers = (0..MANY).rev().step_by(step);
        numbers.map(id).take(25).collect()
    };

    assert_eq!(found(memories, &["backup"]).await, newest(1));
    assert_eq!(found(memories, &["tape"]).await, newest(2));
    // However many that are newer lack it.
    let old: Vec<String> = (0..3_100).rev().map(id).take(25).collect();
    assert_eq!(found(memories, &["cellar"]).await, old);
    // The rare word decides, among its own the other ones do.
    let rare = found(memories, &["backup", "zigbee", "disk"]).await;
    let oldest: Vec<String> = (0..20).map(id).collect();
    assert_eq!(rare.len(), 25);
    assert!(oldest.iter().all(|id| rare[..20].contains(id)), "{rare:?}");
    assert_eq!(found(memories, &["number17", "backup"]).await[0], id(17));

    // That nothing held a word is not taken for granted later.
    assert_eq!(found(memories, &["backup", "quorum"]).await, newest(1));
    add(memories, &memory(MANY, "quorum of the cluster")).await;
    assert_eq!(found(memories, &["backup", "quorum"]).await[0], id(MANY));
}
