//! What time alone changes.

use std::time::Duration;

use homelab_ccpm::{Ccpm as _, Settings};
use homelab_core::ccpm::{
    ContextItemCreate, ContextType, InboxFilter, MessageComplete, MessageCreate, MessageFilter,
    MessageStatus, Paging, SessionReportCreate,
};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, FIRST, Lab, START, letter, told};

#[rstest]
#[tokio::test]
async fn a_message_runs_out_whether_or_not_anybody_looks(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let new = MessageCreate {
        expires_at: Some(START.plus_seconds(60)),
        ..letter("builder", "quick")
    };
    let sent = lab.service.send_message(&lab.planner, new).await.unwrap();
    let id = sent.value.data[0].id.clone();
    lab.send(&lab.planner, "builder", "slow").await;
    let filter = InboxFilter::default();
    let inbox = async || {
        let page = Paging::default();
        let found = lab.service.inbox(&lab.builder, "me", &filter, &page).await;
        found.unwrap().data.len()
    };
    assert_eq!(inbox().await, 2);

    lab.clock.advance_seconds(60);

    assert_eq!(inbox().await, 1);
    assert_eq!(lab.agent("builder").await.unread_count, Some(1));
    let read = lab
        .service
        .message(&lab.planner, id.as_str())
        .await
        .unwrap();
    assert_eq!(read.status, MessageStatus::Expired);
    let with = MessageComplete::default();
    let late = lab
        .service
        .complete_message(&lab.builder, id.as_str(), with)
        .await;
    assert_eq!(told(&late.unwrap_err(), "current").2, "expired");
    let expired = MessageFilter {
        status: Some(MessageStatus::Expired),
        ..MessageFilter::default()
    };
    for expected in [1, 0] {
        let found = lab.service.list_messages(&lab.planner, &expired, &FIRST);
        assert_eq!(found.await.unwrap().data.len(), 1);
        assert_eq!(lab.service.upkeep().await.unwrap().expired, expected);
    }
}

#[rstest]
#[tokio::test]
async fn nothing_is_removed_for_its_age_unless_set(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(None, Some(Duration::from_secs(90)))] kept: Option<Duration>,
) {
    let settings = Settings {
        messages_kept: kept,
        contexts_kept: kept,
        abandoned_after: Duration::from_secs(1_000_000),
        ..Settings::default()
    };
    let Some(lab) = Lab::with(engine, settings).await else {
        return;
    };
    let done = lab.send(&lab.planner, "builder", "done").await;
    let with = MessageComplete::default();
    lab.service
        .complete_message(&lab.builder, done.id.as_str(), with)
        .await
        .unwrap();
    lab.send(&lab.planner, "builder", "open").await;
    let session = SessionReportCreate {
        agent_id: "builder".into(),
        ..SessionReportCreate::default()
    };
    let session = lab
        .service
        .create_session_report(&lab.builder, session)
        .await
        .unwrap();
    let item = ContextItemCreate {
        context_type: ContextType::Note,
        context_key: "k".into(),
        value: json!(1),
        importance: None,
    };
    let id = session.value.id.as_str();
    lab.service
        .log_session_context(&lab.builder, id, item)
        .await
        .unwrap();
    lab.clock.advance_seconds(91);

    let upkeep = lab.service.upkeep().await.unwrap();

    assert_eq!(upkeep.purged, if kept.is_some() { 2 } else { 0 });
    let left = lab
        .service
        .list_messages(&lab.planner, &MessageFilter::default(), &FIRST)
        .await;
    let left: Vec<_> = left
        .unwrap()
        .data
        .into_iter()
        .map(|one| one.subject)
        .collect();
    if kept.is_some() {
        assert_eq!(left, ["open"]);
    } else {
        assert_eq!(left, ["open", "done"]);
    }
}
