//! Messages: one for each recipient, tied together by their thread.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::{AgentId, MessageId, Metadata, TaskId};
use crate::clock::Micros;

choice! {
    /// What a message is.
    MessageKind {
        /// Something to know.
        Message = "message",
        /// Something to do.
        Request = "request",
        /// An answer.
        Response = "response",
        /// Told by the service.
        Notification = "notification",
        /// Something is wrong.
        Alert = "alert",
        /// Work goes over to the recipient.
        Handoff = "handoff",
    }
}

choice! {
    /// How soon a message is to be read.
    MessagePriority {
        /// Last.
        Low = "low",
        /// As it comes.
        Normal = "normal",
        /// Before the others.
        High = "high",
        /// First of all.
        Urgent = "urgent",
    }
}

choice! {
    /// How a message stands with its recipient.
    MessageStatus {
        /// Not yet read.
        Unread = "unread",
        /// Read, not dealt with.
        Read = "read",
        /// Dealt with.
        Completed = "completed",
        /// Its time ran out before.
        Expired = "expired",
        /// Taken back by its sender.
        Cancelled = "cancelled",
    }
}

choice! {
    /// How a message was dealt with.
    Outcome {
        /// As asked.
        Done = "done",
        /// Not, on purpose.
        Declined = "declined",
        /// Not, in spite of trying.
        Failed = "failed",
    }
}

/// A message as its recipient has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// What it belongs to: the id of the first message of the exchange.
    #[serde(default)]
    pub thread_id: MessageId,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_id: Option<MessageId>,
    /// Who sent it.
    pub from_agent_id: AgentId,
    /// Name of the sender.
    #[serde(default)]
    pub from_agent_name: String,
    /// Who receives it.
    pub to_agent_id: AgentId,
    /// Name of the recipient.
    #[serde(default)]
    pub to_agent_name: String,
    /// What it is about.
    pub subject: String,
    /// Its text.
    pub body: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// How soon it is to be read.
    pub priority: MessagePriority,
    /// Whether the sender waits for an answer.
    #[serde(default)]
    pub requires_response: bool,
    /// How it stands.
    pub status: MessageStatus,
    /// The task that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// What the recipient answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// How it was dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// When it is of no more use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Micros>,
    /// When it was sent.
    #[serde(default)]
    pub created_at: Micros,
    /// When it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Micros>,
    /// When it was dealt with, taken back or ran out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Micros>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl Message {
    /// The message as it stands at a time: its own may have run out since it was stored.
    #[must_use]
    pub fn as_of(mut self, now: Micros) -> Self {
        let is_open = matches!(self.status, MessageStatus::Unread | MessageStatus::Read);
        if is_open && self.expires_at.is_some_and(|end| end <= now) {
            self.status = MessageStatus::Expired;
            self.completed_at = self.expires_at;
        }
        self
    }
}

/// To whom a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Recipients {
    /// One agent by name or id, or `@all`.
    One(#[schemars(length(min = 1, max = 64))] String),
    /// Several; all of them, or nothing is sent.
    Many(#[schemars(length(min = 1, max = 50))] Vec<String>),
}

impl Recipients {
    /// Everybody.
    pub const ALL: &'static str = "@all";

    /// The names.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// Sends a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageCreate {
    /// Name or id of the recipient, in any case, a list of them, or `@all`.
    pub to: Recipients,
    /// What it is about.
    #[schemars(length(min = 1, max = 200))]
    pub subject: String,
    /// Its text.
    #[schemars(length(min = 1, max = 65536))]
    pub body: String,
    /// What it is; `message` if absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MessageKind>,
    /// How soon it is to be read; `normal` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<MessagePriority>,
    /// Whether the sender waits for an answer.
    #[serde(default)]
    pub requires_response: bool,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_id: Option<MessageId>,
    /// The task that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// When it is of no more use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Micros>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Ends a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageComplete {
    /// The answer; sent back where the sender waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub response: Option<String>,
    /// How it was dealt with; `done` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// Which messages of an inbox to show: unread ones, unless asked for more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboxFilter {
    /// Also those that are read.
    #[serde(default)]
    pub include_read: bool,
    /// Also those that are completed.
    #[serde(default)]
    pub include_completed: bool,
    /// Of this priority alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<MessagePriority>,
    /// Sent at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Micros>,
    /// Mark those that are shown as read; reading alone does not.
    #[serde(default)]
    pub mark_read: bool,
}

/// Which messages to list, newest first; those of one thread oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageFilter {
    /// Of this thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<MessageId>,
    /// Sent by this agent, name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Received by this agent, name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Stands so now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MessageStatus>,
    /// About this task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
}
