//! Messages.

use homelab_ccpm::{Call, Ccpm as _};
use homelab_core::ccpm::{
    AgentPatch, AgentStatus, CcpmCode, InboxFilter, Message, MessageComplete, MessageCreate,
    MessageFilter, MessageId, MessageKind, MessagePriority, MessageStatus, Outcome, Paging,
    Recipients,
};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, FIRST, Lab, START, letter, told};

async fn inbox(lab: &Lab, of: &Call, filter: &InboxFilter) -> Vec<Message> {
    let mut page = Paging::first(2);
    let mut found = Vec::new();
    loop {
        let shown = lab.service.inbox(of, "me", filter, &page).await.unwrap();
        found.extend(shown.data);
        let Some(next) = shown.page.next_cursor else {
            return found;
        };
        page.cursor = Some(next);
    }
}

async fn subjects(lab: &Lab, of: &Call) -> Vec<String> {
    let found = inbox(lab, of, &InboxFilter::default()).await;
    found.into_iter().map(|message| message.subject).collect()
}

#[rstest]
#[tokio::test]
async fn an_inbox_shows_what_is_urgent_first_and_then_the_oldest(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    for (priority, subject) in [
        (MessagePriority::Normal, "b1"),
        (MessagePriority::Low, "d1"),
        (MessagePriority::Urgent, "a1"),
        (MessagePriority::Normal, "b2"),
        (MessagePriority::Urgent, "a2"),
        (MessagePriority::High, "ab"),
    ] {
        let new = MessageCreate {
            priority: Some(priority),
            ..letter("builder", subject)
        };
        lab.service.send_message(&lab.planner, new).await.unwrap();
    }

    assert_eq!(
        subjects(&lab, &lab.builder).await,
        ["a1", "a2", "ab", "b1", "b2", "d1"]
    );
    let urgent = InboxFilter {
        priority: Some(MessagePriority::Urgent),
        ..InboxFilter::default()
    };
    assert_eq!(inbox(&lab, &lab.builder, &urgent).await.len(), 2);
    assert_eq!(lab.agent("builder").await.unread_count, Some(6));
    let other = lab.service.inbox(&lab.watcher, "builder", &urgent, &FIRST);
    assert_eq!(other.await.unwrap_err().code(), CcpmCode::Forbidden);
    let by_admin = lab.service.inbox(&lab.admin, "builder", &urgent, &FIRST);
    assert_eq!(by_admin.await.unwrap().data.len(), 2);
}

#[rstest]
#[tokio::test]
async fn reading_an_inbox_marks_nothing_unless_asked_to(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    for subject in ["one", "two", "three"] {
        lab.send(&lab.planner, "builder", subject).await;
    }
    subjects(&lab, &lab.builder).await;
    assert_eq!(subjects(&lab, &lab.builder).await.len(), 3);

    let marking = InboxFilter {
        mark_read: true,
        ..InboxFilter::default()
    };
    let marked = inbox(&lab, &lab.builder, &marking).await;

    assert_eq!(marked.len(), 3);
    assert!(marked.iter().all(|one| one.status == MessageStatus::Read));
    assert_eq!(subjects(&lab, &lab.builder).await, [""; 0]);
    let read = InboxFilter {
        include_read: true,
        ..InboxFilter::default()
    };
    assert_eq!(inbox(&lab, &lab.builder, &read).await.len(), 3);
}

#[rstest]
#[tokio::test]
async fn a_list_of_recipients_gets_it_all_or_nobody_does(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let to = |names: &[&str]| MessageCreate {
        to: Recipients::Many(names.iter().map(|name| (*name).to_owned()).collect()),
        ..letter("", "news")
    };
    let send = async |names: &[&str]| lab.service.send_message(&lab.planner, to(names)).await;

    let unknown = send(&["builder", "watchr", "nobody"]).await.unwrap_err();
    assert_eq!(told(&unknown, "unknown").2, &json!(["watchr", "nobody"]));
    assert_eq!(told(&unknown, "candidates").2, &json!(["watcher"]));
    assert_eq!(subjects(&lab, &lab.builder).await, [""; 0]);

    let sent = send(&["builder", "WATCHER", "Builder"]).await.unwrap();
    assert!(sent.created);
    assert_eq!(sent.value.data.len(), 2);
    let threads: Vec<_> = sent.value.data.iter().map(|one| &one.thread_id).collect();
    assert_eq!(threads, [&sent.value.data[0].id; 2]);

    let patch = AgentPatch {
        status: Some(AgentStatus::Disabled),
        ..AgentPatch::default()
    };
    lab.service
        .update_agent(&lab.watcher, "me", patch, None)
        .await
        .unwrap();
    let disabled = send(&["builder", "watcher"]).await.unwrap_err();
    assert_eq!(
        told(&disabled, "inactive"),
        ("agent_inactive".into(), 409, &json!(["watcher"]))
    );
    assert_eq!(subjects(&lab, &lab.builder).await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn everybody_else_gets_what_is_sent_to_all_by_who_may(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let refused = lab
        .service
        .send_message(&lab.planner, letter("@all", "news"))
        .await;
    assert_eq!(refused.unwrap_err().code(), CcpmCode::Forbidden);

    let mut loud = lab.planner.clone();
    loud.actor.may_broadcast = true;
    let sent = lab
        .service
        .send_message(&loud, letter("@ALL", "news"))
        .await
        .unwrap();

    let mut names: Vec<_> = sent
        .value
        .data
        .iter()
        .map(|one| one.to_agent_name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Builder", "watcher"]);
}

#[rstest]
#[tokio::test]
async fn completing_with_an_answer_sends_it_to_who_waits_for_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let asked = MessageCreate {
        requires_response: true,
        kind: Some(MessageKind::Request),
        priority: Some(MessagePriority::High),
        ..letter("builder", "is it up?")
    };
    let sent = lab.service.send_message(&lab.planner, asked).await.unwrap();
    let id = sent.value.data[0].id.clone();
    let with = |text: &str| MessageComplete {
        response: Some(text.into()),
        outcome: None,
    };
    let complete = async |by: &Call, text| {
        lab.service
            .complete_message(by, id.as_str(), with(text))
            .await
    };

    let by_sender = complete(&lab.planner, "yes").await.unwrap_err();
    let done = complete(&lab.builder, "yes").await.unwrap().value;
    let again = complete(&lab.builder, "yes").await.unwrap().value;
    let other = complete(&lab.builder, "no").await.unwrap_err();

    assert_eq!(by_sender.code(), CcpmCode::Forbidden);
    assert_eq!(done.status, MessageStatus::Completed);
    assert_eq!(
        (done.outcome, done.completed_at),
        (Some(Outcome::Done), Some(START))
    );
    assert_eq!(again, done);
    assert_eq!(other.code(), CcpmCode::AlreadyCompleted);
    let answers = inbox(&lab, &lab.planner, &InboxFilter::default()).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].subject, "Re: is it up?");
    assert_eq!(answers[0].kind, MessageKind::Response);
    assert_eq!(answers[0].reply_to_id, Some(id.clone()));
    assert_eq!(answers[0].thread_id, id);

    let quiet = lab
        .send(&lab.planner, "builder", "for your information")
        .await;
    let silent = lab
        .service
        .complete_message(&lab.builder, quiet.id.as_str(), with("seen"));
    silent.await.unwrap();
    assert_eq!(subjects(&lab, &lab.planner).await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_thread_is_read_in_order_by_those_who_are_in_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let first = lab.send(&lab.planner, "builder", "one").await;
    let reply = |subject: &str| MessageCreate {
        reply_to_id: Some(first.id.clone()),
        ..letter("planner", subject)
    };
    lab.service
        .send_message(&lab.builder, reply("two"))
        .await
        .unwrap();
    let foreign = lab.service.send_message(&lab.watcher, reply("three")).await;
    assert_eq!(foreign.unwrap_err().code(), CcpmCode::Forbidden);
    lab.send(&lab.planner, "planner", "note to self").await;
    let list = async |by: &Call, filter: MessageFilter| {
        let page = Paging::default();
        let found = lab.service.list_messages(by, &filter, &page).await.unwrap();
        found
            .data
            .into_iter()
            .map(|one| one.subject)
            .collect::<Vec<_>>()
    };
    let thread = MessageFilter {
        thread_id: Some(first.id.clone()),
        ..MessageFilter::default()
    };
    let sent = MessageFilter {
        from: Some("me".into()),
        ..MessageFilter::default()
    };

    assert_eq!(list(&lab.planner, thread.clone()).await, ["one", "two"]);
    assert_eq!(list(&lab.watcher, thread.clone()).await, [""; 0]);
    assert_eq!(list(&lab.admin, thread).await, ["one", "two"]);
    assert_eq!(
        list(&lab.planner, MessageFilter::default()).await,
        ["note to self", "two", "one"]
    );
    assert_eq!(list(&lab.planner, sent).await, ["note to self", "one"]);
    let foreign = lab.service.message(&lab.watcher, first.id.as_str()).await;
    assert_eq!(foreign.unwrap_err().code(), CcpmCode::Forbidden);
    let absent = MessageId::new("00000000-0000-0000-0000-000000000000");
    let absent = lab.service.message(&lab.planner, absent.as_str()).await;
    assert_eq!(absent.unwrap_err().status(), 404);
}

#[rstest]
#[tokio::test]
async fn a_message_is_taken_back_only_while_nobody_has_read_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let early = lab.send(&lab.planner, "builder", "early").await;
    let late = lab.send(&lab.planner, "builder", "late").await;
    lab.service
        .mark_read(&lab.builder, late.id.as_str())
        .await
        .unwrap();
    let cancel = async |by: &Call, message: &Message| {
        lab.service.cancel_message(by, message.id.as_str()).await
    };

    let by_recipient = cancel(&lab.builder, &early).await.unwrap_err();
    let cancelled = cancel(&lab.planner, &early).await.unwrap().value;
    let too_late = cancel(&lab.planner, &late).await.unwrap_err();
    let with = MessageComplete::default();
    let completed = lab
        .service
        .complete_message(&lab.builder, early.id.as_str(), with)
        .await;

    assert_eq!(by_recipient.status(), 403);
    assert_eq!(cancelled.status, MessageStatus::Cancelled);
    assert_eq!(told(&too_late, "current").2, "read");
    assert_eq!(told(&completed.unwrap_err(), "current").2, "cancelled");
    assert_eq!(subjects(&lab, &lab.builder).await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_sent_names_its_field(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let good = letter("builder", "fine");
    let mut cases = vec![
        (
            "subject",
            MessageCreate {
                subject: " ".into(),
                ..good.clone()
            },
        ),
        (
            "subject",
            MessageCreate {
                subject: "x".repeat(201),
                ..good.clone()
            },
        ),
        (
            "body",
            MessageCreate {
                body: "a\0b".into(),
                ..good.clone()
            },
        ),
        (
            "to",
            MessageCreate {
                to: Recipients::Many(vec![]),
                ..good.clone()
            },
        ),
        (
            "expires_at",
            MessageCreate {
                expires_at: Some(START),
                ..good.clone()
            },
        ),
        (
            "reply_to_id",
            MessageCreate {
                reply_to_id: Some(MessageId::new("x")),
                ..good.clone()
            },
        ),
    ];
    let odd = serde_json::from_value(json!({
        "to": "builder", "subject": "s", "body": "b", "priority": "soon"
    }));
    cases.push(("priority", odd.unwrap()));

    for (field, new) in cases {
        let refused = lab
            .service
            .send_message(&lab.planner, new)
            .await
            .unwrap_err();
        assert_eq!(told(&refused, "field").2, field);
        assert_eq!(refused.status(), 400);
    }
    let nobody = lab.service.send_message(&lab.admin, good).await;
    assert_eq!(nobody.unwrap_err().code(), CcpmCode::Forbidden);
}
