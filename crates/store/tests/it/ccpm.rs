//! What agents share, as it is kept; the rules over it are told in `homelab-ccpm`.

use homelab_core::ccpm::{
    Agent, AgentId, CompletionReport, ContextItem, ContextType, Message, SessionId, SessionReport,
    Sprint, Task, TaskEvent, TaskId,
};
use homelab_core::store::{
    AgentQuery, Ccpm, ContextTotals, KeptAnswer, MessageQuery, SessionQuery, StoreError, TaskQuery,
};
use rstest::rstest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::lab::{Engine, Lab, START};

fn made<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn agent(id: &str) -> Agent {
    made(
        json!({ "id": id, "name": format!("Agent-{id}"), "tag": "Größe\u{0}", "type": "other",
        "status": "active", "created_at": START }),
    )
}

fn message(id: &str) -> Message {
    made(
        json!({ "id": id, "thread_id": "m1", "from_agent_id": "a1", "to_agent_id": "a2",
        "subject": "s", "body": "a\u{0}b", "type": "message", "priority": "high",
        "status": "unread", "task_id": "t1", "created_at": START }),
    )
}

fn task(id: &str, depends_on: &[&str]) -> Task {
    made(
        json!({ "id": id, "key": format!("TASK-{id}"), "title": "Title", "status": "todo",
        "priority": "low", "labels": ["a\u{0}b"], "depends_on": depends_on, "assignee_id": "a1",
        "created_at": START }),
    )
}

fn session(id: &str) -> SessionReport {
    made(
        json!({ "id": id, "agent_id": "a1", "status": "active", "trigger_type": "manual",
        "started_at": START, "last_activity_at": START }),
    )
}

fn context(key: &str, seq: i64) -> ContextItem {
    made(
        json!({ "id": format!("c-{key}"), "report_id": "s1", "context_type": "note",
        "context_key": key, "value": { "deep": [1, null] }, "seq": seq, "updated_at": START }),
    )
}

fn answer(at: i64) -> KeptAnswer {
    KeptAnswer {
        scope: "scope".into(),
        key: "key-0001".into(),
        digest: "digest".into(),
        answer: "{}".into(),
        at: START.plus_seconds(at),
    }
}

/// Something in every table.
pub(crate) async fn fill(store: &dyn Ccpm) {
    let mut rows = store.write().await.unwrap();
    for id in ["a1", "a2"] {
        rows.save_agent(&agent(id)).await.unwrap();
    }
    rows.save_message(&message("m1")).await.unwrap();
    rows.save_task(&task("t1", &[])).await.unwrap();
    rows.save_task(&task("t2", &["t1"])).await.unwrap();
    let event: TaskEvent = made(json!({ "id": "e1", "task_id": "t1", "at": START,
        "actor_id": null, "kind": "comment", "reason": "said" }));
    rows.add_event(&event).await.unwrap();
    let report: CompletionReport = made(json!({ "id": "r1", "task_id": "t1",
        "submitted_by_id": "a1", "created_at": START, "report": { "summary": "done" },
        "review_status": "pending" }));
    rows.save_report(&report).await.unwrap();
    let sprint: Sprint =
        made(json!({ "id": "p1", "name": "now", "status": "active", "created_at": START }));
    rows.save_sprint(&sprint).await.unwrap();
    rows.save_session(&session("s1")).await.unwrap();
    rows.save_context(&context("k", 1), 7).await.unwrap();
    rows.keep_answer(&answer(0)).await.unwrap();
    rows.commit().await.unwrap();
}

/// Everything that can be shown.
pub(crate) async fn contents(store: &dyn Ccpm) -> String {
    let mut rows = store.read().await.unwrap();
    let agents = AgentQuery {
        limit: 10,
        ..AgentQuery::default()
    };
    let messages = MessageQuery {
        limit: 10,
        ..MessageQuery::default()
    };
    let sessions = SessionQuery {
        limit: 10,
        ..SessionQuery::default()
    };
    let task = TaskId::new("t1");
    let session = SessionId::new("s1");
    let first = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        rows.agents(&agents).await.unwrap(),
        rows.messages(&messages).await.unwrap(),
        rows.tasks(&TaskQuery::default()).await.unwrap(),
        rows.dependencies(&[TaskId::new("t2")]).await.unwrap(),
        rows.events(&task, None, 10).await.unwrap(),
    );
    format!(
        "{first}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        rows.reports(&task, None, 10).await.unwrap(),
        rows.sprints(None, None, 10).await.unwrap(),
        rows.sessions(&sessions).await.unwrap(),
        rows.contexts(&session, None, None, 10).await.unwrap(),
        rows.context_totals(&session).await.unwrap(),
        rows.answer("scope", "key-0001").await.unwrap(),
    )
}

#[rstest]
#[tokio::test]
async fn what_is_not_committed_is_not_kept(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let store = &*lab.stores.ccpm;
    let mut rows = store.write().await.unwrap();
    rows.save_agent(&agent("a1")).await.unwrap();
    drop(rows);

    fill(store).await;
    let before = contents(store).await;
    let mut rows = store.write().await.unwrap();
    rows.save_task(&task("t2", &[])).await.unwrap();
    rows.save_message(&message("m2")).await.unwrap();
    assert_eq!(rows.next_task_number().await.unwrap(), 3);
    drop(rows);

    assert_eq!(contents(store).await, before);
    assert!(
        before.contains("number: 1, value: Agent { id: AgentId(\"a1\")"),
        "{before}"
    );
}

#[rstest]
#[tokio::test]
async fn rows_come_back_as_they_were_saved(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let store = &*lab.stores.ccpm;
    fill(store).await;
    let mut rows = store.write().await.unwrap();

    let found = rows.agent_named("agent-a1").await.unwrap();
    assert_eq!(found, Some(agent("a1")));
    assert_eq!(rows.agents_tagged("GRÖSSE").await.unwrap(), []);
    assert_eq!(rows.agents_tagged("GRÖßE\u{0}").await.unwrap().len(), 2);
    assert_eq!(
        rows.message(&message("m1").id).await.unwrap(),
        Some(message("m1"))
    );
    let found = rows.task_keyed("TASK-t2").await.unwrap().unwrap();
    assert_eq!((found.number, found.value), (2, task("t2", &["t1"])));
    for nul in ["\u{0}", "a\u{0}"] {
        assert_eq!(rows.agent_named(nul).await.unwrap(), None);
        assert_eq!(rows.task_keyed(nul).await.unwrap(), None);
        let session = SessionId::new("s1");
        let found = rows
            .context(&session, ContextType::Note, nul)
            .await
            .unwrap();
        assert_eq!(found, None);
        let refused = rows.save_context(&context(nul, 2), 1).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })));
    }

    rows.save_context(&context("k", 4), 9).await.unwrap();
    rows.save_context(&context("l", 5), 1).await.unwrap();
    let totals = rows.context_totals(&SessionId::new("s1")).await.unwrap();
    let expected = ContextTotals {
        count: 2,
        bytes: 10,
        last: 5,
    };
    assert_eq!(totals, expected);
    rows.keep_answer(&answer(5)).await.unwrap();
    assert_eq!(
        rows.answer("scope", "key-0001").await.unwrap(),
        Some(answer(5))
    );
    assert_eq!(rows.forget_answers(answer(5).at).await.unwrap(), 0);
    assert_eq!(rows.forget_answers(answer(6).at).await.unwrap(), 1);
    let unread = rows.unread(&AgentId::new("a2"), START).await.unwrap();
    assert_eq!(unread, 1);
    rows.commit().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn the_table_itself_refuses_a_second_active_sprint(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let store = &*lab.stores.ccpm;
    fill(store).await;
    let mut rows = store.write().await.unwrap();
    let second: Sprint =
        made(json!({ "id": "p2", "name": "too", "status": "active", "created_at": START }));

    assert!(rows.save_sprint(&second).await.is_err());
    drop(rows);

    let mut rows = store.read().await.unwrap();
    assert_eq!(rows.active_sprint().await.unwrap().unwrap().name, "now");
}
