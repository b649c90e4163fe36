//! Whatever somebody with the database's password does to the audit, `verify` finds it.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;

use crate::audit_log::{entry, key, write};
use crate::audit_trail::keys;
use crate::lab::{Engine, Lab};

/// Rows of each of the two chains.
const ROWS: i64 = 8;
/// Checkpoints that are signed over them.
const CHECKPOINTS: i64 = 4;
/// Cases of each engine; what the random choices are made from, so that a failure comes again.
const CASES: u32 = 1_000;
const SEED: [u8; 32] = *b"1,000 of 1,000 are to be found!!";

/// One thing done by raw SQL to one row.
#[derive(Debug, Clone)]
enum Tampering {
    /// Another value in a column of a row.
    Change(&'static str, &'static str, &'static str, i64),
    /// A row removed.
    Delete(&'static str, &'static str, i64),
    /// Two rows of a chain exchange their contents, all but their place.
    Swap(&'static str, i64, i64),
    /// A row moved behind the other chain.
    Move(&'static str, i64),
    /// A copy of a row put in elsewhere: into this chain, at this place.
    Insert(i64, &'static str, i64),
    /// The newest rows removed, and the head set to what is left.
    Truncate(i64),
    /// Two checkpoints exchange their contents, all but their numbers.
    SwapCheckpoints(i64, i64),
    /// A copy of a checkpoint put in at this number.
    InsertCheckpoint(i64, i64),
    /// The newest checkpoints removed, and the kept end set to what is left.
    TruncateCheckpoints(i64),
    /// Two heads exchange their contents, all but their names.
    SwapHeads(&'static str, &'static str),
    /// A copy of a head put in under another name.
    InsertHead(&'static str),
}

const CHAINS: &[&str] = &["a", "b"];
const HEADS: &[&str] = &["a", "b", "checkpoints"];

/// Columns of rows and what to put into them: never what is there.
const ROW_CHANGES: &[(&str, &str)] = &[
    ("id", "'other'"),
    ("timestamp", "timestamp + 1"),
    ("kind", "'intent'"),
    ("kind", "'legacy'"),
    ("kind", "'garbage'"),
    ("\"user\"", "'mallory'"),
    ("\"user\"", "''"),
    ("credential", "credential || ' '"),
    ("transport", "'stdio'"),
    ("ip_address", "NULL"),
    ("ip_address", "'192.0.2.8'"),
    ("action", "upper(action)"),
    ("target_type", "'proxmox'"),
    ("target_id", "'other'"),
    ("effect", "NULL"),
    ("arguments", "'{}'"),
    ("arguments_digest", "arguments"),
    ("outcome", "'denied'"),
    ("duration_us", "0"),
    ("duration_us", "NULL"),
    ("request_id", "'other'"),
    ("details", "''"),
    ("mac", "''"),
    ("mac", "upper(mac)"),
    ("seq", "seq + 100"),
    ("seq", "-seq"),
    ("chain", "'unknown'"),
    ("chain", "''"),
];

const CHECKPOINT_CHANGES: &[(&str, &str)] = &[
    ("number", "number + 100"),
    ("number", "-number"),
    ("timestamp", "timestamp - 1"),
    ("kind", "'archive'"),
    ("kind", "'garbage'"),
    ("chain", "'c'"),
    ("chain", "''"),
    ("seq", "seq + 1"),
    ("seq", "0"),
    ("mac", "''"),
    ("mac", "upper(mac)"),
    ("hash", "previous || ''"),
    ("hash", "'garbage'"),
    ("hash", "upper(hash)"),
    ("note", "''"),
    ("note", "'a note'"),
    ("previous", "hash"),
    ("previous", "''"),
    ("key_id", "'0123456789abcdef'"),
    ("signature", "''"),
    ("signature", "upper(signature)"),
];

const HEAD_CHANGES: &[(&str, &str)] = &[
    ("seq", "seq + 1"),
    ("seq", "seq - 1"),
    ("seq", "0"),
    ("mac", "''"),
    ("mac", "upper(mac)"),
    ("hash", "mac || ''"),
    ("hash", "'garbage'"),
    ("seal", "''"),
    ("seal", "upper(seal)"),
    ("chain", "chain || 'x'"),
    ("chain", "''"),
];

fn tamperings() -> impl Strategy<Value = Tampering> {
    let row = || 1..=ROWS;
    let chain = || prop::sample::select(CHAINS);
    let checkpoint = || 1..=CHECKPOINTS;
    let different = |pair: &(i64, i64)| pair.0 != pair.1;
    prop_oneof![
        12 => (prop::sample::select(ROW_CHANGES), chain(), row())
            .prop_map(|((column, value), chain, row)| Tampering::Change(column, value, chain, row)),
        3 => (chain(), row()).prop_map(|(chain, row)| Tampering::Delete("audit_log", chain, row)),
        2 => (chain(), (row(), row()).prop_filter("different rows", different))
            .prop_map(|(chain, (one, other))| Tampering::Swap(chain, one, other)),
        1 => (chain(), row()).prop_map(|(chain, row)| Tampering::Move(chain, row)),
        2 => (row(), prop::sample::select(&["a", "b", "c", "checkpoints", ""][..]),
            prop::sample::select(&[-1, 0, ROWS + 1, ROWS + 9][..]))
            .prop_map(|(row, chain, place)| Tampering::Insert(row, chain, place)),
        1 => (1..ROWS).prop_map(Tampering::Truncate),
        5 => (prop::sample::select(CHECKPOINT_CHANGES), checkpoint())
            .prop_map(|((column, value), row)| Tampering::Change(column, value, "", row)),
        2 => checkpoint().prop_map(|row| Tampering::Delete("audit_checkpoints", "", row)),
        1 => (checkpoint(), checkpoint()).prop_filter("different rows", different)
            .prop_map(|(one, other)| Tampering::SwapCheckpoints(one, other)),
        1 => (checkpoint(), prop::sample::select(&[-1, 0, CHECKPOINTS + 1, CHECKPOINTS + 9][..]))
            .prop_map(|(row, place)| Tampering::InsertCheckpoint(row, place)),
        1 => (1..CHECKPOINTS).prop_map(Tampering::TruncateCheckpoints),
        3 => (prop::sample::select(HEAD_CHANGES), prop::sample::select(HEADS))
            .prop_map(|((column, value), chain)| Tampering::Change(column, value, chain, 0)),
        2 => prop::sample::select(HEADS).prop_map(|chain| Tampering::Delete("audit_heads", chain, 0)),
        1 => (prop::sample::select(HEADS), prop::sample::select(HEADS))
            .prop_filter("different heads", |(one, other)| one != other)
            .prop_map(|(one, other)| Tampering::SwapHeads(one, other)),
        1 => prop::sample::select(HEADS).prop_map(Tampering::InsertHead),
    ]
}

impl Tampering {
    fn sql(&self) -> String {
        let place = |chain: &str, row: &i64| format!("WHERE chain = '{chain}' AND seq = {row}");
        let copy = |table: &str, of: String, change: String| {
            format!(
                "CREATE TEMPORARY TABLE forged AS SELECT * FROM {table} {of}; \
                 UPDATE forged SET {change}; \
                 INSERT INTO {table} SELECT * FROM forged; DROP TABLE forged"
            )
        };
        match self {
            Self::Change(column, value, "", number) => {
                format!("UPDATE audit_checkpoints SET {column} = {value} WHERE number = {number}")
            }
            Self::Change(column, value, chain, 0) => {
                format!("UPDATE audit_heads SET {column} = {value} WHERE chain = '{chain}'")
            }
            Self::Change(column, value, chain, row) => {
                format!(
                    "UPDATE audit_log SET {column} = {value} {}",
                    place(chain, row)
                )
            }
            Self::Delete("audit_checkpoints", _, number) => {
                format!("DELETE FROM audit_checkpoints WHERE number = {number}")
            }
            Self::Delete("audit_heads", chain, _) => {
                format!("DELETE FROM audit_heads WHERE chain = '{chain}'")
            }
            Self::Delete(table, chain, row) => {
                format!("DELETE FROM {table} {}", place(chain, row))
            }
            Self::Swap(chain, one, other) => format!(
                "UPDATE audit_log SET seq = -1 {}; UPDATE audit_log SET seq = {one} {}; \
                 UPDATE audit_log SET seq = {other} {}",
                place(chain, one),
                place(chain, other),
                place(chain, &-1)
            ),
            Self::Move(chain, row) => {
                let other = if *chain == "a" { "b" } else { "a" };
                let seq = ROWS + 1;
                format!(
                    "UPDATE audit_log SET chain = '{other}', seq = {seq} {}",
                    place(chain, row)
                )
            }
            Self::Insert(row, chain, at) => copy(
                "audit_log",
                place("a", row),
                format!("chain = '{chain}', seq = {at}"),
            ),
            Self::Truncate(row) => format!(
                "DELETE FROM audit_log WHERE chain = 'a' AND seq > {row}; \
                 UPDATE audit_heads SET seq = {row}, \
                 mac = (SELECT mac FROM audit_log {}) WHERE chain = 'a'",
                place("a", row)
            ),
            Self::SwapCheckpoints(one, other) => format!(
                "UPDATE audit_checkpoints SET number = -1 WHERE number = {one}; \
                 UPDATE audit_checkpoints SET number = {one} WHERE number = {other}; \
                 UPDATE audit_checkpoints SET number = {other} WHERE number = -1"
            ),
            Self::InsertCheckpoint(row, at) => copy(
                "audit_checkpoints",
                format!("WHERE number = {row}"),
                format!("number = {at}"),
            ),
            Self::TruncateCheckpoints(number) => format!(
                "DELETE FROM audit_checkpoints WHERE number > {number}; UPDATE audit_heads \
                 SET seq = {number}, mac = (SELECT previous FROM kept_checkpoints WHERE number = {number} + 1) \
                 WHERE chain = 'checkpoints'"
            ),
            Self::SwapHeads(one, other) => format!(
                "UPDATE audit_heads SET chain = 'spare' WHERE chain = '{one}'; \
                 UPDATE audit_heads SET chain = '{one}' WHERE chain = '{other}'; \
                 UPDATE audit_heads SET chain = '{other}' WHERE chain = 'spare'"
            ),
            Self::InsertHead(chain) => copy(
                "audit_heads",
                format!("WHERE chain = '{chain}'"),
                "chain = 'new'".into(),
            ),
        }
    }

    /// The row that the verifier must name, where it is told by one alone.
    fn row(&self) -> Option<(&'static str, i64)> {
        match self {
            Self::Change(column, _, chain, row @ 1..)
                if !chain.is_empty() && !["seq", "chain", "mac"].contains(column) =>
            {
                Some((chain, *row))
            }
            _ => None,
        }
    }
}

/// Two chains with checkpoints in their middle and at their ends.
async fn filled(engine: Engine) -> Option<Lab> {
    let lab = Lab::open(engine).await?;
    let trail = lab.database.audit(keys());
    let log = &*lab.stores.audit;
    for (chain, first) in CHAINS.iter().zip([0, 100]) {
        let mut writer = homelab_core::audit::ChainWriter::start(key(), chain);
        for half in [first..first + 4, first + 4..first + ROWS] {
            let (rows, head) = writer.extend(half.map(entry).collect());
            log.append(&rows, &head).await.unwrap();
            writer.commit(head);
            trail.checkpoint(chain).await.unwrap().unwrap();
        }
    }
    Some(lab)
}

const TABLES: [(&str, &str); 3] = [
    ("audit_log", "kept_log"),
    ("audit_heads", "kept_heads"),
    ("audit_checkpoints", "kept_checkpoints"),
];

#[rstest]
#[tokio::test]
async fn of_a_thousand_tamperings_a_thousand_are_found(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = filled(engine).await else {
        return;
    };
    let trail = lab.database.audit(keys());
    let mut raw = lab.place.raw().await;
    // What is tampered with here need not survive a power cut.
    let (quick, mut kept, mut restored) = match engine {
        Engine::Sqlite => (
            "PRAGMA synchronous = OFF",
            String::new(),
            "BEGIN; ".to_owned(),
        ),
        Engine::Postgres | Engine::Pgvector => {
            ("SET synchronous_commit = off", String::new(), String::new())
        }
    };
    raw.run(quick).await;
    for (table, copy) in TABLES {
        write!(kept, "CREATE TABLE {copy} AS SELECT * FROM {table}; ").unwrap();
        write!(
            restored,
            "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {copy}; "
        )
        .unwrap();
    }
    if engine == Engine::Sqlite {
        restored.push_str("COMMIT");
    }
    raw.run(&kept).await;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);

    let mut found = 0;
    for case in 0..CASES {
        let tampering = tamperings().new_tree(&mut runner).unwrap().current();
        let touched = raw.run(&tampering.sql()).await;

        let faults = trail.verify(&[]).await.unwrap().faults;

        assert!(
            !faults.is_empty(),
            "case {case} was not found: {tampering:?} ({touched} rows): {}",
            tampering.sql()
        );
        if let Some((chain, row)) = tampering.row() {
            let named = faults
                .iter()
                .any(|fault| fault.chain == chain && fault.seq == row);
            assert!(named, "case {case}: {tampering:?} was found as {faults:?}");
        }
        found += 1;
        raw.run(&restored).await;
    }

    assert_eq!(found, CASES);
    let untouched = trail.verify(&[]).await.unwrap();
    assert_eq!(
        (untouched.rows, untouched.checkpoints),
        (16, 4),
        "and all as it was"
    );
    assert_eq!(untouched.faults, []);
}

#[tokio::test]
async fn a_cell_of_another_type_is_found_in_sqlite() {
    for change in [
        "audit_log SET timestamp = 'yesterday', user = x'ff' WHERE seq = 4",
        "audit_log SET timestamp = timestamp + 0.5 WHERE seq = 4",
        "audit_log SET user = x'ff' WHERE seq = 8",
        "audit_heads SET seq = 'four' WHERE chain = 'a'",
        "audit_heads SET mac = x'ff' WHERE chain = 'checkpoints'",
        "audit_checkpoints SET timestamp = 'yesterday' WHERE number = 4",
        "audit_checkpoints SET chain = x'ff' WHERE number = 1",
    ] {
        let lab = filled(Engine::Sqlite).await.unwrap();
        let mut raw = lab.place.raw().await;

        raw.run(&format!("UPDATE {change}")).await;

        let found = lab.database.audit(keys()).verify(&[]).await.unwrap();
        assert!(!found.faults.is_empty(), "{change}");
    }
}

#[rstest]
#[tokio::test]
async fn the_chains_hold_without_checkpoints_and_without_the_public_key(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    write(&*lab.stores.audit, "a", (0..ROWS).map(entry).collect()).await;
    assert_eq!(lab.database.verify_audit(key()).await.unwrap(), (8, vec![]));
    let mut raw = lab.place.raw().await;

    raw.run("DELETE FROM audit_log WHERE seq = 8").await;

    let (_, faults) = lab.database.verify_audit(key()).await.unwrap();
    assert_eq!(faults[0].seq, 7);
}
