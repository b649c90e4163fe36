//! Memories found by words, by tokens and by vectors.

use homelab_core::memory::{
    Change, Event, Filter, Hit, MemoryQuery, NewText, TextQuery, Vector, Visible,
};
use homelab_core::memory::{Condition, Op};
use homelab_core::store::Memories;
use homelab_store::Database;
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab, START};
use crate::memories::{add, all, id, memory, note, object, owner, text};

fn question(words: &[&str], exact: &[&str]) -> TextQuery {
    TextQuery {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        exact: exact.iter().map(|&token| token.to_owned()).collect(),
    }
}

fn vector(values: &[f32]) -> Vector {
    let length = values.iter().map(|one| one * one).sum::<f32>().sqrt();
    Vector {
        model: "m".into(),
        values: values.iter().map(|one| one / length).collect(),
    }
}

fn ids(hits: &[Hit]) -> Vec<String> {
    hits.iter().map(|hit| hit.id.clone()).collect()
}

async fn by_text(memories: &dyn Memories, text: &TextQuery) -> Vec<Hit> {
    memories
        .by_text(&all(owner("claude")), text, 10)
        .await
        .unwrap()
}

#[rstest]
#[tokio::test]
async fn any_word_is_enough_and_the_rare_ones_count_more(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    for (number, content) in [
        (1, "the server runs backups at night"),
        (2, "the server has a broken fan"),
        (3, "the server is in the cellar"),
        (4, "Grüße aus dem Büro: nas-01.backup.service läuft"),
        (5, "nothing of the kind"),
    ] {
        add(memories, &memory(number, content)).await;
    }

    let fan = by_text(memories, &question(&["server", "fans"], &[])).await;
    assert_eq!(fan[0].id, id(2));
    assert_eq!(fan.len(), 3);
    assert!(fan[0].score > fan[1].score && fan.iter().all(|hit| hit.exact == 0));
    // A word within a name, and one without its accent.
    let parts = by_text(memories, &question(&["nas-01"], &[])).await;
    assert_eq!(ids(&parts), [id(4)]);
    let accents = by_text(memories, &question(&["buro"], &[])).await;
    assert_eq!(ids(&accents), [id(4)]);
    // Signs of either engine's own language are words like others, or none.
    let signs = [
        "\"", "*", "fan OR", "NEAR(", "a:b", "-", "(", "'", "fan)", "\\", "\0",
    ];
    let signs = by_text(memories, &question(&signs, &["'", "\"", "\0"])).await;
    assert_eq!(ids(&signs), [id(2)]);
    assert_eq!(by_text(memories, &question(&[], &[])).await, []);
}

#[rstest]
#[tokio::test]
async fn tokens_are_found_whole_and_come_first(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    for (number, content, exact) in [
        (1, "port of the proxy port port", &[][..]),
        (2, "10.0.1.5 is the NAS", &["10.0.1.5"]),
        (3, "10.0.1.50 is a printer", &["10.0.1.50"]),
        (4, "the port of nas-01 at 10.0.1.5", &["10.0.1.5", "nas-01"]),
        (5, "10.0.1.5 answers on another port", &["10.0.1.5"]),
    ] {
        let mut new = memory(number, content);
        new.exact = exact.iter().map(|&token| token.to_owned()).collect();
        add(memories, &new).await;
    }

    let found = by_text(
        memories,
        &question(&["port", "proxy"], &["10.0.1.5", "nas-01"]),
    )
    .await;

    let order: Vec<_> = found
        .iter()
        .map(|hit| (hit.id.clone(), hit.exact))
        .collect();
    assert_eq!(order, [(id(4), 2), (id(5), 1), (id(2), 1), (id(1), 0)]);
    let alone = by_text(memories, &question(&[], &["10.0.1.50"])).await;
    assert_eq!(ids(&alone), [id(3)]);
}

#[rstest]
#[tokio::test]
async fn only_what_holds_is_found_and_as_of_then_what_held(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    for (number, content) in [(1, "disk one"), (2, "disk two"), (3, "disk three")] {
        let mut new = memory(number, content);
        new.exact = vec!["disk".into()];
        new.vector = Some(vector(&[1.0, 0.1]));
        new.expires_at = (number == 3).then(|| START.plus_seconds(100));
        add(memories, &new).await;
    }
    let change = Change {
        text: Some(NewText {
            exact: vec!["disk".into()],
            vector: Some(vector(&[1.0, 0.2])),
            ..text("disk one, replaced")
        }),
        ..Change::default()
    };
    memories
        .change(&claude, &id(1), &change, &note(50))
        .await
        .unwrap();
    memories.delete(&claude, &id(2), &note(51)).await.unwrap();

    let now = all(claude.clone());
    let then = MemoryQuery {
        as_of: Some(START.plus_seconds(20)),
        include_expired: true,
        ..now.clone()
    };
    for (query, expected) in [
        (&now, vec![(id(1), 2)]),
        (&then, vec![(id(1), 1), (id(3), 1)]),
    ] {
        let words = question(&["disk"], &[]);
        let tokens = question(&[], &["disk"]);
        for mut found in [
            memories.by_text(query, &words, 10).await.unwrap(),
            memories.by_text(query, &tokens, 10).await.unwrap(),
            memories
                .by_vector(query, &vector(&[1.0, 0.0]), 10)
                .await
                .unwrap(),
        ] {
            found.sort_by(|one, other| one.id.cmp(&other.id));
            let found: Vec<_> = found.into_iter().map(|hit| (hit.id, hit.version)).collect();
            assert_eq!(found, expected);
        }
    }
}

#[rstest]
#[tokio::test]
async fn the_nearest_that_meet_the_conditions_are_found(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    let news: Vec<_> = (1..=600)
        .map(|number| {
            let mut new = memory(number, &format!("memory {number}"));
            // The larger the number, the farther.
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let away = number as f32 / 600.0;
            new.vector = Some(vector(&[1.0, away, 0.0]));
            new.metadata = object(json!({ "rare": number % 200 == 0 }));
            new
        })
        .collect();
    memories
        .add_all(&news, Event::Import, &note(0))
        .await
        .unwrap();
    let mut foreign = memory(1_000, "foreign");
    foreign.scope.owner = "n8n".into();
    foreign.vector = Some(vector(&[1.0, 0.0, 0.0]));
    add(memories, &foreign).await;
    let asked = vector(&[1.0, 0.0, 0.0]);

    let near = memories
        .by_vector(&all(claude.clone()), &asked, 3)
        .await
        .unwrap();
    assert_eq!(ids(&near), [id(1), id(2), id(3)]);
    assert!(near[0].score > 0.99 && near[0].score < 1.01);
    let query = MemoryQuery {
        filter: Some(Filter::Field(Condition {
            key: "rare".into(),
            op: Op::Eq,
            value: json!(true),
        })),
        ..all(claude.clone())
    };
    let rare = memories.by_vector(&query, &asked, 5).await.unwrap();
    assert_eq!(ids(&rare), [id(200), id(400), id(600)]);
    let everyone = memories
        .by_vector(&all(Visible::Everything), &asked, 1)
        .await;
    assert_eq!(ids(&everyone.unwrap()), [id(1_000)]);
    // Neither of another model, nor of another size, nor near to nothing.
    let other = Vector {
        model: "other".into(),
        ..asked.clone()
    };
    let shorter = vector(&[1.0, 0.0]);
    let zeros = Vector {
        values: vec![0.0; 3],
        ..asked.clone()
    };
    for none in [&other, &shorter, &zeros] {
        let found = memories.by_vector(&all(claude.clone()), none, 5).await;
        assert_eq!(found.unwrap(), []);
    }
}

#[rstest]
#[tokio::test]
async fn a_vector_that_comes_later_is_found_by_every_process(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other: Database = lab.place.open(lab.clock.clone()).await.unwrap();
    let (here, there) = (&*lab.stores.memories, other.stores());
    let there = &*there.memories;
    let claude = owner("claude");
    let query = all(claude.clone());
    let asked = vector(&[0.0, 1.0]);
    let found = async |memories: &dyn Memories| {
        let hits = memories.by_vector(&query, &asked, 10).await.unwrap();
        ids(&hits)
    };
    for number in 1..=3 {
        add(here, &memory(number, &number.to_string())).await;
    }
    assert!(found(there).await.is_empty());

    let late = here.unembedded("m", 2).await.unwrap();
    assert_eq!(
        late.iter().map(|one| one.id.clone()).collect::<Vec<_>>(),
        [id(1), id(2)]
    );
    let vectors: Vec<_> = [(1, 0.2), (2, 0.1), (77, 0.0)]
        .map(|(number, away)| (id(number), 1, vector(&[away, 1.0])))
        .into();
    here.put_vectors(&vectors).await.unwrap();

    for memories in [here, there] {
        assert_eq!(found(memories).await, [id(2), id(1)]);
    }
    // One that changes, and one that is erased, change it everywhere.
    there
        .put_vectors(&[(id(1), 1, vector(&[0.0, 1.0]))])
        .await
        .unwrap();
    assert_eq!(found(here).await, [id(1), id(2)]);
    there.purge(&claude, &id(1)).await.unwrap();
    assert_eq!(found(here).await, [id(2)]);
    let models = here.models().await.unwrap();
    assert_eq!((models[0].vectors, models[0].dimensions), (1, 2));
    assert_eq!(here.forget_model("m").await.unwrap(), 1);
    assert!(found(there).await.is_empty());
    assert_eq!(here.models().await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn new_metadata_keep_the_words_the_tokens_and_the_vector(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    let mut new = memory(1, "a switch");
    new.exact = vec!["sw-1".into()];
    new.vector = Some(vector(&[1.0, 0.0]));
    add(memories, &new).await;

    let change = Change {
        metadata: Some(object(json!({ "floor": 2 }))),
        ..Change::default()
    };
    memories
        .change(&claude, &id(1), &change, &note(9))
        .await
        .unwrap();

    let query = all(claude);
    for found in [
        by_text(memories, &question(&["switches"], &[])).await,
        by_text(memories, &question(&[], &["sw-1"])).await,
        memories
            .by_vector(&query, &vector(&[1.0, 0.0]), 5)
            .await
            .unwrap(),
    ] {
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id.clone(), found[0].version), (id(1), 2));
    }
    assert_eq!(memories.unembedded("m", 5).await.unwrap(), []);
}
