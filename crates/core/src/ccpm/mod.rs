//! Agents that send each other messages, share tasks and sprints, and hand their work over from one
//! session to the next: the types of the CCPM contract and the rules that need no storage.
//!
//! Names, fields and values are those of the contract (`Agent`, `MessageCreate`, …). Input types
//! refuse unknown fields; output types ignore them, because another service may send more. A value
//! that is in none of our lists is kept as [`Foreign`]: a service refuses it on input
//! ([`Choice::known`]), and a client passes it through.

mod agent;
mod choice;
mod completion;
mod error;
mod id;
mod listing;
mod message;
mod optional;
pub mod rules;
mod session;
mod sprint;
mod task;

pub use agent::{Agent, AgentCreate, AgentFilter, AgentKind, AgentPatch, AgentStatus};
pub use choice::{Choice, Foreign};
pub use completion::{
    CompletionReport, CompletionReportBody, CompletionReportCreate, CompletionReview, Decision,
    ReportText, ReviewStatus, TestCounts,
};
pub use error::{CcpmCode, CcpmError, CcpmResult};
pub use id::{AgentId, ContextId, EventId, MessageId, ReportId, SessionId, SprintId, TaskId};
pub use listing::{DEFAULT_LIMIT, Listing, MAX_LIMIT, PageInfo, Paging};
pub use message::{
    InboxFilter, Message, MessageComplete, MessageCreate, MessageFilter, MessageKind,
    MessagePriority, MessageStatus, Outcome, Recipients,
};
pub use session::{
    ContextFilter, ContextItem, ContextItemCreate, ContextType, Importance, ResumeContext,
    SessionComplete, SessionFilter, SessionMetrics, SessionReport, SessionReportCreate,
    SessionStatus, TriggerType,
};
pub use sprint::{Day, Sprint, SprintCreate, SprintFilter, SprintPatch, SprintStatus};
pub use task::{
    AcceptanceCriterion, Board, BoardColumn, Task, TaskCreate, TaskEvent, TaskEventKind,
    TaskFilter, TaskKind, TaskPatch, TaskPriority, TaskSort, TaskStatus, TaskStatusUpdate,
};

/// Free members of a record, at most 16 KiB as JSON.
pub type Metadata = serde_json::Map<String, serde_json::Value>;
