//! Signals of the system.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Asks everything to end on SIGTERM or SIGINT; a second one does not wait. Never returns.
pub(super) async fn stop_on_request(shutdown: &CancellationToken) {
    let (Some(mut term), Some(mut int)) = (
        listen(SignalKind::terminate()),
        listen(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        if shutdown.is_cancelled() {
            tracing::warn!("stopping at once");
            std::process::exit(1);
        }
        tracing::info!("stopping; running calls may finish, a second signal stops at once");
        shutdown.cancel();
    }
}

/// Listens for a signal; without it the program only lacks that one comfort.
pub(super) fn listen(kind: SignalKind) -> Option<Signal> {
    signal(kind)
        .inspect_err(|error| tracing::warn!(%error, "a signal cannot be listened for"))
        .ok()
}
