//! Signals of the system. They are listened for before anything else: until then SIGHUP ends a
//! process.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The signals that a server listens to.
pub(super) struct Signals {
    stop: Mutex<[Option<Signal>; 2]>,
    reload: Mutex<Option<Signal>>,
}

impl Signals {
    /// Starts listening.
    pub(super) fn listen() -> Self {
        let stop = [SignalKind::terminate(), SignalKind::interrupt()];
        Self {
            stop: Mutex::new(stop.map(listen)),
            reload: Mutex::new(listen(SignalKind::hangup())),
        }
    }

    /// Asks everything to end on SIGTERM or SIGINT; a second one does not wait. Never returns.
    pub(super) async fn stop_on_request(&self, shutdown: &CancellationToken) {
        let mut stop = self.stop.lock().await;
        let [term, int] = &mut *stop;
        loop {
            tokio::select! {
                () = next(term) => {}
                () = next(int) => {}
            }
            if shutdown.is_cancelled() {
                tracing::warn!("stopping at once");
                std::process::exit(1);
            }
            tracing::info!("stopping; running calls may finish, a second signal stops at once");
            shutdown.cancel();
        }
    }

    /// Waits for the next SIGHUP.
    pub(super) async fn reload(&self) {
        next(&mut *self.reload.lock().await).await;
    }
}

/// Without one signal the program only lacks that one comfort.
fn listen(kind: SignalKind) -> Option<Signal> {
    signal(kind)
        .inspect_err(|error| tracing::warn!(%error, "a signal cannot be listened for"))
        .ok()
}

async fn next(signal: &mut Option<Signal>) {
    let arrived = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if arrived.is_none() {
        std::future::pending::<()>().await;
    }
}
