//! What a deployment comes to, from what is there.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_upstream::Request;
use serde::Deserialize;

use super::deploy_request::{DeployStack, Mode};
use super::stack::without_login;
use crate::client::Portainer;
use crate::compose;
use crate::types::{Endpoint, Stack};
use crate::words::{EndpointType, StackType};

/// What is to be done, worked out without changing anything.
pub(super) struct Plan {
    pub(super) endpoint: Endpoint,
    pub(super) found: Option<Stack>,
    pub(super) kind: StackType,
    /// The file that is to be deployed, unless it comes from git.
    pub(super) file: Option<String>,
    /// The file that is deployed now.
    pub(super) before: Option<String>,
    pub(super) warnings: Vec<String>,
}

impl Plan {
    pub(super) async fn of(portainer: &Portainer, args: &DeployStack) -> ToolResult<Self> {
        args.check()?;
        portainer.recent().await?;
        let endpoint = portainer.find_endpoint(args.endpoint.as_deref()).await?;
        let stacks = portainer.stacks(Some(endpoint.id)).await?;
        let found = stacks
            .into_iter()
            .find(|stack| stack.name.eq_ignore_ascii_case(&args.name));
        let kind = match &found {
            Some(stack) => StackType::of(stack).unwrap_or(StackType::Compose),
            None => args.kind.unwrap_or(default_kind(&endpoint)),
        };
        refuse_contradictions(args, found.as_ref(), kind, &endpoint)?;
        let before = match &found {
            Some(stack) if stack.git.is_none() => portainer.stack_file(stack.id).await?,
            _ => None,
        };
        let file = match (&args.stack_file, &found) {
            (Some(file), _) => Some(file.clone()),
            (None, Some(_)) => before.clone(),
            (None, None) => None,
        };
        let warnings = match &file {
            Some(file) => examined(portainer, file, kind)?,
            None => Vec::new(),
        };
        Ok(Self {
            endpoint,
            found,
            kind,
            file,
            before,
            warnings,
        })
    }

    pub(super) async fn request(
        &self,
        portainer: &Portainer,
        args: &DeployStack,
    ) -> ToolResult<Request> {
        if let Some(stack) = &self.found {
            return Ok(match &self.file {
                Some(file) => args.update(stack, file),
                None => args.redeploy(stack),
            });
        }
        let id = self.endpoint.id;
        let swarm = if self.kind == StackType::Swarm {
            Some(portainer.swarm_id(&self.endpoint).await?)
        } else {
            None
        };
        let swarm = swarm.as_deref();
        match (&self.file, &args.git) {
            (Some(file), _) => Ok(args.create(self.kind, id, file, swarm)),
            (None, Some(git)) => Ok(args.create_from_git(self.kind, id, git, swarm)),
            (None, None) => Err(ToolError::internal("a new stack without a file")),
        }
    }
}

/// What an environment can run.
fn default_kind(endpoint: &Endpoint) -> StackType {
    if EndpointType::of(endpoint).is_kubernetes() {
        StackType::Kubernetes
    } else {
        StackType::Compose
    }
}

fn refuse_contradictions(
    args: &DeployStack,
    found: Option<&Stack>,
    kind: StackType,
    endpoint: &Endpoint,
) -> ToolResult<()> {
    let name = &args.name;
    match (args.mode, found) {
        (Mode::Create, Some(stack)) => {
            let message = format!(
                "there is a stack `{name}` ({}) in `{}`",
                stack.id, endpoint.name
            );
            return Err(ToolError::new(Code::Conflict, message)
                .reason("stack_exists")
                .field("name")
                .hint("update it with `mode` `update`, or choose another name"));
        }
        (Mode::Update, None) => {
            let message = format!("there is no stack `{name}` in `{}`", endpoint.name);
            return Err(ToolError::not_found(message)
                .reason("stack_not_found")
                .field("name")
                .hint("see `list_stacks`, or create it with `mode` `create`"));
        }
        _ => {}
    }
    if let (Some(wanted), Some(_)) = (args.kind, found)
        && wanted != kind
    {
        let message = format!("the stack `{name}` is of another type");
        return Err(
            ToolError::invalid("type", message).hint("leave `type` out for one that is there")
        );
    }
    if (kind == StackType::Kubernetes) != EndpointType::of(endpoint).is_kubernetes() {
        let message = format!("`{}` cannot run a stack of this type", endpoint.name);
        return Err(ToolError::invalid("type", message));
    }
    let git_url = args.git.as_ref().and_then(|git| git.url.as_ref());
    match found {
        None if args.stack_file.is_none() && git_url.is_none() => {
            let message = format!("there is no stack `{name}` yet: a new one needs a file");
            Err(ToolError::invalid("stack_file", message)
                .hint("give `stack_file`, or `git` with its `url`"))
        }
        Some(stack) if stack.git.is_some() && args.stack_file.is_some() => {
            let message = format!("the file of `{name}` comes from git");
            Err(ToolError::invalid("stack_file", message)
                .hint("change it in the repository and deploy without `stack_file`"))
        }
        Some(stack) if stack.git.is_none() && args.git.is_some() => {
            let message = format!("the stack `{name}` does not come from git");
            Err(ToolError::invalid("git", message).hint("remove it first to deploy it from git"))
        }
        Some(Stack { git: Some(git), .. })
            if git_url.is_some_and(|url| *url != without_login(&git.url)) =>
        {
            let message = format!("the stack `{name}` comes from another repository");
            Err(ToolError::invalid("git.url", message)
                .hint("remove it first to deploy it from this one"))
        }
        _ => Ok(()),
    }
}

/// Refuses what is no file for a stack of this type; says where it reaches out of its containers.
fn examined(portainer: &Portainer, file: &str, kind: StackType) -> ToolResult<Vec<String>> {
    let wrong =
        |message: String| ToolError::invalid("stack_file", message).reason("stack_file_invalid");
    if kind == StackType::Kubernetes {
        compose::read_manifests(file).map_err(wrong)?;
        return Ok(Vec::new());
    }
    let found = compose::read(file).map_err(wrong)?;
    if portainer.config.refuse_privileged && !found.reaches_out.is_empty() {
        let message = found.reaches_out.join("; ");
        return Err(ToolError::new(Code::PermissionDenied, message)
            .reason("privileged_refused")
            .field("stack_file")
            .hint(format!(
                "the owner forbids this with `{}.refuse_privileged`",
                portainer.who.section
            )));
    }
    Ok(found.reaches_out)
}

impl Portainer {
    /// The id of the swarm that an engine belongs to, through Portainer.
    ///
    /// # Errors
    /// `conflict` with reason `not_a_swarm`.
    async fn swarm_id(&self, endpoint: &Endpoint) -> ToolResult<String> {
        #[derive(Deserialize)]
        struct Swarm {
            #[serde(rename = "ID", default)]
            id: String,
        }
        let request = Request::get("swarm", "/endpoints/{}/docker/swarm", &[&endpoint.id]);
        let found: ToolResult<Option<Swarm>> = self.maybe(request).await;
        let no_swarm = || {
            let message = format!("the engine of `{}` is in no swarm", endpoint.name);
            ToolError::new(Code::Conflict, message)
                .reason("not_a_swarm")
                .field("type")
                .hint("deploy it as `compose`")
        };
        match found {
            Ok(Some(Swarm { id })) if !id.is_empty() => Ok(id),
            Ok(_) => Err(no_swarm()),
            // An engine outside of a swarm answers 503.
            Err(error) if error.envelope().upstream_status == Some(503) => Err(no_swarm()),
            Err(error) => Err(error),
        }
    }
}
