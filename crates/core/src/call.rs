//! One tool call on its way: who asks, for what, until when; and what comes back.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::approval::Approval;
use crate::error::ToolError;
use crate::id::RequestId;
use crate::policy::{Grants, Role, Scope, Tightening};
use crate::server::{Endpoint, ListedTool};

/// Whether a credential belongs to software or to the lab's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// Lives in client configs; may call tools.
    Agent,
    /// Decides approvals, signs in to the web page, manages keys, policy and the kill switch.
    Owner,
    /// The local user of stdio or the command line; has no key.
    Local,
}

impl CredentialKind {
    /// The kind as it is written in listings and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Owner => "owner",
            Self::Local => "local",
        }
    }
}

/// Who is calling, as authentication found out.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Name for people and rules: a key's name, `stdio:<uid>`, `cli:<uid>`, `<issuer>:<user>`,
    /// `cert:<name>`, `proxy:<user>`, `<key>/<user>`.
    pub name: String,
    /// Id of the credential used; equals `name` for local callers.
    pub credential: String,
    /// What the credential may be used for at all.
    pub kind: CredentialKind,
    /// Its role.
    pub role: Role,
    /// Narrowing per-key patterns.
    pub grants: Grants,
    /// What its token may be used for at most; absent where the credential has no scopes.
    pub scope: Option<Scope>,
    /// What this request asked to be bounded by.
    pub tightening: Option<Arc<Tightening>>,
    /// Whether changes need approval after text by outsiders was read. Off for deterministic
    /// callers, whose next step no text can talk them into.
    pub taintable: bool,
}

impl Principal {
    /// A principal without narrowing.
    pub fn new(
        name: impl Into<String>,
        credential: impl Into<String>,
        kind: CredentialKind,
        role: Role,
    ) -> Self {
        Self {
            name: name.into(),
            credential: credential.into(),
            kind,
            role,
            grants: Grants::default(),
            scope: None,
            tightening: None,
            taintable: true,
        }
    }
}

/// The door a call came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Streamable HTTP.
    Http,
    /// The legacy HTTP+SSE pair.
    Sse,
    /// Standard input and output.
    Stdio,
    /// The command line.
    Cli,
    /// REST under `/api/v1`.
    Rest,
    /// One of our own agents.
    Agent,
}

impl Transport {
    /// The transport as it is written in audit rows and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Sse => "sse",
            Self::Stdio => "stdio",
            Self::Cli => "cli",
            Self::Rest => "rest",
            Self::Agent => "agent",
        }
    }
}

/// One progress report; `total` and `message` as in MCP's `notifications/progress`.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressUpdate {
    /// Rises with each report of one call.
    pub progress: f64,
    /// What `progress` rises to, if known.
    pub total: Option<f64>,
    /// One short line for people.
    pub message: Option<String>,
}

/// Where progress goes; nowhere unless the caller asked for it.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(ProgressUpdate) + Send + Sync>>);

impl Progress {
    /// Hands every report to `sink`, which must not block.
    pub fn to(sink: impl Fn(ProgressUpdate) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(sink)))
    }

    /// Reports; free of cost when nobody listens.
    pub fn report(&self, progress: f64, total: Option<f64>, message: impl Into<Option<String>>) {
        if let Some(sink) = &self.0 {
            sink(ProgressUpdate {
                progress,
                total,
                message: message.into(),
            });
        }
    }

    /// Whether anybody listens.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Progress(wanted: {})", self.is_wanted())
    }
}

/// What a tool may know about the call it serves.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Who asks.
    pub principal: Arc<Principal>,
    /// Finds this call in logs and audit.
    pub request_id: RequestId,
    /// The door it came through.
    pub transport: Transport,
    /// Session (legacy) or run the call belongs to, for taint and limits.
    pub session: Option<Arc<str>>,
    /// Address of the peer, for the audit.
    pub peer: Option<Arc<str>>,
    /// When the pipeline will end it.
    pub deadline: Option<Instant>,
    /// Set when the caller went away.
    pub cancel: CancellationToken,
    /// Where progress goes.
    pub progress: Progress,
    /// Asks whoever sits at the caller's client.
    pub confirm: Confirmer,
}

/// How the question at the caller's client ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Somebody there agreed.
    Accepted {
        /// What they wrote.
        comment: Option<String>,
    },
    /// Somebody there refused.
    Declined {
        /// What they wrote.
        comment: Option<String>,
    },
    /// Nobody answered: software dismissed the question. Not a refusal.
    Dismissed,
    /// The client repeats the call with the answer; this one ends here.
    Later,
}

/// Asks whoever sits at the caller's client whether a held call may run.
#[async_trait]
pub trait Confirm: Send + Sync {
    /// Shows the plan and waits for the answer, within the call's time.
    async fn confirm(&self, plan: &Approval) -> Confirmation;
}

/// The way to the caller's client; none where it has no way to ask anybody.
#[derive(Clone, Default)]
pub struct Confirmer(Option<Arc<dyn Confirm>>);

impl Confirmer {
    /// Asks through `confirm`.
    pub fn through(confirm: Arc<dyn Confirm>) -> Self {
        Self(Some(confirm))
    }

    /// The way, where there is one.
    pub fn way(&self) -> Option<&dyn Confirm> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Confirmer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Confirmer({})", self.0.is_some())
    }
}

/// Whether the caller wants data or text.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `structuredContent` and the same JSON as text.
    #[default]
    Json,
    /// Text alone: short tables and sentences.
    Text,
}

/// A call as a transport hands it to the pipeline.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// Where it was addressed.
    pub endpoint: Endpoint,
    /// The tool's name as the caller wrote it.
    pub name: String,
    /// Arguments as the caller wrote them, `instance` and `format` included.
    pub arguments: Map<String, Value>,
    /// The caller's default for `format`.
    pub format: Format,
    /// Who and until when.
    pub context: CallContext,
}

/// A call's answer after redaction and capping.
#[derive(Debug, Clone)]
pub struct ToolReply {
    /// The structured result; always an object. Beside the tool's own members it may hold the
    /// pipeline's: `untrusted_fields` (paths of text that outsiders can write), and `truncated` with
    /// `truncated_hint` (how to get what was cut off).
    pub structured: Value,
    /// Minified JSON of `structured`, or the rendered text.
    pub text: String,
    /// What the caller asked for.
    pub format: Format,
}

/// The [`reason`](ToolError::reason) by which a [`Caller`] says that there is no such tool, or none
/// that this principal may know of: the protocol has an error of its own for that.
pub const UNKNOWN_TOOL: &str = "unknown_tool";

/// The [`reason`](ToolError::reason) of a refusal that a token with more scopes would not meet.
pub const INSUFFICIENT_SCOPE: &str = "insufficient_scope";

/// Anything that can run a tool through the whole pipeline; the gateway implements it, and every
/// transport, the command line and the agents call it.
#[async_trait]
pub trait Caller: Send + Sync {
    /// Runs one call: permission, validation, decision, audit, execution, redaction.
    async fn call(&self, call: ToolCall) -> Result<ToolReply, ToolError>;

    /// The tools that this principal may see at this endpoint, in a fixed order.
    fn list(
        &self,
        endpoint: &Endpoint,
        principal: &Principal,
    ) -> Result<Vec<ListedTool>, ToolError>;
}
