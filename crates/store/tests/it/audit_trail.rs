//! Checkpoints, exports that verify elsewhere, archives.

use std::time::Duration;

use homelab_core::audit::{
    Checkpoint, CheckpointKind, ExportLine, ExportVerifier, SigningKey, VerifiedExport,
};
use homelab_core::store::{AuditSink as _, StoreError};
use homelab_store::audit_writer::AuditWriter;
use homelab_store::checkpointer::{Checkpointer, Due};
use homelab_store::{AuditKeys, AuditTrail};
use rstest::rstest;
use std::sync::Arc;

use crate::audit_log::{entry, key, write};
use crate::lab::{Engine, Lab, START};

pub(crate) fn keys() -> AuditKeys {
    AuditKeys {
        chain: key(),
        signing: Arc::new(SigningKey::from_seed(&[9; 32]).unwrap()),
    }
}

async fn exported(trail: &AuditTrail, from: Option<i64>, to: Option<i64>) -> Vec<String> {
    let mut text = String::new();
    let time = |seconds: Option<i64>| seconds.map(|seconds| START.plus_seconds(seconds));
    let mut write = |line: &str| {
        text.push_str(line);
        Ok(())
    };
    trail
        .export(time(from), time(to), &mut write)
        .await
        .unwrap();
    text.lines().map(str::to_owned).collect()
}

fn verified(lines: &[String]) -> VerifiedExport {
    let mut verifier = ExportVerifier::new(keys().signing.public());
    for (line, number) in lines.iter().zip(1..) {
        verifier.line(number, line);
    }
    verifier.finish()
}

#[rstest]
#[tokio::test]
async fn each_checkpoint_names_the_one_before_and_none_is_signed_twice(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let trail = lab.database.audit(keys());
    write(log, "a", (0..4).map(entry).collect()).await;
    write(log, "b", (10..13).map(entry).collect()).await;

    let first = trail.checkpoint("a").await.unwrap().unwrap();
    let again = trail.checkpoint("a").await.unwrap();
    let others = trail.checkpoint_all().await.unwrap();
    let unknown = trail.checkpoint("c").await.unwrap();

    assert_eq!(
        (first.number, first.seq, first.kind),
        (1, 4, CheckpointKind::Head)
    );
    assert_eq!((again, others, unknown), (None, 1, None));
    let newest = trail.newest().await.unwrap().unwrap();
    assert!(newest.follows(Some(&first)));
    assert!(newest.is_signed_by(&keys().signing.public()));
    let found = trail.verify(&[first, newest]).await.unwrap();
    assert_eq!((found.rows, found.checkpoints), (7, 2));
    assert_eq!(found.faults, []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_sign_at_once_make_one_list(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    for number in 0..8 {
        let chain = format!("chain-{number}");
        write(&*lab.stores.audit, &chain, vec![entry(number)]).await;
    }

    let signers: Vec<_> = (0..8)
        .map(|number| {
            let database = if number % 2 == 0 {
                &lab.database
            } else {
                &other
            };
            let trail = database.audit(keys());
            tokio::spawn(async move { trail.checkpoint(&format!("chain-{number}")).await })
        })
        .collect();
    for signer in signers {
        assert!(signer.await.unwrap().unwrap().is_some());
    }

    let found = lab.database.audit(keys()).verify(&[]).await.unwrap();
    assert_eq!((found.checkpoints, found.faults), (8, vec![]));
}

#[rstest]
#[tokio::test]
async fn nothing_is_signed_over_what_somebody_altered(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let trail = lab.database.audit(keys());
    write(log, "a", (0..4).map(entry).collect()).await;
    trail.checkpoint("a").await.unwrap();
    write(log, "b", (0..4).map(entry).collect()).await;
    let mut raw = lab.place.raw().await;

    raw.run("UPDATE audit_checkpoints SET timestamp = 0").await;
    let list = trail.checkpoint("b").await;
    raw.run("UPDATE audit_heads SET seq = 3 WHERE chain = 'b'")
        .await;
    let head = trail.checkpoint("b").await;

    assert!(matches!(list, Err(StoreError::Corrupt { .. })), "{list:?}");
    assert!(matches!(head, Err(StoreError::Corrupt { .. })), "{head:?}");
}

#[rstest]
#[tokio::test]
async fn a_head_kept_elsewhere_shows_that_the_end_was_cut_off_or_rolled_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let trail = lab.database.audit(keys());
    write(log, "a", (0..4).map(entry).collect()).await;
    trail.checkpoint("a").await.unwrap();
    let mut raw = lab.place.raw().await;
    raw.run(
        "CREATE TABLE kept_log AS SELECT * FROM audit_log; \
         CREATE TABLE kept_heads AS SELECT * FROM audit_heads; \
         CREATE TABLE kept_checkpoints AS SELECT * FROM audit_checkpoints",
    )
    .await;
    write(log, "b", (10..13).map(entry).collect()).await;
    let pinned = trail.checkpoint("b").await.unwrap().unwrap();
    let line = Checkpoint::parse_line(&pinned.line()).unwrap();

    // The whole audit, seals and all, as it once was.
    raw.run(
        "DELETE FROM audit_log; DELETE FROM audit_heads; DELETE FROM audit_checkpoints; \
         INSERT INTO audit_log SELECT * FROM kept_log; \
         INSERT INTO audit_heads SELECT * FROM kept_heads; \
         INSERT INTO audit_checkpoints SELECT * FROM kept_checkpoints",
    )
    .await;

    let alone = trail.verify(&[]).await.unwrap();
    let against = trail.verify(&[line]).await.unwrap();
    assert_eq!(alone.faults, [], "without the head nobody can tell");
    assert!(against.faults[0].problem.contains("cut off"), "{against:?}");
}

#[rstest]
#[tokio::test]
async fn a_range_begins_and_ends_on_checkpoints_and_verifies_with_the_public_key(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let trail = lab.database.audit(keys());
    let writer = AuditWriter::start(lab.stores.audit.clone(), key(), "a".into());
    for number in 0..20 {
        writer.durable(entry(number)).await.unwrap();
        if number % 5 == 4 {
            trail.checkpoint("a").await.unwrap();
        }
    }
    write(log, "b", (7..9).map(entry).collect()).await;
    write(log, "c", (100..103).map(entry).collect()).await;

    let lines = exported(&trail, Some(7), Some(12)).await;

    let found = verified(&lines);
    assert_eq!(found.faults, []);
    let header = found.header.unwrap();
    let spans: Vec<_> = header
        .spans
        .iter()
        .map(|span| (span.chain.as_str(), span.after.seq, span.to.seq))
        .collect();
    assert_eq!(spans, [("a", 5, 15), ("b", 0, 2)]);
    assert_eq!(found.rows, 12);
    let wrong = SigningKey::from_seed(&[1; 32]).unwrap().public();
    let mut verifier = ExportVerifier::new(wrong);
    verifier.line(1, &lines[0]);
    assert!(
        verifier.finish().faults[0]
            .problem
            .contains("signed with key")
    );
}

#[tokio::test]
async fn whatever_is_done_to_an_export_is_found_and_the_first_bad_row_named() {
    let lab = Lab::open(Engine::Sqlite).await.unwrap();
    let log = &*lab.stores.audit;
    let trail = lab.database.audit(keys());
    write(log, "a", (0..6).map(entry).collect()).await;
    trail.checkpoint("a").await.unwrap();
    write(log, "b", (10..16).map(entry).collect()).await;
    let good = exported(&trail, None, None).await;
    assert_eq!(verified(&good).faults, []);
    assert_eq!(good.len(), 1 + 2 + 12);
    let row = |number: usize| 2 + number;
    let first = |lines: &[String]| {
        let fault = verified(lines).faults.into_iter().next().unwrap();
        (fault.chain, fault.seq)
    };
    let a = |seq| ("a".to_owned(), seq);

    // Every line counts, and every byte of it; each fifth is enough to show that.
    for line in 0..good.len() {
        let mut lines = good.clone();
        lines.remove(line);
        assert!(!verified(&lines).faults.is_empty(), "line {line} removed");
        let mut lines = good.clone();
        lines.insert(line, good[line].clone());
        assert!(!verified(&lines).faults.is_empty(), "line {line} twice");
        for other in (0..good.len()).filter(|other| *other != line) {
            let mut lines = good.clone();
            lines.swap(line, other);
            assert!(
                !verified(&lines).faults.is_empty(),
                "{line} and {other} swapped"
            );
        }
        for (at, byte) in good[line].bytes().enumerate() {
            if !byte.is_ascii_alphanumeric() || (at + line) % 5 != 0 {
                continue;
            }
            let mut changed = good[line].clone().into_bytes();
            changed[at] = if byte == b'7' { b'8' } else { b'7' };
            let mut lines = good.clone();
            lines[line] = String::from_utf8(changed).unwrap();
            assert!(
                !verified(&lines).faults.is_empty(),
                "byte {at} of line {line}"
            );
        }
    }

    let mut changed = good.clone();
    changed[row(3)] = changed[row(3)].replacen("alice", "mallory", 1);
    assert_eq!(first(&changed), a(3));
    let mut removed = good.clone();
    removed.remove(row(4));
    assert_eq!(first(&removed), a(5), "the row before which one is missing");
    let mut swapped = good.clone();
    swapped.swap(row(2), row(3));
    assert_eq!(first(&swapped), a(3));
    let mut inserted = good.clone();
    inserted.insert(row(4), inserted[row(3)].clone());
    assert_eq!(first(&inserted), a(3));
    let cut = &good[..good.len() - 2];
    assert_eq!(first(cut), ("b".to_owned(), 5));
    // A forger who works all later hashes out anew.
    let mut forged = good.clone();
    let mut hash = homelab_core::audit::Link::START;
    for line in forged.iter_mut().skip(3).take(6) {
        let Ok(ExportLine::Row(mut row)) = serde_json::from_str(line) else {
            panic!("{line}");
        };
        if row.row.seq >= 3 {
            row.row.entry.user = "mallory".into();
        }
        hash = hash.after(&row.row);
        row.hash = hash;
        *line = ExportLine::Row(row).text();
    }
    assert_eq!(first(&forged), a(1), "somewhere between two checkpoints");
    // A checkpoint of another chain, and of another audit.
    let mut foreign = good.clone();
    foreign[1] = foreign[1].replacen("\"chain\":\"a\"", "\"chain\":\"b\"", 1);
    assert!(!verified(&foreign).faults.is_empty());
}

#[rstest]
#[tokio::test]
async fn an_archive_takes_whole_beginnings_and_the_rest_verifies(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    let trail = lab.database.audit(keys());
    let writer = AuditWriter::start(lab.stores.audit.clone(), key(), "a".into());
    for number in 0..10 {
        writer.durable(entry(number)).await.unwrap();
    }
    write(log, "old", (0..3).map(entry).collect()).await;
    let pinned = trail.checkpoint("a").await.unwrap().unwrap();
    let before = START.plus_seconds(6);

    let plan = trail.plan_archive(before).await.unwrap();
    assert_eq!(
        trail.plan_archive(before).await.unwrap(),
        plan,
        "planning is repeatable"
    );
    assert_eq!(plan.rows(), 6 + 3);
    let mut lines = Vec::new();
    let mut take = |line: &str| {
        lines.push(line.trim_end().to_owned());
        Ok(())
    };
    trail.write_archive(&plan, &mut take).await.unwrap();
    // A crash here loses nothing, and the same is planned again.
    assert_eq!(trail.verify(&[]).await.unwrap().faults, []);
    assert_eq!(trail.plan_archive(before).await.unwrap(), plan);
    let removed = trail.remove_archived(&plan, "the digest").await.unwrap();

    assert_eq!(removed, 9);
    assert_eq!(trail.plan_archive(before).await.unwrap().spans, []);
    assert!(trail.remove_archived(&plan, "the digest").await.is_err());
    assert_eq!(verified(&lines).faults, []);
    assert_eq!(verified(&lines).rows, 9);
    writer.durable(entry(11)).await.unwrap();
    let found = trail.verify(&[pinned]).await.unwrap();
    assert_eq!(
        (found.rows, found.archived.rows, found.archived.chains),
        (5, 9, 2)
    );
    assert_eq!(found.faults, []);
    let rest = exported(&trail, None, None).await;
    assert_eq!(verified(&rest).faults, []);
    assert_eq!(verified(&rest).rows, 5);

    let mut raw = lab.place.raw().await;
    raw.run("DELETE FROM audit_log WHERE chain = 'a' AND seq = 7")
        .await;
    let found = trail.verify(&[]).await.unwrap();
    assert_eq!(found.faults.len(), 1, "{:?}", found.faults);
}

#[rstest]
#[tokio::test]
async fn chains_from_before_the_keyless_hashes_are_signed_too(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    write(&*lab.stores.audit, "a", (0..5).map(entry).collect()).await;
    let trail = lab.database.audit(keys());
    let head = &lab.stores.audit.heads().await.unwrap()[0];
    let old = key().head("a", 5, &head.mac, None);
    let mut raw = lab.place.raw().await;
    raw.run(&format!(
        "UPDATE audit_heads SET hash = NULL, seal = '{}'",
        old.seal
    ))
    .await;

    assert_eq!(trail.verify(&[]).await.unwrap().faults, []);
    trail.checkpoint("a").await.unwrap().unwrap();

    assert_eq!(trail.verify(&[]).await.unwrap().faults, []);
    assert_eq!(verified(&exported(&trail, None, None).await).faults, []);
}

#[tokio::test]
async fn a_writers_chain_is_signed_soon_after_it_begins_after_many_rows_and_at_its_end() {
    let lab = Lab::open(Engine::Sqlite).await.unwrap();
    let writer = AuditWriter::start(lab.stores.audit.clone(), key(), "a".into());
    let trail = lab.database.audit(keys());
    let due = Due {
        rows: 10,
        after: Duration::from_hours(1),
    };
    let signer = Checkpointer::start(trail.clone(), "a".into(), writer.progress(), due);
    let mut made = signer.made();

    writer.durable(entry(0)).await.unwrap();
    made.changed().await.unwrap();
    let first = made.borrow_and_update().clone().unwrap();
    for number in 1..12 {
        writer.durable(entry(number)).await.unwrap();
    }
    made.changed().await.unwrap();
    let second = made.borrow_and_update().clone().unwrap();
    writer.durable(entry(12)).await.unwrap();
    writer.shutdown().await.unwrap();
    signer.close().await.unwrap();

    assert_eq!((first.number, first.seq), (1, 1));
    assert_eq!((second.number, second.seq), (2, 12));
    assert_eq!(trail.newest().await.unwrap().unwrap().seq, 13);
    assert_eq!(trail.verify(&[]).await.unwrap().faults, []);
}
