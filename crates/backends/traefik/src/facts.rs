//! What Traefik knows of the lab: which host names lead through which services to which servers.

use std::collections::BTreeSet;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Entity, EntityKind, Facts, Port, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_core::net::Ip;
use homelab_core::render::printable;
use homelab_upstream::Url;
use serde_json::Value;

use crate::client::{Search, Traefik};
use crate::fields::without_login;
use crate::protocol::Protocol;
use crate::rule;
use crate::tools::list::MARK;
use crate::tools::services::led_to;
use crate::types::{EntryPoint, Router, Server, Service};

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &["list_routers", "list_services", "list_entrypoints"];

/// Provider of what Traefik makes itself: its dashboard, its ping.
const INTERNAL: &str = "internal";
/// Id of the proxy itself among its services; theirs have a slash.
const PROXY: &str = "proxy";

impl Traefik {
    /// The proxy, its routers and services; internal ones are left out. Seven requests.
    pub(crate) async fn tell(&self) -> ToolResult<Facts> {
        let all = Search::default();
        let http = async {
            tokio::try_join!(
                self.routers(Protocol::Http, &all),
                self.services(Protocol::Http, &all)
            )
        };
        let tcp = async {
            tokio::try_join!(
                self.routers(Protocol::Tcp, &all),
                self.services(Protocol::Tcp, &all)
            )
        };
        let udp = async {
            tokio::try_join!(
                self.routers(Protocol::Udp, &all),
                self.services(Protocol::Udp, &all)
            )
        };
        let (entry_points, http, tcp, udp) = tokio::join!(self.entry_points(), http, tcp, udp);
        let mut facts = Facts::default();
        let entry_points = entry_points?;
        facts.add(self.proxy(&entry_points));
        let mut add =
            |protocol: Protocol, found: ToolResult<(Vec<Router>, Vec<Service>)>| match found {
                Ok((routers, services)) => {
                    for router in routers.iter().filter(|one| one.provider != INTERNAL) {
                        facts.add(route(protocol, router));
                    }
                    for one in services.iter().filter(|one| one.provider != INTERNAL) {
                        facts.add(service(protocol, one));
                    }
                    None
                }
                Err(error) => {
                    facts.missing(format!("{protocol}: {}", error.envelope().message));
                    Some(error)
                }
            };
        let failed: Option<ToolError> = add(Protocol::Http, http);
        add(Protocol::Tcp, tcp);
        add(Protocol::Udp, udp);
        match failed {
            Some(error) => Err(error),
            None => Ok(facts),
        }
    }

    /// The proxy itself: where its API answers, it runs.
    fn proxy(&self, entry_points: &[EntryPoint]) -> Entity {
        let mut entity = Entity::new(EntityKind::Service, PROXY, &self.who.instance)
            .attribute("type", Some("traefik"));
        if let Ok(url) = self.config.base_url() {
            let place = url
                .host_str()
                .and_then(|host| server_at(host, url.port_or_known_default()));
            if let Some(place) = place {
                entity = entity.link(Relation::RunsOn, place);
            }
        }
        entity.ports = entry_points
            .iter()
            .filter_map(|one| {
                Some(Port {
                    port: one.port()?,
                    protocol: one.protocol().to_owned(),
                    address: None,
                    inside: None,
                })
            })
            .collect();
        entity.status = Status::Online;
        entity
    }
}

fn route(protocol: Protocol, router: &Router) -> Entity {
    let name = printable(&router.name);
    let rule = printable(&router.rule);
    let mut entity = Entity::new(EntityKind::Route, format!("{protocol}/{name}"), &name)
        .link(Relation::RunsOn, Reference::id(EntityKind::Service, PROXY))
        .attribute("protocol", Some(protocol))
        .attribute("rule", (!rule.is_empty()).then_some(&rule))
        .attribute("tls", router.tls.is_some().then_some(true))
        .attribute(
            "entry_points",
            joined(if router.using.is_empty() {
                &router.entry_points
            } else {
                &router.using
            }),
        );
    entity.aliases = rule::hosts(&rule);
    if !router.service.is_empty() {
        let service = printable(&router.qualified_service());
        entity = entity.link(Relation::PointsTo, service_of(protocol, &service));
    }
    said(&mut entity, &router.status, &router.error);
    entity
}

fn service(protocol: Protocol, service: &Service) -> Entity {
    let name = printable(&service.name);
    let mut entity = Entity::new(EntityKind::Service, format!("{protocol}/{name}"), &name)
        .attribute("protocol", Some(protocol))
        .attribute("type", service.kind.as_deref().map(printable));
    for other in led_to(service) {
        let other = service_of(protocol, &printable(&other));
        entity = entity.link(Relation::PointsTo, other);
    }
    let balancer = service.load_balancer.as_ref();
    let servers: Vec<&str> = balancer
        .iter()
        .flat_map(|one| &one.servers)
        .map(Server::place)
        .collect();
    let shown: Vec<String> = servers
        .iter()
        .map(|server| printable(&without_login(server, MARK)))
        .collect();
    entity = entity.attribute("servers", joined(&shown));
    // Several servers of a service may be one machine's.
    let mut places = BTreeSet::new();
    for server in &servers {
        if let Some((host, port)) = host_and_port(server)
            && places.insert((host.clone(), port))
            && let Some(place) = server_at(&host, port)
        {
            entity = entity.link(Relation::PointsTo, place);
        }
    }
    said(&mut entity, &service.status, &service.error);
    let is_checked = balancer.is_some_and(|one| one.health_check.is_some());
    if entity.health.is_none() && is_checked && !servers.is_empty() {
        let status = |server: &&&str| {
            let status = service.server_status.get(**server);
            status.and_then(Value::as_str) == Some("DOWN")
        };
        let down = servers.iter().filter(status).count();
        entity.health = Some(match down {
            0 => Wellness::Ok,
            down if down < servers.len() => Wellness::Degraded,
            _ => Wellness::Failed,
        });
    }
    entity
}

/// `enabled`, `disabled` or `warning`, and why.
fn said(entity: &mut Entity, status: &str, errors: &[String]) {
    let mut state = printable(status);
    if let Some(error) = errors.first() {
        state = format!("{state}: {}", printable(error));
    }
    entity.state = (!state.is_empty()).then_some(state);
    (entity.status, entity.health) = match status {
        "enabled" => (Status::Online, None),
        "warning" => (Status::Online, Some(Wellness::Degraded)),
        "disabled" => (Status::Offline, Some(Wellness::Failed)),
        _ => (Status::Unknown, None),
    };
}

fn service_of(protocol: Protocol, name: &str) -> Reference {
    Reference::id(EntityKind::Service, format!("{protocol}/{name}"))
}

fn joined(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join(","))
}

/// Host and port of a server: `http://192.0.2.41:2368` with HTTP, `192.0.2.41:5432` with TCP and UDP.
fn host_and_port(server: &str) -> Option<(String, Option<u16>)> {
    if server.contains("://") {
        let url = Url::parse(server).ok()?;
        return Some((url.host_str()?.to_owned(), url.port_or_known_default()));
    }
    let (host, port) = server.rsplit_once(':')?;
    Some((host.to_owned(), Some(port.parse().ok()?)))
}

/// What answers there: the container that publishes the port, else the machine. Nothing for what
/// means the proxy's own machine.
fn server_at(host: &str, port: Option<u16>) -> Option<Reference> {
    let reference = match host.parse::<Ip>() {
        Ok(ip) if ip.0.is_loopback() || ip.0.is_unspecified() => return None,
        Ok(ip) => Reference::address(ip),
        Err(_) if matches!(host, "" | "localhost" | "host.docker.internal") => return None,
        Err(_) => Reference::name(None, host),
    };
    Some(reference.with_port(port))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://192.0.2.41:2368", Some(("192.0.2.41", Some(2368))))]
    #[case("https://blog.lab.example/path", Some(("blog.lab.example", Some(443))))]
    #[case("h2c://192.0.2.41", Some(("192.0.2.41", None)))]
    #[case("http://[2001:db8::7]:80", Some(("[2001:db8::7]", Some(80))))]
    #[case("192.0.2.41:5432", Some(("192.0.2.41", Some(5432))))]
    #[case("[2001:db8::7]:5432", Some(("[2001:db8::7]", Some(5432))))]
    #[case("nothing", None)]
    fn a_server_has_host_and_port(
        #[case] server: &str,
        #[case] expected: Option<(&str, Option<u16>)>,
    ) {
        let expected = expected.map(|(host, port)| (host.to_owned(), port));

        assert_eq!(host_and_port(server), expected);
    }

    #[test]
    fn what_means_the_proxy_itself_leads_nowhere() {
        assert_eq!(server_at("127.0.0.1", Some(80)), None);
        assert_eq!(server_at("localhost", Some(80)), None);
        assert_eq!(
            server_at("[2001:db8::7]", Some(80)),
            Some(Reference::address("2001:db8::7".parse().unwrap()).with_port(Some(80)))
        );
    }
}
