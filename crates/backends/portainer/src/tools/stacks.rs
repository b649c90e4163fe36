//! Stacks: what is deployed where.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Portainer;
use crate::types::{Container, Endpoint, Stack};
use crate::words::{EndpointStatus, EndpointType, StackStatus, StackType, time};
use homelab_backend::page::page;

/// Engines that are asked at a time.
const AT_A_TIME: usize = 4;
/// Containers are marked with the project they belong to.
const PROJECT: &str = "com.docker.compose.project";
/// And with the stack of a swarm.
const SWARM_STACK: &str = "com.docker.stack.namespace";

/// Which stacks.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListStacks {
    /// Only in this environment: its name or id.
    #[schemars(length(min = 1, max = 100))]
    endpoint: Option<String>,
    /// Only in this state.
    status: Option<StackStatus>,
    /// Also those that were not deployed through Portainer: asks each Docker engine for the labels
    /// of its containers.
    include_external: bool,
    /// Most rows; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 400))]
    cursor: Option<String>,
}

/// A stack.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct StackRow {
    /// What other tools take besides the name; absent for one that Portainer does not know.
    pub(super) id: Option<u64>,
    pub(super) name: String,
    /// Name of its environment.
    pub(super) endpoint: String,
    pub(super) endpoint_id: u64,
    #[serde(rename = "type")]
    pub(super) kind: Option<StackType>,
    pub(super) status: StackStatus,
    /// It was not deployed through Portainer and cannot be changed there.
    pub(super) external: bool,
    /// Its file comes from a git repository.
    pub(super) git: bool,
    /// Its Kubernetes namespace.
    pub(super) namespace: Option<String>,
    pub(super) created: Option<Micros>,
    pub(super) updated: Option<Micros>,
    /// Its containers that run, for external ones.
    pub(super) running: Option<usize>,
}

/// Stacks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StackList {
    /// By environment and name.
    #[serde(flatten)]
    page: Page<StackRow>,
    /// Engines that could not be asked for external ones.
    problems: Vec<String>,
}

/// List the stacks of Portainer over all environments: name, environment, type, state; with `include_external` also compose projects that were deployed without Portainer.
#[tool(
    read,
    open_world,
    permission = "portainer:stack:read",
    title = "List stacks",
    timeout = 120
)]
pub(crate) async fn list_stacks(portainer: &Portainer, args: ListStacks) -> ToolResult<StackList> {
    let mut endpoints = portainer.endpoints().await?;
    let only = match &args.endpoint {
        Some(name) => Some(portainer.find_endpoint(Some(name)).await?.id),
        None => None,
    };
    if let Some(only) = only {
        endpoints.retain(|endpoint| endpoint.id == only);
    }
    let stacks = portainer.stacks(only).await?;
    let mut rows: Vec<StackRow> = stacks.iter().map(|stack| row(stack, &endpoints)).collect();
    let mut problems = Vec::new();
    if args.include_external {
        let (external, wrong) = external(portainer, &endpoints, &rows).await;
        rows.extend(external);
        problems = wrong;
    }
    if let Some(status) = args.status {
        rows.retain(|row| row.status == status);
    }
    let key = |row: &StackRow| {
        let id = row.id.unwrap_or(0);
        format!("{:010} {} {id:010}", row.endpoint_id, row.name)
    };
    Ok(StackList {
        page: page(rows, args.limit, args.cursor.as_deref(), key)?,
        problems,
    })
}

/// A stack of Portainer's.
pub(super) fn row(stack: &Stack, endpoints: &[Endpoint]) -> StackRow {
    let endpoint = endpoints.iter().find(|one| one.id == stack.endpoint_id);
    StackRow {
        id: Some(stack.id),
        name: stack.name.clone(),
        endpoint: endpoint.map_or_else(
            // Its environment was removed, or is not for our user.
            || format!("unknown ({})", stack.endpoint_id),
            |endpoint| endpoint.name.clone(),
        ),
        endpoint_id: stack.endpoint_id,
        kind: StackType::of(stack),
        status: StackStatus::of(stack),
        external: false,
        git: stack.git.is_some(),
        namespace: stack.namespace.clone().filter(|name| !name.is_empty()),
        created: time(stack.creation_date),
        updated: time(stack.update_date),
        running: None,
    }
}

/// Projects that containers belong to and that Portainer does not have.
async fn external(
    portainer: &Portainer,
    endpoints: &[Endpoint],
    known: &[StackRow],
) -> (Vec<StackRow>, Vec<String>) {
    let mut docker = endpoints.to_vec();
    docker.retain(|endpoint| {
        EndpointType::of(endpoint).is_docker() && EndpointStatus::of(endpoint) == EndpointStatus::Up
    });
    let asked: Vec<_> = stream::iter(docker)
        .map(|endpoint| async move {
            let containers = portainer.containers(endpoint.id, true).await;
            (endpoint, containers)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (endpoint, containers) in asked {
        match containers {
            Ok(containers) => {
                let known = |name: &str| {
                    let mut known = known.iter();
                    known.any(|row| {
                        row.endpoint_id == endpoint.id && row.name.eq_ignore_ascii_case(name)
                    })
                };
                let projects = projects(&containers);
                let unknown = projects.into_iter().filter(|(name, _)| !known(name));
                rows.extend(unknown.map(|(name, of)| external_row(&endpoint, name, &of)));
            }
            Err(error) => {
                let message = &error.envelope().message;
                problems.push(format!("`{}`: {message}", endpoint.name));
            }
        }
    }
    (rows, problems)
}

/// A project's containers: whether it is a swarm's, how many there are, how many run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Project {
    swarm: bool,
    running: usize,
}

fn projects(containers: &[Container]) -> BTreeMap<&str, Project> {
    let mut found: BTreeMap<&str, Project> = BTreeMap::new();
    for container in containers {
        let compose = container.labels.get(PROJECT);
        let swarm = container.labels.get(SWARM_STACK);
        let Some(name) = compose.or(swarm) else {
            continue;
        };
        let project = found.entry(name).or_default();
        project.swarm |= compose.is_none();
        project.running += usize::from(container.state == "running");
    }
    found
}

fn external_row(endpoint: &Endpoint, name: &str, of: &Project) -> StackRow {
    StackRow {
        id: None,
        name: name.to_owned(),
        endpoint: endpoint.name.clone(),
        endpoint_id: endpoint.id,
        kind: Some(if of.swarm {
            StackType::Swarm
        } else {
            StackType::Compose
        }),
        status: if of.running > 0 {
            StackStatus::Active
        } else {
            StackStatus::Inactive
        },
        external: true,
        git: false,
        namespace: None,
        created: None,
        updated: None,
        running: Some(of.running),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn containers_are_counted_by_their_project() {
        let container = |label: &str, name: &str, state: &str| {
            serde_json::from_value(json!({ "State": state, "Labels": { label: name } })).unwrap()
        };
        let containers = [
            container(PROJECT, "blog", "running"),
            container(PROJECT, "blog", "exited"),
            container(SWARM_STACK, "wiki", "exited"),
            container("other", "x", "running"),
        ];

        let found = projects(&containers);

        assert_eq!(found.len(), 2);
        assert_eq!(
            found["blog"],
            Project {
                swarm: false,
                running: 1
            }
        );
        assert_eq!(
            found["wiki"],
            Project {
                swarm: true,
                running: 0
            }
        );
    }
}
