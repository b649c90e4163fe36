//! News of other processes in PostgreSQL: one connection that listens.

use std::convert::Infallible;
use std::time::Duration;

use homelab_core::store::Topic;
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::signals::News;

/// How long connecting, or the answer to a ping, may take.
const WAIT: Duration = Duration::from_secs(5);
/// Between attempts to connect.
const PAUSE: Duration = Duration::from_millis(250);
/// A connection that was silent for so long is tried: a cable that was pulled says nothing either.
const SILENCE: Duration = Duration::from_secs(30);

/// Watches until `stop` is sent or dropped.
pub(crate) async fn watch(options: &PgConnectOptions, news: &News, stop: oneshot::Receiver<()>) {
    tokio::select! {
        _ = stop => {}
        () = keep_listening(options, news) => {}
    }
}

async fn keep_listening(options: &PgConnectOptions, news: &News) {
    loop {
        let Err(error) = listen(options, news).await;
        tracing::debug!(%error, "no news of other processes until the server answers again");
        sleep(PAUSE).await;
    }
}

async fn listen(options: &PgConnectOptions, news: &News) -> sqlx::Result<Infallible> {
    // A pool of its own, for the listener takes its connection for good.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(WAIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen_all(Topic::ALL.map(Topic::as_str)).await?;
    // What was committed before is not told by the server.
    news.tell_all();
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notice))) => {
                let told = Topic::ALL
                    .into_iter()
                    .find(|topic| topic.as_str() == notice.channel());
                if let Some(topic) = told {
                    news.tell(topic);
                }
            }
            // The connection was lost and made anew.
            Ok(Ok(None)) => news.tell_all(),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                timeout(WAIT, listener.execute("SELECT 1"))
                    .await
                    .map_err(|_| sqlx::Error::PoolTimedOut)??;
            }
        }
    }
}
