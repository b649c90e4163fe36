//! Waiting for a message, and whether the service works.

use std::sync::Arc;
use std::time::Duration;

use homelab_ccpm::{Call, Ccpm as _};
use homelab_core::ccpm::CcpmCode;
use rstest::rstest;

use crate::lab::{Engine, Lab, letter};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_gets_what_another_process_sends(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.another_process().await;
    let (service, call) = (Arc::clone(&lab.service), lab.builder.clone());
    let waiting = tokio::spawn(async move {
        let minute = Duration::from_mins(1);
        service.wait_for_message(&call, "me", minute).await.unwrap()
    });

    other
        .send_message(&lab.planner, letter("builder", "hello"))
        .await
        .unwrap();

    assert_eq!(waiting.await.unwrap().unwrap().subject, "hello");
    let again = lab
        .service
        .wait_for_message(&lab.builder, "me", Duration::ZERO)
        .await;
    assert_eq!(again.unwrap().unwrap().subject, "hello");
}

#[rstest]
#[tokio::test]
async fn nobody_waits_for_ever_or_for_somebody_elses_messages(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let wait = async |by: &Call, time| lab.service.wait_for_message(by, "builder", time).await;

    assert_eq!(
        wait(&lab.builder, Duration::from_millis(5)).await.unwrap(),
        None
    );
    let foreign = wait(&lab.watcher, Duration::ZERO).await.unwrap_err();
    assert_eq!(foreign.code(), CcpmCode::Forbidden);
    let long = wait(&lab.builder, Duration::from_secs(61))
        .await
        .unwrap_err();
    assert_eq!(long.code(), CcpmCode::ValidationFailed);
}

#[rstest]
#[tokio::test]
async fn a_working_service_says_so(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };

    let health = lab.service.health().await.unwrap();

    assert_eq!(
        (health.status.as_str(), health.mode.as_str()),
        ("ok", "embedded")
    );
    assert_eq!(health.version, "1.2.3");
}
