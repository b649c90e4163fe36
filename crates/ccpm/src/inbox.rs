//! Reading an inbox, and waiting for what comes into it.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use homelab_core::ccpm::rules::message_rank;
use homelab_core::ccpm::{
    Agent, CcpmError, CcpmResult, Choice as _, InboxFilter, Listing, Message, MessageStatus, Paging,
};
use homelab_core::clock::Micros;
use homelab_core::store::{CcpmRows, InboxQuery, Numbered, Topic};
use tokio::time::Instant;

use crate::api::{Actor, Call};
use crate::resolve;
use crate::service::Service;

/// What its cursors are called.
const LIST: &str = "inbox";

/// Longest wait.
const LONGEST: Duration = Duration::from_mins(1);

/// What to show of an inbox.
struct Shown {
    statuses: Vec<MessageStatus>,
    rank: Option<i64>,
    since: Option<Micros>,
    after: Option<[i64; 2]>,
    limit: u32,
}

impl Shown {
    fn of(filter: &InboxFilter, page: &Paging) -> CcpmResult<Self> {
        let mut statuses = vec![MessageStatus::Unread];
        if filter.include_read {
            statuses.push(MessageStatus::Read);
        }
        if filter.include_completed {
            statuses.push(MessageStatus::Completed);
        }
        let priority = filter
            .priority
            .map(|one| one.known("priority"))
            .transpose()?;
        Ok(Self {
            statuses,
            rank: priority.map(message_rank),
            since: filter.since,
            after: page.after(LIST)?,
            limit: page.rows()?,
        })
    }

    async fn read(
        &self,
        rows: &mut dyn CcpmRows,
        agent: &Agent,
        now: Micros,
    ) -> CcpmResult<Listing<Message>> {
        let query = InboxQuery {
            to: &agent.id,
            statuses: &self.statuses,
            rank: self.rank,
            since: self.since,
            now,
            after: self.after,
            limit: self.limit + 1,
        };
        let found = rows.inbox(&query).await?;
        let page = Listing::from_rows(found, self.limit, LIST, |row| {
            [message_rank(row.value.priority), row.number]
        });
        Ok(page.map(|Numbered { value, .. }| value))
    }
}

/// The agent whose inbox it is, if the actor may look into it.
async fn owner(rows: &mut dyn CcpmRows, actor: &Actor, agent: &str) -> CcpmResult<Agent> {
    let agent = resolve::agent(rows, actor, agent).await?;
    resolve::own(actor, &agent.id)?;
    Ok(agent)
}

impl Service {
    pub(crate) async fn inbox_read(
        &self,
        call: &Call,
        agent: &str,
        filter: &InboxFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Message>> {
        let shown = Shown::of(filter, page)?;
        if filter.mark_read {
            return self.inbox_marked(call, agent, &shown).await;
        }
        let mut rows = self.reading().await?;
        let agent = owner(&mut *rows, &call.actor, agent).await?;
        shown.read(&mut *rows, &agent, self.now()).await
    }

    async fn inbox_marked(
        &self,
        call: &Call,
        agent: &str,
        shown: &Shown,
    ) -> CcpmResult<Listing<Message>> {
        let mut work = self.upkeep_work(&call.actor).await?;
        let agent = owner(&mut *work.rows, &call.actor, agent).await?;
        let mut page = shown.read(&mut *work.rows, &agent, work.now).await?;
        for message in &mut page.data {
            if message.status == MessageStatus::Unread {
                message.status = MessageStatus::Read;
                message.read_at = Some(work.now);
                work.save_message(message).await?;
            }
        }
        Ok(work.finish(crate::Done::changed(page)).await?.value)
    }

    pub(crate) async fn message_awaited(
        &self,
        call: &Call,
        agent: &str,
        timeout: Duration,
    ) -> CcpmResult<Option<Message>> {
        if timeout > LONGEST {
            return Err(CcpmError::invalid(
                "timeout",
                "nobody waits for more than 60 seconds",
            ));
        }
        let end = Instant::now() + timeout;
        let page = Paging::first(1);
        let filter = InboxFilter::default();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Listens before it looks, so that nothing comes in between.
            let mut news = pin!(self.parts.signals.changed(Topic::Ccpm, left));
            let is_told = poll_fn(|cx| Poll::Ready(news.as_mut().poll(cx).is_ready())).await;
            let mut found = self.inbox_read(call, agent, &filter, &page).await?;
            if !found.data.is_empty() || left.is_zero() {
                return Ok(found.data.pop());
            }
            if !is_told {
                news.await;
            }
        }
    }
}
