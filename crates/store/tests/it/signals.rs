//! News between processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use homelab_core::call::CredentialKind;
use homelab_core::clock::{ManualClock, OsEntropy};
use homelab_core::policy::{Grants, Role};
use homelab_core::secret::Secret;
use homelab_core::store::{ApiKey, KILL_SWITCH, Signals, Stores, Topic};
use homelab_store::{Database, Target};
use homelab_testkit::Postgres;
use rstest::rstest;

use crate::approvals::{ask, held, vote};
use crate::lab::{Engine, Lab, START};

/// Longer than any wait here should be.
const LONG: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(1);

/// How long the next news of the topic take.
async fn news(signals: &dyn Signals, topic: Topic, within: Duration) -> Duration {
    let begin = Instant::now();
    signals.changed(topic, within).await;
    begin.elapsed()
}

/// Waits until earlier news have arrived: the first to wait is told of everything before it.
async fn quiet(signals: &dyn Signals, topic: Topic) {
    let pause = Duration::from_millis(600);
    while news(signals, topic, pause).await < pause {}
}

/// The best of some attempts, since the machine may be busy with something else: how long somebody
/// who waits at one replica takes to hear of a change at another.
async fn heard(there: &dyn Signals, topic: Topic, mut change: impl AsyncFnMut(u64)) -> Duration {
    let mut best = Duration::MAX;
    for attempt in 0..5 {
        quiet(there, topic).await;
        // The wait begins first: both run in this task, in this order.
        let (took, ()) = tokio::join!(news(there, topic, LONG), change(attempt));
        assert!(took < LONG, "never heard");
        best = best.min(took);
        if best < SOON {
            break;
        }
    }
    best
}

fn key(id: &str) -> ApiKey {
    ApiKey {
        id: id.into(),
        name: id.into(),
        kind: CredentialKind::Agent,
        role: Role::Viewer,
        grants: Grants::default(),
        hash: "00".into(),
        created_at: START,
        expires_at: None,
        revoked_at: None,
    }
}

/// Every method that changes something others may wait for.
async fn every_change_is_heard(here: &Stores, there: &dyn Signals) {
    let approvals = &*here.approvals;
    let asked = async |attempt| {
        let new = held(&format!("a-{attempt}"), "agent", attempt, START);
        ask(approvals, new).await;
    };
    let decided = async |attempt| {
        let id = format!("b-{attempt}");
        ask(approvals, held(&id, "agent", 100 + attempt, START)).await;
        vote(approvals, &id, "anna", true, START).await.unwrap();
    };
    assert!(heard(there, Topic::Approvals, asked).await < SOON);
    assert!(heard(there, Topic::Approvals, decided).await < SOON);

    let first = async |attempt| {
        let keys = vec![key(&format!("first-{attempt}"))];
        here.keys.insert_first(keys).await.unwrap();
    };
    assert!(heard(there, Topic::Keys, first).await < SOON);
    let made = async |attempt| {
        here.keys
            .insert(key(&format!("k-{attempt}")))
            .await
            .unwrap();
    };
    assert!(heard(there, Topic::Keys, made).await < SOON);
    let revoked = async |attempt| {
        let id = format!("r-{attempt}");
        here.keys.insert(key(&id)).await.unwrap();
        assert!(here.keys.revoke(&id, START).await.unwrap());
    };
    assert!(heard(there, Topic::Keys, revoked).await < SOON);

    let switched = async |_| here.settings.set(KILL_SWITCH, "on").await.unwrap();
    assert!(heard(there, Topic::Settings, switched).await < SOON);
    let added = async |attempt: u64| {
        let name = format!("setting-{attempt}");
        let value = here.settings.get_or_set(&name, "x").await.unwrap();
        assert_eq!(value, "x");
    };
    assert!(heard(there, Topic::Settings, added).await < SOON);
}

#[rstest]
#[tokio::test]
async fn whoever_waits_hears_of_a_change_at_another_replica(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();

    every_change_is_heard(&lab.stores, &*other.stores().signals).await;
}

#[rstest]
#[tokio::test]
async fn whoever_waits_hears_of_a_change_in_the_same_process(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };

    every_change_is_heard(&lab.stores, &*lab.stores.signals).await;
}

#[tokio::test]
async fn news_of_one_topic_do_not_wake_those_of_another() {
    let Some(lab) = Lab::open(Engine::Postgres).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let signals = other.stores().signals;
    quiet(&*signals, Topic::Keys).await;

    let pause = Duration::from_millis(500);
    let (took, set) = tokio::join!(
        news(&*signals, Topic::Keys, pause),
        lab.stores.settings.set(KILL_SWITCH, "on")
    );

    set.unwrap();
    assert!(took >= pause);
}

#[rstest]
#[tokio::test]
async fn closing_lets_go_of_those_who_wait_and_stops_watching(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let signals = Arc::clone(&lab.stores.signals);
    quiet(&*signals, Topic::Keys).await;

    let (took, ()) = tokio::join!(news(&*signals, Topic::Keys, LONG), lab.database.close());

    assert!(took < LONG);
    let pause = Duration::from_millis(50);
    assert!(news(&*signals, Topic::Keys, pause).await >= pause);
    if engine == Engine::Sqlite {
        let files = std::fs::read_dir(lab.place.folder.path()).unwrap();
        assert_eq!(files.count(), 1, "the log is folded into the file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn news_come_again_when_the_server_is_back() {
    let Some(server) = Postgres::start().unwrap() else {
        return;
    };
    let target = Target::Postgres {
        url: Secret::new(server.fresh_database().unwrap()),
    };
    let open = || {
        let clock = Arc::new(ManualClock::at(START));
        Database::open(&target, clock, Arc::new(OsEntropy))
    };
    let (here, there) = (open().await.unwrap(), open().await.unwrap());
    let (here, there) = (here.stores(), there.stores().signals);
    quiet(&*there, Topic::Settings).await;

    server.kill().unwrap();
    let waiting = tokio::spawn({
        let there = Arc::clone(&there);
        async move { news(&*there, Topic::Settings, LONG).await }
    });
    server.restart().unwrap();

    // What happened meanwhile is unknown, so everybody looks.
    assert!(waiting.await.unwrap() < LONG);
    let switched = async |_| here.settings.set(KILL_SWITCH, "on").await.unwrap();
    assert!(heard(&*there, Topic::Settings, switched).await < SOON);
}
