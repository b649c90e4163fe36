//! Progress reports on their way to the client: the newest at most every 100 ms, always rising.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::call::{Progress, ProgressUpdate};
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

/// Shortest time between two reports of one call.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long the last report may hold up the answer when the client does not read.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// Runs `call` with a [`Progress`] whose reports go to the client under `token`.
///
/// A tool may report as often as it likes: only the newest report is kept between two sends, and
/// one that does not rise is dropped. The last one is sent before the answer, none after it.
pub(super) async fn forward<T, F>(
    peer: Peer<RoleServer>,
    token: ProgressToken,
    call: impl FnOnce(Progress) -> F,
) -> T
where
    F: Future<Output = T>,
{
    let send = move |update: ProgressUpdate| {
        let peer = peer.clone();
        let mut param = ProgressNotificationParam::new(token.clone(), update.progress);
        param.total = update.total;
        param.message = update.message;
        // A failed send means that the client is gone; its cancellation ends the call.
        async move { peer.notify_progress(param).await.is_ok() }
    };
    paced(send, call).await
}

async fn paced<T, F, S>(
    mut send: impl FnMut(ProgressUpdate) -> S,
    call: impl FnOnce(Progress) -> F,
) -> T
where
    F: Future<Output = T>,
    S: Future<Output = bool>,
{
    let (newest, mut reports) = watch::channel(None);
    let newest = Arc::new(newest);
    let finished = Notify::new();
    let sink = newest.clone();
    let call = call(Progress::to(move |update| keep_if_rising(&sink, update)));

    let sender = async {
        loop {
            tokio::select! {
                biased;
                // Never an error: `newest` outlives this.
                _ = reports.changed() => {}
                () = finished.notified() => return,
            }
            if !send_newest(&mut reports, &mut send).await {
                return;
            }
            tokio::select! {
                () = sleep(INTERVAL) => {}
                () = finished.notified() => {
                    if reports.has_changed().unwrap_or(false) {
                        send_newest(&mut reports, &mut send).await;
                    }
                    return;
                }
            }
        }
    };
    tokio::pin!(sender, call);

    let mut sending = true;
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut call => break answer,
            () = &mut sender, if sending => sending = false,
        }
    };
    if sending {
        finished.notify_one();
        // A client that does not read loses the report, not the answer.
        timeout(LAST_REPORT, sender).await.ok();
    }
    answer
}

/// Two reports may race: whoever rises highest wins, as the protocol wants rising values.
fn keep_if_rising(newest: &watch::Sender<Option<ProgressUpdate>>, update: ProgressUpdate) {
    newest.send_if_modified(|kept| {
        let rises = kept
            .as_ref()
            .is_none_or(|kept| update.progress > kept.progress);
        if rises {
            *kept = Some(update);
        }
        rises
    });
}

async fn send_newest<S>(
    reports: &mut watch::Receiver<Option<ProgressUpdate>>,
    send: &mut impl FnMut(ProgressUpdate) -> S,
) -> bool
where
    S: Future<Output = bool>,
{
    let update = reports.borrow_and_update().clone();
    match update {
        Some(update) => send(update).await,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Mutex;

    use super::*;

    async fn sent_by<F>(call: impl FnOnce(Progress) -> F) -> Vec<f64>
    where
        F: Future<Output = ()>,
    {
        let sent = Mutex::new(Vec::new());
        let send = |update: ProgressUpdate| {
            sent.lock().unwrap().push(update.progress);
            ready(true)
        };

        paced(send, call).await;

        sent.into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_thinned_to_its_first_and_last_report() {
        let sent = sent_by(|progress| async move {
            for step in 1..=1000 {
                progress.report(f64::from(step), Some(1000.0), None);
                tokio::task::yield_now().await;
            }
        })
        .await;

        assert_eq!(sent, [1.0, 1000.0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_call_is_reported_as_it_goes() {
        let sent = sent_by(|progress| async move {
            for step in 1..=3 {
                progress.report(f64::from(step), None, None);
                sleep(INTERVAL * 2).await;
            }
        })
        .await;

        assert_eq!(sent, [1.0, 2.0, 3.0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_rise_is_dropped() {
        let sent = sent_by(|progress| async move {
            for step in [5.0, 3.0, 5.0, 6.0] {
                progress.report(step, None, None);
                sleep(INTERVAL * 2).await;
            }
        })
        .await;

        assert_eq!(sent, [5.0, 6.0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_gets_its_answer_all_the_same() {
        let answer = paced(
            |_| pending(),
            |progress| async move {
                progress.report(1.0, None, None);
                sleep(INTERVAL * 3).await;
                42
            },
        )
        .await;

        assert_eq!(answer, 42);
    }
}
