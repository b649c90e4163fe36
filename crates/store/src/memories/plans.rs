//! In what order SQLite reads what a statement joins.

use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros, OsEntropy};
use homelab_core::memory::{MemoryQuery, Visible};
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
