//! Makes containers.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Effect, Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::images::existing;
use super::transfer;
use crate::client::{Docker, Engine};
use crate::ports;
use crate::reference::is_id;
use crate::resolve;
use crate::types::{Created, Texts};

mod spec;

use spec::{CreateContainer, Pull};

/// A container that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CreatedContainer {
    /// Name.
    name: String,
    /// Id.
    id: String,
    /// Whether its image was fetched first.
    pulled: bool,
    /// State now.
    state: String,
    /// Exit code, if it has ended already.
    exit_code: Option<i64>,
    /// Ports, such as `127.0.0.1:8080->80/tcp`.
    ports: Vec<String>,
    /// What the engine warns of.
    warnings: Vec<String>,
}

/// Make a container from an image, fetched if needed, and start it. Whatever gives it power over the host (privileged, capabilities, devices, host network, system paths, the engine's socket) counts as critical; open ports and host paths as destructive.
#[tool(
    critical,
    open_world,
    permission = "docker:container:create",
    timeout = 1800,
    sensitive_args("env"),
    effect = create_effect,
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    untrusted("warnings")
)]
pub(crate) async fn create_container(
    docker: &Docker,
    args: CreateContainer,
    ctx: &CallContext,
) -> ToolResult<CreatedContainer> {
    let body = args.body()?;
    let engine = docker.writable(args.host.as_deref())?;
    if let Some(name) = &args.name
        && engine
            .containers(false)
            .await?
            .iter()
            .any(|one| one.name() == name)
    {
        return Err(taken(engine, name, None));
    }
    let pulled = fetch(docker, engine, &args, ctx).await?;
    let made = create(engine, args.name.as_deref(), args.platform.as_deref(), body).await?;
    if args.start.unwrap_or(true)
        && let Err(error) = engine.start(&made.id).await
    {
        // Half of what was asked for helps nobody, and would be in the way of the next attempt.
        let left = engine.remove(&made.id, true, true).await.is_err();
        let error = ToolError::from(error);
        let hint = if left {
            "it was made, could not be started, and could not be removed again: see `list_containers`"
        } else {
            "it was made, could not be started, and was removed again; correct the arguments"
        };
        return Err(error.reason("start_failed").hint(hint));
    }
    let now = engine.inspect(&made.id).await?;
    Ok(CreatedContainer {
        name: now.name.trim_start_matches('/').to_owned(),
        id: made.id,
        pulled,
        exit_code: (!now.state.running && now.state.status != "created")
            .then_some(now.state.exit_code),
        state: now.state.status,
        ports: ports::inspected(&now.network_settings),
        warnings: made
            .warnings
            .iter()
            .map(|warning| engine.clean(warning))
            .collect(),
    })
}

/// Makes a container; a name that is taken is said so.
pub(super) async fn create(
    engine: &Engine,
    name: Option<&str>,
    platform: Option<&str>,
    body: Value,
) -> ToolResult<Created> {
    match engine.create(name, platform, body).await {
        Ok(made) => Ok(made),
        Err(error) if error.status() == Some(409) => {
            Err(taken(engine, name.unwrap_or_default(), Some(error.said())))
        }
        Err(error) if error.status() == Some(400) => Err(ToolError::new(
            Code::InvalidArgument,
            format!("the engine does not take this: {}", error.said()),
        )
        .upstream_status(400)),
        Err(error) => Err(error.into()),
    }
}

fn taken(engine: &Engine, name: &str, said: Option<&str>) -> ToolError {
    let text = match said {
        Some(said) => format!("the name `{name}` is taken on `{}`: {said}", engine.name),
        None => format!(
            "there is a container `{name}` on the Docker host `{}` already",
            engine.name
        ),
    };
    ToolError::new(Code::Conflict, text)
        .reason("name_in_use")
        .field("name")
        .hint("choose another name, or `remove_container` or `recreate_container` the present one")
}

async fn fetch(
    docker: &Docker,
    engine: &Engine,
    args: &CreateContainer,
    ctx: &CallContext,
) -> ToolResult<bool> {
    let here = if is_id(&args.image) {
        resolve::image(engine, &args.image).await?;
        true
    } else {
        existing(engine, &args.reference()?.complete())
            .await?
            .is_some()
    };
    match args.pull {
        Pull::Always => {}
        Pull::Missing if !here => {}
        Pull::Never if !here => {
            resolve::image(engine, &args.image).await?;
            return Ok(false);
        }
        Pull::Missing | Pull::Never => return Ok(false),
    }
    let image = transfer::pullable(&args.image)?;
    transfer::pull(docker, engine, &image, args.platform.as_deref(), Some(ctx)).await?;
    Ok(true)
}
fn create_effect(_: &Docker, args: &CreateContainer) -> Effect {
    args.effect()
}

async fn preview_create(docker: &Docker, args: &CreateContainer) -> ToolResult<Preview> {
    args.body()?;
    let engine = docker.engine(args.host.as_deref())?;
    let mut impact = Vec::new();
    let (critical, notable) = args.dangers();
    impact.extend(
        critical
            .into_iter()
            .map(|danger| format!("power over the host: {danger}")),
    );
    impact.extend(notable);
    let here = is_id(&args.image)
        || existing(engine, &args.reference()?.complete())
            .await?
            .is_some();
    if args.pull == Pull::Always || args.pull == Pull::Missing && !here {
        impact.push(format!("fetches `{}`", args.image));
    }
    if !args.env.is_empty() {
        let names: Vec<&str> = args.env.keys().map(String::as_str).collect();
        impact.push(format!("with the variables {}", names.join(", ")));
    }
    if let Some(command) = &args.command {
        impact.push(format!(
            "runs `{}`",
            crate::secrets::command(command).join(" ")
        ));
    }
    let name = args
        .name
        .as_ref()
        .map(|name| format!(" `{name}`"))
        .unwrap_or_default();
    Ok(Preview {
        summary: format!(
            "make the container{name} from `{}` on `{}`",
            args.image, engine.name
        ),
        changes: Vec::new(),
        impact,
    })
}

#[expect(clippy::unused_async, reason = "hooks are async")]
async fn create_targets(_: &Docker, args: &CreateContainer) -> ToolResult<Vec<Target>> {
    let image = resolve::target("image", &args.image, Some(&args.image), &Texts::new());
    Ok(vec![
        resolve::target("container", "", args.name.as_deref(), &args.labels),
        image,
    ])
}

/// Only a name that we chose can be named afterwards.
#[expect(clippy::unused_async, reason = "hooks are async")]
async fn undo_create(docker: &Docker, args: &CreateContainer) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    Ok(args.name.as_ref().map(|name| Inverse {
        tool: "remove_container".to_owned(),
        arguments: json!({ "container": name, "force": true, "volumes": true, "host": engine.name }),
    }))
}
