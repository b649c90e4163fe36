//! Exchanges: reading them, answering, and waiting for the next message.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::ccpm::{
    MessageCreate, MessageFilter, MessageId, MessagePriority, Metadata, Recipients,
};
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::messages::{SentTo, sent};
use super::page;
use crate::faults::ok;
use crate::team::Team;
use crate::types::{MessageRow, Rows, Told};

/// How often a waiting caller hears that we still wait.
const STEP: Duration = Duration::from_secs(5);
/// Longest subject.
const SUBJECT: usize = 200;

/// Which exchange.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetThread {
    /// `thread_id` of any of its messages.
    #[schemars(length(min = 1, max = 64))]
    thread_id: String,
    /// Rows at most; default 20.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 512))]
    cursor: Option<String>,
}

/// Read an exchange of messages that you take part in, oldest first.
#[tool(
    read,
    permission = "ccpm:message:read",
    title = "Read a thread",
    untrusted("items.subject", "items.body", "items.response")
)]
pub(crate) async fn ccpm_get_thread(
    team: &Team,
    args: GetThread,
    ctx: &CallContext,
) -> ToolResult<Told<Rows<MessageRow>>> {
    let asked = team.asked(ctx).await?;
    if !asked.is_admin() {
        asked.must_be_agent()?;
    }
    let filter = MessageFilter {
        thread_id: Some(MessageId::new(args.thread_id)),
        ..MessageFilter::default()
    };
    let page = page(args.limit, args.cursor);
    let found = asked
        .service()
        .list_messages(&asked.call, &filter, &page)
        .await;
    let rows = found.map(|found| Rows::of(found, |message| MessageRow::of(message, None)));
    asked.tell(rows).await
}

/// An answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplyMessage {
    /// Id of the message to answer.
    #[schemars(length(min = 1, max = 64))]
    msg_id: String,
    /// The answer.
    #[schemars(length(min = 1, max = 65536))]
    body: String,
    /// Default that of the message.
    priority: Option<MessagePriority>,
    /// Whether you wait for an answer in turn.
    #[serde(default)]
    requires_response: bool,
    /// Sent twice with the same key it is one message.
    #[schemars(length(min = 8, max = 128))]
    idempotency_key: Option<String>,
}

/// A sent answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Replied {
    message: SentTo,
    /// Whether this is the answer to an earlier call with the same key.
    replayed: bool,
}

/// Answer a message in its thread; the message itself stays open until you complete it.
#[tool(write, permission = "ccpm:message:send", title = "Reply to a message")]
pub(crate) async fn ccpm_reply_message(
    team: &Team,
    args: ReplyMessage,
    ctx: &CallContext,
) -> ToolResult<Told<Replied>> {
    let asked = team.asked(ctx).await?;
    let own = asked.must_be_agent()?;
    let found = asked.service().message(&asked.call, &args.msg_id).await;
    let original = ok(found)?;
    // Whoever adds to a message of its own writes to the same recipient again.
    let to = if original.from_agent_id.as_str() == own {
        original.to_agent_id
    } else {
        original.from_agent_id
    };
    let subject = if original.subject.starts_with("Re: ") {
        original.subject
    } else {
        format!("Re: {}", original.subject)
    };
    let new = MessageCreate {
        to: Recipients::One(to.0),
        subject: subject.chars().take(SUBJECT).collect(),
        body: args.body,
        kind: Some(homelab_core::ccpm::MessageKind::Response),
        priority: args.priority.or(Some(original.priority)),
        requires_response: args.requires_response,
        reply_to_id: Some(original.id),
        task_id: original.task_id,
        expires_at: None,
        metadata: Metadata::new(),
    };
    let call = asked.with_key(args.idempotency_key);
    let done = asked.service().send_message(&call, new).await;
    let done = ok(done)?;
    let replayed = done.replayed;
    let first = done
        .value
        .data
        .into_iter()
        .next()
        .ok_or_else(|| crate::team::invalid("msg_id", "the service did not say what it sent"));
    asked
        .tell(first.map(|message| Replied {
            message: sent(message),
            replayed,
        }))
        .await
}

/// How long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitForMessage {
    /// Seconds to wait; default 30. Many clients give up after 60.
    #[schemars(range(min = 1, max = 60))]
    timeout_s: Option<u64>,
}

/// A message, if there is one.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Waited {
    /// The most urgent unread message; absent if none came.
    message: Option<MessageRow>,
    /// Whether the time was over before one came.
    timed_out: bool,
}

/// Wait up to a minute until you have an unread message: cheaper than asking again and again.
#[tool(
    read,
    permission = "ccpm:message:read",
    title = "Wait for a message",
    timeout = 65,
    untrusted("message.subject", "message.body")
)]
pub(crate) async fn ccpm_wait_for_message(
    team: &Team,
    args: WaitForMessage,
    ctx: &CallContext,
) -> ToolResult<Told<Waited>> {
    let asked = team.asked(ctx).await?;
    let own = asked.must_be_agent()?.to_owned();
    let limit = Duration::from_secs(args.timeout_s.unwrap_or(30));
    let started = Instant::now();
    loop {
        let waited = started.elapsed();
        let left = limit.saturating_sub(waited);
        ctx.progress.report(
            waited.as_secs_f64(),
            Some(limit.as_secs_f64()),
            "waiting for a message".to_owned(),
        );
        let step = left.min(STEP);
        let found = tokio::select! {
            found = asked.service().wait_for_message(&asked.call, &own, step) => found,
            () = ctx.cancel.cancelled() => Ok(None),
        };
        let message = ok(found)?;
        let is_over = left <= STEP || ctx.cancel.is_cancelled();
        if message.is_some() || is_over {
            let waited = Waited {
                timed_out: message.is_none(),
                message: message.map(|message| MessageRow::of(message, None)),
            };
            return asked.tell(Ok(waited)).await;
        }
    }
}
