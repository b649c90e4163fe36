//! How the engines find an inbox and a list of tasks among many: by an index that also orders them,
//! never by reading or sorting the table.

use std::sync::Arc;

use homelab_core::ccpm::{AgentId, MessageStatus, SprintId, TaskSort, TaskStatus};
use homelab_core::clock::{ManualClock, Micros, OsEntropy};
use homelab_core::secret::Secret;
use homelab_core::store::{InboxQuery, TaskQuery, Wanted};
use homelab_testkit::Postgres;
use rstest::rstest;

use super::{messages, task_list};
use crate::db::{Arg, Conn, Db, Lock};
use crate::{Database, Target};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// 100,000 messages to ten agents, one in ten of them unread, and 10,000 tasks, of which a quarter
/// is done.
const FILL: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO ccpm_messages
    SELECT 'm' || i, i, 'm' || i, 'agent-' || (i % 7), 'agent-' || (i % 10), NULL,
    CASE WHEN i % 100 < 10 THEN 'unread' WHEN i % 100 < 20 THEN 'read' ELSE 'completed' END,
    i % 4, i, CASE WHEN i % 100 < 20 THEN 9223372036854775807 ELSE i END, '{}' FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO ccpm_tasks
    SELECT 't' || i, i, 'TASK-' || i,
    CASE i % 4 WHEN 0 THEN 'done' WHEN 1 THEN 'todo' WHEN 2 THEN 'backlog' ELSE 'in_progress' END,
    i % 3, CASE WHEN i % 2 = 0 THEN '' ELSE 'sprint-' || (i % 9) END,
    CASE WHEN i % 5 = 0 THEN '' ELSE 'agent-' || (i % 10) END,
    9223372036854775807, i, i, NULL, '', 'task ' || i, '{}' FROM n;
    WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO ccpm_dependencies SELECT 't' || i, 't' || (i - 1) FROM n;
";

/// A filled database; the folder is its.
async fn filled(engine: Engine) -> Option<(Database, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let target = match engine {
        Engine::Sqlite => Target::Sqlite {
            path: folder.path().join("homelab.db"),
        },
        Engine::Postgres => Target::Postgres {
            url: Secret::new(Postgres::shared()?.fresh_database().unwrap()),
        },
    };
    let clock = Arc::new(ManualClock::at(Micros(1)));
    let database = Database::open(&target, clock, Arc::new(OsEntropy))
        .await
        .unwrap();
    let mut tx = database.shared().db.write(Lock::Ccpm).await.unwrap();
    tx.conn().script(FILL).await.unwrap();
    tx.commit().await.unwrap();
    if let Db::Postgres(_) = &database.shared().db {
        let mut session = database.shared().db.read().await.unwrap();
        let analyze = "ANALYZE ccpm_messages, ccpm_tasks, ccpm_dependencies";
        session.conn().script(analyze).await.unwrap();
    }
    Some((database, folder))
}

/// The plan of a statement, a line each.
async fn plan(conn: &mut Conn<'_>, sql: &str, args: &[Arg<'_>]) -> Vec<String> {
    let (explain, column) = match conn {
        Conn::Postgres(_) => ("EXPLAIN ", "QUERY PLAN"),
        _ => ("EXPLAIN QUERY PLAN ", "detail"),
    };
    let sql: &'static str = Box::leak(format!("{explain}{sql}").into_boxed_str());
    conn.all("plan", sql, args, |row| row.text(column))
        .await
        .unwrap()
}

/// Refuses a plan that reads the whole table or sorts what it found. PostgreSQL may sort a range of
/// a few rows: one priority of an inbox, the tasks of one sprint or agent.
fn assert_led_by(plan: &[String], index: &str, case: &str) {
    let text = plan.join("\n");
    let is_small = |text: &&str| case.contains(*text);
    let may_sort = ["rank: Some", "This("].iter().any(is_small);
    for way in [
        "SCAN",
        "TEMP B-TREE",
        "Seq Scan on ccpm_messages",
        "Seq Scan on ccpm_tasks t",
        "Sort",
    ] {
        let is_allowed = may_sort && way == "Sort";
        assert!(is_allowed || !text.contains(way), "{case}:\n{text}");
    }
    assert!(text.contains(index), "{case}:\n{text}");
}

/// The first page and one further on.
const PAGES: [Option<[i64; 2]>; 2] = [None, Some([1, 1_000])];

#[rstest]
#[tokio::test]
async fn an_inbox_is_found_and_ordered_by_an_index(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((database, _folder)) = filled(engine).await else {
        return;
    };
    let mut session = database.shared().db.read().await.unwrap();
    let mut conn = session.conn();
    let agent = AgentId::new("agent-3");

    for (after, rank) in PAGES
        .iter()
        .flat_map(|after| [(*after, None), (*after, Some(2))])
    {
        let query = InboxQuery {
            to: &agent,
            statuses: &[],
            rank,
            since: None,
            now: Micros(1),
            after,
            limit: 51,
        };
        for status in [MessageStatus::Unread, MessageStatus::Completed] {
            let (sql, args) = messages::inbox(&query, &status);
            let plan = plan(&mut conn, sql, &args).await;
            assert_led_by(&plan, "ccpm_messages_by_inbox", &format!("{query:?}"));
        }
    }
    let unread = [Arg::from(agent.as_str()), 1.into()];
    let plan = plan(&mut conn, messages::UNREAD, &unread).await;
    assert_led_by(&plan, "ccpm_messages_by_inbox", "unread");
}

#[rstest]
#[tokio::test]
async fn a_list_of_tasks_is_found_and_ordered_by_an_index(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((database, _folder)) = filled(engine).await else {
        return;
    };
    let mut session = database.shared().db.read().await.unwrap();
    let mut conn = session.conn();
    let (agent, sprint) = (AgentId::new("agent-3"), SprintId::new("sprint-3"));
    let plain = TaskQuery::default();
    let ready = TaskQuery {
        statuses: &[TaskStatus::Todo, TaskStatus::Backlog],
        ready: Some(true),
        ..plain.clone()
    };
    let nobodys = TaskQuery {
        assignee: Wanted::Nothing,
        ..ready.clone()
    };
    let somebodys = TaskQuery {
        assignee: Wanted::This(&agent),
        ..ready.clone()
    };
    let of_sprint = TaskQuery {
        sprint: Wanted::This(&sprint),
        label: Some("storage"),
        ..plain.clone()
    };
    let by = |sort| TaskQuery {
        sort,
        text: Some("task 7"),
        ..plain.clone()
    };
    let cases = [
        (plain.clone(), "ccpm_tasks_by_rank"),
        (ready, "ccpm_tasks_by_status"),
        (nobodys, "ccpm_tasks_by_status"),
        (somebodys, "ccpm_tasks_by_assignee"),
        (of_sprint, "ccpm_tasks_by_sprint"),
        (by(TaskSort::UpdatedAt), "ccpm_tasks_by_change"),
        (by(TaskSort::CreatedAt), "ccpm_tasks_by_creation"),
        (by(TaskSort::DueAt), "ccpm_tasks_by_due"),
    ];

    for (query, index) in cases {
        for after in PAGES {
            let query = TaskQuery {
                after,
                limit: 51,
                ..query.clone()
            };
            let texts = task_list::Texts::of(&query);
            for (sql, led_by) in task_list::led(&query) {
                let args = task_list::args(&query, &texts, led_by);
                let plan = plan(&mut conn, sql, &args).await;
                assert_led_by(&plan, index, &format!("{query:?}"));
            }
        }
    }
}
