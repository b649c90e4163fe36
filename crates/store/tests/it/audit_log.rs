//! The stored audit rows.

use std::sync::Arc;

use homelab_core::audit::{AuditEntry, AuditKey, ChainWriter, EntryKind};
use homelab_core::page::PageRequest;
use homelab_core::store::{AuditFilter, AuditLog, StoreError};
use rstest::rstest;

use crate::lab::{Engine, Lab, START};

pub(crate) fn key() -> AuditKey {
    AuditKey::new(&[7; 32])
}

pub(crate) fn entry(number: i64) -> AuditEntry {
    AuditEntry {
        id: format!("id-{number:06}"),
        timestamp: START.plus_seconds(number),
        kind: EntryKind::Outcome,
        user: "alice".into(),
        credential: "key-1".into(),
        transport: "http".into(),
        ip_address: Some("192.0.2.7".into()),
        action: "list_devices".into(),
        target_type: "homelab".into(),
        target_id: "homelab".into(),
        effect: Some("read".into()),
        arguments: Some("{\"name\":\"a \\\"quoted\\\" \\\\ ünïcode\"}".into()),
        arguments_digest: Some("cd".repeat(32)),
        outcome: Some("ok".into()),
        duration_us: Some(1_234),
        request_id: format!("request-{number}"),
        details: None,
    }
}

/// Appends entries in batches of three, as a writer does.
pub(crate) async fn write(log: &dyn AuditLog, chain: &str, entries: Vec<AuditEntry>) {
    let mut writer = ChainWriter::start(key(), chain);
    for some in entries.chunks(3) {
        let (rows, head) = writer.extend(some.to_vec());
        log.append(&rows, &head).await.unwrap();
        writer.commit(head);
    }
}

#[rstest]
#[tokio::test]
async fn rows_come_back_as_they_were_and_verify(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let mut entries: Vec<_> = (0..10).map(entry).collect();
    entries[4] = AuditEntry {
        kind: EntryKind::Intent,
        ip_address: None,
        effect: None,
        arguments: None,
        arguments_digest: None,
        outcome: None,
        duration_us: None,
        details: Some("line\nline\t\u{1}é".into()),
        ..entry(4)
    };

    write(log, "chain-b", entries.clone()).await;
    write(log, "chain-a", (20..25).map(entry).collect()).await;

    let all = log.scan(None, 100).await.unwrap();
    assert_eq!(all.len(), 15);
    assert!(all[..5].iter().all(|row| row.chain == "chain-a"));
    let back: Vec<_> = all[5..].iter().map(|row| row.entry.clone()).collect();
    assert_eq!(back, entries);
    let rest = log.scan(Some(("chain-b".into(), 8)), 100).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.seq).collect::<Vec<_>>(), [9, 10]);
    let heads = log.heads().await.unwrap();
    assert_eq!((heads[0].seq, heads[1].seq), (5, 10));
    let (rows, faults) = lab.database.verify_audit(key()).await.unwrap();
    assert_eq!((rows, faults), (15, vec![]));
}

#[rstest]
#[tokio::test]
async fn rows_are_shown_newest_first_filtered_and_by_page(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let mut entries: Vec<_> = (0..7).map(entry).collect();
    entries[2].user = "bob".into();
    entries[3].outcome = Some("timeout".into());
    // The same moment: the id decides.
    entries[6].timestamp = entries[5].timestamp;
    write(log, "chain", entries).await;
    let ids = async |filter: AuditFilter| {
        let page = log.show(&filter, &PageRequest::first(100)).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items
            .into_iter()
            .map(|row| row.seq)
            .collect::<Vec<_>>()
    };

    let mut walked = Vec::new();
    let mut request = PageRequest::first(2);
    loop {
        let page = log.show(&AuditFilter::default(), &request).await.unwrap();
        assert_eq!(page.total, 7);
        walked.extend(page.items.into_iter().map(|row| row.seq));
        let Some(cursor) = page.next_cursor else {
            break;
        };
        request = PageRequest::from_args(Some(2), Some(&cursor)).unwrap();
    }
    assert_eq!(walked, [7, 6, 5, 4, 3, 2, 1]);

    let by = AuditFilter::default;
    assert_eq!(
        ids(AuditFilter {
            user: Some("bob".into()),
            ..by()
        })
        .await,
        [3]
    );
    let outcome = Some("timeout".into());
    assert_eq!(ids(AuditFilter { outcome, ..by() }).await, [4]);
    let request_id = Some("request-1".into());
    assert_eq!(ids(AuditFilter { request_id, ..by() }).await, [2]);
    let (since, until) = (Some(START.plus_seconds(1)), Some(START.plus_seconds(3)));
    assert_eq!(
        ids(AuditFilter {
            since,
            until,
            ..by()
        })
        .await,
        [3, 2]
    );
    let action = Some("list_devices".into());
    let target_id = Some("elsewhere".into());
    assert_eq!(
        ids(AuditFilter {
            action,
            target_id,
            ..by()
        })
        .await,
        [0; 0]
    );
    assert_eq!(
        ids(AuditFilter {
            user: Some("\0".into()),
            ..by()
        })
        .await,
        [0; 0]
    );
    let foreign = PageRequest {
        limit: 1,
        after: Some("x".into()),
    };
    assert!(log.show(&by(), &foreign).await.is_err());
}

#[rstest]
#[tokio::test]
async fn two_writers_of_one_chain_cannot_interleave(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let mut first = ChainWriter::start(key(), "chain");
    let second = ChainWriter::start(key(), "chain");
    let (rows, head) = first.extend(vec![entry(1), entry(2)]);
    log.append(&rows, &head).await.unwrap();
    first.commit(head);

    let (rows, head) = second.extend(vec![entry(3)]);
    let refused = log.append(&rows, &head).await;

    assert!(matches!(
        refused,
        Err(StoreError::Conflict {
            entity: "audit_heads",
            ..
        })
    ));
    let (rows, head) = first.extend(vec![entry(4)]);
    log.append(&rows, &head).await.unwrap();
    assert_eq!(lab.database.verify_audit(key()).await.unwrap(), (3, vec![]));
}

#[rstest]
#[tokio::test]
async fn a_chain_does_not_start_in_the_middle(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let writer = ChainWriter::start(key(), "chain");
    let (rows, head) = writer.extend((0..3).map(entry).collect());

    let without_first = log.append(&rows[1..], &head).await;
    let with_gap = log.append(&[rows[0].clone(), rows[2].clone()], &head).await;
    let short_of_head = log.append(&rows[..2], &head).await;

    assert!(matches!(without_first, Err(StoreError::Conflict { .. })));
    assert!(matches!(with_gap, Err(StoreError::Invalid { .. })));
    assert!(matches!(short_of_head, Err(StoreError::Invalid { .. })));
    assert_eq!(log.scan(None, 10).await.unwrap(), []);
    assert_eq!(log.heads().await.unwrap(), []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn chains_of_many_writers_grow_side_by_side(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let logs = [Arc::clone(&lab.stores.audit), other.stores().audit];

    let writers: Vec<_> = (0..6)
        .map(|number: i64| {
            let log = Arc::clone(&logs[usize::try_from(number).unwrap() % 2]);
            let entries = (0..30).map(|row| entry(number * 100 + row)).collect();
            tokio::spawn(async move { write(&*log, &format!("chain-{number}"), entries).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }

    assert_eq!(
        lab.database.verify_audit(key()).await.unwrap(),
        (180, vec![])
    );
}

#[rstest]
#[tokio::test]
async fn legacy_rows_are_shown_but_not_chained_and_not_taken_twice(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let legacy = |number| AuditEntry {
        kind: EntryKind::Legacy,
        ..entry(number)
    };
    write(log, "chain", vec![entry(9)]).await;

    log.append_legacy(&[legacy(1), legacy(2)]).await.unwrap();
    log.append_legacy(&[legacy(2), legacy(3)]).await.unwrap();

    let shown = log
        .show(&AuditFilter::default(), &PageRequest::first(10))
        .await
        .unwrap();
    let ids: Vec<_> = shown
        .items
        .iter()
        .map(|row| row.entry.id.as_str())
        .collect();
    assert_eq!(ids, ["id-000009", "id-000003", "id-000002", "id-000001"]);
    assert_eq!(log.scan(None, 10).await.unwrap().len(), 1);
    assert_eq!(lab.database.verify_audit(key()).await.unwrap(), (1, vec![]));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn verifying_while_others_write_finds_nothing_wrong(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = Arc::clone(&lab.stores.audit);
    let writing =
        tokio::spawn(async move { write(&*log, "chain", (0..300).map(entry).collect()).await });

    let mut seen = 0;
    while !writing.is_finished() {
        let (rows, faults) = lab.database.verify_audit(key()).await.unwrap();
        assert_eq!(faults, []);
        assert!(rows >= seen);
        seen = rows;
    }

    writing.await.unwrap();
    assert_eq!(
        lab.database.verify_audit(key()).await.unwrap(),
        (300, vec![])
    );
}
