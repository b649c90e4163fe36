//! Lists containers.

use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::paging::page;
use crate::types::Summary;
use crate::{ports, resolve, times};

/// Which containers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListContainers {
    /// Only those in this state.
    status: Option<Status>,
    /// Only those whose name contains this.
    #[schemars(length(max = 128))]
    name: Option<String>,
    /// Only those with this label: `name` or `name=value`.
    #[schemars(length(max = 256))]
    label: Option<String>,
    /// Only those made from this image: its name, with or without a tag.
    #[schemars(length(max = 512))]
    image: Option<String>,
    /// Also measure what each has written; slow.
    #[serde(default)]
    size: bool,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// The state of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }
}

/// A container.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ContainerRow {
    /// Name.
    pub(crate) name: String,
    /// Beginning of the id.
    pub(crate) id: String,
    /// Image it was made from.
    pub(crate) image: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    pub(crate) state: String,
    /// The same in the engine's words, such as `Up 3 hours (healthy)`.
    pub(crate) status: String,
    /// Ports, such as `0.0.0.0:8080->80/tcp`.
    pub(crate) ports: Vec<String>,
    /// Networks it is attached to.
    pub(crate) networks: Vec<String>,
    /// Compose project and service it belongs to, as `project/service`.
    pub(crate) compose: Option<String>,
    /// When it was made.
    #[schemars(with = "Option<String>")]
    pub(crate) created: Option<Micros>,
    /// Bytes it has written; only with `size`.
    pub(crate) written_bytes: Option<i64>,
}

impl From<Summary> for ContainerRow {
    fn from(container: Summary) -> Self {
        let label = |name: &str| container.labels.get(&format!("com.docker.compose.{name}"));
        let compose = label("project").map(|project| match label("service") {
            Some(service) => format!("{project}/{service}"),
            None => project.clone(),
        });
        Self {
            name: container.name().to_owned(),
            id: resolve::short(&container.id),
            ports: ports::listed(&container.ports),
            networks: container
                .network_settings
                .networks
                .keys()
                .cloned()
                .collect(),
            compose,
            created: times::from_seconds(container.created),
            written_bytes: container.size_rw,
            image: container.image,
            state: container.state,
            status: container.status,
        }
    }
}

/// List containers, stopped ones too, with image, state, health, ports, networks and compose project.
#[tool(
    read,
    open_world,
    permission = "docker:container:read",
    timeout = 90,
    untrusted(
        "items.name",
        "items.image",
        "items.status",
        "items.networks",
        "items.compose"
    )
)]
pub(crate) async fn list_containers(
    docker: &Docker,
    args: ListContainers,
) -> ToolResult<Page<ContainerRow>> {
    let engine = docker.engine(args.host.as_deref())?;
    let containers = engine.containers(args.size).await?;
    let rows = containers
        .into_iter()
        .filter(|container| fits(container, &args))
        .map(ContainerRow::from)
        .collect();
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        format!("{}\n{}", row.name, row.id)
    })
}

fn fits(container: &Summary, args: &ListContainers) -> bool {
    let label = |label: &str| match label.split_once('=') {
        Some((name, value)) => container
            .labels
            .get(name)
            .is_some_and(|found| found == value),
        None => container.labels.contains_key(label),
    };
    let image = |image: &str| {
        let rest = container.image.strip_prefix(image);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
    };
    args.status
        .is_none_or(|status| container.state.eq_ignore_ascii_case(status.as_str()))
        && args
            .name
            .as_deref()
            .is_none_or(|name| container.name().contains(name))
        && args.label.as_deref().is_none_or(label)
        && args.image.as_deref().is_none_or(image)
}
