//! Archives that servers gave out.

use homelab_core::clock::Micros;
use homelab_core::store::{Archive, Keep, Kept, StoreError};
use rstest::rstest;

use crate::lab::{Engine, Lab, Place, START};

const ALL: Keep<'_> = Keep {
    newest: 100,
    besides: None,
};

pub(crate) fn archive(server: &str, source: &str, name: &str) -> Archive {
    Archive {
        id: String::new(),
        server: server.into(),
        source: source.into(),
        kind: "teleporter".into(),
        name: name.into(),
        note: Some("before \"ünï\"".into()),
        size: 3,
        sha256: "00ff".into(),
        created_at: Micros(0),
    }
}

/// Stores one under its name, a second after the one before.
async fn keep(lab: &Lab, name: &str, keep: Keep<'_>) -> Kept {
    lab.clock.advance_seconds(1);
    let archive = Archive {
        id: name.into(),
        ..archive("dns", "pi-1", name)
    };
    let archives = &*lab.stores.archives;
    archives.insert(archive, "gAAAA-token", keep).await.unwrap()
}

fn ids(archives: &[Archive]) -> Vec<&str> {
    archives.iter().map(|one| one.id.as_str()).collect()
}

#[rstest]
#[tokio::test]
async fn an_archive_is_listed_found_read_and_removed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let archives = &*lab.stores.archives;
    let first = archive("dns", "pi-1", "a.zip");

    let kept = archives.insert(first.clone(), "one", ALL).await.unwrap();
    lab.clock.advance_seconds(60);
    let other = Archive {
        note: None,
        ..archive("other", "pi-1", "b.zip")
    };
    let other = archives.insert(other, "two", ALL).await.unwrap().archive;

    assert_eq!(kept.removed, []);
    let stored = kept.archive;
    assert_eq!(
        stored,
        Archive {
            id: stored.id.clone(),
            created_at: START,
            ..first
        }
    );
    assert!(!stored.id.is_empty() && stored.id != other.id);
    let both = archives.list(None).await.unwrap();
    assert_eq!(both, [other.clone(), stored.clone()], "newest first");
    let of = archives.list(Some("dns")).await.unwrap();
    assert_eq!(of, std::slice::from_ref(&stored));
    assert_eq!(archives.list(Some("d\0")).await.unwrap(), []);
    assert_eq!(
        archives.get(&stored.id).await.unwrap(),
        Some(stored.clone())
    );
    let content = async |id: &str| archives.content(id).await.unwrap();
    assert_eq!(content(&stored.id).await.as_deref(), Some("one"));
    for unknown in ["nosuch", "a\0"] {
        assert_eq!(archives.get(unknown).await.unwrap(), None);
        assert_eq!(content(unknown).await, None);
        assert!(!archives.delete(unknown).await.unwrap());
    }
    assert!(archives.delete(&stored.id).await.unwrap());
    assert_eq!(archives.list(None).await.unwrap(), [other]);
}

#[rstest]
#[tokio::test]
async fn the_oldest_goes_when_there_are_too_many_of_one_source(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let archives = &*lab.stores.archives;
    for other in [
        archive("dns", "pi-2", "x"),
        archive("other", "pi-1", "x"),
        Archive {
            kind: "settings".into(),
            ..archive("dns", "pi-1", "x")
        },
    ] {
        archives.insert(other, "c", ALL).await.unwrap();
    }
    let two = Keep {
        newest: 2,
        besides: None,
    };

    keep(&lab, "a", two).await;
    let second = keep(&lab, "b", two).await;
    let third = keep(&lab, "c", two).await;
    let spared = Keep {
        besides: Some("b"),
        ..two
    };
    let fourth = keep(&lab, "d", spared).await;
    let fifth = keep(&lab, "e", two).await;
    let last = keep(&lab, "f", Keep { newest: 0, ..two }).await;

    assert_eq!(ids(&second.removed), [""; 0]);
    assert_eq!(ids(&third.removed), ["a"]);
    assert_eq!(ids(&fourth.removed), [""; 0], "`b` stays besides");
    assert_eq!(ids(&fifth.removed), ["c", "b"]);
    assert_eq!(ids(&last.removed), ["e", "d"], "the new one always stays");
    assert_eq!(archives.list(None).await.unwrap().len(), 4);
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_kept_is_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let archives = &*lab.stores.archives;
    let good = archive("dns", "pi-1", "a");
    let with = |change: &dyn Fn(&mut Archive)| {
        let mut archive = good.clone();
        change(&mut archive);
        archive
    };
    let refused = [
        (with(&|one| one.server.clear()), "c", "server"),
        (with(&|one| one.source = "a\0".into()), "c", "source"),
        (with(&|one| one.name = "x".repeat(2_000)), "c", "name"),
        (with(&|one| one.note = Some("a\0".into())), "c", "note"),
        (with(&|one| one.size = u64::MAX), "c", "size"),
        (good.clone(), "a\0", "content"),
    ];

    for (archive, content, expected) in refused {
        let error = archives.insert(archive, content, ALL).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Invalid { field, .. } if field == expected),
            "{expected}: {error}"
        );
    }
    keep(&lab, "a", ALL).await;
    let twice = Archive {
        id: "a".into(),
        ..good
    };
    let twice = archives.insert(twice, "c", ALL).await;
    assert!(matches!(
        twice,
        Err(StoreError::Conflict { field: "id", .. })
    ));
    assert_eq!(archives.list(None).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn rewriting_the_contents_is_all_or_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let archives = &*lab.stores.archives;
    for (id, content) in [("a", "old-1"), ("b", "new-2"), ("c", "old-3")] {
        let archive = Archive {
            id: id.into(),
            ..archive("dns", "pi-1", id)
        };
        archives.insert(archive, content, ALL).await.unwrap();
    }
    let contents = async || {
        let mut contents = Vec::new();
        for id in ["a", "b", "c"] {
            contents.push(archives.content(id).await.unwrap().unwrap());
        }
        contents
    };

    let failed = archives
        .rewrite(&|token| match token {
            "old-1" => Err("no key fits".into()),
            other => Ok(Some(other.replace("old", "new"))),
        })
        .await;
    assert!(
        matches!(&failed, Err(StoreError::Corrupt { detail, .. }) if detail.contains("no key fits"))
    );
    assert_eq!(contents().await, ["old-1", "new-2", "old-3"]);

    let changed = archives
        .rewrite(&|token| Ok(token.strip_prefix("old").map(|rest| format!("new{rest}"))))
        .await;
    assert_eq!(changed.unwrap(), 2);
    assert_eq!(contents().await, ["new-1", "new-2", "new-3"]);
}

/// Together they are more than one statement of a restore takes.
#[rstest]
#[tokio::test]
async fn large_contents_come_through_a_backup_into_either_engine(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (Some(lab), Some(other)) = (Lab::open(Engine::Postgres).await, Place::new(engine)) else {
        return;
    };
    let large: Vec<String> = ["a", "b", "c"]
        .iter()
        .map(|of| of.repeat(5 << 20))
        .collect();
    for content in &large {
        let archive = archive("dns", "pi-1", "x");
        let archives = &*lab.stores.archives;
        archives.insert(archive, content, ALL).await.unwrap();
    }
    let backup = lab.place.folder.path().join("backup");
    lab.database.backup(&backup).await.unwrap();

    crate::backup::restored(&backup, &other, homelab_store::Overwrite::No)
        .await
        .unwrap();

    let copy = other.open(lab.clock.clone()).await.unwrap().stores();
    let mut restored = Vec::new();
    for archive in copy.archives.list(None).await.unwrap() {
        restored.extend(copy.archives.content(&archive.id).await.unwrap());
    }
    restored.sort();
    assert!(restored == large, "{} contents", restored.len());
}
