//! Group commit of audit rows: many callers, one chain, few transactions.
//!
//! Callers hand rows to a bounded queue. One task chains them and writes them: at once when a
//! caller waits for durability, together with all that is queued; else after [`WINDOW`] or
//! [`BATCH`] rows. While the database is not available the task keeps its rows and tries again,
//! the queue fills, and callers get an error after [`PATIENCE`]: no audit, no calls. A caller that
//! was told of an error may still find its row in the audit later, never the other way round.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use homelab_core::audit::{AuditEntry, AuditKey, ChainHead, ChainWriter, ChainedEntry};
use homelab_core::store::{AuditLog, AuditSink, StoreError, StoreResult};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Longest that a queued row waits for company; with the commit it stays below 50 ms.
pub const WINDOW: Duration = Duration::from_millis(40);
/// Most rows of one transaction.
pub const BATCH: usize = 256;
/// Rows that wait at most; a further caller waits for room.
pub const QUEUE: usize = 1_024;
/// How long a caller waits, for room or for durability, before it gets an error.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// First and longest pause between two attempts on a database that is not available.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// Longest short field and longest long one, in characters: the row of a call must not fail for
/// what the caller made of its arguments.
const LONGEST: (usize, usize) = (200, 65_536);

/// Who waits for a row, a flush or the end.
type Waiter = oneshot::Sender<StoreResult<()>>;

enum Message {
    /// A row, and who waits for it to be durable.
    Row(Box<AuditEntry>, Option<Waiter>),
    /// Answered when everything before it is durable.
    Flush(Waiter),
    /// Like a flush, and the last message.
    Close(Waiter),
}

/// The audit writer of one process; see the module.
pub struct AuditWriter {
    chain: String,
    queue: mpsc::Sender<Message>,
    closing: Arc<AtomicBool>,
    /// Told after a message that is not to wait for the window.
    urgent: Arc<Notify>,
    durable: watch::Receiver<i64>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl AuditWriter {
    /// Starts writing a new chain; needs a Tokio runtime. The chain's name must be this process's
    /// own: rows for a chain that another one writes fail with [`StoreError::Conflict`].
    pub fn start(log: Arc<dyn AuditLog>, key: AuditKey, chain: String) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        let closing = Arc::new(AtomicBool::new(false));
        let urgent = Arc::new(Notify::new());
        let (moved, durable) = watch::channel(0);
        let task = Task {
            moved,
            log,
            chain: ChainWriter::start(key, &chain),
            closing: Arc::clone(&closing),
            urgent: Arc::clone(&urgent),
        };
        Self {
            chain,
            queue,
            closing,
            urgent,
            durable,
            task: Mutex::new(Some(tokio::spawn(task.run(messages)))),
        }
    }

    /// The chain that it writes.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// Number of the newest durable row, whenever it changes.
    pub fn progress(&self) -> watch::Receiver<i64> {
        self.durable.clone()
    }

    /// Writes what is queued and ends; later rows are refused. An error if rows were lost: the
    /// database stayed unavailable for [`PATIENCE`].
    pub async fn shutdown(&self) -> StoreResult<()> {
        let Some(task) = self.task.lock().await.take() else {
            return Ok(());
        };
        self.closing.store(true, Ordering::Relaxed);
        let (waiter, done) = oneshot::channel();
        let closed = async {
            self.queue
                .send(Message::Close(waiter))
                .await
                .map_err(|_| stopped())?;
            self.urgent.notify_one();
            done.await.map_err(|_| stopped())?
        };
        let written = timeout(2 * PATIENCE, closed)
            .await
            .unwrap_or_else(|_| Err(late()));
        if written.is_err() {
            task.abort();
        }
        // Aborted or ended, there is nothing more to learn from it.
        task.await.unwrap_or_default();
        written
    }

    /// Sends a message whose answer is awaited.
    async fn ask(&self, message: impl FnOnce(Waiter) -> Message) -> StoreResult<()> {
        let (waiter, done) = oneshot::channel();
        let answered = async {
            self.queue
                .send(message(waiter))
                .await
                .map_err(|_| stopped())?;
            self.urgent.notify_one();
            done.await.map_err(|_| stopped())?
        };
        timeout(PATIENCE, answered)
            .await
            .unwrap_or_else(|_| Err(late()))
    }
}

#[async_trait]
impl AuditSink for AuditWriter {
    async fn durable(&self, entry: AuditEntry) -> StoreResult<()> {
        let entry = Box::new(storable(entry));
        self.ask(|waiter| Message::Row(entry, Some(waiter))).await
    }

    async fn queued(&self, entry: AuditEntry) -> StoreResult<()> {
        let row = Message::Row(Box::new(storable(entry)), None);
        match self.queue.try_send(row) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(stopped()),
            Err(TrySendError::Full(row)) => timeout(PATIENCE, self.queue.send(row))
                .await
                .map_err(|_| late())?
                .map_err(|_| stopped())?,
        }
        if self.queue.max_capacity() - self.queue.capacity() >= BATCH {
            self.urgent.notify_one();
        }
        Ok(())
    }

    async fn flush(&self) -> StoreResult<()> {
        self.ask(Message::Flush).await
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the audit writer has stopped".into())
}

fn late() -> StoreError {
    StoreError::Unavailable("the audit row could not be written in time".into())
}

/// The entry as both engines can keep it: without NUL characters, no field of boundless length.
fn storable(mut entry: AuditEntry) -> AuditEntry {
    let (short, long) = LONGEST;
    for text in [
        &mut entry.id,
        &mut entry.user,
        &mut entry.credential,
        &mut entry.transport,
        &mut entry.action,
        &mut entry.target_type,
        &mut entry.target_id,
        &mut entry.request_id,
    ] {
        clip(text, short);
    }
    for text in [
        &mut entry.ip_address,
        &mut entry.effect,
        &mut entry.arguments_digest,
        &mut entry.outcome,
    ]
    .into_iter()
    .flatten()
    {
        clip(text, short);
    }
    for text in [&mut entry.arguments, &mut entry.details]
        .into_iter()
        .flatten()
    {
        clip(text, long);
    }
    entry
}

fn clip(text: &mut String, longest: usize) {
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
    // In bytes first: most texts are too short to count their characters.
    if text.len() > longest
        && let Some((at, _)) = text.char_indices().nth(longest)
    {
        text.truncate(at);
        text.push('…');
    }
}

/// What one transaction is to hold, and who waits for it.
#[derive(Default)]
struct Batch {
    entries: Vec<AuditEntry>,
    waiters: Vec<Waiter>,
    closes: bool,
}

impl Batch {
    fn take(&mut self, message: Message) {
        match message {
            Message::Row(entry, waiter) => {
                self.entries.push(*entry);
                self.waiters.extend(waiter);
            }
            Message::Flush(waiter) => self.waiters.push(waiter),
            Message::Close(waiter) => {
                self.waiters.push(waiter);
                self.closes = true;
            }
        }
    }

    /// What is queued, as far as there is room.
    fn take_all(&mut self, messages: &mut mpsc::Receiver<Message>) {
        while !self.is_full()
            && let Ok(message) = messages.try_recv()
        {
            self.take(message);
        }
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= BATCH || self.closes
    }
}

struct Task {
    moved: watch::Sender<i64>,
    log: Arc<dyn AuditLog>,
    chain: ChainWriter,
    closing: Arc<AtomicBool>,
    urgent: Arc<Notify>,
}

impl Task {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        while let Some(first) = messages.recv().await {
            let batch = collect(first, &mut messages, &self.urgent).await;
            let written = self.write(batch.entries).await;
            for waiter in batch.waiters {
                // A caller that gave up waits no longer; its row is written all the same.
                drop(waiter.send(copy(&written)));
            }
            if batch.closes {
                break;
            }
        }
    }

    /// Writes one batch; its rows stay the same over all attempts, since an attempt that failed on
    /// the way back may have succeeded.
    async fn write(&mut self, entries: Vec<AuditEntry>) -> StoreResult<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let (rows, head) = self.chain.extend(entries);
        let mut pause = PAUSES.0;
        let mut give_up = None;
        loop {
            let error = match self.log.append(&rows, &head).await {
                Ok(()) => break,
                Err(StoreError::Conflict { .. }) if self.is_stored(&head).await => break,
                Err(error) => error,
            };
            if !matches!(error, StoreError::Unavailable(_)) {
                return Err(lost(&rows, error));
            }
            if self.closing.load(Ordering::Relaxed)
                && Instant::now() > *give_up.get_or_insert_with(|| Instant::now() + PATIENCE)
            {
                return Err(lost(&rows, error));
            }
            tracing::warn!(rows = rows.len(), %error, "audit rows wait for the database");
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        self.moved.send_replace(head.seq);
        self.chain.commit(head);
        Ok(())
    }

    /// Whether an attempt whose answer was lost had reached the database.
    async fn is_stored(&self, head: &ChainHead) -> bool {
        let heads = self.log.heads().await;
        heads.is_ok_and(|heads| heads.contains(head))
    }
}

/// Gathers a batch: everything there is once somebody waits, else what comes within the window.
/// Rows that nobody waits for do not wake the task; they are there when the window ends.
async fn collect(first: Message, messages: &mut mpsc::Receiver<Message>, urgent: &Notify) -> Batch {
    let deadline = Instant::now() + WINDOW;
    let mut batch = Batch::default();
    batch.take(first);
    batch.take_all(messages);
    while batch.waiters.is_empty() && !batch.is_full() {
        let in_time = timeout_at(deadline, urgent.notified()).await.is_ok();
        batch.take_all(messages);
        if !in_time {
            break;
        }
    }
    batch
}

fn lost(rows: &[ChainedEntry], error: StoreError) -> StoreError {
    tracing::error!(rows = rows.len(), %error, "audit rows could not be written and are lost");
    error
}

/// The same answer for each waiter: [`StoreError`] is not `Clone`.
fn copy(result: &StoreResult<()>) -> StoreResult<()> {
    match result {
        Ok(()) => Ok(()),
        Err(StoreError::Unavailable(text)) => Err(StoreError::Unavailable(text.clone())),
        Err(StoreError::Conflict {
            entity,
            field,
            value,
        }) => Err(StoreError::Conflict {
            entity,
            field,
            value: value.clone(),
        }),
        Err(other) => Err(StoreError::Internal(other.to_string())),
    }
}
