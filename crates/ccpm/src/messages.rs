//! Sending, reading and ending messages.

use homelab_core::ccpm::{
    Agent, AgentId, AgentStatus, CcpmCode, CcpmError, CcpmResult, Choice as _, Listing, Message,
    MessageComplete, MessageCreate, MessageFilter, MessageId, MessageKind, MessagePriority,
    MessageStatus, Metadata, Outcome, Paging, Recipients, TaskId,
};
use homelab_core::store::{AgentQuery, CcpmRows, MessageQuery, Numbered};

use crate::api::{Actor, Call, Done};
use crate::check::{self, cut};
use crate::resolve;
use crate::service::Service;
use crate::work::{Work, begin};

/// What its cursors are called.
const LIST: &str = "messages";

/// Longest text of a message.
const LONGEST: usize = 65_536;

/// Most recipients by name.
const RECIPIENTS: usize = 50;

/// A message that is about to be sent; recipient, sender and id are still to come.
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) kind: MessageKind,
    pub(crate) priority: MessagePriority,
    pub(crate) requires_response: bool,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) thread: Option<MessageId>,
    pub(crate) task: Option<TaskId>,
    pub(crate) expires_at: Option<homelab_core::clock::Micros>,
    pub(crate) metadata: Metadata,
}

impl Letter {
    /// Something that an agent should know.
    pub(crate) fn notice(subject: &str, body: String, priority: MessagePriority) -> Self {
        Self {
            subject: cut(subject, 200),
            body,
            kind: MessageKind::Notification,
            priority,
            requires_response: false,
            reply_to: None,
            thread: None,
            task: None,
            expires_at: None,
            metadata: Metadata::new(),
        }
    }
}

impl Work<'_> {
    /// Puts a message into an inbox. Without a sender it comes from the service itself, which is
    /// called `system` and has the nil id.
    pub(crate) async fn post(
        &mut self,
        from: Option<&Agent>,
        to: &Agent,
        letter: &Letter,
    ) -> CcpmResult<Message> {
        let id = MessageId::new(self.service.id());
        let system = (
            AgentId::new("00000000-0000-0000-0000-000000000000"),
            "system".to_owned(),
        );
        let (from_id, from_name) =
            from.map_or(system, |agent| (agent.id.clone(), agent.name.clone()));
        let message = Message {
            thread_id: letter.thread.clone().unwrap_or_else(|| id.clone()),
            id,
            reply_to_id: letter.reply_to.clone(),
            from_agent_id: from_id,
            from_agent_name: from_name,
            to_agent_id: to.id.clone(),
            to_agent_name: to.name.clone(),
            subject: letter.subject.clone(),
            body: letter.body.clone(),
            kind: letter.kind,
            priority: letter.priority,
            requires_response: letter.requires_response,
            status: MessageStatus::Unread,
            task_id: letter.task.clone(),
            response: None,
            outcome: None,
            expires_at: letter.expires_at,
            created_at: self.now,
            read_at: None,
            completed_at: None,
            metadata: letter.metadata.clone(),
        };
        self.save_message(&message).await?;
        Ok(message)
    }

    /// Everybody that a message goes to, each once, or an error that names everybody it cannot go
    /// to.
    async fn recipients(&mut self, me: &Agent, to: &Recipients) -> CcpmResult<Vec<Agent>> {
        let mut found: Vec<Agent> = Vec::new();
        let mut unknown = Vec::new();
        for name in to.names() {
            if name.trim().eq_ignore_ascii_case(Recipients::ALL) {
                return self.everybody(me).await;
            }
            let agent = if name.trim().eq_ignore_ascii_case("me") {
                Some(me.clone())
            } else {
                resolve::find(&mut *self.rows, name).await?
            };
            match agent {
                Some(agent) if found.iter().any(|other| other.id == agent.id) => {}
                Some(agent) => found.push(agent),
                None => unknown.push(name.clone()),
            }
        }
        if let Some(first) = unknown.first() {
            let error = resolve::unknown(&mut *self.rows, first).await?;
            return Err(error.detail("unknown", unknown));
        }
        found.into_iter().map(resolve::receiving).collect()
    }

    /// Everybody but the sender and those who receive nothing.
    async fn everybody(&mut self, me: &Agent) -> CcpmResult<Vec<Agent>> {
        if !self.actor.may_broadcast {
            return Err(CcpmError::new(
                CcpmCode::Forbidden,
                "sending to everybody needs a permission of its own",
            )
            .hint("name the recipients, or ask for the scope `ccpm:broadcast`"));
        }
        let mut query = AgentQuery {
            limit: 200,
            ..AgentQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let page = self.rows.agents(&query).await?;
            query.after = page.last().map(|row| row.number);
            let is_last = page.len() < 200;
            found.extend(
                page.into_iter()
                    .map(|row| row.value)
                    .filter(|one| one.id != me.id && one.status != AgentStatus::Disabled),
            );
            if is_last {
                break;
            }
        }
        if found.is_empty() {
            return Err(CcpmError::invalid("to", "there is nobody else to send to"));
        }
        Ok(found)
    }
}

/// The message of a path or body.
async fn find(rows: &mut dyn CcpmRows, text: &str) -> CcpmResult<Message> {
    let found = match MessageId::parse(text) {
        Some(id) => rows.message(&id).await?,
        None => None,
    };
    found.ok_or_else(|| CcpmError::not_found("message", &cut(text, 64)))
}

/// Whether somebody may read a message: sender, recipient and administrators.
fn readable(actor: &Actor, message: &Message) -> CcpmResult<()> {
    resolve::own(actor, &message.to_agent_id)
        .or_else(|_| resolve::own(actor, &message.from_agent_id))
}

/// Whether somebody is the recipient; administrators are not.
fn received(actor: &Actor, message: &Message) -> CcpmResult<()> {
    if actor.agent.as_ref() == Some(&message.to_agent_id) {
        return Ok(());
    }
    Err(CcpmError::new(
        CcpmCode::Forbidden,
        "only the recipient deals with a message",
    ))
}

impl Service {
    pub(crate) async fn message_sent(
        &self,
        call: &Call,
        new: MessageCreate,
    ) -> CcpmResult<Done<Listing<Message>>> {
        check::text("subject", &new.subject, 200)?;
        check::text("body", &new.body, LONGEST)?;
        check::metadata(&new.metadata)?;
        let count = new.to.names().len();
        if !(1..=RECIPIENTS).contains(&count) {
            return Err(CcpmError::invalid("to", "`to` names 1 to 50 agents"));
        }
        if new.expires_at.is_some_and(|end| end <= self.now()) {
            return Err(CcpmError::invalid("expires_at", "`expires_at` is over"));
        }
        let mut letter = Letter {
            kind: new.kind.unwrap_or(MessageKind::Message).known("type")?,
            priority: new
                .priority
                .unwrap_or(MessagePriority::Normal)
                .known("priority")?,
            requires_response: new.requires_response,
            reply_to: None,
            thread: None,
            task: None,
            expires_at: new.expires_at,
            metadata: new.metadata.clone(),
            subject: new.subject.clone(),
            body: new.body.clone(),
        };
        let mut work = begin!(self, call, "send_message", "", &new);
        let me = work.me().await?;
        let to = work.recipients(&me, &new.to).await?;
        if let Some(task) = &new.task_id {
            let task = check::id("task_id", task.as_str(), TaskId::parse)?;
            letter.task = Some(
                resolve::task(&mut *work.rows, task.as_str())
                    .await?
                    .value
                    .id,
            );
        }
        if let Some(parent) = &new.reply_to_id {
            let parent = check::id("reply_to_id", parent.as_str(), MessageId::parse)?;
            let parent = find(&mut *work.rows, parent.as_str()).await?;
            readable(&call.actor, &parent)?;
            letter.thread = Some(parent.thread_id);
            letter.task = letter.task.or(parent.task_id);
            letter.reply_to = Some(parent.id);
        }
        let mut sent = Vec::with_capacity(to.len());
        for agent in &to {
            let message = work.post(Some(&me), agent, &letter).await?;
            letter.thread.get_or_insert(message.thread_id.clone());
            sent.push(message);
        }
        work.finish(Done::created(Listing::whole(sent))).await
    }

    pub(crate) async fn messages_listed(
        &self,
        call: &Call,
        filter: &MessageFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Message>> {
        let limit = page.rows()?;
        let after = page.after::<1>(LIST)?.map(|[number]| number);
        let status = filter.status.map(|one| one.known("status")).transpose()?;
        let thread = filter
            .thread_id
            .as_ref()
            .map(|id| check::id("thread_id", id.as_str(), MessageId::parse))
            .transpose()?;
        let task = filter
            .task_id
            .as_ref()
            .map(|id| check::id("task_id", id.as_str(), TaskId::parse))
            .transpose()?;
        let now = self.now();
        let mut rows = self.reading().await?;
        let mut named = [None, None];
        for (place, name) in named.iter_mut().zip([&filter.from, &filter.to]) {
            if let Some(name) = name {
                *place = Some(resolve::agent(&mut *rows, &call.actor, name).await?.id);
            }
        }
        let [from, to] = named;
        let me = if call.actor.is_admin {
            None
        } else {
            Some(resolve::acting(&mut *rows, &call.actor).await?.id)
        };
        let query = MessageQuery {
            thread: thread.as_ref(),
            from: from.as_ref(),
            to: to.as_ref(),
            with: me.as_ref(),
            task: task.as_ref(),
            status,
            now,
            after,
            limit: limit + 1,
        };
        let found = rows.messages(&query).await?;
        let page = Listing::from_rows(found, limit, LIST, |row| [row.number]);
        Ok(page.map(|Numbered { value, .. }| value.as_of(now)))
    }

    pub(crate) async fn message_read(&self, call: &Call, message: &str) -> CcpmResult<Message> {
        let mut rows = self.reading().await?;
        let message = find(&mut *rows, message).await?;
        readable(&call.actor, &message)?;
        Ok(message.as_of(self.now()))
    }

    pub(crate) async fn message_marked(
        &self,
        call: &Call,
        message: &str,
    ) -> CcpmResult<Done<Message>> {
        let mut work = begin!(self, call, "mark_read", message, &());
        let message = find(&mut *work.rows, message).await?;
        received(&call.actor, &message)?;
        let mut message = message.as_of(work.now);
        if message.status == MessageStatus::Unread {
            message.status = MessageStatus::Read;
            message.read_at = Some(work.now);
            work.save_message(&message).await?;
        }
        work.finish(Done::changed(message)).await
    }

    pub(crate) async fn message_completed(
        &self,
        call: &Call,
        message: &str,
        with: MessageComplete,
    ) -> CcpmResult<Done<Message>> {
        check::optional("response", with.response.as_deref(), LONGEST)?;
        let outcome = with.outcome.unwrap_or(Outcome::Done).known("outcome")?;
        let mut work = begin!(self, call, "complete_message", message, &with);
        let message = find(&mut *work.rows, message).await?;
        received(&call.actor, &message)?;
        let mut message = message.as_of(work.now);
        match message.status {
            MessageStatus::Unread | MessageStatus::Read => {}
            MessageStatus::Completed => {
                if message.response == with.response && message.outcome == Some(outcome) {
                    return work.finish(Done::changed(message)).await;
                }
                return Err(CcpmError::new(
                    CcpmCode::AlreadyCompleted,
                    "this message was completed already, with another answer",
                )
                .hint("send a new message to say more")
                .detail("current", message.status));
            }
            other => return Err(over(other)),
        }
        message.status = MessageStatus::Completed;
        message.response = with.response;
        message.outcome = Some(outcome);
        message.read_at.get_or_insert(work.now);
        message.completed_at = Some(work.now);
        work.save_message(&message).await?;
        work.answer(&message).await?;
        work.finish(Done::changed(message)).await
    }

    pub(crate) async fn message_cancelled(
        &self,
        call: &Call,
        message: &str,
    ) -> CcpmResult<Done<Message>> {
        let mut work = begin!(self, call, "cancel_message", message, &());
        let message = find(&mut *work.rows, message).await?;
        resolve::own(&call.actor, &message.from_agent_id)?;
        let mut message = message.as_of(work.now);
        match message.status {
            MessageStatus::Cancelled => return work.finish(Done::changed(message)).await,
            MessageStatus::Unread => {}
            MessageStatus::Read => {
                return Err(CcpmError::new(
                    CcpmCode::Conflict,
                    "this message was read, and cannot be taken back",
                )
                .detail("current", message.status));
            }
            other => return Err(over(other)),
        }
        message.status = MessageStatus::Cancelled;
        message.completed_at = Some(work.now);
        work.save_message(&message).await?;
        work.finish(Done::changed(message)).await
    }
}

impl Work<'_> {
    /// Sends the answer to whoever waits for it.
    async fn answer(&mut self, to: &Message) -> CcpmResult<()> {
        let Some(response) = to.response.as_ref().filter(|_| to.requires_response) else {
            return Ok(());
        };
        let me = self.me().await?;
        let Some(sender) = self.rows.agent(&to.from_agent_id).await? else {
            return Ok(());
        };
        if sender.status == AgentStatus::Disabled || response.trim().is_empty() {
            return Ok(());
        }
        let subject = if to.subject.starts_with("Re: ") {
            to.subject.clone()
        } else {
            format!("Re: {}", to.subject)
        };
        let letter = Letter {
            kind: MessageKind::Response,
            reply_to: Some(to.id.clone()),
            thread: Some(to.thread_id.clone()),
            task: to.task_id.clone(),
            ..Letter::notice(&subject, response.clone(), to.priority)
        };
        self.post(Some(&me), &sender, &letter).await.map(drop)
    }
}

fn over(status: MessageStatus) -> CcpmError {
    CcpmError::new(
        CcpmCode::Conflict,
        format!("this message is over: it is `{status}`"),
    )
    .detail("current", status)
}
