//! Starting and stopping stacks.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use homelab_upstream::{Method, Request};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

use super::stack::WhichStack;
use super::stacks::{StackRow, row};
use crate::client::Portainer;
use crate::types::Stack;
use crate::words::StackStatus;

/// A stack after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct StackChanged {
    /// As read afterwards.
    pub(super) stack: StackRow,
    /// Whether anything was done.
    pub(super) changed: bool,
}

/// Start all containers of a stopped stack.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "portainer:stack:power",
    title = "Start a stack",
    timeout = 330,
    preview = preview_start,
    targets = stack_targets,
    inverse = undo_start,
    read_back = check_start
)]
pub(crate) async fn start_stack(
    portainer: &Portainer,
    args: WhichStack,
) -> ToolResult<StackChanged> {
    change(portainer, &args, Power::Start).await
}

/// Stop a stack: its containers are removed, its volumes and its file stay.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "portainer:stack:power",
    title = "Stop a stack",
    timeout = 330,
    preview = preview_stop,
    targets = stack_targets,
    inverse = undo_stop,
    read_back = check_stop
)]
pub(crate) async fn stop_stack(
    portainer: &Portainer,
    args: WhichStack,
) -> ToolResult<StackChanged> {
    change(portainer, &args, Power::Stop).await
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Start,
    Stop,
}

impl Power {
    fn is_so(self, stack: &Stack) -> bool {
        match self {
            Self::Start => StackStatus::of(stack) == StackStatus::Active,
            Self::Stop => StackStatus::of(stack) == StackStatus::Inactive,
        }
    }

    fn request(self, portainer: &Portainer, stack: &Stack) -> Request {
        let (operation, template) = match self {
            Self::Start => ("start_stack", "/stacks/{}/start"),
            Self::Stop => ("stop_stack", "/stacks/{}/stop"),
        };
        Request::new(operation, Method::POST, template, &[&stack.id])
            .query("endpointId", stack.endpoint_id)
            .timeout(Duration::from_secs(
                portainer.config.deploy_timeout_s.min(300),
            ))
    }
}

async fn change(
    portainer: &Portainer,
    args: &WhichStack,
    power: Power,
) -> ToolResult<StackChanged> {
    let stack = args.found(portainer).await?;
    let changed = !power.is_so(&stack);
    if changed {
        portainer.send(power.request(portainer, &stack)).await?;
    }
    let now = portainer.stack(stack.id).await?.unwrap_or(stack);
    let endpoints = portainer.endpoints().await?;
    Ok(StackChanged {
        stack: row(&now, &endpoints),
        changed,
    })
}

async fn preview_start(portainer: &Portainer, args: &WhichStack) -> ToolResult<Preview> {
    preview(portainer, args, Power::Start).await
}

async fn preview_stop(portainer: &Portainer, args: &WhichStack) -> ToolResult<Preview> {
    preview(portainer, args, Power::Stop).await
}

async fn preview(portainer: &Portainer, args: &WhichStack, power: Power) -> ToolResult<Preview> {
    let stack = args.found(portainer).await?;
    let verb = match power {
        Power::Start => "start",
        Power::Stop => "stop",
    };
    let impact = if power.is_so(&stack) {
        "nothing changes".to_owned()
    } else if power == Power::Stop {
        "its services are not reachable until it is started again".to_owned()
    } else {
        "its containers are made and started".to_owned()
    };
    Ok(Preview {
        summary: format!("{verb} the stack `{}` ({})", stack.name, stack.id),
        changes: Vec::new(),
        impact: vec![impact],
    })
}

pub(super) async fn stack_targets(
    portainer: &Portainer,
    args: &WhichStack,
) -> ToolResult<Vec<Target>> {
    let stack = args.found(portainer).await?;
    Ok(vec![target(&stack)])
}

pub(crate) fn target(stack: &Stack) -> Target {
    Target {
        kind: "stack".to_owned(),
        id: stack.id.to_string(),
        name: Some(stack.name.clone()),
        tags: Vec::new(),
    }
}

async fn undo_start(portainer: &Portainer, args: &WhichStack) -> ToolResult<Option<Inverse>> {
    undo(portainer, args, Power::Start).await
}

async fn undo_stop(portainer: &Portainer, args: &WhichStack) -> ToolResult<Option<Inverse>> {
    undo(portainer, args, Power::Stop).await
}

async fn undo(
    portainer: &Portainer,
    args: &WhichStack,
    power: Power,
) -> ToolResult<Option<Inverse>> {
    let stack = args.found(portainer).await?;
    let tool = match power {
        Power::Start => "stop_stack",
        Power::Stop => "start_stack",
    };
    Ok((!power.is_so(&stack)).then(|| Inverse {
        tool: tool.to_owned(),
        arguments: json!({ "stack": stack.id.to_string() }),
    }))
}

async fn check_start(
    _portainer: &Portainer,
    _args: &WhichStack,
    done: &StackChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(mismatch(done, "active", StackStatus::Inactive))
}

async fn check_stop(
    _portainer: &Portainer,
    _args: &WhichStack,
    done: &StackChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(mismatch(done, "inactive", StackStatus::Active))
}

/// Newer servers may still be deploying; the opposite is what cannot be.
fn mismatch(done: &StackChanged, wanted: &str, opposite: StackStatus) -> Vec<Mismatch> {
    let mismatch = (done.stack.status == opposite).then(|| Mismatch {
        field: "status",
        wanted: wanted.to_owned(),
        found: format!("{:?}", done.stack.status).to_lowercase(),
    });
    mismatch.into_iter().collect()
}
