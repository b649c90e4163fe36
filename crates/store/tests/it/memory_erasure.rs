//! What is purged is gone, to the last byte of the files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use homelab_core::clock::OsEntropy;
use homelab_core::memory::{About, Change, Event, TextQuery, Vector, Visible};
use homelab_core::store::Memories;
use homelab_store::{Overwrite, restore};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab, Place};
use crate::memories::{add, all, id, memory, note, object, owner, text};

/// In no form of which a tokeniser or a stemmer could make something else.
const SECRET: &str = "zqxjkvbw7h3";

/// Files of the database in which the text occurs, in whatever case.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut found: Vec<_> = files
        .filter(|path| path.is_file())
        .filter(|path| {
            let bytes = fs::read(path).unwrap().to_ascii_lowercase();
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

async fn fill(memories: &dyn Memories, numbers: std::ops::Range<u32>) {
    let news: Vec<_> = numbers
        .map(|number| {
            // Of many lengths, so that pages split and merge around them.
            let length = (number as usize * 37) % 900;
            let content = format!("word{number} disk {}", "padding ".repeat(length / 8));
            memory(number, &content)
        })
        .collect();
    memories
        .add_all(&news, Event::Import, &note(0))
        .await
        .unwrap();
}

async fn with_secret(memories: &dyn Memories) {
    let claude = owner("claude");
    let long = format!("{SECRET} {}", format!("{SECRET} and more ").repeat(700));
    for (number, content) in [(1, format!("password {SECRET}")), (2, long)] {
        let mut new = memory(number, &content);
        new.exact = vec![SECRET.into(), format!("{SECRET}.lan")];
        new.metadata = object(json!({ "note": SECRET, "Deep": { "er": [SECRET] } }));
        new.source = Some(SECRET.into());
        new.about = vec![About {
            kind: "devices".into(),
            name: SECRET.to_uppercase(),
        }];
        new.vector = Some(Vector {
            model: "m".into(),
            values: vec![0.6, 0.8],
        });
        add(memories, &new).await;
        let change = Change {
            text: Some(text(&format!("{number} {SECRET} again"))),
            metadata: Some(object(json!({ "then": SECRET }))),
            ..Change::default()
        };
        memories
            .change(&claude, &id(number), &change, &note(50))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn no_byte_of_it_stays_in_a_file() {
    let lab = Lab::open(Engine::Sqlite).await.unwrap();
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    fill(memories, 100..400).await;
    with_secret(memories).await;
    fill(memories, 500..900).await;
    // A reader that was there before, as any server has.
    let other = lab.place.open(lab.clock.clone()).await.unwrap();
    let seen = other.stores().memories.get(&claude, &id(1)).await.unwrap();
    assert!(seen.unwrap().content.contains(SECRET));
    let folder = lab.place.folder.path();
    assert!(!files_with(folder, SECRET).is_empty());
    memories.delete(&claude, &id(2), &note(60)).await.unwrap();

    for number in [1, 2] {
        assert!(memories.purge(&claude, &id(number)).await.unwrap());
    }

    assert_eq!(files_with(folder, SECRET), [""; 0]);
    // And neither do those that follow bring it back, nor is the full text damaged.
    fill(memories, 1_000..1_300).await;
    assert_eq!(files_with(folder, SECRET), [""; 0]);
    let mut raw = lab.place.raw().await;
    raw.run("INSERT INTO memory_text (memory_text, rank) VALUES ('integrity-check', 1)")
        .await;
    let question = TextQuery {
        words: vec!["word350".into(), SECRET.into()],
        exact: vec![SECRET.into()],
    };
    let found = memories.by_text(&all(claude), &question, 10).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[rstest]
#[tokio::test]
async fn no_row_of_it_stays_in_a_table(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let memories = &*lab.stores.memories;
    let claude = owner("claude");
    with_secret(memories).await;

    assert!(!memories.purge(&owner("n8n"), &id(1)).await.unwrap());
    for number in [1, 2] {
        assert!(memories.purge(&claude, &id(number)).await.unwrap());
        assert!(!memories.purge(&claude, &id(number)).await.unwrap());
        assert_eq!(memories.get(&claude, &id(number)).await.unwrap(), None);
    }

    let mut raw = lab.place.raw().await;
    let rows = raw.texts(
        "SELECT 'revisions' AS t FROM memory_revisions UNION ALL SELECT 'history' FROM memory_history \
         UNION ALL SELECT 'tokens' FROM memory_tokens UNION ALL SELECT 'about' FROM memory_about \
         UNION ALL SELECT 'vectors' FROM memory_vectors",
    );
    assert_eq!(rows.await, [""; 0]);
    let page = homelab_core::page::PageRequest::first(5);
    assert_eq!(
        memories.history(&claude, &id(1), &page).await.unwrap(),
        None
    );
}

/// A backup of one engine, restored into the other, finds the same by words, tokens and vectors.
#[rstest]
#[tokio::test]
async fn a_backup_moves_them_between_the_engines(
    #[values(
        (Engine::Sqlite, Engine::Postgres),
        (Engine::Sqlite, Engine::Pgvector),
        (Engine::Pgvector, Engine::Sqlite)
    )]
    engines: (Engine, Engine),
) {
    let (Some(lab), Some(to)) = (Lab::open(engines.0).await, Place::new(engines.1)) else {
        return;
    };
    let memories = &*lab.stores.memories;
    with_secret(memories).await;
    let file = lab.place.folder.path().join("backup");
    lab.database.backup(&file).await.unwrap();

    let entropy = Arc::new(OsEntropy);
    let restored = restore(&file, &to.target, Overwrite::No, lab.clock.clone(), entropy).await;

    assert_eq!(restored.unwrap().rows["memory_revisions"], 4);
    let database = to.open(lab.clock.clone()).await.unwrap();
    let there = &*database.stores().memories;
    let claude = owner("claude");
    let query = all(claude.clone());
    let question = TextQuery {
        words: vec!["again".into()],
        exact: Vec::new(),
    };
    let vector = Vector {
        model: "m".into(),
        values: vec![0.6, 0.8],
    };
    let then = homelab_core::memory::MemoryQuery {
        as_of: Some(crate::lab::START.plus_seconds(10)),
        ..query.clone()
    };
    for store in [memories, there] {
        assert_eq!(store.by_text(&query, &question, 5).await.unwrap().len(), 2);
        assert_eq!(store.by_vector(&then, &vector, 5).await.unwrap().len(), 2);
        let stats = store.stats(&Visible::Everything, query.now).await.unwrap();
        assert_eq!((stats.memories, stats.revisions), (2, 4));
    }
    let (here, there) = (
        memories.get(&claude, &id(1)).await.unwrap(),
        there.get(&claude, &id(1)).await.unwrap(),
    );
    assert_eq!(here, there);
}
