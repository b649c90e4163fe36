//! Deploying stacks: new ones, changed ones, and those of git anew.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::deploy_plan::Plan;
pub(crate) use super::deploy_request::DeployStack;
use super::deploy_request::Mode;
use super::power::target;
use super::stack::last_message;
use super::stacks::{StackRow, row};
use crate::client::Portainer;
use crate::types::Stack;
use crate::words::StackStatus;

/// Lines of a file that a preview shows as changed.
const MOST_LINES: usize = 60;

/// A stack that was deployed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct StackDeployed {
    /// As read afterwards.
    stack: StackRow,
    /// Whether it is new.
    created: bool,
    /// The deployment still went on when the wait ended.
    still_deploying: bool,
    /// What the deployment said last.
    message: Option<String>,
    /// Where its containers reach out of themselves.
    warnings: Vec<String>,
}

/// Deploy a stack from compose text, Kubernetes manifests or git: creates it, or updates the one of this name in the environment, and waits for the deployment. Variables that are not named keep their values.
#[tool(
    destructive,
    open_world,
    permission = "portainer:stack:deploy",
    title = "Deploy a stack",
    timeout = 1200,
    untrusted("message"),
    sensitive_args("env.*.value", "git.password"),
    effect = effect,
    preview = preview_deploy,
    targets = deploy_targets,
    inverse = undo_deploy,
    read_back = check_deploy
)]
pub(crate) async fn deploy_stack(
    portainer: &Portainer,
    args: DeployStack,
    ctx: &CallContext,
) -> ToolResult<StackDeployed> {
    let plan = Box::pin(Plan::of(portainer, &args)).await?;
    for secret in args.env.iter().map(|variable| &variable.value) {
        portainer.env.redactor.learn(secret);
    }
    let limit = Duration::from_secs(portainer.config.deploy_timeout_s);
    let request = plan.request(portainer, &args).await?.timeout(limit);
    ctx.progress
        .report(0.0, None, format!("deploying `{}`", args.name));
    let answer: ToolResult<Option<Made>> = portainer.maybe(request).await;
    let id = match (answer, &plan.found) {
        (Ok(_), Some(found)) => found.id,
        (Ok(Some(made)), None) if made.id > 0 => made.id,
        // Kubernetes answers with the output alone.
        (Ok(_), None) => {
            portainer
                .find_stack(&args.name, Some(&plan.endpoint.id.to_string()))
                .await?
                .id
        }
        (Err(error), Some(_)) => return Err(error),
        (Err(error), None) => return Err(left_behind(portainer, &args, &plan, error).await),
    };
    let stack = wait(portainer, &args, id, ctx).await?;
    let endpoints = [plan.endpoint];
    Ok(StackDeployed {
        message: last_message(&stack),
        still_deploying: StackStatus::of(&stack) == StackStatus::Deploying,
        created: plan.found.is_none(),
        warnings: plan.warnings,
        stack: row(&stack, &endpoints),
    })
}

/// What Portainer answers to a new stack.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Made {
    #[serde(rename = "Id")]
    id: u64,
}

/// One that must be new destroys nothing.
fn effect(_portainer: &Portainer, args: &DeployStack) -> Effect {
    if args.mode == Mode::Create {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

/// A failed creation may leave an entry that is in the way of the next.
async fn left_behind(
    portainer: &Portainer,
    args: &DeployStack,
    plan: &Plan,
    error: ToolError,
) -> ToolError {
    let Ok(stacks) = portainer.stacks(Some(plan.endpoint.id)).await else {
        return error;
    };
    let left = stacks
        .into_iter()
        .find(|stack| stack.name.eq_ignore_ascii_case(&args.name));
    let Some(left) = left else {
        return error;
    };
    let mut envelope = error.envelope().clone();
    envelope.message = format!(
        "{}; Portainer keeps the stack `{}` ({}) all the same",
        envelope.message, left.name, left.id
    );
    envelope.hint = Some(
        "look at it with `get_stack`; deploy it again with `mode` `update`, or remove it with `delete_stack`"
            .to_owned(),
    );
    envelope.into()
}

/// Newer servers answer before the deployment has ended.
async fn wait(
    portainer: &Portainer,
    args: &DeployStack,
    id: u64,
    ctx: &CallContext,
) -> ToolResult<Stack> {
    let limit = args
        .wait_s
        .map_or(portainer.config.deploy_timeout_s, u64::from);
    let poll = Duration::from_millis(portainer.config.deploy_poll_ms);
    let deadline = Instant::now() + Duration::from_secs(limit);
    let mut looks = 0.0;
    loop {
        let Some(stack) = portainer.stack(id).await? else {
            let message = format!(
                "the stack `{}` ({id}) vanished while it was deployed",
                args.name
            );
            return Err(ToolError::not_found(message).reason("stack_not_found"));
        };
        match StackStatus::of(&stack) {
            StackStatus::Error => {
                let said = last_message(&stack).unwrap_or_else(|| "no reason is given".to_owned());
                let said = portainer.env.redactor.text(&said).into_owned();
                let message = format!("the deployment of `{}` ({id}) failed: {said}", args.name);
                return Err(ToolError::new(Code::UpstreamRejected, message)
                    .reason("deployment_failed")
                    .hint("correct the file or the environment and deploy it again; `get_stack` shows its state"));
            }
            StackStatus::Deploying if Instant::now() + poll < deadline => {}
            _ => return Ok(stack),
        }
        looks += 1.0;
        ctx.progress
            .report(looks, None, format!("`{}` is being deployed", args.name));
        tokio::select! {
            () = ctx.cancel.cancelled() => return Ok(stack),
            () = sleep(poll) => {}
        }
    }
}

async fn preview_deploy(portainer: &Portainer, args: &DeployStack) -> ToolResult<Preview> {
    let plan = Box::pin(Plan::of(portainer, args)).await?;
    let verb = match (&plan.found, &plan.file) {
        (None, _) => "create",
        (Some(_), Some(_)) => "update",
        (Some(_), None) => "deploy from git anew",
    };
    let mut changes = lines_between(
        plan.before.as_deref().unwrap_or_default(),
        plan.file.as_deref().unwrap_or_default(),
    );
    // Values are secrets: that a variable changes is what can be shown.
    for variable in &args.env {
        let known = plan
            .found
            .as_ref()
            .is_some_and(|stack| stack.env.iter().any(|pair| pair.name == variable.name));
        changes.push(Change {
            field: format!("env.{}", variable.name),
            from: known.then(|| "[not shown]".to_owned()),
            to: Some("[not shown]".to_owned()),
        });
    }
    for name in &args.remove_env {
        changes.push(Change {
            field: format!("env.{name}"),
            from: Some("[not shown]".to_owned()),
            to: None,
        });
    }
    let mut impact = plan.warnings;
    if plan.found.is_some() {
        impact.push("containers whose settings change are made anew".to_owned());
    }
    Ok(Preview {
        summary: format!(
            "{verb} the stack `{}` in `{}`",
            args.name, plan.endpoint.name
        ),
        changes,
        impact,
    })
}

/// The lines that only one of two files has.
fn lines_between(before: &str, after: &str) -> Vec<Change> {
    let change = |number: usize, from: Option<&str>, to: Option<&str>| Change {
        field: format!("line {}", number + 1),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let gone = old
        .iter()
        .enumerate()
        .filter(|(_, line)| !new.contains(line));
    let added = new
        .iter()
        .enumerate()
        .filter(|(_, line)| !old.contains(line));
    gone.map(|(number, line)| change(number, Some(line), None))
        .chain(added.map(|(number, line)| change(number, None, Some(line))))
        .take(MOST_LINES)
        .collect()
}

async fn deploy_targets(portainer: &Portainer, args: &DeployStack) -> ToolResult<Vec<Target>> {
    let plan = Box::pin(Plan::of(portainer, args)).await?;
    let stack = plan.found.unwrap_or(Stack {
        name: args.name.clone(),
        ..Stack::default()
    });
    Ok(vec![
        target(&stack),
        Target {
            kind: "endpoint".to_owned(),
            id: plan.endpoint.id.to_string(),
            name: Some(plan.endpoint.name),
            tags: Vec::new(),
        },
    ])
}

/// A new stack is removed again; a changed one gets its file and variables back. What a repository
/// held before, only the repository knows.
async fn undo_deploy(portainer: &Portainer, args: &DeployStack) -> ToolResult<Option<Inverse>> {
    let plan = Box::pin(Plan::of(portainer, args)).await?;
    let endpoint = plan.endpoint.id.to_string();
    let Some(stack) = plan.found else {
        return Ok(Some(Inverse {
            tool: "delete_stack".to_owned(),
            arguments: json!({ "stack": args.name, "endpoint": endpoint }),
        }));
    };
    let Some(before) = plan.before else {
        return Ok(None);
    };
    let mut arguments = json!({
        "name": stack.name, "endpoint": endpoint, "mode": "update", "stack_file": before,
    });
    let touched = |name: &str| {
        args.env.iter().any(|variable| variable.name == name)
            || args.remove_env.iter().any(|removed| removed == name)
    };
    let old: Vec<_> = stack
        .env
        .iter()
        .filter(|pair| touched(&pair.name))
        .collect();
    let new: Vec<&str> = args
        .env
        .iter()
        .map(|variable| variable.name.as_str())
        .filter(|name| !stack.env.iter().any(|pair| pair.name == *name))
        .collect();
    if !old.is_empty() {
        arguments["env"] = json!(old);
    }
    if !new.is_empty() {
        arguments["remove_env"] = json!(new);
    }
    Ok(Some(Inverse {
        tool: "deploy_stack".to_owned(),
        arguments,
    }))
}

/// What is deployed must be what was given.
async fn check_deploy(
    portainer: &Portainer,
    args: &DeployStack,
    done: &StackDeployed,
) -> ToolResult<Vec<Mismatch>> {
    let (Some(wanted), Some(id)) = (&args.stack_file, done.stack.id) else {
        return Ok(Vec::new());
    };
    let found = portainer.stack_file(id).await?.unwrap_or_default();
    let mismatch = (found.trim_end() != wanted.trim_end()).then(|| Mismatch {
        field: "stack_file",
        wanted: format!("{} bytes", wanted.len()),
        found: format!("another file of {} bytes", found.len()),
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_file_alone_are_shown() {
        let changes = lines_between("a\nb\nc", "a\nx\nc");

        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].from.as_deref(), Some("b"));
        assert_eq!(
            (changes[1].field.as_str(), changes[1].to.as_deref()),
            ("line 2", Some("x"))
        );
        assert_eq!(lines_between("a", "a"), []);
    }
}
