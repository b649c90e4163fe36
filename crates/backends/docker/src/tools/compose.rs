//! Compose projects, as the labels of their containers describe them.

use std::collections::BTreeMap;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::ports;
use crate::types::Summary;

/// Which projects.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListProjects {
    /// Only this project.
    #[schemars(length(min = 1, max = 128))]
    project: Option<String>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// The projects of a host.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Projects {
    /// One row each.
    items: Vec<Project>,
    /// Containers that belong to no project.
    other_containers: usize,
}

/// A compose project.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Project {
    /// Name.
    name: String,
    /// `running` (all of it), `partial`, or `stopped`.
    status: &'static str,
    /// Files it was made from, on the machine where `docker compose` ran.
    config_files: Option<String>,
    /// Directory it was made in.
    working_dir: Option<String>,
    /// Its services.
    services: Vec<Service>,
    /// Networks of its containers.
    networks: Vec<String>,
    /// Volumes of its containers.
    volumes: Vec<String>,
}

/// A service of a project.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Service {
    /// Name.
    name: String,
    /// Image of its containers.
    image: String,
    /// Containers that run.
    running: usize,
    /// All its containers.
    containers: Vec<String>,
    /// The first container's state in the engine's words, such as `Up 3 hours (healthy)`.
    status: String,
    /// Published ports.
    ports: Vec<String>,
    /// Services it needs.
    depends_on: Vec<String>,
}

/// List compose projects with their services, states, images, ports, networks and volumes.
#[tool(
    read,
    open_world,
    permission = "docker:container:read",
    timeout = 90,
    untrusted(
        "items.name",
        "items.config_files",
        "items.working_dir",
        "items.services.name",
        "items.services.image",
        "items.services.containers",
        "items.services.depends_on"
    )
)]
pub(crate) async fn list_compose_projects(
    docker: &Docker,
    args: ListProjects,
) -> ToolResult<Projects> {
    let engine = docker.engine(args.host.as_deref())?;
    let containers = engine.containers(false).await?;
    let total = containers.len();
    let mut by_project: BTreeMap<String, Vec<Summary>> = BTreeMap::new();
    for container in containers {
        if let Some(project) = label(&container, "project") {
            by_project
                .entry(project.to_owned())
                .or_default()
                .push(container);
        }
    }
    let other_containers = total - by_project.values().map(Vec::len).sum::<usize>();
    if let Some(wanted) = &args.project {
        let known: Vec<String> = by_project.keys().map(|name| format!("`{name}`")).collect();
        by_project.retain(|name, _| name == wanted);
        if by_project.is_empty() {
            let text = format!(
                "no compose project `{wanted}` on the Docker host `{}`",
                engine.name
            );
            let hint = if known.is_empty() {
                "there is none at all".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(ToolError::not_found(text).field("project").hint(hint));
        }
    }
    Ok(Projects {
        items: by_project
            .into_iter()
            .map(|(name, containers)| project(name, &containers))
            .collect(),
        other_containers,
    })
}

fn label<'a>(container: &'a Summary, name: &str) -> Option<&'a str> {
    container
        .labels
        .get(&format!("com.docker.compose.{name}"))
        .map(String::as_str)
}

fn project(name: String, containers: &[Summary]) -> Project {
    let mut services: BTreeMap<&str, Vec<&Summary>> = BTreeMap::new();
    for container in containers {
        // What `docker compose run` started is no part of the service.
        if label(container, "oneoff") != Some("True") {
            services
                .entry(label(container, "service").unwrap_or_default())
                .or_default()
                .push(container);
        }
    }
    let first = |key: &str| {
        containers
            .iter()
            .find_map(|one| label(one, key))
            .map(str::to_owned)
    };
    let all = |pick: fn(&Summary) -> Vec<String>| {
        let mut found: Vec<String> = containers.iter().flat_map(pick).collect();
        found.sort();
        found.dedup();
        found
    };
    let services: Vec<Service> = services
        .into_iter()
        .map(|(name, containers)| service(name, &containers))
        .collect();
    let running = services
        .iter()
        .filter(|service| service.running == service.containers.len())
        .count();
    let any = services.iter().any(|service| service.running > 0);
    Project {
        name,
        status: match (any, running == services.len()) {
            (true, true) => "running",
            (true, false) => "partial",
            (false, _) => "stopped",
        },
        config_files: first("project.config_files"),
        working_dir: first("project.working_dir"),
        services,
        networks: all(|one| one.network_settings.networks.keys().cloned().collect()),
        volumes: all(|one| {
            one.mounts
                .iter()
                .filter_map(|mount| mount.name.clone())
                .collect()
        }),
    }
}

fn service(name: &str, containers: &[&Summary]) -> Service {
    let first = containers.first();
    let depends = first
        .and_then(|one| label(one, "depends_on"))
        .unwrap_or_default();
    Service {
        name: name.to_owned(),
        image: first.map(|one| one.image.clone()).unwrap_or_default(),
        running: containers.iter().filter(|one| one.is_running()).count(),
        containers: containers.iter().map(|one| one.name().to_owned()).collect(),
        status: first.map(|one| one.status.clone()).unwrap_or_default(),
        ports: containers
            .iter()
            .flat_map(|one| ports::listed(&one.ports))
            .filter(|port| port.contains("->"))
            .collect(),
        // `db:service_healthy:false,cache:service_started:true`
        depends_on: depends
            .split(',')
            .filter_map(|one| one.split(':').next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(service: &str, state: &str) -> Summary {
        let labels = [
            ("project", "media"),
            ("service", service),
            ("depends_on", "db:service_started:false"),
        ];
        Summary {
            names: vec![format!("/media-{service}-1")],
            state: state.to_owned(),
            labels: labels
                .map(|(name, value)| (format!("com.docker.compose.{name}"), value.to_owned()))
                .into(),
            ..Summary::default()
        }
    }

    #[test]
    fn a_project_runs_in_part_while_one_of_its_services_does_not() {
        let partial = project(
            "media".to_owned(),
            &[container("app", "running"), container("db", "exited")],
        );
        let whole = project(
            "media".to_owned(),
            &[container("app", "running"), container("db", "running")],
        );

        assert_eq!((partial.status, whole.status), ("partial", "running"));
        assert_eq!(partial.services[0].depends_on, ["db"]);
        assert_eq!(partial.services[1].containers, ["media-db-1"]);
    }
}
