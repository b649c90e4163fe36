//! Whatever somebody with the database's password does to the audit, `verify` finds it.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;

use crate::audit_log::{entry, key, write};
use crate::lab::{Engine, Lab};

/// Rows of each of the two chains.
const ROWS: i64 = 8;

/// One thing done by raw SQL.
#[derive(Debug, Clone)]
enum Tampering {
    /// Another value in a column.
    Change(&'static str, &'static str, i64),
    /// A row removed.
    Delete(i64),
    /// The newest rows removed, and the head set to what is left.
    Truncate(i64),
    /// Two rows exchange their contents, all but their place.
    Swap(i64, i64),
    /// A row moved to the other chain.
    Move(i64),
    /// A row put in after the newest, with the MAC of another.
    Insert(i64),
    /// A chain's head changed.
    Head(&'static str),
    /// A chain's head removed.
    Behead,
}

/// Columns and what to put into them: never what is there.
const CHANGES: &[(&str, &str)] = &[
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

fn tamperings() -> impl Strategy<Value = Tampering> {
    let row = || 1..=ROWS;
    prop_oneof![
        8 => (prop::sample::select(CHANGES), row())
            .prop_map(|((column, value), row)| Tampering::Change(column, value, row)),
        2 => row().prop_map(Tampering::Delete),
        1 => (1..ROWS).prop_map(Tampering::Truncate),
        2 => (row(), row())
            .prop_filter("different rows", |(a, b)| a != b)
            .prop_map(|(a, b)| Tampering::Swap(a, b)),
        1 => row().prop_map(Tampering::Move),
        1 => row().prop_map(Tampering::Insert),
        1 => prop::sample::select(&["seq = seq + 1", "mac = ''", "seal = ''"][..])
            .prop_map(Tampering::Head),
        1 => Just(Tampering::Behead),
    ]
}

impl Tampering {
    fn sql(&self) -> String {
        let place = |row: &i64| format!("WHERE chain = 'a' AND seq = {row}");
        match self {
            Self::Change(column, value, row) => {
                format!("UPDATE audit_log SET {column} = {value} {}", place(row))
            }
            Self::Delete(row) => format!("DELETE FROM audit_log {}", place(row)),
            Self::Truncate(row) => format!(
                "DELETE FROM audit_log WHERE chain = 'a' AND seq > {row}; \
                 UPDATE audit_heads SET seq = {row}, \
                 mac = (SELECT mac FROM audit_log {}) WHERE chain = 'a'",
                place(row)
            ),
            Self::Swap(one, other) => format!(
                "UPDATE audit_log SET seq = -1 {}; UPDATE audit_log SET seq = {one} {}; \
                 UPDATE audit_log SET seq = {other} {}",
                place(one),
                place(other),
                place(&-1)
            ),
            Self::Move(row) => format!(
                "UPDATE audit_log SET chain = 'b', seq = {} {}",
                ROWS + 1,
                place(row)
            ),
            Self::Insert(row) => format!(
                "CREATE TEMPORARY TABLE forged AS SELECT * FROM audit_log {}; \
                 UPDATE forged SET seq = {}; \
                 INSERT INTO audit_log SELECT * FROM forged; DROP TABLE forged",
                place(row),
                ROWS + 1
            ),
            Self::Head(change) => format!("UPDATE audit_heads SET {change} WHERE chain = 'a'"),
            Self::Behead => "DELETE FROM audit_heads WHERE chain = 'a'".into(),
        }
    }

    /// The row that the verifier must name, where it is told by one alone.
    fn row(&self) -> Option<i64> {
        match self {
            Self::Change(column, _, row) if !["seq", "chain", "mac"].contains(column) => Some(*row),
            _ => None,
        }
    }
}

#[rstest]
#[case(Engine::Sqlite, 200)]
#[case(Engine::Postgres, 100)]
#[tokio::test]
async fn any_change_of_the_stored_rows_is_found(#[case] engine: Engine, #[case] cases: u32) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = &*lab.stores.audit;
    write(log, "a", (0..ROWS).map(entry).collect()).await;
    write(log, "b", (100..100 + ROWS).map(entry).collect()).await;
    let mut raw = lab.place.raw().await;
    raw.run(
        "CREATE TABLE kept_log AS SELECT * FROM audit_log; \
         CREATE TABLE kept_heads AS SELECT * FROM audit_heads",
    )
    .await;
    let mut runner = TestRunner::new(Config::default());

    for _ in 0..cases {
        let tampering = tamperings().new_tree(&mut runner).unwrap().current();
        raw.run(&tampering.sql()).await;

        let (_, faults) = lab.database.verify_audit(key()).await.unwrap();

        assert!(!faults.is_empty(), "{tampering:?} was not found");
        if let Some(row) = tampering.row() {
            let named = faults
                .iter()
                .any(|fault| fault.chain == "a" && fault.seq == row);
            assert!(named, "{tampering:?} was found as {faults:?}");
        }
        raw.run(
            "DELETE FROM audit_log; DELETE FROM audit_heads; \
             INSERT INTO audit_log SELECT * FROM kept_log; \
             INSERT INTO audit_heads SELECT * FROM kept_heads",
        )
        .await;
    }
    let (rows, faults) = lab.database.verify_audit(key()).await.unwrap();
    assert_eq!((rows, faults), (16, vec![]), "and the rows as they were");
}

#[tokio::test]
async fn a_cell_of_another_type_is_found_in_sqlite() {
    let lab = Lab::open(Engine::Sqlite).await.unwrap();
    write(&*lab.stores.audit, "a", (0..ROWS).map(entry).collect()).await;
    let mut raw = lab.place.raw().await;

    raw.run("UPDATE audit_log SET timestamp = 'yesterday', user = x'ff' WHERE seq = 4")
        .await;

    let (_, faults) = lab.database.verify_audit(key()).await.unwrap();
    assert_eq!(faults[0].seq, 4);
}
