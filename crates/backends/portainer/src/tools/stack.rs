//! One stack and its file.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::render::printable;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stacks::{StackRow, row};
use crate::client::Portainer;
use crate::compose;
use crate::types::Stack;
use crate::words::StackType;

/// Characters kept of a message.
const LONGEST: usize = 600;
/// Bytes of a file that are shown.
const MOST_BYTES: usize = 256 * 1024;

/// Which stack.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichStack {
    /// Its name or id.
    #[schemars(length(min = 1, max = 100))]
    pub(super) stack: String,
    /// Its environment's name or id, where several have a stack of this name.
    #[schemars(length(min = 1, max = 100))]
    pub(super) endpoint: Option<String>,
}

impl WhichStack {
    pub(super) async fn found(&self, portainer: &Portainer) -> ToolResult<Stack> {
        portainer
            .find_stack(&self.stack, self.endpoint.as_deref())
            .await
    }
}

/// Where a stack's file comes from.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GitRow {
    /// Address of the repository, without user and password.
    url: String,
    reference: Option<String>,
    /// The file within it.
    file: Option<String>,
    /// The commit that is deployed.
    commit: Option<String>,
}

/// A stack.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StackDetails {
    stack: StackRow,
    /// Names of its variables; their values are not shown.
    variables: Vec<String>,
    git: Option<GitRow>,
    /// Whether it is updated from the repository by itself.
    auto_update: bool,
    /// What the last deployment said.
    message: Option<String>,
    created_by: Option<String>,
    updated_by: Option<String>,
}

/// Show one stack: state, what its last deployment said, the names of its variables (never their values), and where its file comes from.
#[tool(
    read,
    open_world,
    permission = "portainer:stack:read",
    title = "Show a stack",
    timeout = 60,
    untrusted("message")
)]
pub(crate) async fn get_stack(portainer: &Portainer, args: WhichStack) -> ToolResult<StackDetails> {
    let stack = args.found(portainer).await?;
    let endpoints = portainer.endpoints().await?;
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Ok(StackDetails {
        variables: stack.env.iter().map(|pair| pair.name.clone()).collect(),
        git: stack.git.as_ref().map(|git| GitRow {
            url: without_login(&git.url),
            reference: some(&git.reference_name),
            file: some(&git.config_file_path),
            commit: git.config_hash.clone(),
        }),
        auto_update: stack
            .auto_update
            .as_ref()
            .is_some_and(|value| !value.is_null()),
        message: last_message(&stack),
        created_by: stack.created_by.clone().filter(|name| !name.is_empty()),
        updated_by: stack.updated_by.clone().filter(|name| !name.is_empty()),
        stack: row(&stack, &endpoints),
    })
}

/// What the last step of the last deployment said.
pub(super) fn last_message(stack: &Stack) -> Option<String> {
    let said = stack.deployment_status.iter().rev();
    let mut said = said.filter_map(|step| step.message.as_deref());
    let text = printable(said.find(|text| !text.trim().is_empty())?);
    let length = text.chars().count();
    Some(text.chars().skip(length.saturating_sub(LONGEST)).collect())
}

/// An address without user and password.
pub(crate) fn without_login(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            match authority.rsplit_once('@') {
                Some((_, host)) => {
                    let path = rest.get(authority.len()..).unwrap_or_default();
                    format!("{scheme}://{host}{path}")
                }
                None => url.to_owned(),
            }
        }
        None => url.to_owned(),
    }
}

/// The file of a stack.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StackFileShown {
    stack: String,
    id: u64,
    /// Compose file or manifests, as deployed; cut at 256 KiB.
    content: String,
    /// Whether there is more.
    truncated: bool,
    /// Its services, or the kinds of its manifests.
    services: Vec<String>,
    /// Where its containers reach out of themselves.
    reaches_out: Vec<String>,
}

/// Show the compose file or manifests of a stack as Portainer deployed them, with its services and what reaches out of its containers.
#[tool(
    read,
    open_world,
    permission = "portainer:stack:read",
    title = "Show a stack's file",
    timeout = 60,
    untrusted("content")
)]
pub(crate) async fn get_stack_file(
    portainer: &Portainer,
    args: WhichStack,
) -> ToolResult<StackFileShown> {
    let stack = args.found(portainer).await?;
    let Some(mut content) = portainer.stack_file(stack.id).await? else {
        let message = format!("Portainer has no file of the stack `{}`", stack.name);
        return Err(ToolError::not_found(message)
            .reason("stack_file_missing")
            .hint("deploy it again with a file"));
    };
    let (services, reaches_out) = match StackType::of(&stack) {
        Some(StackType::Kubernetes) => (
            compose::read_manifests(&content).unwrap_or_default(),
            Vec::new(),
        ),
        _ => compose::read(&content)
            .map(|found| (found.services, found.reaches_out))
            .unwrap_or_default(),
    };
    let truncated = content.len() > MOST_BYTES;
    content.truncate(content.floor_char_boundary(MOST_BYTES));
    Ok(StackFileShown {
        stack: stack.name,
        id: stack.id,
        content,
        truncated,
        services,
        reaches_out,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_shown_without_its_login() {
        assert_eq!(
            without_login("https://u:p@git.test/a/b"),
            "https://git.test/a/b"
        );
        assert_eq!(
            without_login("https://git.test/a@b"),
            "https://git.test/a@b"
        );
        assert_eq!(without_login("git@git.test:a/b"), "git@git.test:a/b");
    }
}
