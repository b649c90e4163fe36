//! The tools that every endpoint has beside those of its servers: callers follow their held calls,
//! and undo what they did. None of them decides anything.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use homelab_core::BoxFuture;
use homelab_core::approval::{Approval, State};
use homelab_core::call::{CallContext, Caller};
use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::PageRequest;
use homelab_core::policy::Decision;
use homelab_core::server::{Health, Server};
use homelab_core::store::AuditLog;
use homelab_core::tool::{Inverse, Preview, Ran, Target, ToolDef, ToolInfo, tool};
use homelab_core::tools;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ApprovalService;
use super::undo::undo;

/// The kind these tools belong to in listings, metrics and audit rows.
pub const KIND: &str = "control";

/// What the tools work on.
pub(super) struct Desk {
    pub(super) approvals: Arc<ApprovalService>,
    pub(super) log: Arc<dyn AuditLog>,
    caller: OnceLock<Weak<dyn Caller>>,
}

impl Desk {
    /// The pipeline, for calls that follow from a call.
    pub(super) fn caller(&self) -> ToolResult<Arc<dyn Caller>> {
        self.caller
            .get()
            .and_then(Weak::upgrade)
            .ok_or_else(|| ToolError::internal("the pipeline is not there"))
    }
}

/// The server of these tools.
pub struct Control {
    desk: Desk,
    tools: Vec<ToolDef<Desk>>,
    infos: Vec<ToolInfo>,
}

impl Control {
    /// Without a pipeline yet; see [`Control::connect`].
    pub fn new(approvals: Arc<ApprovalService>, log: Arc<dyn AuditLog>) -> Arc<Self> {
        let tools = tools();
        Arc::new(Self {
            desk: Desk {
                approvals,
                log,
                caller: OnceLock::new(),
            },
            infos: tools.iter().map(|tool| tool.info.clone()).collect(),
            tools,
        })
    }

    /// Its tools, without anything behind them.
    pub fn catalogue() -> Vec<ToolInfo> {
        tools().into_iter().map(|tool| tool.info).collect()
    }

    /// Names the pipeline that `undo` calls; the first one stays.
    pub fn connect(&self, caller: Weak<dyn Caller>) {
        self.desk.caller.get_or_init(|| caller);
    }
}

fn tools() -> Vec<ToolDef<Desk>> {
    tools![
        approval_wait,
        approval_status,
        approval_list,
        approval_cancel,
        undo
    ]
}

impl Server for Control {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn instance(&self) -> &str {
        KIND
    }

    fn title(&self) -> &'static str {
        "Approvals and undo"
    }

    fn tools(&self) -> &[ToolInfo] {
        &self.infos
    }

    fn run<'a>(
        &'a self,
        tool: usize,
        args: Value,
        ctx: &'a CallContext,
    ) -> BoxFuture<'a, ToolResult<Ran<Value>>> {
        Box::pin(async move {
            let tool = self
                .tools
                .get(tool)
                .ok_or_else(|| ToolError::internal("no tool of this number"))?;
            tool.run(&self.desk, args, ctx).await
        })
    }

    fn preview(&self, _tool: usize, _args: Value) -> Option<BoxFuture<'_, ToolResult<Preview>>> {
        None
    }

    fn targets(
        &self,
        _tool: usize,
        _args: Value,
    ) -> Option<BoxFuture<'_, ToolResult<Vec<Target>>>> {
        None
    }

    fn inverse(
        &self,
        _tool: usize,
        _args: Value,
    ) -> Option<BoxFuture<'_, ToolResult<Option<Inverse>>>> {
        None
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async { Health::ok("part of this process") })
    }

    fn concurrency(&self) -> usize {
        1_024
    }
}

/// Which held call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichApproval {
    /// Id of the approval, from the answer `approval_required`.
    #[schemars(length(min = 1, max = 64))]
    approval_id: String,
}

/// Which held call, and how long to wait for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitFor {
    /// Id of the approval, from the answer `approval_required`.
    #[schemars(length(min = 1, max = 64))]
    approval_id: String,
    /// Seconds to wait; many clients give up after 60.
    #[serde(default = "half_a_minute")]
    #[schemars(range(min = 0, max = 50))]
    timeout_s: u64,
}

fn half_a_minute() -> u64 {
    30
}

/// Which held calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListApprovals {
    /// Only those that stand like this.
    state: Option<State>,
    /// Most rows to return.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where to go on, from `next_cursor`.
    #[schemars(length(min = 1, max = 500))]
    cursor: Option<String>,
}

/// A held call as its caller sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HeldCall {
    approval_id: String,
    state: State,
    tool: String,
    instance: String,
    needs: Decision,
    /// Decided, begun or lost by then.
    until: Micros,
    /// `ok` or the error code, once it ran.
    outcome: Option<String>,
    /// What to do next.
    next: String,
}

/// A page of held calls.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HeldCalls {
    items: Vec<HeldCall>,
    total: u64,
    next_cursor: Option<String>,
}

impl From<Approval> for HeldCall {
    fn from(approval: Approval) -> Self {
        let next = match approval.state {
            State::Pending => "wait: nobody has decided yet",
            State::Approved => "repeat the call with the same arguments: it runs once",
            State::Denied => "do not repeat the call; ask the user what they want instead",
            State::Expired => "call the tool again to ask anew",
            State::Cancelled => "it was withdrawn; call the tool again to ask anew",
            State::Executing => "it is running",
            State::Executed | State::Failed => "it ran",
            State::Unknown => {
                "its run was cut off and may have had its effect: read the state before you ask again"
            }
        };
        Self {
            approval_id: approval.id,
            state: approval.state,
            tool: approval.action.tool,
            instance: approval.action.instance,
            needs: approval.needs,
            until: approval.until,
            outcome: approval.outcome,
            next: next.to_owned(),
        }
    }
}

/// Wait until a held call is approved or denied; then repeat the call with the same arguments.
#[tool(
    read,
    permission = "control:approval:read",
    aggregated = "approval_wait",
    title = "Wait for an approval",
    timeout = 60
)]
pub(super) async fn approval_wait(
    desk: &Desk,
    args: WaitFor,
    ctx: &CallContext,
) -> ToolResult<HeldCall> {
    let within = Duration::from_secs(args.timeout_s);
    let waited = desk
        .approvals
        .wait(&args.approval_id, &ctx.principal, within);
    Ok(waited.await?.into())
}

/// See whether a held call was approved, denied, or ran.
#[tool(
    read,
    permission = "control:approval:read",
    aggregated = "approval_status",
    title = "Status of an approval"
)]
pub(super) async fn approval_status(
    desk: &Desk,
    args: WhichApproval,
    ctx: &CallContext,
) -> ToolResult<HeldCall> {
    let found = desk.approvals.get(&args.approval_id, &ctx.principal).await;
    Ok(found?.into())
}

/// List your calls that wait or waited for an approval, newest first.
#[tool(
    read,
    permission = "control:approval:read",
    aggregated = "approval_list",
    title = "List approvals"
)]
pub(super) async fn approval_list(
    desk: &Desk,
    args: ListApprovals,
    ctx: &CallContext,
) -> ToolResult<HeldCalls> {
    let page = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let found = desk.approvals.list(args.state, &ctx.principal, &page);
    let found = found.await?.map(HeldCall::from);
    Ok(HeldCalls {
        items: found.items,
        total: found.total,
        next_cursor: found.next_cursor,
    })
}

/// Withdraw a call of yours that waits for an approval and is not needed any more.
#[tool(
    write,
    idempotent,
    permission = "control:approval:cancel",
    aggregated = "approval_cancel",
    title = "Withdraw a held call"
)]
pub(super) async fn approval_cancel(
    desk: &Desk,
    args: WhichApproval,
    ctx: &CallContext,
) -> ToolResult<HeldCall> {
    let withdrawn = desk.approvals.cancel(&args.approval_id, &ctx.principal);
    Ok(withdrawn.await?.into())
}
