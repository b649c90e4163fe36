//! What time alone changes: messages run out, sessions are given up, old answers are forgotten.
//! Reading shows it at once; upkeep stores it, so that lists stay short.

use std::time::Duration;

use homelab_core::ccpm::{CcpmResult, SessionStatus};
use serde::Serialize;

use crate::api::{Actor, Done};
use crate::service::Service;

/// Rows of one transaction.
const BATCH: u32 = 200;

/// What upkeep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Upkeep {
    /// Messages that ran out.
    pub expired: u64,
    /// Sessions that were given up.
    pub abandoned: u64,
    /// Answers that were forgotten.
    pub forgotten: u64,
    /// Messages and context items that were removed for their age.
    pub purged: u64,
}

impl Service {
    /// Stores what time changed since the last time, and removes what is older than it is kept.
    ///
    /// # Errors
    /// `unavailable` if the database is; what was done until then is done.
    pub async fn upkeep(&self) -> CcpmResult<Upkeep> {
        let mut done = Upkeep::default();
        let nobody = Actor::default();
        while self.expire_some(&nobody, &mut done).await? {}
        while self.abandon_some(&nobody, &mut done).await? {}
        let mut work = self.upkeep_work(&nobody).await?;
        let settings = self.settings();
        let old = work.now.earlier(settings.answers_kept);
        done.forgotten = work.rows.forget_answers(old).await?;
        if let Some(kept) = settings.messages_kept {
            done.purged += work.rows.purge_messages(work.now.earlier(kept)).await?;
        }
        if let Some(kept) = settings.contexts_kept {
            done.purged += work.rows.purge_contexts(work.now.earlier(kept)).await?;
        }
        if done.forgotten + done.purged > 0 {
            work.finish(Done::changed(())).await?;
        }
        Ok(done)
    }

    /// Does upkeep now and every so often, until it is dropped.
    pub async fn upkeep_every(&self, period: Duration) {
        loop {
            if let Err(error) = self.upkeep().await {
                let cause = error.cause().unwrap_or_default();
                tracing::warn!(%error, cause, "what agents share was not tidied");
            }
            tokio::time::sleep(period).await;
        }
    }

    /// Whether there may be more.
    async fn expire_some(&self, nobody: &Actor, done: &mut Upkeep) -> CcpmResult<bool> {
        let mut work = self.upkeep_work(nobody).await?;
        let lapsed = work.rows.lapsed_messages(work.now, BATCH).await?;
        let count = lapsed.len();
        for message in lapsed {
            work.save_message(&message.as_of(work.now)).await?;
        }
        if count > 0 {
            work.finish(Done::changed(())).await?;
        }
        done.expired += count as u64;
        Ok(count == BATCH as usize)
    }

    async fn abandon_some(&self, nobody: &Actor, done: &mut Upkeep) -> CcpmResult<bool> {
        let mut work = self.upkeep_work(nobody).await?;
        let silent = work.now.earlier(self.settings().abandoned_after);
        let stale = work.rows.stale_sessions(silent, BATCH).await?;
        let count = stale.len();
        for mut session in stale {
            session.status = SessionStatus::Abandoned;
            work.save_session(&session).await?;
        }
        if count > 0 {
            work.finish(Done::changed(())).await?;
        }
        done.abandoned += count as u64;
        Ok(count == BATCH as usize)
    }
}
