use super::{Built, Engine, Plan, conditions, push_fts5, push_range};
use crate::memories::plans::{BY_NUMBER, query, reads_revisions_last, steps};

/// Without the order of its join SQLite asks FTS5 once for each of the owner's revisions.
#[tokio::test]
async fn the_words_are_asked_for_once_and_lead_to_the_revisions() {
    let plan = Plan {
        words: vec![("backup".into(), 1.0), ("nas".into(), 1.0)],
        newest: None,
    };
    let mut sql = Built::new(Engine::Sqlite, "");
    push_fts5(&mut sql, &plan, "0", "");
    push_range(&mut sql, [1 << 32, 2 << 32]);
    sql.push(" AND ");
    conditions::push(&mut sql, &query()).unwrap();

    let steps = steps(sql).await;

    assert!(
        steps[0].starts_with("SCAN memory_text VIRTUAL TABLE"),
        "{steps:?}"
    );
    reads_revisions_last(&steps, BY_NUMBER);
}
