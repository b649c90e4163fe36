//! A PostgreSQL server that goes away and comes back.

use std::sync::Arc;

use homelab_core::clock::{ManualClock, OsEntropy};
use homelab_core::secret::Secret;
use homelab_core::store::{AuditSink as _, StoreError};
use homelab_store::audit_writer::AuditWriter;
use homelab_store::{Database, Target};
use homelab_testkit::Postgres;

use crate::audit_log::{entry, key};
use crate::lab::START;

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_said_so_and_over_when_the_server_is_back() {
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
    let database = open().await.unwrap();
    let stores = database.stores();
    let writer = Arc::new(AuditWriter::start(
        Arc::clone(&stores.audit),
        key(),
        "chain".into(),
    ));
    writer.durable(entry(1)).await.unwrap();

    server.kill().unwrap();
    let read = stores.settings.get("x").await;
    let opened = open().await.map(drop);
    let waiting = tokio::spawn({
        let writer = Arc::clone(&writer);
        async move { writer.durable(entry(2)).await }
    });
    server.restart().unwrap();

    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let Err(StoreError::Unavailable(text)) = opened else {
        panic!("{opened:?}")
    };
    assert!(!text.contains(server.password()), "{text}");
    waiting.await.unwrap().unwrap();
    assert_eq!(stores.settings.get("x").await.unwrap(), None);
    assert_eq!(database.verify_audit(key()).await.unwrap(), (2, vec![]));
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_being_repeated() {
    let target = Target::Postgres {
        url: Secret::new("postgres://user:hunter2@host:notaport/db"),
    };

    let refused = Database::open(
        &target,
        Arc::new(ManualClock::at(START)),
        Arc::new(OsEntropy),
    )
    .await
    .unwrap_err();

    assert!(!refused.to_string().contains("hunter2"), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("postgres://user:password@host")
    );
}
