//! Many memories at once.

use homelab_core::memory::Vector;
use homelab_core::memory::{
    About, Added, Event, HistoryEntry, Memory, NewMemory, Order, TextQuery,
};
use homelab_core::page::PageRequest;
use homelab_core::store::Memories;
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab, START};
use crate::memories::{add, all, id, memory, note, object, owner};

/// All that may happen to one of many: it is new, said before in the store or in this call, in another scope, said by
/// one that has expired, in the place of one of the same call or of nobody, of another owner.
fn many() -> Vec<NewMemory> {
    let mut news = Vec::new();
    let mut tell = |content: &str, change: &dyn Fn(&mut NewMemory)| {
        let mut new = memory(100 + u32::try_from(news.len()).unwrap(), content);
        new.exact = vec![
            format!("{}.lan", content.replace(' ', "-")),
            "10.0.0.1".into(),
        ];
        new.about = vec![About {
            kind: "devices".into(),
            name: "NAS".into(),
        }];
        new.metadata = object(json!({ "content": content }));
        new.vector = Some(Vector {
            model: "m".into(),
            values: vec![1.0, 0.5],
        });
        change(&mut new);
        news.push(new);
    };
    let plain: &dyn Fn(&mut NewMemory) = &|_| {};
    tell("new one", plain);
    tell("stored before", plain);
    tell("new two", plain);
    tell("new one", plain);
    tell("new one", plain);
    tell("stored before", plain);
    tell("new one", &|new| new.scope.run_id = Some("run".into()));
    tell("of another", &|new| new.scope.owner = "n8n".into());
    tell("new one", &|new| new.scope.owner = "n8n".into());
    tell("passing", &|new| {
        new.expires_at = Some(START.plus_seconds(10));
    });
    tell("passing", &|new| {
        new.expires_at = Some(START.plus_seconds(9_000));
    });
    tell("passing", plain);
    tell("in the place of new two", &|new| {
        new.supersedes = Some(id(102));
    });
    tell("new two", plain);
    tell("in nobody's place", &|new| new.supersedes = Some(id(77)));
    tell("without anything", &|new| {
        new.exact.clear();
        new.about.clear();
        new.metadata.clear();
        new.vector = None;
    });
    // Of more than one statement's worth.
    for number in 0..520 {
        tell(&format!("crowd {}", number % 505), plain);
    }
    news
}

/// Everything that can be seen of it afterwards.
async fn state(memories: &dyn Memories) -> (Vec<Memory>, Vec<Vec<HistoryEntry>>, Vec<Vec<String>>) {
    let (mut listed, mut histories, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for name in ["claude", "n8n"] {
        let visible = owner(name);
        let query = all(visible.clone());
        let page = PageRequest {
            limit: 2_000,
            after: None,
        };
        let list = memories.list(&query, Order::Oldest, &page).await.unwrap();
        // The crowd's are alike.
        for one in list.items.iter().take(30) {
            let page = PageRequest::first(10);
            let history = memories.history(&visible, &one.id, &page).await.unwrap();
            histories.push(history.unwrap().items);
        }
        listed.extend(list.items);
        for text in [
            TextQuery {
                words: vec!["two".into(), "place".into(), "stored".into()],
                exact: Vec::new(),
            },
            TextQuery {
                words: Vec::new(),
                exact: vec!["crowd-504.lan".into(), "new-one.lan".into()],
            },
        ] {
            let hits = memories.by_text(&query, &text, 50).await.unwrap();
            found.push(hits.into_iter().map(|hit| hit.id).collect());
        }
        let asked = Vector {
            model: "m".into(),
            values: vec![1.0, 0.5],
        };
        let near = memories.by_vector(&query, &asked, 2_000).await.unwrap();
        found.push(near.into_iter().map(|hit| hit.id).collect());
    }
    (listed, histories, found)
}

#[rstest]
#[tokio::test]
async fn many_become_what_they_become_one_after_another(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let (Some(at_once), Some(in_turn)) = (Lab::open(engine).await, Lab::open(engine).await) else {
        return;
    };
    let (many_at_once, one_by_one) = (&*at_once.stores.memories, &*in_turn.stores.memories);
    for memories in [many_at_once, one_by_one] {
        add(memories, &memory(1, "stored before")).await;
    }
    let (news, note) = (many(), note(60));

    let added = many_at_once
        .add_all(&news, Event::Import, &note)
        .await
        .unwrap();

    let mut expected = Vec::new();
    for new in &news {
        expected.push(one_by_one.add(new, Event::Import, &note).await.unwrap());
    }
    assert_eq!(added, expected);
    let seen: Vec<u32> = added
        .iter()
        .filter_map(|one| match one {
            Added::Same(memory) => Some(memory.seen_count),
            _ => None,
        })
        .take(4)
        .collect();
    // "stored before" at the second telling, "new one" at its second and third, "stored before" at its third.
    assert_eq!(seen, [2, 2, 3, 3]);
    assert!(matches!(added[14], Added::NothingToSupersede));
    assert_eq!(state(many_at_once).await, state(one_by_one).await);
}

#[rstest]
#[tokio::test]
async fn one_that_is_refused_keeps_all_out(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let mut news = many();
    let last = news.len() - 1;
    news[last].id = news[0].id.clone();
    news[last].hash = "another".into();

    let refused = memories.add_all(&news, Event::Import, &note(60)).await;

    assert!(refused.is_err());
    let stats = memories.stats(&owner("claude"), START).await.unwrap();
    assert_eq!((stats.revisions, stats.owners), (0, 0));
    assert!(
        memories
            .add_all(&[], Event::Import, &note(60))
            .await
            .unwrap()
            .is_empty()
    );
}
