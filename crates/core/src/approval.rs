//! Calls that wait for a person: what is kept of them, and which step may follow which. Pure; the
//! store keeps them, and every step is one transaction there.
//!
//! ```text
//! pending ──> approved ──> executing ──> executed | failed
//!    │            │             └──────> unknown   (the run was cut off; never run again by itself)
//!    └──> denied | cancelled | expired <─┘
//! ```
//! An approval is bound by its digest to one caller, tool, instance and set of arguments. It is used
//! once: `approved → executing` happens in one conditional step, so of any number of callers that see
//! the approval, on any number of replicas, one runs.

mod plan;
mod steps;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use crate::audit::{canonical, digest};
use crate::call::CredentialKind;
use crate::clock::Micros;
use crate::policy::Decision;
use crate::tool::{Effect, Preview};

/// How long a call waits for its decision unless its rule says otherwise.
pub const EXPIRES_AFTER: Duration = Duration::from_mins(15);
/// How long an approved call may still be begun.
pub const USABLE_FOR: Duration = Duration::from_mins(15);
/// How long the same call is refused without asking again after a denial.
pub const COOL_DOWN: Duration = Duration::from_mins(1);
/// Most calls of one credential that wait at a time.
pub const MOST_PENDING: u32 = 20;

/// Where a held call stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a decision.
    Pending,
    /// May run once.
    Approved,
    /// Was refused.
    Denied,
    /// Was not decided, or not used, in time.
    Expired,
    /// Was withdrawn by its caller.
    Cancelled,
    /// Runs.
    Executing,
    /// Ran.
    Executed,
    /// Ran and ended with an error.
    Failed,
    /// Was cut off while it ran: it may or may not have had its effect.
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Cancelled,
        Self::Executing,
        Self::Executed,
        Self::Failed,
        Self::Unknown,
    ];

    /// The state as it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Executing => "executing",
            Self::Executed => "executed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// What it becomes by itself when its time has run out; see [`Approval::as_of`].
    #[must_use]
    pub const fn lapsed(self) -> Self {
        match self {
            Self::Pending | Self::Approved => Self::Expired,
            // Whoever ran it did not come back. It is not run again: it may have had its effect.
            Self::Executing => Self::Unknown,
            other => other,
        }
    }

    /// Whether nothing can follow.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Approved | Self::Executing)
    }
}

/// The door through which a decision came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A form in the caller's own client: proof that somebody or something there agreed, no more.
    Elicitation,
    /// A prompt of the command line, for calls made on it.
    Prompt,
    /// `homelab-mcp approvals` with an owner key.
    Cli,
    /// REST with an owner key.
    Rest,
    /// The web page.
    Web,
    /// A chat bot.
    Chat,
}

impl Channel {
    /// Whether an agent cannot drive it, so that it may decide calls that need approval.
    pub const fn is_the_owners(self) -> bool {
        !matches!(self, Self::Elicitation | Self::Prompt)
    }
}

/// One person's word on a held call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vote {
    /// Who: the principal's name.
    pub principal: String,
    /// Id of the credential.
    pub credential: String,
    /// Kind of the credential.
    pub kind: CredentialKind,
    /// Through which door.
    pub channel: Channel,
    /// Yes or no.
    pub approve: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When.
    pub at: Micros,
}

/// Who asked for a held call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requester {
    /// The principal's name.
    pub principal: String,
    /// Id of the credential.
    pub credential: String,
    /// Session or run, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The door the call came through.
    pub transport: String,
    /// The request.
    pub request_id: String,
}

/// What a held call would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// The server's kind.
    pub kind: String,
    /// Its instance.
    pub instance: String,
    /// The tool's bare name.
    pub tool: String,
    /// What it does to the world.
    pub effect: Effect,
    /// Its arguments in canonical form, without secrets.
    pub arguments: Value,
}

/// A call that waits for a person, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// UUIDv7.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// `confirm` (whoever sits at the client may decide) or `approve` (only owners).
    pub needs: Decision,
    /// How many different people have to agree.
    pub approvers: u32,
    /// SHA-256 over caller, tool, instance and the full arguments, hexadecimal; see
    /// [`Binding`].
    pub digest: String,
    /// Who asks.
    pub requester: Requester,
    /// For what.
    pub action: Action,
    /// What would change, as the tool foresees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// The rule that holds it; absent for the role's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why it is held, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Sources of text by outsiders that the caller had read before it asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_before: Vec<String>,
    /// What people said, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
    /// When it was asked for.
    pub created_at: Micros,
    /// Pending: decided by then or not at all. Approved: begun by then or not at all. Executing: if
    /// there is no outcome by then, there will be none.
    pub until: Micros,
    /// Request that ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// `ok` or the error code, once it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// When it last changed.
    pub updated_at: Micros,
}

/// Why a step was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is not waiting for that any more.
    #[error("the approval is {}", .0.as_str())]
    State(State),
    /// What was decided on is not what is kept.
    #[error("what was shown is not what is waiting: the digest differs")]
    Digest,
    /// The requester may not decide on their own call.
    #[error("nobody approves their own call")]
    SelfApproval,
    /// This door, or this kind of credential, does not decide such calls.
    #[error("only an owner credential, through a channel of the owner's, may decide this")]
    NotAnOwner,
    /// The same person has agreed already; another one is needed.
    #[error("you have agreed already: another person has to")]
    SamePerson,
    /// Another caller's approval.
    #[error("the approval belongs to another caller")]
    OtherCaller,
}

/// What an approval is bound to. Whoever calls the same tool at the same instance with the same
/// arguments and the same credential, under rules that ask for the same, gets the same one.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// The caller's credential.
    pub credential: &'a str,
    /// The server's kind.
    pub kind: &'a str,
    /// Its instance.
    pub instance: &'a str,
    /// The tool's bare name.
    pub tool: &'a str,
    /// The full arguments, normalised.
    pub arguments: &'a Value,
    /// What the rules ask for.
    pub needs: Decision,
    /// How many people they ask for.
    pub approvers: u32,
}

impl Binding<'_> {
    /// SHA-256 over all of it, hexadecimal.
    pub fn digest(&self) -> String {
        digest(&canonical(&json!({
            "credential": self.credential,
            "kind": self.kind,
            "instance": self.instance,
            "tool": self.tool,
            "arguments": self.arguments,
            "needs": self.needs,
            "approvers": self.approvers,
        })))
    }
}
