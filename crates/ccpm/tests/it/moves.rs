//! Moving tasks.

use homelab_ccpm::{Ccpm as _, Change, Settings};
use homelab_core::ccpm::{
    CcpmCode, Foreign, InboxFilter, MessagePriority, TaskCreate, TaskEventKind, TaskStatus,
    TaskStatusUpdate,
};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, FIRST, Lab, START, told};

#[rstest]
#[tokio::test]
async fn a_task_goes_its_way_and_leaves_times_and_events(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let task = lab.begun("work").await;
    assert_eq!(task.started_at, Some(START));
    lab.clock.advance_seconds(10);
    lab.go(&lab.builder, &task, TaskStatus::Blocked)
        .await
        .unwrap();
    lab.go(&lab.builder, &task, TaskStatus::InProgress)
        .await
        .unwrap();
    lab.go(&lab.builder, &task, TaskStatus::InReview)
        .await
        .unwrap();
    let done = lab.go(&lab.planner, &task, TaskStatus::Done).await.unwrap();
    assert_eq!(done.started_at, Some(START));
    assert_eq!(done.completed_at, Some(START.plus_seconds(10)));

    let open = lab
        .go(&lab.planner, &task, TaskStatus::InProgress)
        .await
        .unwrap();

    assert_eq!(open.completed_at, None);
    assert_eq!(open.status_reason.as_deref(), Some("because"));
    let events = lab
        .service
        .list_task_events(&lab.planner, &task.key, &FIRST)
        .await
        .unwrap();
    let ways: Vec<_> = events
        .data
        .iter()
        .filter(|event| event.kind == TaskEventKind::Status)
        .map(|event| {
            format!(
                "{}>{}",
                event.from.as_ref().unwrap(),
                event.to.as_ref().unwrap()
            )
        })
        .collect();
    assert_eq!(
        ways,
        [
            "todo>in_progress",
            "in_progress>blocked",
            "blocked>in_progress",
            "in_progress>in_review",
            "in_review>done",
            "done>in_progress"
        ]
    );
    assert_eq!(open.version, 7);
}

#[rstest]
#[tokio::test]
async fn staying_is_no_event_and_an_illegal_way_is_told(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let task = lab.begun("work").await;

    let same = lab
        .go(&lab.builder, &task, TaskStatus::InProgress)
        .await
        .unwrap();
    let wip = TaskStatus::Foreign(Foreign::new("wip"));
    let word = lab.go(&lab.builder, &task, wip).await.unwrap();
    let illegal = lab
        .go(&lab.builder, &task, TaskStatus::Done)
        .await
        .unwrap_err();
    let silent = lab
        .go_because(&lab.builder, &task, TaskStatus::Blocked, "")
        .await;

    assert_eq!((same.version, word.version), (task.version, task.version));
    assert_eq!(
        told(&illegal, "current"),
        ("illegal_transition".into(), 422, &json!("in_progress"))
    );
    assert_eq!(
        told(&illegal, "allowed").2,
        &json!(["blocked", "in_review", "todo", "cancelled"])
    );
    assert_eq!(told(&silent.unwrap_err(), "field").2, "reason");
    let late = TaskStatusUpdate {
        status: TaskStatus::Todo,
        reason: None,
        expected_version: Some(1),
    };
    let late = lab
        .service
        .set_task_status(&lab.builder, &task.key, late)
        .await;
    assert_eq!(late.unwrap_err().code(), CcpmCode::VersionConflict);
}

#[rstest]
#[tokio::test]
async fn work_may_be_done_at_once_where_no_review_is_required(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let settings = Settings {
        require_review: false,
        key_prefix: "LAB2".into(),
        ..Settings::default()
    };
    settings.check().unwrap();
    let Some(lab) = Lab::with(engine, settings).await else {
        return;
    };
    let task = lab.begun("work").await;

    let done = lab.go(&lab.builder, &task, TaskStatus::Done).await.unwrap();

    assert_eq!(
        (done.key.as_str(), done.status),
        ("LAB2-1", TaskStatus::Done)
    );
}

#[rstest]
#[tokio::test]
async fn only_who_does_it_or_asked_for_it_moves_a_task(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let task = lab.begun("work").await;

    let other = lab
        .go(&lab.watcher, &task, TaskStatus::Todo)
        .await
        .unwrap_err();
    let second = lab
        .go(&lab.watcher, &task, TaskStatus::InProgress)
        .await
        .unwrap_err();
    let by_admin = lab.go(&lab.admin, &task, TaskStatus::Todo).await.unwrap();

    assert_eq!(other.code(), CcpmCode::Forbidden);
    assert_eq!(
        told(&second, "assignee"),
        ("conflict".into(), 409, &json!("Builder"))
    );
    assert_eq!(by_admin.status, TaskStatus::Todo);
}

#[rstest]
#[tokio::test]
async fn work_waits_for_what_it_depends_on(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let first = lab.begun("first").await;
    let second = lab
        .planned(TaskCreate {
            title: "second".into(),
            assignee: Some("builder".into()),
            depends_on: vec![first.id.clone()],
            ..TaskCreate::default()
        })
        .await;

    let early = lab
        .go(&lab.builder, &second, TaskStatus::InProgress)
        .await
        .unwrap_err();
    lab.go(&lab.builder, &first, TaskStatus::InReview)
        .await
        .unwrap();
    lab.go(&lab.planner, &first, TaskStatus::Done)
        .await
        .unwrap();
    let begun = lab
        .go(&lab.builder, &second, TaskStatus::InProgress)
        .await
        .unwrap();

    assert_eq!(
        told(&early, "blocked_by"),
        ("conflict".into(), 409, &json!([first.id]))
    );
    assert_eq!(begun.blocked_by_open, []);
}

#[rstest]
#[tokio::test]
async fn who_asked_for_it_learns_that_it_is_blocked_or_done(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let mut changes = lab.service.changes();
    let task = lab.begun("work").await;
    lab.go_because(&lab.builder, &task, TaskStatus::Blocked, "no disk")
        .await
        .unwrap();
    lab.go(&lab.builder, &task, TaskStatus::InProgress)
        .await
        .unwrap();
    lab.go(&lab.builder, &task, TaskStatus::InReview)
        .await
        .unwrap();
    lab.go(&lab.admin, &task, TaskStatus::Done).await.unwrap();

    let filter = InboxFilter::default();
    let inbox = lab.service.inbox(&lab.planner, "me", &filter, &FIRST);
    let inbox = inbox.await.unwrap().data;

    let seen: Vec<_> = inbox
        .iter()
        .map(|one| {
            (
                one.subject.as_str(),
                one.from_agent_name.as_str(),
                one.priority,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("TASK-1 is blocked", "Builder", MessagePriority::High),
            ("TASK-1 is done", "system", MessagePriority::Normal),
        ]
    );
    assert_eq!(inbox[0].body, "work\n\nno disk");
    assert_eq!(inbox[0].task_id, Some(task.id.clone()));
    let mut statuses = Vec::new();
    let mut letters = 0;
    while let Ok(change) = changes.try_recv() {
        match change {
            Change::Task { key, status, .. } => {
                assert_eq!(key, "TASK-1");
                statuses.push(status);
            }
            Change::Inbox { agent, .. } => {
                assert_eq!(Some(agent), lab.planner.actor.agent);
                letters += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((statuses.len(), letters), (6, 2));
}
