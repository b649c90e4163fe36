//! The index of pgvector, used from a bound on that these tests lower.

use std::collections::HashSet;
use std::sync::Arc;

use homelab_core::memory::{
    Condition, Event, Filter, Hit, MemoryQuery, NewMemory, Op, Vector, Visible,
};
use homelab_core::store::Memories;
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab};
use crate::memories::{add, all, memory, note, object, owner};

const DIMENSIONS: usize = 32;

/// Numbers without a pattern, the same in each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A direction; random ones are the hardest to index.
    fn vector(&mut self) -> Vector {
        #[expect(clippy::cast_precision_loss, reason = "noise")]
        let values: Vec<f32> = (0..DIMENSIONS)
            .map(|_| (0..4).map(|_| (self.next() % 2_001) as f32 - 1_000.0).sum())
            .collect();
        let length = values.iter().map(|one| one * one).sum::<f32>().sqrt();
        Vector {
            model: "m".into(),
            values: values.iter().map(|one| one / length).collect(),
        }
    }
}

/// 2,000 of `claude`'s, of which one in a hundred is rare, and 50 of `ops`'s among them.
async fn fill(memories: &dyn Memories, noise: &mut Noise) {
    let news: Vec<NewMemory> = (0..2_050)
        .map(|number| {
            let mut new = memory(number, &format!("memory {number}"));
            new.vector = Some(noise.vector());
            new.metadata = object(json!({ "rare": number % 100 == 0 }));
            if number % 41 == 40 {
                new.scope.owner = "ops".into();
            }
            new
        })
        .collect();
    memories
        .add_all(&news, Event::Import, &note(0))
        .await
        .unwrap();
}

fn ids(hits: &[Hit]) -> HashSet<&str> {
    hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// Without sorting: so few rows the server would rather sort than look up.
async fn open() -> Option<Lab> {
    let lab = Lab::open(Engine::Pgvector).await?;
    let mut raw = lab.place.raw().await;
    raw.run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_sort TO off', current_database()); END $$",
    )
    .await;
    let database = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    lab.database.close().await;
    Some(Lab {
        stores: database.stores(),
        database,
        ..lab
    })
}

/// Names of the indexes that can be used.
async fn indexes(lab: &Lab) -> Vec<String> {
    let mut raw = lab.place.raw().await;
    raw.texts(
        "SELECT CAST(CAST(indexrelid AS REGCLASS) AS TEXT) FROM pg_index WHERE indisvalid \
         AND CAST(CAST(indexrelid AS REGCLASS) AS TEXT) LIKE '%memory_vectors_near%'",
    )
    .await
}

#[tokio::test]
async fn an_index_is_made_when_the_bound_is_passed_and_finds_what_comparing_all_finds() {
    let Some(lab) = open().await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    fill(memories, &mut noise).await;
    let claude = all(owner("claude"));
    let exact = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let exact_memories = exact.stores().memories;

    lab.database.index_vectors_from(1_000_000);
    memories
        .by_vector(&claude, &noise.vector(), 10)
        .await
        .unwrap();
    lab.database.settled().await;
    assert!(indexes(&lab).await.is_empty());
    lab.database.index_vectors_from(10_000);
    memories
        .by_vector(&claude, &noise.vector(), 10)
        .await
        .unwrap();
    lab.database.settled().await;
    assert_eq!(indexes(&lab).await, ["memory_vectors_near_32"]);

    // Written after the index was made.
    let near = noise.vector();
    let mut late = memory(9_000, "late");
    late.vector = Some(near.clone());
    add(memories, &late).await;
    let found = memories.by_vector(&claude, &near, 1).await.unwrap();
    assert_eq!(found[0].id, late.id);
    let (mut right, mut wanted) = (0, 0);
    for _ in 0..50 {
        let asked = noise.vector();
        let by_index = memories.by_vector(&claude, &asked, 10).await.unwrap();
        let of_all = exact_memories.by_vector(&claude, &asked, 10).await.unwrap();
        assert_eq!((by_index.len(), of_all.len()), (10, 10));
        assert!(by_index.is_sorted_by(|one, next| one.score >= next.score));
        right += ids(&by_index).intersection(&ids(&of_all)).count();
        wanted += of_all.len();
    }
    assert!(right * 100 >= wanted * 95, "{right} of {wanted}");

    // Sessions tell what they used when they end.
    exact.close().await;
    lab.database.close().await;
    let mut raw = lab.place.raw().await;
    let used = raw
        .texts(
            "SELECT CAST(idx_scan AS TEXT) FROM pg_stat_user_indexes \
             WHERE indexrelname = 'memory_vectors_near_32'",
        )
        .await;
    assert!(used[0].parse::<u32>().unwrap() >= 50, "{used:?}");
}

#[tokio::test]
async fn conditions_leave_full_pages_of_what_the_index_leads_to() {
    let Some(lab) = open().await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let mut noise = Noise(0xD1B5_4A32_D192_ED03);
    fill(memories, &mut noise).await;
    let exact = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let exact_memories = exact.stores().memories;
    lab.database.index_vectors_from(1);
    let claude = all(owner("claude"));
    memories
        .by_vector(&claude, &noise.vector(), 10)
        .await
        .unwrap();
    lab.database.settled().await;
    assert_eq!(indexes(&lab).await.len(), 1);
    let rare = MemoryQuery {
        filter: Some(Filter::Field(Condition {
            key: "rare".into(),
            op: Op::Eq,
            value: json!(true),
        })),
        ..claude.clone()
    };
    let nobody = all(owner("nobody"));
    let everyone = all(Visible::Everything);

    for (query, most, expected) in [
        (&claude, 200, 200),
        (&all(owner("ops")), 20, 20),
        (&all(owner("ops")), 100, 50),
        (&rare, 10, 10),
        // More than there are: the server looks at all of them.
        (&rare, 50, 21),
        (&nobody, 10, 0),
        (&everyone, 10, 10),
    ] {
        let asked = noise.vector();
        let found = memories.by_vector(query, &asked, most).await.unwrap();
        assert_eq!(found.len(), expected, "{query:?}");
        let of_all = exact_memories.by_vector(query, &asked, most).await.unwrap();
        let same = ids(&found).intersection(&ids(&of_all)).count();
        assert!(
            same * 100 >= expected * 95,
            "{same} of {expected}: {query:?}"
        );
    }
}

#[rstest]
#[tokio::test]
async fn where_there_is_no_index_to_make_the_bound_changes_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let mut noise = Noise(7);
    fill(memories, &mut noise).await;
    let claude = all(owner("claude"));
    let asked = noise.vector();
    let before = memories.by_vector(&claude, &asked, 10).await.unwrap();

    lab.database.index_vectors_from(1);
    lab.database.settled().await;

    let after = memories.by_vector(&claude, &asked, 10).await.unwrap();
    assert_eq!(after, before);
    assert_eq!(after.len(), 10);
}
