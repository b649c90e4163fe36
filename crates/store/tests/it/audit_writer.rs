//! Group commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use homelab_core::audit::{AuditEntry, ChainHead, ChainedEntry, Verifier};
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{AuditFilter, AuditLog, AuditSink, StoreError, StoreResult};
use homelab_store::audit_writer::{AuditWriter, BATCH, PATIENCE, QUEUE};
use rstest::rstest;
use std::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::audit_log::{entry, key};
use crate::lab::{Engine, Lab};

/// A log in memory that can be made to fail.
#[derive(Default)]
struct Fake {
    rows: Mutex<Vec<ChainedEntry>>,
    head: Mutex<Option<ChainHead>>,
    batches: Mutex<Vec<usize>>,
    down: AtomicBool,
    loses_answers: AtomicBool,
}

impl Fake {
    fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }

    fn verify(&self) -> (u64, usize) {
        let mut verifier = Verifier::new(
            key(),
            self.head.lock().unwrap().clone().into_iter().collect(),
        );
        for row in &*self.rows.lock().unwrap() {
            verifier.check(row);
        }
        let (rows, faults) = verifier.finish();
        (rows, faults.len())
    }
}

#[async_trait]
impl AuditLog for Fake {
    async fn append(&self, rows: &[ChainedEntry], head: &ChainHead) -> StoreResult<()> {
        let unavailable = || Err(StoreError::Unavailable("down".into()));
        if self.down.load(Ordering::Relaxed) {
            return unavailable();
        }
        let stored = self
            .head
            .lock()
            .unwrap()
            .as_ref()
            .map_or(0, |head| head.seq);
        if rows[0].seq != stored + 1 {
            return Err(StoreError::Conflict {
                entity: "audit_heads",
                field: "chain",
                value: head.chain.clone(),
            });
        }
        self.rows.lock().unwrap().extend_from_slice(rows);
        *self.head.lock().unwrap() = Some(head.clone());
        self.batches.lock().unwrap().push(rows.len());
        if self.loses_answers.swap(false, Ordering::Relaxed) {
            return unavailable();
        }
        Ok(())
    }

    async fn append_legacy(&self, _: &[AuditEntry]) -> StoreResult<()> {
        unreachable!("the writer chains all rows")
    }

    async fn show(&self, _: &AuditFilter, _: &PageRequest) -> StoreResult<Page<ChainedEntry>> {
        unreachable!("the writer shows nothing")
    }

    async fn scan(&self, _: Option<(String, i64)>, _: u32) -> StoreResult<Vec<ChainedEntry>> {
        unreachable!("the writer reads no rows")
    }

    async fn heads(&self) -> StoreResult<Vec<ChainHead>> {
        Ok(self.head.lock().unwrap().clone().into_iter().collect())
    }
}

fn start() -> (Arc<Fake>, Arc<AuditWriter>) {
    let fake = Arc::new(Fake::default());
    let log: Arc<dyn AuditLog> = Arc::clone(&fake) as _;
    let writer = Arc::new(AuditWriter::start(log, key(), "chain".into()));
    (fake, writer)
}

#[tokio::test(start_paused = true)]
async fn queued_rows_are_written_together_within_fifty_milliseconds() {
    let (fake, writer) = start();

    for number in 0..5 {
        writer.queued(entry(number)).await.unwrap();
    }
    sleep(Duration::from_millis(30)).await;
    assert_eq!(fake.batches(), [0; 0]);
    sleep(Duration::from_millis(20)).await;

    assert_eq!(fake.batches(), [5]);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_does_not_wait() {
    let (fake, writer) = start();
    let begun = Instant::now();

    for number in 0..2 * i64::try_from(BATCH).unwrap() {
        writer.queued(entry(number)).await.unwrap();
    }
    writer.flush().await.unwrap();

    assert_eq!(fake.batches(), [BATCH, BATCH]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_durable_row_takes_what_is_queued_with_it_at_once() {
    let (fake, writer) = start();
    let begun = Instant::now();
    writer.queued(entry(1)).await.unwrap();
    writer.queued(entry(2)).await.unwrap();

    writer.durable(entry(3)).await.unwrap();

    assert_eq!(fake.batches(), [3]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_outage_delays_rows_and_breaks_no_chain() {
    let (fake, writer) = start();
    writer.durable(entry(1)).await.unwrap();
    fake.down.store(true, Ordering::Relaxed);
    let waiting = tokio::spawn({
        let writer = Arc::clone(&writer);
        async move { writer.durable(entry(2)).await }
    });
    sleep(Duration::from_secs(3)).await;
    assert!(!waiting.is_finished());

    fake.down.store(false, Ordering::Relaxed);

    waiting.await.unwrap().unwrap();
    writer.durable(entry(3)).await.unwrap();
    assert_eq!(fake.verify(), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_is_an_error_for_every_caller_and_bounded_in_memory() {
    let (fake, writer) = start();
    fake.down.store(true, Ordering::Relaxed);

    let durable = writer.durable(entry(0)).await;
    let mut taken = 0;
    let refused = loop {
        match writer.queued(entry(taken + 1)).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(durable, Err(StoreError::Unavailable(_))));
    assert!(matches!(refused, StoreError::Unavailable(_)));
    assert_eq!(taken, i64::try_from(QUEUE).unwrap());

    fake.down.store(false, Ordering::Relaxed);
    writer.flush().await.unwrap();
    assert_eq!(fake.verify(), (u64::try_from(taken).unwrap() + 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_was_lost_is_not_made_twice() {
    let (fake, writer) = start();
    fake.loses_answers.store(true, Ordering::Relaxed);

    writer.durable(entry(1)).await.unwrap();
    writer.durable(entry(2)).await.unwrap();

    assert_eq!(fake.verify(), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn shutting_down_writes_what_is_queued_and_refuses_the_rest() {
    let (fake, writer) = start();
    writer.queued(entry(1)).await.unwrap();

    writer.shutdown().await.unwrap();

    assert_eq!(fake.verify(), (1, 0));
    assert!(matches!(
        writer.queued(entry(2)).await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        writer.durable(entry(2)).await,
        Err(StoreError::Unavailable(_))
    ));
    writer.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn shutting_down_during_an_outage_ends_and_says_what_is_lost() {
    let (fake, writer) = start();
    fake.down.store(true, Ordering::Relaxed);
    writer.queued(entry(1)).await.unwrap();

    let lost = timeout(3 * PATIENCE, writer.shutdown()).await.unwrap();

    assert!(matches!(lost, Err(StoreError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_writer_on_the_chain_is_an_error_for_the_callers() {
    let (fake, writer) = start();
    *fake.head.lock().unwrap() = Some(key().head("chain", 7, "other", None));

    let refused = writer.durable(entry(1)).await;

    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    assert_eq!(writer.chain(), "chain");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_once_make_one_chain_that_verifies(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = Arc::clone(&lab.stores.audit);
    let writer = Arc::new(AuditWriter::start(log, key(), "chain".into()));

    let callers: Vec<_> = (0..50)
        .map(|caller| {
            let writer = Arc::clone(&writer);
            tokio::spawn(async move {
                for row in 0..10 {
                    let entry = entry(caller * 10 + row);
                    if row % 2 == 0 {
                        writer.queued(entry).await.unwrap();
                    } else {
                        writer.durable(entry).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    writer.shutdown().await.unwrap();

    assert_eq!(
        lab.database.verify_audit(key()).await.unwrap(),
        (500, vec![])
    );
}

#[rstest]
#[tokio::test]
async fn a_row_is_kept_whatever_its_caller_put_into_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let log = Arc::clone(&lab.stores.audit);
    let writer = AuditWriter::start(log, key(), "chain".into());
    let hostile = AuditEntry {
        action: format!("a\0b{}", "x".repeat(1_000_000)),
        request_id: "ß".repeat(100_000),
        details: Some("\0\u{1}\u{7f}\u{ffff}".into()),
        ..entry(1)
    };

    writer.durable(hostile).await.unwrap();

    let rows = lab.stores.audit.scan(None, 10).await.unwrap();
    assert!(rows[0].entry.action.starts_with("a\u{fffd}bxxx"));
    assert_eq!(rows[0].entry.action.chars().count(), 201);
    assert_eq!(lab.database.verify_audit(key()).await.unwrap(), (1, vec![]));
}
