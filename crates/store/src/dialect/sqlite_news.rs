//! News of other processes in SQLite, which tells nobody of commits: it is asked.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use crate::signals::News;

/// How often it is asked while somebody waits; one question takes some microseconds.
const EVERY: Duration = Duration::from_millis(200);

/// Watches until `stop` is sent or dropped.
pub(crate) async fn watch(
    options: &SqliteConnectOptions,
    news: &News,
    stop: oneshot::Receiver<()>,
) {
    // A connection of its own: the number that is asked for counts the commits of all others.
    let options = options.clone().read_only(true);
    let mut connection = None;
    tokio::select! {
        _ = stop => {}
        () = ask(&options, news, &mut connection) => {}
    }
    if let Some(connection) = connection {
        // Nothing was written; a connection that does not close well has nothing to lose.
        connection.close().await.unwrap_or_default();
    }
}

async fn ask(
    options: &SqliteConnectOptions,
    news: &News,
    connection: &mut Option<SqliteConnection>,
) {
    let mut ticks = interval(EVERY);
    // Also the pace for whoever waits again after each piece of news.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What was committed while nobody waited is told to the next one who does: a look too many.
    let mut last = None;
    loop {
        news.wanted().await;
        ticks.tick().await;
        match version(options, connection).await {
            Ok(version) if last != Some(version) => {
                last = Some(version);
                news.tell_all();
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "cannot look for news of other processes");
                *connection = None;
                last = None;
            }
        }
    }
}

/// A number that changes with every commit of another connection, in whichever process.
async fn version(
    options: &SqliteConnectOptions,
    connection: &mut Option<SqliteConnection>,
) -> sqlx::Result<i64> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(options.connect().await?),
    };
    sqlx::query_scalar("PRAGMA data_version")
        .fetch_one(open)
        .await
}
