//! Requests that are sent twice.

use std::sync::Arc;

use homelab_ccpm::{Call, Ccpm as _};
use homelab_core::ccpm::{CcpmCode, InboxFilter};
use rstest::rstest;

use crate::lab::{Engine, FIRST, Lab, letter, told};

#[rstest]
#[tokio::test]
async fn a_repeated_key_is_answered_with_the_first_answer_for_a_day(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let keyed = lab.planner.clone().with_key("key-0001");
    let send = async |call: &Call, subject: &str| {
        let new = letter("builder", subject);
        lab.service.send_message(call, new).await
    };

    let first = send(&keyed, "hello").await.unwrap();
    let again = send(&keyed, "hello").await.unwrap();
    let other = send(&keyed, "something else").await.unwrap_err();
    let of_another = lab.watcher.clone().with_key("key-0001");
    let of_another = send(&of_another, "hello").await.unwrap();
    lab.clock.advance_seconds(24 * 60 * 60);
    let late = send(&keyed, "something else").await.unwrap();

    assert!(!first.replayed && again.replayed && again.created);
    assert_eq!(again.value, first.value);
    assert_eq!(other.code(), CcpmCode::IdempotencyConflict);
    assert!(!of_another.replayed && !late.replayed);
    let filter = InboxFilter::default();
    let inbox = lab.service.inbox(&lab.builder, "me", &filter, &FIRST);
    assert_eq!(inbox.await.unwrap().data.len(), 3);
    for key in ["short", "with a space", &"x".repeat(129)] {
        let call = lab.planner.clone().with_key(key);
        let refused = send(&call, "hello").await.unwrap_err();
        assert_eq!(told(&refused, "field").2, "idempotency_key");
    }
}

#[rstest]
#[tokio::test]
async fn a_request_that_failed_may_succeed_with_the_same_key(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let keyed = lab.planner.clone().with_key("key-0001");
    let send = async || {
        lab.service
            .send_message(&keyed, letter("newcomer", "hello"))
            .await
    };
    assert_eq!(send().await.unwrap_err().code(), CcpmCode::AgentNotFound);

    lab.register("newcomer", homelab_core::ccpm::AgentKind::Other)
        .await;

    assert!(!send().await.unwrap().replayed);
    assert!(send().await.unwrap().replayed);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_sends_with_one_key_at_once_one_is_sent(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let services = [Arc::clone(&lab.service), lab.another_process().await];

    let sends: Vec<_> = (0..8)
        .map(|number| {
            let service = Arc::clone(&services[number % 2]);
            let call = lab.planner.clone().with_key("key-0001");
            tokio::spawn(async move {
                let new = letter("builder", "hello");
                service.send_message(&call, new).await.unwrap()
            })
        })
        .collect();
    let mut new = 0;
    for send in sends {
        new += u32::from(!send.await.unwrap().replayed);
    }

    assert_eq!(new, 1);
    let filter = InboxFilter::default();
    let inbox = lab.service.inbox(&lab.builder, "me", &filter, &FIRST);
    assert_eq!(inbox.await.unwrap().data.len(), 1);
}
