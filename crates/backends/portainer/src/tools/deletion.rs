//! Removing stacks.

use std::time::Duration;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Effect, Inverse, Preview, Target, tool};
use homelab_upstream::{Method, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::power::target;
use crate::client::Portainer;
use crate::types::Stack;
use crate::words::StackType;

/// Which stack, and what goes with it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteStack {
    /// Its name or id.
    #[schemars(length(min = 1, max = 100))]
    stack: String,
    /// Its environment's name or id, where several have a stack of this name.
    #[schemars(length(min = 1, max = 100))]
    endpoint: Option<String>,
    /// Remove its volumes and all that is in them too. Versions of Portainer that cannot do that
    /// leave them.
    #[serde(default)]
    remove_volumes: bool,
}

/// A stack that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StackDeleted {
    name: String,
    id: u64,
    /// Whether its volumes were to go too.
    volumes_removed: bool,
}

/// Remove a stack with its containers and networks from Portainer and its environment; volumes stay unless `remove_volumes` says otherwise.
#[tool(
    critical,
    open_world,
    permission = "portainer:stack:delete",
    title = "Remove a stack",
    timeout = 330,
    effect = effect,
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete
)]
pub(crate) async fn delete_stack(
    portainer: &Portainer,
    args: DeleteStack,
) -> ToolResult<StackDeleted> {
    let stack = args.found(portainer).await?;
    portainer.send(args.request(portainer, &stack)).await?;
    if portainer.stack(stack.id).await?.is_some() {
        let message = format!("the stack `{}` is still there", stack.name);
        return Err(ToolError::new(homelab_core::error::Code::Conflict, message)
            .reason("not_applied")
            .hint("look at it with `get_stack`; some of its containers may be gone"));
    }
    Ok(StackDeleted {
        name: stack.name,
        id: stack.id,
        volumes_removed: args.remove_volumes,
    })
}

/// What is in volumes does not come back.
fn effect(_portainer: &Portainer, args: &DeleteStack) -> Effect {
    if args.remove_volumes {
        Effect::Critical
    } else {
        Effect::Destructive
    }
}

impl DeleteStack {
    async fn found(&self, portainer: &Portainer) -> ToolResult<Stack> {
        portainer
            .find_stack(&self.stack, self.endpoint.as_deref())
            .await
    }

    fn request(&self, portainer: &Portainer, stack: &Stack) -> Request {
        let request = Request::new("delete_stack", Method::DELETE, "/stacks/{}", &[&stack.id])
            .query("endpointId", stack.endpoint_id)
            .timeout(Duration::from_secs(
                portainer.config.deploy_timeout_s.min(300),
            ));
        if self.remove_volumes {
            request.query("removeVolumes", true)
        } else {
            request
        }
    }
}

async fn preview_delete(portainer: &Portainer, args: &DeleteStack) -> ToolResult<Preview> {
    let stack = args.found(portainer).await?;
    let mut impact = vec!["its containers and networks go".to_owned()];
    if args.remove_volumes {
        impact.push("its volumes go with all that is in them, for good".to_owned());
    } else {
        impact.push("its volumes stay".to_owned());
    }
    if !stack.env.is_empty() {
        impact.push(format!("{} variables are lost with it", stack.env.len()));
    }
    if stack.git.is_some() {
        impact.push("its link to the git repository is lost with it".to_owned());
    }
    Ok(Preview {
        summary: format!("remove the stack `{}` ({})", stack.name, stack.id),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(portainer: &Portainer, args: &DeleteStack) -> ToolResult<Vec<Target>> {
    let stack = args.found(portainer).await?;
    Ok(vec![target(&stack)])
}

/// A stack from a text can be deployed anew; one from git has credentials that nobody can read.
async fn undo_delete(portainer: &Portainer, args: &DeleteStack) -> ToolResult<Option<Inverse>> {
    let stack = args.found(portainer).await?;
    let kind = StackType::of(&stack);
    if args.remove_volumes || stack.git.is_some() {
        return Ok(None);
    }
    let (Some(kind), Some(file)) = (kind, portainer.stack_file(stack.id).await?) else {
        return Ok(None);
    };
    let mut arguments = json!({
        "name": stack.name, "endpoint": stack.endpoint_id.to_string(), "mode": "create",
        "type": kind, "stack_file": file,
    });
    if !stack.env.is_empty() {
        arguments["env"] = json!(stack.env);
    }
    if let Some(namespace) = stack.namespace.filter(|name| !name.is_empty()) {
        arguments["namespace"] = namespace.into();
    }
    Ok(Some(Inverse {
        tool: "deploy_stack".to_owned(),
        arguments,
    }))
}
