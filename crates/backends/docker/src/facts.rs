//! What the engines know of the lab: containers with their published ports, and compose projects.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join_all};
use homelab_backend::engine;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Entity, EntityKind, Facts, Port, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_core::net::{Ip, Mac};

use crate::client::{Docker, Engine};
use crate::types::{Info, Network, Summary};

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &[
    "list_containers",
    "list_compose_projects",
    "get_system_info",
];

/// What one engine answered.
struct Told {
    info: Info,
    containers: Vec<Summary>,
    /// Networks whose addresses mean something outside of the host.
    outer_networks: BTreeSet<String>,
}

impl Docker {
    /// Engines, compose projects and containers. Three requests for each engine.
    pub(crate) async fn tell(&self) -> ToolResult<Facts> {
        let asked = self
            .engines()
            .map(async |engine| (engine, ask(engine).await));
        let mut facts = Facts::default();
        let (mut answered, mut first) = (false, None);
        for (engine, told) in join_all(asked).await {
            match told {
                Ok(told) => {
                    answered = true;
                    add(engine, &told, &mut facts);
                }
                Err(error) => {
                    facts.missing(error.envelope().message.clone());
                    first.get_or_insert(error);
                }
            }
        }
        match first {
            Some(error) if !answered => Err(error),
            _ => Ok(facts),
        }
    }
}

async fn ask(engine: &Engine) -> ToolResult<Told> {
    let both = join(engine.containers(false), engine.networks());
    let (info, (containers, networks)) = join(engine.info(), both).await;
    let networks = networks.map_err(ToolError::from)?;
    Ok(Told {
        info: info.map_err(ToolError::from)?,
        containers: containers.map_err(ToolError::from)?,
        outer_networks: networks
            .into_iter()
            .filter(is_outer)
            .map(|one| one.name)
            .collect(),
    })
}

/// Containers of these networks have addresses of the lab's own networks.
fn is_outer(network: &Network) -> bool {
    matches!(network.driver.as_str(), "macvlan" | "ipvlan")
}

fn add(engine: &Engine, told: &Told, facts: &mut Facts) {
    facts.add(entity_of(engine, &told.info));
    let mut projects: BTreeMap<&str, Vec<&Summary>> = BTreeMap::new();
    for container in &told.containers {
        if let Some(project) = label(container, "project") {
            projects.entry(project).or_default().push(container);
        }
    }
    for (project, containers) in &projects {
        facts.add(stack(engine, project, containers));
    }
    for container in &told.containers {
        let siblings = label(container, "project").and_then(|project| projects.get(project));
        let siblings = siblings.map(Vec::as_slice).unwrap_or_default();
        facts.add(entity(engine, container, siblings, &told.outer_networks));
    }
}

fn entity_of(engine: &Engine, info: &Info) -> Entity {
    let host = engine.clean(&info.name);
    let mut entity = Entity::new(EntityKind::Engine, &engine.name, &host)
        .attribute("host", Some(&engine.name))
        .attribute("address", Some(engine.address()))
        .attribute("os", Some(engine.clean(&info.operating_system)));
    // `local` is what every lab calls one of its engines.
    if engine.name != crate::config::LOCAL {
        entity.aliases.push(engine.name.clone());
    }
    if !host.is_empty() {
        entity = entity.link(Relation::RunsOn, Reference::name(None, host));
    }
    if let Some(ip) = engine.ip() {
        entity = entity.link(Relation::RunsOn, Reference::address(ip));
    }
    entity.status = Status::Online;
    entity
}

fn stack(engine: &Engine, project: &str, containers: &[&Summary]) -> Entity {
    let running = containers.iter().filter(|one| one.is_running()).count();
    let mut stack = Entity::new(
        EntityKind::Stack,
        format!("{}/{project}", engine.name),
        engine.clean(project),
    )
    .link(
        Relation::RunsOn,
        Reference::id(EntityKind::Engine, &engine.name),
    )
    .attribute("host", Some(&engine.name));
    stack.state = Some(format!("{running} of {} running", containers.len()));
    stack.status = if running > 0 {
        Status::Online
    } else {
        Status::Offline
    };
    if running > 0 && running < containers.len() {
        stack.health = Some(Wellness::Degraded);
    }
    stack
}

/// Its id is its name: the engine's own changes whenever a container is made anew of a newer image.
fn id(engine: &Engine, container: &Summary) -> String {
    format!("{}/{}", engine.name, container.name())
}

fn entity(
    engine: &Engine,
    container: &Summary,
    siblings: &[&Summary],
    outer_networks: &BTreeSet<String>,
) -> Entity {
    let service = label(container, "service");
    let networks = &container.network_settings.networks;
    let names: Vec<&str> = networks.keys().map(String::as_str).collect();
    let mut entity = Entity::new(
        EntityKind::Container,
        id(engine, container),
        engine.clean(container.name()),
    )
    .link(
        Relation::RunsOn,
        Reference::id(EntityKind::Engine, &engine.name),
    )
    .attribute("host", Some(&engine.name))
    .attribute("image", Some(engine.clean(&container.image)))
    .attribute("service", service.map(|service| engine.clean(service)))
    .attribute(
        "networks",
        (!names.is_empty()).then(|| engine.clean(&names.join(","))),
    );
    if let Some(project) = label(container, "project") {
        let stack = format!("{}/{project}", engine.name);
        entity = entity.link(Relation::PartOf, Reference::id(EntityKind::Stack, stack));
    }
    // `db:service_healthy:false,cache:service_started:true`
    let needed = label(container, "depends_on")
        .unwrap_or_default()
        .split(',');
    for needed in needed.filter_map(|one| one.split(':').next()) {
        let of_service = siblings
            .iter()
            .filter(|one| !needed.is_empty() && label(one, "service") == Some(needed));
        for one in of_service {
            let other = Reference::id(EntityKind::Container, id(engine, one));
            entity = entity.link(Relation::DependsOn, other);
        }
    }
    for (network, attached) in networks {
        let addresses = [&attached.ip_address, &attached.ipv6_address];
        let addresses = addresses
            .into_iter()
            .filter_map(|text| text.parse::<Ip>().ok());
        if outer_networks.contains(network) {
            entity.addresses.extend(addresses);
            entity.macs.extend(attached.mac_address.parse::<Mac>().ok());
        } else {
            entity.inner_addresses.extend(addresses);
        }
    }
    entity.ports = ports(container);
    entity.state = Some(engine.clean(&container.status));
    entity.status = engine::status(&container.state);
    entity.health = engine::wellness(&container.state, &container.status);
    entity
}

fn ports(container: &Summary) -> Vec<Port> {
    engine::published(container.ports.iter().map(|port| engine::Listed {
        public: port.public_port,
        private: port.private_port,
        protocol: &port.kind,
        address: &port.ip,
    }))
}

fn label<'a>(container: &'a Summary, name: &str) -> Option<&'a str> {
    container
        .labels
        .get(&format!("com.docker.compose.{name}"))
        .map(String::as_str)
}
