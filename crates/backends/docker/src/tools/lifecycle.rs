//! Starting, stopping, restarting and pausing containers.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::OneContainer;
use crate::client::error::ApiError;
use crate::client::{Docker, Engine};
use crate::types::Summary;
use crate::{ports, resolve};

/// A container after a change of its state.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StateChange {
    /// Name.
    name: String,
    /// Beginning of the id.
    id: String,
    /// Whether anything changed; `false` where it was like that already.
    changed: bool,
    /// State afterwards.
    state: String,
    /// Exit code, once it has ended.
    exit_code: Option<i64>,
    /// Why it could not be started, in the engine's words.
    error: Option<String>,
}

impl StateChange {
    async fn read(engine: &Engine, container: &Summary, changed: bool) -> ToolResult<Self> {
        let now = engine.inspect(&container.id).await?.state;
        Ok(Self {
            name: container.name().to_owned(),
            id: resolve::short(&container.id),
            changed,
            exit_code: (!now.running && now.status != "created").then_some(now.exit_code),
            error: (!now.error.is_empty()).then(|| engine.clean(&now.error)),
            state: now.status,
        })
    }
}

/// Start a container that is created or stopped; says whether it still ran right after.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "docker:container:power",
    timeout = 90,
    preview = preview_start,
    targets = one_target,
    inverse = undo_start,
    untrusted("name", "error")
)]
pub(crate) async fn start_container(
    docker: &Docker,
    args: OneContainer,
) -> ToolResult<StateChange> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    if container.state == "paused" {
        let text = format!(
            "the container `{}` is paused, not stopped",
            container.name()
        );
        return Err(ToolError::new(Code::Conflict, text)
            .reason("container_paused")
            .hint("call `unpause_container`"));
    }
    let changed = engine.start(&container.id).await?;
    StateChange::read(engine, &container, changed).await
}

async fn preview_start(docker: &Docker, args: &OneContainer) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    Ok(preview(engine, "start", &container, Vec::new()))
}

/// Only what was not running is stopped again.
async fn undo_start(docker: &Docker, args: &OneContainer) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    Ok((!container.is_running()).then(|| inverse("stop_container", engine, &container)))
}

/// Which container, and how long it may take to end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Seconds until it is killed; default: what it was made with, or 10.
    #[schemars(range(min = 0, max = 300))]
    timeout: Option<u32>,
    /// Signal instead of its own, such as `SIGINT`; engines before 23 ignore it.
    #[schemars(length(max = 16), regex(pattern = r"^[A-Z0-9+]+$"))]
    signal: Option<String>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

impl StopContainer {
    fn one(&self) -> OneContainer {
        OneContainer {
            container: self.container.clone(),
            host: self.host.clone(),
        }
    }
}

/// Stop a container: its signal first, a kill when the time is up.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "docker:container:power",
    timeout = 400,
    preview = preview_stop,
    targets = stop_targets,
    inverse = undo_stop,
    untrusted("name", "error")
)]
pub(crate) async fn stop_container(
    docker: &Docker,
    args: StopContainer,
) -> ToolResult<StateChange> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let changed = engine
        .stop(&container.id, args.timeout, args.signal.as_deref())
        .await?;
    StateChange::read(engine, &container, changed).await
}

async fn preview_stop(docker: &Docker, args: &StopContainer) -> ToolResult<Preview> {
    interruption(docker, &args.one(), "stop").await
}

async fn stop_targets(docker: &Docker, args: &StopContainer) -> ToolResult<Vec<Target>> {
    one_target(docker, &args.one()).await
}

/// Only what was running is started again; one that removes itself cannot be.
async fn undo_stop(docker: &Docker, args: &StopContainer) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let gone = engine.inspect(&container.id).await?.host_config.auto_remove;
    Ok((container.is_running() && !gone).then(|| inverse("start_container", engine, &container)))
}

/// Restart a container.
#[tool(
    destructive,
    open_world,
    permission = "docker:container:power",
    timeout = 400,
    preview = preview_restart,
    targets = restart_targets,
    untrusted("name", "error")
)]
pub(crate) async fn restart_container(
    docker: &Docker,
    args: RestartContainer,
) -> ToolResult<StateChange> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    engine.restart(&container.id, args.timeout).await?;
    StateChange::read(engine, &container, true).await
}

/// Which container, and how long it may take to end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestartContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Seconds until it is killed; default: what it was made with, or 10.
    #[schemars(range(min = 0, max = 300))]
    timeout: Option<u32>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

impl RestartContainer {
    fn one(&self) -> OneContainer {
        OneContainer {
            container: self.container.clone(),
            host: self.host.clone(),
        }
    }
}

async fn preview_restart(docker: &Docker, args: &RestartContainer) -> ToolResult<Preview> {
    interruption(docker, &args.one(), "restart").await
}

async fn restart_targets(docker: &Docker, args: &RestartContainer) -> ToolResult<Vec<Target>> {
    one_target(docker, &args.one()).await
}

/// Freeze all processes of a running container, without ending them.
#[tool(
    destructive,
    open_world,
    permission = "docker:container:power",
    preview = preview_pause,
    targets = one_target,
    inverse = undo_pause,
    untrusted("name", "error")
)]
pub(crate) async fn pause_container(
    docker: &Docker,
    args: OneContainer,
) -> ToolResult<StateChange> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    if container.state == "paused" {
        return StateChange::read(engine, &container, false).await;
    }
    engine.pause(&container.id).await.map_err(not_running)?;
    StateChange::read(engine, &container, true).await
}

async fn preview_pause(docker: &Docker, args: &OneContainer) -> ToolResult<Preview> {
    interruption(docker, args, "pause").await
}

async fn undo_pause(docker: &Docker, args: &OneContainer) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    Ok((container.state == "running").then(|| inverse("unpause_container", engine, &container)))
}

/// Let the processes of a paused container go on.
#[tool(
    write,
    open_world,
    permission = "docker:container:power",
    targets = one_target,
    inverse = undo_unpause,
    untrusted("name", "error")
)]
pub(crate) async fn unpause_container(
    docker: &Docker,
    args: OneContainer,
) -> ToolResult<StateChange> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    if container.state == "running" {
        return StateChange::read(engine, &container, false).await;
    }
    engine.unpause(&container.id).await.map_err(not_running)?;
    StateChange::read(engine, &container, true).await
}

async fn undo_unpause(docker: &Docker, args: &OneContainer) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    Ok((container.state == "paused").then(|| inverse("pause_container", engine, &container)))
}

/// Engines answer 409, some 500, to what only a running container can do.
fn not_running(error: ApiError) -> ToolError {
    if error.said().contains("not running") || error.said().contains("not paused") {
        return ToolError::new(
            Code::Conflict,
            format!("that needs a running container: {}", error.said()),
        )
        .reason("container_not_running")
        .hint("call `start_container` first")
        .upstream_status(error.status().unwrap_or(409));
    }
    error.into()
}

/// The container of a call, for rules about protected objects.
pub(super) async fn one_target(docker: &Docker, args: &OneContainer) -> ToolResult<Vec<Target>> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    Ok(vec![resolve::container_target(&container)])
}

pub(super) fn inverse(tool: &str, engine: &Engine, container: &Summary) -> Inverse {
    Inverse {
        tool: tool.to_owned(),
        arguments: json!({ "container": container.id, "host": engine.name }),
    }
}

async fn interruption(docker: &Docker, args: &OneContainer, verb: &str) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let mut impact = Vec::new();
    if container.is_running() {
        let ports = ports::listed(&container.ports);
        if !ports.is_empty() {
            impact.push(format!("does not answer at {}", ports.join(", ")));
        }
        let shared: Vec<String> = sharing(engine, &container).await?;
        if !shared.is_empty() {
            impact.push(format!(
                "shares networks with running containers: {}",
                shared.join(", ")
            ));
        }
        if verb != "pause" && engine.inspect(&container.id).await?.host_config.auto_remove {
            impact.push("removes itself when it ends".to_owned());
        }
    } else {
        impact.push(format!("does not run now ({})", container.status));
    }
    Ok(preview(engine, verb, &container, impact))
}

/// Running containers that may talk to this one: in a network of its own, not the common bridge.
async fn sharing(engine: &Engine, container: &Summary) -> ToolResult<Vec<String>> {
    let own: Vec<&String> = container
        .network_settings
        .networks
        .keys()
        .filter(|name| !matches!(name.as_str(), "bridge" | "host" | "none"))
        .collect();
    let others = engine.containers(false).await?;
    let shares = |other: &&Summary| {
        other.id != container.id
            && other.is_running()
            && other
                .network_settings
                .networks
                .keys()
                .any(|name| own.contains(&name))
    };
    Ok(others
        .iter()
        .filter(shares)
        .map(|other| format!("`{}`", other.name()))
        .take(20)
        .collect())
}

fn preview(engine: &Engine, verb: &str, container: &Summary, impact: Vec<String>) -> Preview {
    Preview {
        summary: format!(
            "{verb} the container `{}` ({}) of image `{}` on `{}`",
            container.name(),
            resolve::short(&container.id),
            container.image,
            engine.name
        ),
        changes: Vec::new(),
        impact,
    }
}
