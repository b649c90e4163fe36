//! In what order the engines read what a statement joins.

use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros, OsEntropy};
use homelab_core::memory::{MemoryQuery, Visible};
use homelab_core::secret::Secret;
use homelab_testkit::Postgres;
use serde_json::json;

use super::read;
use super::vectors::those_that_meet;
use crate::dialect::built::{Built, Engine};
use crate::{Database, Target};

pub(super) async fn steps(mut sql: Built) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Sqlite {
        path: folder.path().join("homelab.db"),
    };
    let clock = Arc::new(ManualClock::at(Micros(1)));
    let database = Database::open(&target, clock, Arc::new(OsEntropy))
        .await
        .unwrap();
    sql.explain();
    let mut session = database.shared().db.read().await.unwrap();
    let mut conn = session.conn();
    conn.all_built("plan", &sql, |row| row.text("detail"))
        .await
        .unwrap()
}

/// 5,000 revisions of which PostgreSQL does not know yet how many there are.
const FILL: &str = "
    ALTER TABLE memory_revisions SET (autovacuum_enabled = false);
    INSERT INTO memory_revisions (number, id, version, newest, owner, user_id, content, hash,
        category, metadata, importance, about, folded, seen_count, created_at, updated_at, valid_from)
    SELECT (1::BIGINT << 32) + i, 'mem_' || i, 1, TRUE, 'alice', 'alice', 'note ' || i, 'h' || i,
        'general', '{}', 0, '[]', '', 1, i, i, i FROM generate_series(1, 5000) i";

/// Without its order PostgreSQL reads all of the owner's revisions until it has statistics.
#[tokio::test]
async fn postgres_needs_no_statistics_to_be_led() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let target = Target::Postgres {
        url: Secret::new(server.fresh_database().unwrap()),
    };
    let clock = Arc::new(ManualClock::at(Micros(1)));
    let database = Database::open(&target, clock, Arc::new(OsEntropy))
        .await
        .unwrap();
    let mut session = database.shared().db.read().await.unwrap();
    let mut conn = session.conn();
    conn.script(FILL).await.unwrap();
    let rows = [json!({ "id": "mem_1", "version": 1 })];
    let things = [json!({ "kind": "device", "name": "nas" })];
    let engine = Engine::Postgres;

    for (mut sql, index) in [
        (
            those_that_meet(engine, &query(), &[1 << 32]),
            "memory_revisions_pkey",
        ),
        (
            read::these(engine, &alice(), &rows),
            "memory_revisions_by_id",
        ),
        (
            read::what_is_about(engine, &alice(), &things, Micros(1), 10),
            "memory_revisions_pkey",
        ),
    ]
    .map(|(sql, index)| (sql.unwrap(), index))
    {
        sql.explain();
        let plan = conn
            .all_built("plan", &sql, |row| row.text("QUERY PLAN"))
            .await
            .unwrap();

        let of_revisions = plan.iter().filter(|line| line.contains("memory_revisions"));
        let of_revisions: Vec<&String> = of_revisions.collect();
        let [only] = of_revisions.as_slice() else {
            panic!("{plan:#?}");
        };
        assert!(
            only.contains("Index Scan using") && only.contains(index),
            "{plan:#?}"
        );
    }
}

/// That what is asked for is walked first, and leads to the revisions one by one.
pub(super) fn reads_revisions_last(steps: &[String], by: &str) {
    let of_revisions: Vec<usize> = (steps.iter().enumerate())
        .filter(|(_, step)| step.starts_with("SEARCH r ") || step.starts_with("SCAN r"))
        .map(|(place, _)| place)
        .collect();
    let [place] = of_revisions.as_slice() else {
        panic!("{steps:?}");
    };
    assert!(steps[*place].starts_with(by), "{steps:?}");
    assert!(
        steps[place + 1..]
            .iter()
            .all(|step| step.starts_with("USE TEMP B-TREE FOR ORDER BY")),
        "{steps:?}"
    );
    assert!(*place > 0, "{steps:?}");
}

pub(super) const BY_NUMBER: &str = "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)";

fn alice() -> Visible {
    Visible::Owner("alice".into())
}

pub(super) fn query() -> MemoryQuery {
    MemoryQuery {
        visible: alice(),
        user_id: None,
        agent_id: None,
        run_id: None,
        filter: None,
        as_of: None,
        now: Micros(1),
        include_expired: false,
        since: None,
        until: None,
    }
}

#[tokio::test]
async fn the_nearest_lead_to_the_revisions() {
    let sql = those_that_meet(Engine::Sqlite, &query(), &[1 << 32]).unwrap();
    reads_revisions_last(&steps(sql).await, BY_NUMBER);
}

#[tokio::test]
async fn what_was_found_leads_to_the_revisions() {
    let rows = [json!({ "id": "mem_1", "version": 1 })];
    let sql = read::these(Engine::Sqlite, &alice(), &rows).unwrap();
    let by_id = "SEARCH r USING INDEX memory_revisions_by_id (id=? AND version=?)";
    reads_revisions_last(&steps(sql).await, by_id);
}

#[tokio::test]
async fn a_thing_leads_to_what_is_about_it() {
    let things = [json!({ "kind": "device", "name": "nas" })];
    let sql = read::what_is_about(Engine::Sqlite, &alice(), &things, Micros(1), 10).unwrap();

    let steps = steps(sql).await;

    assert!(
        steps.iter().any(|step| step
            .starts_with("SEARCH a USING COVERING INDEX memory_about_by_name (kind=? AND name=?)")),
        "{steps:?}"
    );
    reads_revisions_last(&steps, BY_NUMBER);
}
