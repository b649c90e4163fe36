use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros, OsEntropy};
use homelab_core::memory::{MemoryQuery, Visible};

use super::{Built, Engine, Plan, conditions, push_fts5, push_range};
use crate::{Database, Target};

/// Without the order of its join SQLite asks FTS5 once for each of the owner's revisions.
#[tokio::test]
async fn the_words_are_asked_for_once_and_lead_to_the_revisions() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Sqlite {
        path: folder.path().join("homelab.db"),
    };
    let clock = Arc::new(ManualClock::at(Micros(1)));
    let database = Database::open(&target, clock, Arc::new(OsEntropy))
        .await
        .unwrap();
    let plan = Plan {
        words: vec![("backup".into(), 1.0), ("nas".into(), 1.0)],
        newest: false,
    };
    let query = MemoryQuery {
        visible: Visible::Owner("alice".into()),
        user_id: None,
        agent_id: None,
        run_id: None,
        filter: None,
        as_of: None,
        now: Micros(1),
        include_expired: false,
        since: None,
        until: None,
    };
    let mut sql = Built::new(Engine::Sqlite, "EXPLAIN QUERY PLAN ");
    push_fts5(&mut sql, &plan, "0", "");
    push_range(&mut sql, [1 << 32, 2 << 32]);
    sql.push(" AND ");
    conditions::push(&mut sql, &query).unwrap();

    let mut session = database.shared().db.read().await.unwrap();
    let steps: Vec<String> = session
        .conn()
        .all_built("plan", &sql, |row| row.text("detail"))
        .await
        .unwrap();

    let [words, revisions] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    assert!(
        words.starts_with("SCAN memory_text VIRTUAL TABLE"),
        "{steps:?}"
    );
    assert!(
        revisions.starts_with("SEARCH r USING INTEGER PRIMARY KEY"),
        "{steps:?}"
    );
}
