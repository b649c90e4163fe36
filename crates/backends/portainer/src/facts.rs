//! What Portainer knows of the lab: its environments, their stacks, and the containers of Docker
//! engines with their published ports.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use homelab_backend::engine;
use homelab_core::error::ToolResult;
use homelab_core::facts::{
    Entity, EntityKind, Facts, FactsQuery, Port, Reference, Relation, Wellness,
};
use homelab_core::inventory::Status;
use homelab_core::net::{Ip, Mac};
use homelab_core::render::printable;
use homelab_upstream::Url;

use crate::client::Portainer;
use crate::types::{Container, Endpoint, EngineInfo, Network, Stack};
use crate::words::{EndpointStatus, EndpointType, StackStatus, StackType};

/// Tools that show what is told here. Containers stand for no tool of their own: whoever may see the
/// use of each by name sees them.
pub(crate) const TOOLS: &[&str] = &["list_stacks", "list_endpoints", "get_resource_usage"];

/// Environments that are asked at a time.
const AT_A_TIME: usize = 4;

/// What one engine answered.
struct Told {
    info: EngineInfo,
    containers: Vec<Container>,
    /// Networks whose addresses mean something outside of the host.
    outer_networks: BTreeSet<String>,
}

impl Portainer {
    /// Environments, stacks and containers. Two requests, and three for each Docker engine.
    pub(crate) async fn tell(&self, query: &FactsQuery) -> ToolResult<Facts> {
        let endpoints = self.endpoints().await?;
        let mut facts = Facts::default();
        let stacks = self.stacks(None).await.unwrap_or_else(|error| {
            facts.missing(error.envelope().message.clone());
            Vec::new()
        });
        let all = endpoints.len();
        let asked = endpoints.into_iter().map(async |endpoint| {
            let told = self.ask(&endpoint).await;
            (endpoint, told)
        });
        let mut asked = stream::iter(asked).buffer_unordered(AT_A_TIME);
        let mut answers = Vec::new();
        while let Ok(Some(answer)) = tokio::time::timeout_at(query.deadline, asked.next()).await {
            answers.push(answer);
        }
        if answers.len() < all {
            let late = all - answers.len();
            facts.missing(format!("{late} environments did not answer in time"));
        }
        answers.sort_by_key(|(endpoint, _)| endpoint.id);
        for (endpoint, told) in answers {
            let of_it = stacks.iter().filter(|one| one.endpoint_id == endpoint.id);
            let of_it: Vec<&Stack> = of_it.collect();
            match told {
                Ok(told) => self.add(&endpoint, told.as_ref(), &of_it, &mut facts),
                Err(why) => {
                    let name = self.clean(&endpoint.name);
                    facts.missing(format!("environment `{name}`: {why}"));
                }
            }
        }
        Ok(facts)
    }

    /// Nothing of an environment that is no Docker engine.
    async fn ask(&self, endpoint: &Endpoint) -> Result<Option<Told>, String> {
        if matches!(
            EndpointStatus::of(endpoint),
            EndpointStatus::Down | EndpointStatus::Error
        ) {
            return Err("it is down".to_owned());
        }
        if !EndpointType::of(endpoint).is_docker() {
            return Ok(None);
        }
        let id = endpoint.id;
        let told = tokio::try_join!(
            self.engine_info(id),
            self.containers(id, true),
            self.networks(id)
        );
        let (info, containers, networks) =
            told.map_err(|error| error.envelope().message.clone())?;
        Ok(Some(Told {
            info,
            containers,
            outer_networks: networks
                .into_iter()
                .filter(is_outer)
                .map(|one| one.name)
                .collect(),
        }))
    }

    fn add(&self, endpoint: &Endpoint, told: Option<&Told>, stacks: &[&Stack], facts: &mut Facts) {
        facts.add(self.engine(endpoint, told.map(|told| &told.info)));
        let containers = told.map(|told| &*told.containers).unwrap_or_default();
        let mut projects: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
        for container in containers {
            if let Some(name) = project(container) {
                projects.entry(name).or_default().push(container);
            }
        }
        for stack in stacks {
            let of_it = projects.remove(stack.name.to_lowercase().as_str());
            let deployed = Some(*stack);
            facts.add(self.stack_entity(endpoint, &stack.name, deployed, of_it.as_deref()));
        }
        for (name, of_it) in &projects {
            facts.add(self.stack_entity(endpoint, name, None, Some(of_it)));
        }
        let Some(told) = told else { return };
        for container in containers {
            let of = project(container);
            let siblings = containers
                .iter()
                .filter(|one| of.is_some() && project(one) == of);
            let siblings: Vec<&Container> = siblings.collect();
            facts.add(self.container(endpoint, container, &siblings, &told.outer_networks));
        }
    }

    /// Called as its machine is: several servers may tell of one engine.
    fn engine(&self, endpoint: &Endpoint, info: Option<&EngineInfo>) -> Entity {
        let name = self.clean(&endpoint.name);
        let host = info.map(|info| self.clean(&info.name));
        let host = host.filter(|host| !host.is_empty());
        let called = host.clone().unwrap_or_else(|| name.clone());
        let mut entity = Entity::new(EntityKind::Engine, endpoint.id.to_string(), called)
            .attribute("environment", Some(&name))
            .attribute(
                "address",
                Some(crate::tools::stack::without_login(&endpoint.url)),
            )
            .attribute("os", info.map(|info| self.clean(&info.operating_system)));
        // What Portainer calls the one it runs on.
        if !["local", "primary"].contains(&name.as_str()) {
            entity.aliases.push(name);
        }
        if let Some(host) = host {
            entity = entity.link(Relation::RunsOn, Reference::name(None, host));
        }
        for reference in machines(endpoint) {
            entity = entity.link(Relation::RunsOn, reference);
        }
        entity.status = match EndpointStatus::of(endpoint) {
            EndpointStatus::Up => Status::Online,
            EndpointStatus::Down | EndpointStatus::Error => Status::Offline,
            EndpointStatus::Provisioning | EndpointStatus::Unknown => Status::Unknown,
        };
        entity
    }

    fn stack_entity(
        &self,
        endpoint: &Endpoint,
        name: &str,
        deployed: Option<&Stack>,
        containers: Option<&[&Container]>,
    ) -> Entity {
        let mut entity = Entity::new(
            EntityKind::Stack,
            stack_id(endpoint, name),
            self.clean(name),
        )
        .link(
            Relation::RunsOn,
            Reference::id(EntityKind::Engine, endpoint.id.to_string()),
        )
        .attribute("environment", Some(self.clean(&endpoint.name)))
        .attribute("stack_id", deployed.map(|stack| stack.id))
        .attribute("type", deployed.and_then(StackType::of).map(type_name));
        let running = |all: &[&Container]| all.iter().filter(|one| is_running(one)).count();
        match (containers, deployed) {
            (Some(all), _) => {
                let running = running(all);
                entity.state = Some(format!("{running} of {} running", all.len()));
                entity.status = if running > 0 {
                    Status::Online
                } else {
                    Status::Offline
                };
                if running > 0 && running < all.len() {
                    entity.health = Some(Wellness::Degraded);
                }
            }
            (None, Some(stack)) => {
                entity.status = match StackStatus::of(stack) {
                    StackStatus::Active => Status::Online,
                    StackStatus::Inactive => Status::Offline,
                    _ => Status::Unknown,
                };
            }
            (None, None) => {}
        }
        if deployed.is_some_and(|stack| StackStatus::of(stack) == StackStatus::Error) {
            entity.health = Some(Wellness::Failed);
        }
        entity
    }

    fn container(
        &self,
        endpoint: &Endpoint,
        container: &Container,
        siblings: &[&Container],
        outer_networks: &BTreeSet<String>,
    ) -> Entity {
        let networks = &container.network_settings.networks;
        let names: Vec<&str> = networks.keys().map(String::as_str).collect();
        let mut entity = Entity::new(
            EntityKind::Container,
            container_id(endpoint, container),
            self.clean(container.name()),
        )
        .link(
            Relation::RunsOn,
            Reference::id(EntityKind::Engine, endpoint.id.to_string()),
        )
        .attribute("host", Some(self.clean(&endpoint.name)))
        .attribute("image", Some(self.clean(&container.image)))
        .attribute(
            "service",
            label(container, "service").map(|service| self.clean(service)),
        )
        .attribute(
            "networks",
            (!names.is_empty()).then(|| self.clean(&names.join(","))),
        );
        if let Some(name) = project(container) {
            let stack = Reference::id(EntityKind::Stack, stack_id(endpoint, name));
            entity = entity.link(Relation::PartOf, stack);
        }
        for needed in needs(container) {
            let of_service = siblings
                .iter()
                .filter(|one| label(one, "service") == Some(needed));
            for one in of_service {
                let other = Reference::id(EntityKind::Container, container_id(endpoint, one));
                entity = entity.link(Relation::DependsOn, other);
            }
        }
        for (network, attached) in networks {
            let addresses = [&attached.ipv4, &attached.ipv6];
            let addresses = addresses
                .into_iter()
                .filter_map(|text| text.parse::<Ip>().ok());
            if outer_networks.contains(network) {
                entity.addresses.extend(addresses);
                entity.macs.extend(attached.mac.parse::<Mac>().ok());
            } else {
                entity.inner_addresses.extend(addresses);
            }
        }
        entity.ports = ports(container);
        entity.state = Some(self.clean(&container.status));
        entity.status = engine::status(&container.state);
        entity.health = engine::wellness(&container.state, &container.status);
        entity
    }

    /// Upstream text without secrets and control characters.
    fn clean(&self, text: &str) -> String {
        self.env.redactor.text(&printable(text)).into_owned()
    }
}

/// Containers of these networks have addresses of the lab's own networks.
fn is_outer(network: &Network) -> bool {
    matches!(network.driver.as_str(), "macvlan" | "ipvlan")
}

fn is_running(container: &Container) -> bool {
    matches!(
        container.state.as_str(),
        "running" | "paused" | "restarting"
    )
}

fn stack_id(endpoint: &Endpoint, name: &str) -> String {
    format!("{}/{}", endpoint.id, name.to_lowercase())
}

/// Its name: the engine's own id changes whenever a container is made anew of a newer image.
fn container_id(endpoint: &Endpoint, container: &Container) -> String {
    format!("{}/{}", endpoint.id, container.name())
}

fn ports(container: &Container) -> Vec<Port> {
    engine::published(container.ports.iter().map(|port| engine::Listed {
        public: port.public,
        private: port.private,
        protocol: &port.kind,
        address: &port.ip,
    }))
}

/// Services that a container waits for: `db:service_healthy:false,cache:service_started:true`.
fn needs(container: &Container) -> impl Iterator<Item = &str> {
    label(container, "depends_on")
        .unwrap_or_default()
        .split(',')
        .filter_map(|one| one.split(':').next())
        .filter(|service| !service.is_empty())
}

/// The compose project or swarm stack that a container belongs to.
fn project(container: &Container) -> Option<&str> {
    let of_swarm = || container.labels.get("com.docker.stack.namespace");
    label(container, "project").or_else(|| of_swarm().map(String::as_str))
}

fn label<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    let label = format!("com.docker.compose.{name}");
    container.labels.get(&label).map(String::as_str)
}

fn type_name(kind: StackType) -> &'static str {
    match kind {
        StackType::Compose => "compose",
        StackType::Swarm => "swarm",
        StackType::Kubernetes => "kubernetes",
    }
}

/// The host of an address such as `tcp://192.0.2.10:9001` or `192.0.2.10`; none of a socket's, and
/// none that means the machine that looks.
fn host_of(address: &str) -> Option<String> {
    let text = if address.contains("://") {
        address.to_owned()
    } else {
        format!("tcp://{address}")
    };
    let url = Url::parse(&text).ok()?;
    let host = url.host_str()?.to_owned();
    let is_own = match host.parse::<Ip>() {
        Ok(ip) => ip.0.is_loopback() || ip.0.is_unspecified(),
        Err(_) => host == "localhost",
    };
    (!host.is_empty() && !is_own).then_some(host)
}

fn reference_to(host: String) -> Reference {
    match host.parse() {
        Ok(ip) => Reference::address(ip),
        Err(_) => Reference::name(None, host),
    }
}

/// Where an environment is reached: its agent or API, else what its published ports are reached by.
fn machines(endpoint: &Endpoint) -> Vec<Reference> {
    let is_edge = matches!(
        EndpointType::of(endpoint),
        EndpointType::DockerEdge | EndpointType::KubernetesEdge
    );
    // The address of an edge environment is Portainer's own.
    let own = (!is_edge).then(|| host_of(&endpoint.url)).flatten();
    let public = host_of(&endpoint.public_url);
    own.into_iter().chain(public).map(reference_to).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("tcp://192.0.2.10:9001", Some("192.0.2.10"))]
    #[case("tcp://nas.lab.example:2376", Some("nas.lab.example"))]
    #[case("192.0.2.10", Some("192.0.2.10"))]
    #[case("tcp://[2001:db8::7]:9001", Some("[2001:db8::7]"))]
    #[case("unix:///var/run/docker.sock", None)]
    #[case("tcp://127.0.0.1:2375", None)]
    #[case("localhost", None)]
    #[case("", None)]
    fn an_address_names_a_machine(#[case] address: &str, #[case] host: Option<&str>) {
        assert_eq!(host_of(address).as_deref(), host);
    }

    #[test]
    fn what_a_container_waits_for_is_told_by_a_label() {
        let container: Container = serde_json::from_value(serde_json::json!({ "Labels": {
            "com.docker.compose.depends_on": "db:service_healthy:false,cache:service_started:true",
        } }))
        .unwrap();

        assert_eq!(needs(&container).collect::<Vec<_>>(), ["db", "cache"]);
        assert_eq!(needs(&Container::default()).count(), 0);
    }
}
