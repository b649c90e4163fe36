//! Removing containers.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OneContainer, lifecycle};
use crate::client::{Docker, Engine};
use crate::types::{Inspect, Summary, Volume};
use crate::{ports, resolve};

/// Which container, and what goes with it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Kill it if it runs.
    #[serde(default)]
    force: bool,
    /// Also remove its anonymous volumes, and the data in them.
    #[serde(default)]
    volumes: bool,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A container that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RemovedContainer {
    /// Name it had.
    name: String,
    /// Its id.
    id: String,
    /// Anonymous volumes that went with it.
    volumes_removed: Vec<String>,
    /// Volumes that are still there.
    volumes_kept: Vec<String>,
}

/// Remove a container and what it has written; named volumes stay, anonymous ones unless `volumes`.
#[tool(
    destructive,
    open_world,
    permission = "docker:container:delete",
    timeout = 120,
    preview = preview_remove,
    targets = remove_targets,
    untrusted("name")
)]
pub(crate) async fn remove_container(
    docker: &Docker,
    args: RemoveContainer,
) -> ToolResult<RemovedContainer> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    if container.is_running() && !args.force {
        let text = format!(
            "the container `{}` is {}",
            container.name(),
            container.state
        );
        return Err(ToolError::new(Code::Conflict, text)
            .reason("container_running")
            .hint("call `stop_container` first, or pass `force` to kill it"));
    }
    let details = engine.inspect(&container.id).await?;
    let (anonymous, named) = volumes(&details);
    engine
        .remove(&container.id, args.force, args.volumes)
        .await?;
    let (volumes_removed, volumes_kept) = if args.volumes {
        // Engines keep those that others use.
        let left: Vec<String> = engine
            .volumes()
            .await?
            .into_iter()
            .map(|volume| volume.name)
            .collect();
        let (kept, removed): (Vec<_>, Vec<_>) =
            anonymous.into_iter().partition(|name| left.contains(name));
        (removed, named.into_iter().chain(kept).collect())
    } else {
        (Vec::new(), named.into_iter().chain(anonymous).collect())
    };
    Ok(RemovedContainer {
        name: container.name().to_owned(),
        id: container.id,
        volumes_removed,
        volumes_kept,
    })
}

async fn preview_remove(docker: &Docker, args: &RemoveContainer) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let details = engine.inspect(&container.id).await?;
    Ok(Preview {
        summary: format!(
            "remove the container `{}` ({}) of image `{}` on `{}`",
            container.name(),
            resolve::short(&container.id),
            container.image,
            engine.name
        ),
        changes: Vec::new(),
        impact: impact(engine, args, &container, &details).await,
    })
}

async fn impact(
    engine: &Engine,
    args: &RemoveContainer,
    container: &Summary,
    details: &Inspect,
) -> Vec<String> {
    let mut lines = Vec::new();
    if container.is_running() {
        lines.push(if args.force {
            format!("it is {}: it will be killed", container.state)
        } else {
            format!(
                "it is {}: the call will be refused without `force`",
                container.state
            )
        });
    }
    let ports = ports::listed(&container.ports);
    if !ports.is_empty() {
        lines.push(format!("frees the ports {}", ports.join(", ")));
    }
    let networks: Vec<&str> = container
        .network_settings
        .networks
        .keys()
        .map(String::as_str)
        .collect();
    if !networks.is_empty() {
        lines.push(format!("leaves the networks {}", networks.join(", ")));
    }
    for mount in &details.mounts {
        let place = &mount.destination;
        lines.push(match (&mount.name, mount.kind.as_str()) {
            (Some(name), "volume") if is_anonymous(name) && args.volumes => {
                format!(
                    "loses the anonymous volume `{}` at `{place}` with its data",
                    resolve::short(name)
                )
            }
            (Some(name), "volume") if is_anonymous(name) => {
                format!(
                    "keeps the anonymous volume `{}` at `{place}`, which nothing will use",
                    resolve::short(name)
                )
            }
            (Some(name), "volume") => format!("keeps the volume `{name}` at `{place}`"),
            _ => format!("keeps `{}` of the host at `{place}`", mount.source),
        });
    }
    // What was written outside of mounts is lost; measuring it may fail on slow disks, and is no reason
    // to refuse the preview.
    let measured = engine.containers(true).await.unwrap_or_default();
    let written = measured
        .iter()
        .find(|one| one.id == container.id)
        .and_then(|one| one.size_rw);
    lines.push(match written {
        Some(bytes) => {
            format!("loses {bytes} bytes that it has written outside of its mounts, and its logs")
        }
        None => "loses what it has written outside of its mounts, and its logs".to_owned(),
    });
    lines
}

async fn remove_targets(docker: &Docker, args: &RemoveContainer) -> ToolResult<Vec<Target>> {
    let one = OneContainer {
        container: args.container.clone(),
        host: args.host.clone(),
    };
    lifecycle::one_target(docker, &one).await
}

/// Its anonymous and its named volumes.
fn volumes(details: &Inspect) -> (Vec<String>, Vec<String>) {
    let names = details
        .mounts
        .iter()
        .filter(|mount| mount.kind == "volume")
        .filter_map(|mount| mount.name.clone());
    names.partition(|name| is_anonymous(name))
}

fn is_anonymous(name: &str) -> bool {
    Volume {
        name: name.to_owned(),
        ..Volume::default()
    }
    .is_anonymous()
}
