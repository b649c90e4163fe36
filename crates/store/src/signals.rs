//! News for those who wait for a change: from this process at once, from others through the
//! database, which is watched only once somebody waits.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use homelab_core::store::{Signals, Topic};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::db::Db;
use crate::dialect::{postgres_news, sqlite_news};

/// Where news arrive, and who waits for them.
#[derive(Debug)]
pub(crate) struct News {
    topics: [watch::Sender<()>; Topic::ALL.len()],
    waiting: watch::Sender<usize>,
}

impl News {
    fn new() -> Self {
        Self {
            topics: Topic::ALL.map(|_| watch::Sender::new(())),
            waiting: watch::Sender::new(0),
        }
    }

    fn of(&self, topic: Topic) -> &watch::Sender<()> {
        let [approvals, keys, settings, ccpm] = &self.topics;
        match topic {
            Topic::Approvals => approvals,
            Topic::Keys => keys,
            Topic::Settings => settings,
            Topic::Ccpm => ccpm,
        }
    }

    /// Something of the topic has changed.
    pub(crate) fn tell(&self, topic: Topic) {
        self.of(topic).send_replace(());
    }

    /// Anything may have changed.
    pub(crate) fn tell_all(&self) {
        for topic in Topic::ALL {
            self.tell(topic);
        }
    }

    /// Returns when somebody waits.
    pub(crate) async fn wanted(&self) {
        let mut waiting = self.waiting.subscribe();
        // The sender is in `self`, so there is no error.
        drop(waiting.wait_for(|waiting| *waiting > 0).await);
    }
}

/// Counts somebody as waiting.
struct Waiting<'a>(&'a News);

impl<'a> Waiting<'a> {
    fn new(news: &'a News) -> Self {
        news.waiting.send_modify(|waiting| *waiting += 1);
        Self(news)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// [`Signals`] on either engine.
pub(crate) struct Hub {
    db: Db,
    news: Arc<News>,
    watcher: Mutex<Watcher>,
}

/// The task that watches the database.
enum Watcher {
    /// Nobody has waited yet.
    Absent,
    /// It stops when `stop` is dropped.
    Running {
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    },
    /// The database is closed.
    Closed,
}

impl Hub {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            news: Arc::new(News::new()),
            watcher: Mutex::new(Watcher::Absent),
        }
    }

    /// Where changes of this process are told.
    pub(crate) fn news(&self) -> &News {
        &self.news
    }

    /// Has the database watched. A watcher that ended with its runtime is replaced.
    fn watch(&self) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        match &*watcher {
            Watcher::Closed => return,
            Watcher::Running { task, .. } if !task.is_finished() => return,
            _ => {}
        }
        let (stop, stopped) = oneshot::channel();
        let news = Arc::clone(&self.news);
        let task = match &self.db {
            Db::Sqlite { writer, .. } => {
                let options = writer.connect_options();
                tokio::spawn(async move { sqlite_news::watch(&options, &news, stopped).await })
            }
            Db::Postgres(pool) => {
                let options = pool.connect_options();
                tokio::spawn(async move { postgres_news::watch(&options, &news, stopped).await })
            }
        };
        *watcher = Watcher::Running { stop, task };
    }

    /// Stops watching, for good, and lets everybody go who waits.
    pub(crate) async fn close(&self) {
        let watcher = {
            let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
            mem::replace(&mut *watcher, Watcher::Closed)
        };
        self.news.tell_all();
        if let Watcher::Running { stop, task } = watcher {
            drop(stop);
            if let Err(error) = task.await {
                tracing::debug!(%error, "the watcher for news of other processes did not end well");
            }
        }
    }
}

#[async_trait]
impl Signals for Hub {
    async fn changed(&self, topic: Topic, within: Duration) {
        let mut news = self.news.of(topic).subscribe();
        let _waiting = Waiting::new(&self.news);
        self.watch();
        tokio::select! {
            _ = news.changed() => {}
            () = tokio::time::sleep(within) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_database_is_asked_only_while_somebody_waits() {
        let news = News::new();
        assert_eq!(news.wanted().now_or_never(), None);

        let one = Waiting::new(&news);
        let another = Waiting::new(&news);
        drop(one);
        assert_eq!(news.wanted().now_or_never(), Some(()));

        drop(another);
        assert_eq!(news.wanted().now_or_never(), None);
    }
}
