//! Sessions, their context, and going on where the last one ended.

use homelab_ccpm::{Call, Ccpm as _};
use homelab_core::ccpm::{
    CcpmCode, ContextFilter, ContextItemCreate, ContextType, Importance, Paging, SessionComplete,
    SessionFilter, SessionMetrics, SessionReport, SessionReportCreate, SessionStatus, TaskStatus,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lab::{Engine, Lab, told};

async fn begin(lab: &Lab, by: &Call) -> SessionReport {
    let new = SessionReportCreate {
        agent_id: "me".into(),
        ..SessionReportCreate::default()
    };
    lab.service
        .create_session_report(by, new)
        .await
        .unwrap()
        .value
}

fn item(context_type: ContextType, key: &str, value: Value) -> ContextItemCreate {
    ContextItemCreate {
        context_type,
        context_key: key.into(),
        value,
        importance: None,
    }
}

fn end(summary: &str) -> SessionComplete {
    SessionComplete {
        summary: summary.into(),
        ..SessionComplete::default()
    }
}

#[rstest]
#[tokio::test]
async fn the_next_session_finds_what_the_last_one_left(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let first = lab
        .service
        .resume_context(&lab.builder, "me", 50)
        .await
        .unwrap();
    assert!(!first.found && first.report.is_none());
    let session = begin(&lab, &lab.builder).await;
    let log = async |new| {
        let id = session.id.as_str();
        lab.service
            .log_session_context(&lab.builder, id, new)
            .await
            .unwrap()
    };
    log(item(ContextType::NextStep, "n", json!("look again"))).await;
    log(item(
        ContextType::Blocker,
        "b",
        json!({"waits": "for a disk"}),
    ))
    .await;
    log(item(ContextType::Todo, "t", json!({"a": 1}))).await;
    let low = ContextItemCreate {
        importance: Some(Importance::Low),
        ..item(ContextType::Note, "low", json!("small"))
    };
    let high = ContextItemCreate {
        importance: Some(Importance::High),
        ..item(ContextType::Note, "high", json!("big"))
    };
    assert!(log(low).await.created);
    assert!(log(high).await.created);
    lab.begun("work").await;
    lab.send(&lab.planner, "builder", "hello").await;
    let with = SessionComplete {
        next_steps: vec!["call me".into(), "look again".into()],
        ..end("half of it")
    };
    let id = session.id.as_str();
    lab.service
        .complete_session(&lab.builder, id, with)
        .await
        .unwrap();

    let resume = lab
        .service
        .resume_context(&lab.builder, "Builder", 50)
        .await
        .unwrap();
    let short = lab
        .service
        .resume_context(&lab.builder, "me", 2)
        .await
        .unwrap();

    assert!(resume.found && !resume.truncated);
    assert_eq!(
        resume.report.unwrap().summary.as_deref(),
        Some("half of it")
    );
    assert_eq!(resume.next_steps, ["call me", "look again", "{\"a\":1}"]);
    assert_eq!(resume.open_blockers[0].value["waits"], "for a disk");
    let notes: Vec<_> = resume.context["note"]
        .iter()
        .map(|one| &one.context_key)
        .collect();
    assert_eq!(notes, ["high", "low"]);
    assert_eq!(resume.open_tasks[0].title, "work");
    assert_eq!(resume.unread_messages, 1);
    assert!(short.truncated);
    assert_eq!(short.context.values().map(Vec::len).sum::<usize>(), 2);
    assert!(short.context.contains_key("note"));
    let other = lab
        .service
        .resume_context(&lab.watcher, "builder", 50)
        .await;
    assert_eq!(other.unwrap_err().code(), CcpmCode::Forbidden);
    let next = begin(&lab, &lab.builder).await;
    assert_eq!(next.previous_report_id, Some(session.id));
}

#[rstest]
#[tokio::test]
async fn the_last_write_of_a_context_key_wins(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let session = begin(&lab, &lab.builder).await;
    let id = session.id.as_str();
    let log = async |new| lab.service.log_session_context(&lab.builder, id, new).await;

    let first = log(item(ContextType::State, "k", json!(1))).await.unwrap();
    let other = log(item(ContextType::Note, "k", json!(2))).await.unwrap();
    let again = log(item(ContextType::State, "k", json!([3])))
        .await
        .unwrap();

    assert!(first.created && other.created && !again.created);
    assert_eq!(first.value.id, again.value.id);
    assert_eq!(
        (first.value.seq, other.value.seq, again.value.seq),
        (1, 2, 3)
    );
    let list = async |context_type| {
        let filter = ContextFilter { context_type };
        let page = Paging::default();
        let found = lab
            .service
            .list_session_contexts(&lab.watcher, id, &filter, &page)
            .await;
        found
            .unwrap()
            .data
            .into_iter()
            .map(|one| one.value)
            .collect::<Vec<_>>()
    };
    assert_eq!(list(None).await, [json!(2), json!([3])]);
    assert_eq!(list(Some(ContextType::State)).await, [json!([3])]);
    let read = lab.service.session_report(&lab.watcher, id).await.unwrap();
    assert_eq!(read.context_count, Some(2));
    let foreign = item(ContextType::State, "k", json!(4));
    let foreign = lab
        .service
        .log_session_context(&lab.watcher, id, foreign)
        .await;
    assert_eq!(foreign.unwrap_err().code(), CcpmCode::Forbidden);
}

#[rstest]
#[tokio::test]
async fn a_session_keeps_only_so_much(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let session = begin(&lab, &lab.builder).await;
    let id = session.id.as_str();
    let log = async |key: &str, size: usize| {
        let new = item(ContextType::State, key, json!("x".repeat(size - 2)));
        lab.service.log_session_context(&lab.builder, id, new).await
    };
    let full = 64 * 1024;

    let one = log("big", full + 1).await.unwrap_err();
    for number in 0..32 {
        log(&format!("k{number}"), full).await.unwrap();
    }
    let all = log("more", 3).await.unwrap_err();
    log("k0", full).await.unwrap();
    log("k0", full - 3).await.unwrap();
    log("more", 3).await.unwrap();

    assert_eq!(
        told(&one, "field"),
        ("payload_too_large".into(), 413, &json!("value"))
    );
    assert_eq!(told(&all, "most").2, &json!(2 * 1024 * 1024));
}

#[rstest]
#[tokio::test]
async fn a_session_keeps_at_most_500_items(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let session = begin(&lab, &lab.builder).await;
    let id = session.id.as_str();
    let log = async |number: u32| {
        let new = item(ContextType::Finding, &format!("k{number}"), json!(number));
        lab.service.log_session_context(&lab.builder, id, new).await
    };
    for number in 0..500 {
        log(number).await.unwrap();
    }

    assert_eq!(log(500).await.unwrap_err().status(), 413);
    assert!(!log(499).await.unwrap().created);
}

#[rstest]
#[tokio::test]
async fn an_ended_session_is_closed_and_knows_what_it_did(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let session = begin(&lab, &lab.builder).await;
    let id = session.id.as_str();
    let task = lab.begun("work").await;
    lab.clock.advance_seconds(90);
    lab.send(&lab.builder, "watcher", "hello").await;
    lab.go(&lab.builder, &task, TaskStatus::InReview)
        .await
        .unwrap();
    lab.go(&lab.planner, &task, TaskStatus::Done).await.unwrap();
    let with = SessionComplete {
        status: Some(SessionStatus::Failed),
        metrics: Some(SessionMetrics {
            tokens_input: Some(5),
            tasks_completed: Some(7),
            ..SessionMetrics::default()
        }),
        ..end("so far")
    };
    let complete =
        async |with: SessionComplete| lab.service.complete_session(&lab.builder, id, with).await;

    let ended = complete(with.clone()).await.unwrap().value;
    lab.clock.advance_seconds(5);
    let again = complete(with.clone()).await.unwrap().value;
    let other = complete(end("so far")).await.unwrap_err();
    let log = item(ContextType::Note, "k", json!(1));
    let log = lab.service.log_session_context(&lab.builder, id, log).await;

    let metrics = ended.metrics.clone().unwrap();
    assert_eq!(metrics.duration_seconds, Some(90));
    assert_eq!(
        (metrics.tasks_completed, metrics.tokens_input),
        (Some(7), Some(5))
    );
    assert_eq!(metrics.messages_sent, Some(1));
    assert_eq!(again, ended);
    assert_eq!(
        told(&other, "current"),
        ("session_closed".into(), 409, &json!("failed"))
    );
    assert_eq!(log.unwrap_err().code(), CcpmCode::SessionClosed);
}

#[rstest]
#[tokio::test]
async fn a_silent_session_is_abandoned_and_stays_so(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let old = begin(&lab, &lab.builder).await;
    lab.clock.advance_seconds(24 * 60 * 60);
    let new = begin(&lab, &lab.watcher).await;
    let list = async |status| {
        let filter = SessionFilter {
            status: Some(status),
            ..SessionFilter::default()
        };
        let page = Paging::default();
        let found = lab
            .service
            .list_session_reports(&lab.admin, &filter, &page)
            .await;
        found
            .unwrap()
            .data
            .into_iter()
            .map(|one| one.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list(SessionStatus::Active).await,
        [new.id.clone(), old.id.clone()]
    );

    lab.clock.advance_seconds(1);

    assert_eq!(
        list(SessionStatus::Abandoned).await.as_slice(),
        std::slice::from_ref(&old.id)
    );
    let id = old.id.as_str();
    let late = lab
        .service
        .complete_session(&lab.builder, id, end("late"))
        .await;
    assert_eq!(late.unwrap_err().code(), CcpmCode::SessionClosed);
    assert_eq!(lab.service.upkeep().await.unwrap().abandoned, 1);
    assert_eq!(list(SessionStatus::Abandoned).await, [old.id]);
    assert_eq!(lab.service.upkeep().await.unwrap().abandoned, 0);
}
