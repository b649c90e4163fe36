//! What changed, told to whoever listens in this process: live pages, webhooks, resources.

use homelab_core::ccpm::{
    AgentId, MessageId, MessageStatus, SessionId, SessionStatus, SprintId, SprintStatus, TaskId,
    TaskStatus,
};
use serde::Serialize;

/// Something that changed and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// An agent was registered or changed.
    Agent {
        /// Which.
        id: AgentId,
    },
    /// A message came into an inbox, or stands differently there.
    Inbox {
        /// Whose inbox.
        agent: AgentId,
        /// Which message.
        message: MessageId,
        /// How it stands.
        status: MessageStatus,
    },
    /// A task was made, changed or moved.
    Task {
        /// Which.
        id: TaskId,
        /// Its key.
        key: String,
        /// How it stands.
        status: TaskStatus,
    },
    /// A sprint was planned, changed, begun or ended.
    Sprint {
        /// Which.
        id: SprintId,
        /// How it stands.
        status: SprintStatus,
    },
    /// A session began, went on or ended.
    Session {
        /// Which.
        id: SessionId,
        /// Whose.
        agent: AgentId,
        /// How it stands.
        status: SessionStatus,
    },
}
