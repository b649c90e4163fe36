//! Signs checkpoints of one process's chain beside its writer, never in a call's way: soon after
//! the chain begins, after so many rows or minutes, and at the end.

use std::time::Duration;

use homelab_core::audit::Checkpoint;
use homelab_core::store::StoreResult;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::audit::AuditTrail;

/// The first checkpoint of a chain waits this long, so that a command that writes two rows and
/// ends makes one checkpoint and not two.
const FIRST: Duration = Duration::from_secs(1);
/// Least time between two checkpoints, however many rows come.
const LEAST: Duration = Duration::from_secs(5);
/// Pause after a failure.
const AGAIN: Duration = Duration::from_secs(10);
/// How long the last checkpoint may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// When a checkpoint is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// After this many rows,
    pub rows: i64,
    /// or this long after the last one, if there are rows since.
    pub after: Duration,
}

/// Tells the task to end, and waits for it.
type End = (oneshot::Sender<()>, JoinHandle<StoreResult<()>>);

/// The task; see the module.
pub struct Checkpointer {
    made: watch::Receiver<Option<Checkpoint>>,
    end: Mutex<Option<End>>,
}

impl Checkpointer {
    /// Starts it; needs a Tokio runtime. `progress` is the writer's.
    pub fn start(
        trail: AuditTrail,
        chain: String,
        progress: watch::Receiver<i64>,
        due: Due,
    ) -> Self {
        let (sender, made) = watch::channel(None);
        let (end, ended) = oneshot::channel();
        let task = Task {
            trail,
            chain,
            progress,
            due,
            made: sender,
            signed: 0,
        };
        let task = tokio::spawn(task.run(ended));
        Self {
            made,
            end: Mutex::new(Some((end, task))),
        }
    }

    /// The newest checkpoint that was made here, whenever there is another.
    pub fn made(&self) -> watch::Receiver<Option<Checkpoint>> {
        self.made.clone()
    }

    /// Signs the end of the chain, after the writer has ended. An error leaves the last rows
    /// without a signature until `audit head` or `audit export` signs them.
    pub async fn close(&self) -> StoreResult<()> {
        let Some((end, mut task)) = self.end.lock().await.take() else {
            return Ok(());
        };
        // An error: it has ended by itself.
        end.send(()).unwrap_or_default();
        let Ok(ended) = timeout(PATIENCE, &mut task).await else {
            task.abort();
            return Ok(());
        };
        ended.unwrap_or(Ok(()))
    }
}

struct Task {
    trail: AuditTrail,
    chain: String,
    progress: watch::Receiver<i64>,
    due: Due,
    made: watch::Sender<Option<Checkpoint>>,
    /// Newest row that was signed.
    signed: i64,
}

impl Task {
    async fn run(mut self, mut ended: oneshot::Receiver<()>) -> StoreResult<()> {
        let mut earliest = None;
        let mut latest: Option<Instant> = None;
        loop {
            let rows = *self.progress.borrow_and_update() - self.signed;
            let now = Instant::now();
            let at = match (rows, earliest) {
                (..=0, _) => None,
                // The chain has just begun.
                (_, None) => Some(*latest.get_or_insert(now + FIRST)),
                (rows, Some(earliest)) if rows >= self.due.rows => Some(earliest),
                _ => Some(*latest.get_or_insert(now + self.due.after)),
            };
            let reached = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let due = tokio::select! {
                // Told to end, or forgotten: the end is signed either way.
                _ = &mut ended => break,
                () = reached => true,
                changed = self.progress.changed() => {
                    // The writer has ended; what is left is signed at the end.
                    if changed.is_err() {
                        drop((&mut ended).await);
                        break;
                    }
                    false
                }
            };
            if due {
                let pause = if self.sign().await.is_ok() {
                    LEAST
                } else {
                    AGAIN
                };
                let next = Instant::now() + pause;
                earliest = Some(next);
                latest = (pause == AGAIN).then_some(next);
            }
        }
        self.sign().await
    }

    async fn sign(&mut self) -> StoreResult<()> {
        let upto = *self.progress.borrow();
        if upto <= self.signed {
            return Ok(());
        }
        match self.trail.checkpoint(&self.chain).await {
            Ok(made) => {
                self.signed = made.as_ref().map_or(upto, |made| made.seq);
                if made.is_some() {
                    self.made.send_replace(made);
                }
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the audit could not be signed; it will be tried again");
                Err(error)
            }
        }
    }
}
