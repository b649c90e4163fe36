//! What agents learned: added, changed, deleted, restored, listed.

use std::collections::BTreeMap;

use homelab_core::clock::Micros;
use homelab_core::memory::{
    About, Added, Change, Changed, Event, Memory, MemoryQuery, MemoryStats, ModelCount, NewMemory,
    NewText, Note, Order, Scope, Vector, Visible,
};
use homelab_core::page::PageRequest;
use homelab_core::store::{Memories, StoreError};
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::lab::{Engine, Lab, START};

/// An id of UUID's form.
pub(crate) fn id(number: u32) -> String {
    format!("01980000-0000-7000-8000-{number:012}")
}

pub(crate) fn owner(name: &str) -> Visible {
    Visible::Owner(name.into())
}

/// One of `claude`'s, made `number` seconds after the start.
pub(crate) fn memory(number: u32, content: &str) -> NewMemory {
    let at = START.plus_seconds(number.into());
    NewMemory {
        id: id(number),
        scope: Scope {
            owner: "claude".into(),
            user_id: "ann".into(),
            agent_id: None,
            run_id: None,
        },
        content: content.into(),
        exact: Vec::new(),
        hash: format!("hash of {content}"),
        category: "fact".into(),
        metadata: Map::new(),
        source: None,
        importance: 0.5,
        about: Vec::new(),
        created_at: at,
        valid_from: at,
        expires_at: None,
        supersedes: None,
        vector: None,
    }
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else {
        panic!("not an object: {value}")
    };
    members
}

pub(crate) fn text(content: &str) -> NewText {
    NewText {
        content: content.into(),
        exact: Vec::new(),
        hash: format!("hash of {content}"),
        vector: None,
    }
}

pub(crate) fn note(seconds: i64) -> Note {
    Note {
        actor: "claude".into(),
        request_id: Some("req-1".into()),
        reason: None,
        at: START.plus_seconds(seconds),
    }
}

/// Everything of an owner's that holds an hour after the start.
pub(crate) fn all(visible: Visible) -> MemoryQuery {
    MemoryQuery {
        visible,
        user_id: None,
        agent_id: None,
        run_id: None,
        filter: None,
        as_of: None,
        now: START.plus_seconds(3_600),
        include_expired: false,
        since: None,
        until: None,
    }
}

pub(crate) async fn add(memories: &dyn Memories, new: &NewMemory) -> Memory {
    let note = note((new.created_at.0 - START.0) / 1_000_000);
    match memories.add(new, Event::Add, &note).await.unwrap() {
        Added::New(memory) => memory,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn ids(memories: &dyn Memories, query: &MemoryQuery) -> Vec<String> {
    let page = PageRequest::first(200);
    let found = memories.list(query, Order::Oldest, &page).await.unwrap();
    assert_eq!(found.total, found.items.len() as u64);
    found.items.into_iter().map(|one| one.id).collect()
}

#[rstest]
#[tokio::test]
async fn what_is_added_is_read_back_whole(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let mut new = memory(1, "nas-01 has \"four\" disks; ünï");
    new.scope.agent_id = Some("agent".into());
    new.scope.run_id = Some("run".into());
    new.metadata = object(json!({ "a": { "b": [1, 2.5, "x", null, true] } }));
    new.source = Some("proxmox".into());
    new.importance = 0.7;
    new.about = vec![About {
        kind: "devices".into(),
        name: "NAS-01".into(),
    }];
    new.expires_at = Some(START.plus_seconds(7_200));
    new.vector = Some(Vector {
        model: "m".into(),
        values: vec![0.6, 0.8],
    });

    let added = add(memories, &new).await;

    assert_eq!((added.version, added.seen_count), (1, 1));
    assert_eq!(added.scope, new.scope);
    assert_eq!(added.metadata, new.metadata);
    assert_eq!(added.about, new.about);
    let (claude, everything) = (owner("claude"), Visible::Everything);
    for visible in [&claude, &everything] {
        let read = memories.get(visible, &new.id).await.unwrap();
        assert_eq!(read.as_ref(), Some(&added));
        let wanted = [(new.id.clone(), 1), (new.id.clone(), 2)];
        let revisions = memories.revisions(visible, &wanted).await.unwrap();
        assert_eq!(revisions, std::slice::from_ref(&added));
    }
    let history = memories
        .history(&claude, &new.id, &PageRequest::first(10))
        .await;
    let history = history.unwrap().unwrap();
    assert_eq!((history.total, history.items[0].event), (1, Event::Add));
    assert_eq!(history.items[0].new_content.as_ref(), Some(&new.content));
    assert_eq!(history.items[0].new_metadata.as_ref(), Some(&new.metadata));
    let thing = About {
        kind: "devices".into(),
        name: "nas-01".into(),
    };
    let about = memories.about(&claude, &[thing], START, 5).await.unwrap();
    assert_eq!(about, [added]);
}

#[rstest]
#[tokio::test]
async fn the_same_text_in_one_scope_is_counted(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    add(memories, &memory(1, "a")).await;
    let mut of_run = memory(2, "a");
    of_run.scope.run_id = Some("run".into());
    add(memories, &of_run).await;
    let mut of_other = memory(3, "a");
    of_other.scope.owner = "n8n".into();
    add(memories, &of_other).await;

    let again = memories.add(&memory(4, "a"), Event::Add, &note(4)).await;

    let Added::Same(same) = again.unwrap() else {
        panic!("it was added twice")
    };
    assert_eq!((same.id, same.seen_count), (id(1), 2));
    let read = memories.get(&owner("claude"), &id(1)).await.unwrap();
    assert_eq!(read.unwrap().seen_count, 2);
    assert_eq!(memories.get(&owner("claude"), &id(4)).await.unwrap(), None);
    let stats = memories.stats(&Visible::Everything, START).await.unwrap();
    assert_eq!((stats.memories, stats.owners), (3, 2));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn two_that_say_the_same_at_once_are_one(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    // As another process has it.
    let other = lab.place.open(lab.clock.clone()).await.unwrap();

    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let stores = if number % 2 == 0 {
                lab.stores.clone()
            } else {
                other.stores()
            };
            tokio::spawn(async move {
                let new = memory(number, "the same");
                stores.memories.add(&new, Event::Add, &note(0)).await
            })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        added += usize::from(matches!(task.await.unwrap().unwrap(), Added::New(_)));
    }

    assert_eq!(added, 1);
    let query = all(owner("claude"));
    let page = PageRequest::first(10);
    let found = lab.stores.memories.list(&query, Order::Newest, &page).await;
    assert_eq!(found.unwrap().items[0].seen_count, 16);
}

#[rstest]
#[tokio::test]
async fn a_new_text_opens_a_revision_and_the_old_one_is_found_as_of_then(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    add(memories, &memory(1, "the NAS is 10.0.1.5")).await;

    let change = Change {
        text: Some(text("the NAS is 10.0.1.6")),
        category: Some("state".into()),
        expected_version: Some(1),
        ..Change::default()
    };
    let changed = memories.change(&claude, &id(1), &change, &note(60)).await;

    let Changed::Done(now) = changed.unwrap() else {
        panic!("it was not changed")
    };
    assert_eq!((now.version, now.category.as_str()), (2, "state"));
    assert_eq!(now.valid_from, START.plus_seconds(60));
    assert_eq!(memories.get(&claude, &id(1)).await.unwrap(), Some(now));
    let again = memories.change(&claude, &id(1), &change, &note(61)).await;
    assert_eq!(again.unwrap(), Changed::OtherVersion(2));

    let contents = async |as_of: Option<Micros>| {
        let query = MemoryQuery {
            as_of,
            ..all(claude.clone())
        };
        let page = PageRequest::first(10);
        let found = memories.list(&query, Order::Newest, &page).await.unwrap();
        let items = found.items.into_iter();
        items
            .map(|one| (one.version, one.content))
            .collect::<Vec<_>>()
    };
    let old = (1, "the NAS is 10.0.1.5".to_owned());
    let new = (2, "the NAS is 10.0.1.6".to_owned());
    assert_eq!(contents(None).await, std::slice::from_ref(&new));
    assert_eq!(contents(Some(START.plus_seconds(30))).await, [old]);
    assert_eq!(contents(Some(START.plus_seconds(60))).await, [new]);
    assert_eq!(contents(Some(START)).await, []);
    let page = PageRequest::first(1);
    let history = memories.history(&claude, &id(1), &page).await.unwrap();
    let history = history.unwrap();
    assert_eq!((history.total, history.items[0].event), (2, Event::Update));
    assert_eq!(history.items[0].version, 2);
    assert_eq!(
        history.items[0].old_content.as_deref(),
        Some("the NAS is 10.0.1.5")
    );
    assert!(history.next_cursor.is_some());
}

#[rstest]
#[tokio::test]
async fn a_detail_changes_in_place_and_nothing_leaves_no_trace(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    add(memories, &memory(1, "a")).await;
    add(memories, &memory(2, "b")).await;
    let thing = About {
        kind: "services".into(),
        name: "dns".into(),
    };

    let change = Change {
        importance: Some(0.9),
        about: Some(vec![thing.clone()]),
        expires_at: Some(Some(START.plus_seconds(100))),
        ..Change::default()
    };
    let changed = memories.change(&claude, &id(1), &change, &note(5)).await;

    let Changed::Done(changed) = changed.unwrap() else {
        panic!("it was not changed")
    };
    assert_eq!((changed.version, changed.importance), (1, 0.9));
    let found = memories.about(&claude, &[thing], START, 5).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&changed));
    assert_eq!(ids(memories, &all(claude.clone())).await, [id(2)]);
    let same = memories.change(&claude, &id(1), &change, &note(6)).await;
    assert_eq!(same.unwrap(), Changed::Done(changed));
    let page = PageRequest::first(10);
    let history = memories.history(&claude, &id(1), &page).await.unwrap();
    assert_eq!(history.unwrap().total, 2);
    let like_other = Change {
        text: Some(text("b")),
        ..Change::default()
    };
    let refused = memories
        .change(&claude, &id(1), &like_other, &note(7))
        .await;
    assert_eq!(refused.unwrap(), Changed::SameAs(id(2)));
}

#[rstest]
#[tokio::test]
async fn one_takes_the_place_of_another(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    add(memories, &memory(1, "old")).await;
    let mut foreign = memory(2, "foreign");
    foreign.scope.owner = "n8n".into();
    add(memories, &foreign).await;
    let mut new = memory(10, "new");
    new.supersedes = Some(id(1));

    add(memories, &new).await;

    let old = memories.get(&claude, &id(1)).await.unwrap().unwrap();
    assert_eq!(old.superseded_by, Some(id(10)));
    assert_eq!(old.valid_to, Some(START.plus_seconds(10)));
    assert_eq!(ids(memories, &all(claude.clone())).await, [id(10)]);
    let then = MemoryQuery {
        as_of: Some(START.plus_seconds(9)),
        ..all(claude.clone())
    };
    assert_eq!(ids(memories, &then).await, [id(1)]);
    for gone in [id(1), id(2), id(99)] {
        let mut new = memory(20, "newer");
        new.supersedes = Some(gone);
        let refused = memories.add(&new, Event::Add, &note(20)).await.unwrap();
        assert_eq!(refused, Added::NothingToSupersede);
    }
    assert_eq!(memories.get(&claude, &id(20)).await.unwrap(), None);
    let page = PageRequest::first(10);
    let history = memories.history(&claude, &id(1), &page).await.unwrap();
    assert_eq!(history.unwrap().items[0].event, Event::Supersede);
}

#[rstest]
#[tokio::test]
async fn a_deletion_hides_and_is_taken_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    let before = add(memories, &memory(1, "a")).await;

    let deleted = memories.delete(&claude, &id(1), &note(5)).await.unwrap();

    let Changed::Done(tombstone) = deleted else {
        panic!("it was not deleted")
    };
    assert_eq!(tombstone.deleted_at, Some(START.plus_seconds(5)));
    assert_eq!(
        memories.get(&claude, &id(1)).await.unwrap(),
        Some(tombstone)
    );
    assert!(ids(memories, &all(claude.clone())).await.is_empty());
    let again = memories.delete(&claude, &id(1), &note(6)).await.unwrap();
    assert_eq!(again, Changed::NotFound);
    let change = Change {
        text: Some(text("b")),
        ..Change::default()
    };
    let changed = memories.change(&claude, &id(1), &change, &note(7)).await;
    assert_eq!(changed.unwrap(), Changed::NotFound);
    // A tombstone does not keep the same from being told anew, and is then not needed any more.
    add(memories, &memory(2, "a")).await;
    let refused = memories.restore(&claude, &id(1), &note(8)).await.unwrap();
    assert_eq!(refused, Changed::SameAs(id(2)));
    assert!(memories.purge(&claude, &id(2)).await.unwrap());
    let restored = memories.restore(&claude, &id(1), &note(9)).await.unwrap();
    let Changed::Done(restored) = restored else {
        panic!("it was not restored")
    };
    assert_eq!(
        (restored.content, restored.deleted_at),
        (before.content, None)
    );
    let page = PageRequest::first(10);
    let history = memories.history(&claude, &id(1), &page).await.unwrap();
    let events: Vec<_> = history
        .unwrap()
        .items
        .into_iter()
        .map(|one| one.event)
        .collect();
    assert_eq!(events, [Event::Restore, Event::Delete, Event::Add]);
}

#[rstest]
#[tokio::test]
async fn pages_follow_one_another_in_every_order(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    let news: Vec<_> = (1..=5)
        .map(|number| memory(number, &number.to_string()))
        .collect();
    let added = memories
        .add_all(&news, Event::Import, &note(0))
        .await
        .unwrap();
    assert!(added.iter().all(|one| matches!(one, Added::New(_))));
    let change = Change {
        category: Some("state".into()),
        ..Change::default()
    };
    memories
        .change(&claude, &id(2), &change, &note(60))
        .await
        .unwrap();

    for (order, expected) in [
        (Order::Newest, [5, 4, 3, 2, 1]),
        (Order::Oldest, [1, 2, 3, 4, 5]),
        (Order::Updated, [2, 5, 4, 3, 1]),
    ] {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = PageRequest::from_args(Some(2), cursor.as_deref()).unwrap();
            let page = memories
                .list(&all(claude.clone()), order, &page)
                .await
                .unwrap();
            assert_eq!(page.total, 5);
            found.extend(page.items.into_iter().map(|one| one.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected.map(id), "{order:?}");
    }
    let foreign = PageRequest {
        limit: 2,
        after: Some("nonsense".into()),
    };
    let error = memories.list(&all(claude), Order::Newest, &foreign).await;
    assert!(matches!(
        error,
        Err(StoreError::Invalid {
            field: "cursor",
            ..
        })
    ));
}

#[rstest]
#[tokio::test]
async fn they_are_counted_by_state_category_and_model(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    for number in 1..=4 {
        let mut new = memory(number, &number.to_string());
        new.vector = (number < 3).then(|| Vector {
            model: "m".into(),
            values: vec![1.0, 0.0, 0.0],
        });
        new.expires_at = (number == 3).then(|| START.plus_seconds(50));
        add(memories, &new).await;
    }
    memories.delete(&claude, &id(1), &note(5)).await.unwrap();
    let mut new = memory(5, "5");
    new.category = "state".into();
    new.supersedes = Some(id(2));
    add(memories, &new).await;

    let stats = memories
        .stats(&claude, START.plus_seconds(50))
        .await
        .unwrap();

    let expected = MemoryStats {
        memories: 2,
        revisions: 5,
        expired: 1,
        superseded: 1,
        deleted: 1,
        owners: 1,
        categories: BTreeMap::from([("fact".into(), 1), ("state".into(), 1)]),
        models: vec![ModelCount {
            model: "m".into(),
            dimensions: 3,
            vectors: 2,
        }],
    };
    assert_eq!(stats, expected);
    let nobody = memories.stats(&owner("n8n"), START).await.unwrap();
    assert_eq!(nobody, MemoryStats::default());
}

#[rstest]
#[tokio::test]
async fn what_no_table_can_hold_is_refused_whole(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let mut in_text = memory(1, "a\0b");
    in_text.hash = "h".into();
    let mut in_metadata = memory(1, "a");
    in_metadata.metadata = object(json!({ "k": ["\0"] }));
    let mut in_vector = memory(1, "a");
    in_vector.vector = Some(Vector {
        model: "m".into(),
        values: vec![f32::NAN],
    });

    for (new, named) in [
        (in_text, "content"),
        (in_metadata, "metadata"),
        (in_vector, "vector"),
    ] {
        let error = memories.add(&new, Event::Add, &note(0)).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Invalid { field, .. } if field == named),
            "{error}"
        );
    }

    let stats = memories.stats(&Visible::Everything, START).await.unwrap();
    assert_eq!(stats, MemoryStats::default());
}
