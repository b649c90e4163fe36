//! What Cloudflare knows of the lab: DNS records that lead somewhere, tunnels, and the host names that
//! tunnels lead to services.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;

use futures_util::future::{join, join_all};
use homelab_backend::names::host;
use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, EntityKind, Facts, FactsQuery, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_core::net::Ip;
use homelab_core::render::printable;
use homelab_upstream::Url;
use tokio::time::{Instant, timeout_at};

use crate::client::Cloudflare;
use crate::ids::AccountId;
use crate::tools::tunnels::ingress_of;
use crate::types::{Record, Tunnel, TunnelConfig, Zone};

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &[
    "list_zones",
    "list_dns_records",
    "list_cloudflare_tunnels",
    "get_cloudflare_tunnel",
];

/// Zones or tunnels that are asked about at once.
const AT_ONCE: usize = 4;

/// What names of tunnels end in, as targets of records.
const TUNNEL_SUFFIX: &str = ".cfargotunnel.com";

impl Cloudflare {
    /// Records, tunnels and their host names. Two requests, and one for each zone and each tunnel.
    pub(crate) async fn tell(&self, query: &FactsQuery) -> ToolResult<Facts> {
        let mut facts = Facts::default();
        let (zones, tunnels) = join(self.zones(None), self.tunnels_of_the_account()).await;
        let zones = zones?;
        let mut records: Vec<(&Zone, Vec<Record>)> = Vec::new();
        for some in zones.chunks(AT_ONCE) {
            let asked = some
                .iter()
                .map(|zone| in_time(query.deadline, self.records(&zone.id, &[])));
            for (zone, found) in some.iter().zip(join_all(asked).await) {
                match found {
                    Ok(found) => records.push((zone, found)),
                    Err(what) => facts.missing(format!("records of `{}`: {what}", zone.name)),
                }
            }
        }
        let tunnels = match tunnels {
            Ok((account, tunnels)) => {
                let configs = self.configs(&account, &tunnels, query.deadline).await;
                tunnels.into_iter().zip(configs).collect()
            }
            Err(error) => {
                facts.missing(format!("tunnels: {}", error.envelope().message));
                Vec::new()
            }
        };
        let mut routes = HashMap::new();
        for (tunnel, config) in &tunnels {
            facts.add(entity_of(tunnel));
            match config {
                Ok(Some(config)) => {
                    for route in routes_of(tunnel, config) {
                        routes
                            .entry(route.name.clone())
                            .or_insert_with(|| route.id.clone());
                        facts.add(route);
                    }
                }
                Ok(None) => facts.gap(format!(
                    "the host names of the tunnel `{}` are set where its `cloudflared` runs",
                    printable(&tunnel.name)
                )),
                Err(what) => facts.missing(format!(
                    "host names of the tunnel `{}`: {what}",
                    printable(&tunnel.name)
                )),
            }
        }
        for entity in records_of(&records, &routes) {
            facts.add(entity);
        }
        Ok(facts)
    }

    async fn tunnels_of_the_account(&self) -> ToolResult<(AccountId, Vec<Tunnel>)> {
        let account = self.account().await?;
        let filters = [("is_deleted", "false".to_owned())];
        let mut tunnels = self.tunnels(&account, &filters).await?;
        tunnels.retain(|tunnel| tunnel.deleted_at.is_none());
        Ok((account, tunnels))
    }

    /// The configuration of each; nothing for one that is configured on its own host.
    async fn configs(
        &self,
        account: &AccountId,
        tunnels: &[Tunnel],
        deadline: Instant,
    ) -> Vec<Result<Option<TunnelConfig>, String>> {
        let mut configs = Vec::new();
        for some in tunnels.chunks(AT_ONCE) {
            let asked = some.iter().map(async |tunnel| {
                if tunnel.config_src.as_deref() == Some("local") {
                    return Ok(None);
                }
                let config = in_time(deadline, self.tunnel_config(account, &tunnel.id)).await;
                config.map(Some)
            });
            configs.extend(join_all(asked).await);
        }
        configs
    }
}

/// What a request answers, or what kept it.
async fn in_time<T>(
    deadline: Instant,
    request: impl Future<Output = ToolResult<T>>,
) -> Result<T, String> {
    match timeout_at(deadline, request).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(error.envelope().message.clone()),
        Err(_) => Err("there was no time left to read them".to_owned()),
    }
}

fn entity_of(tunnel: &Tunnel) -> Entity {
    let mut entity = Entity::new(
        EntityKind::Service,
        format!("tunnel/{}", tunnel.id),
        printable(&tunnel.name),
    )
    .attribute("type", Some("cloudflare tunnel"))
    .attribute("configured", tunnel.config_src.as_deref());
    entity.aliases = vec![format!("{}{TUNNEL_SUFFIX}", tunnel.id)];
    let status = tunnel.status.as_deref().unwrap_or_default();
    (entity.status, entity.health) = state_of(status);
    entity.state = (!status.is_empty()).then(|| printable(status));
    entity
}

/// `inactive` is one that never ran, `down` one that ran.
fn state_of(status: &str) -> (Status, Option<Wellness>) {
    match status {
        "healthy" => (Status::Online, Some(Wellness::Ok)),
        "degraded" => (Status::Online, Some(Wellness::Degraded)),
        "down" => (Status::Offline, Some(Wellness::Failed)),
        "inactive" => (Status::Offline, None),
        _ => (Status::Unknown, None),
    }
}

/// The host names of a tunnel.
fn routes_of(tunnel: &Tunnel, config: &TunnelConfig) -> Vec<Entity> {
    // Of two rules for one name and path, the first is served.
    let mut seen = BTreeMap::new();
    for rule in ingress_of(config) {
        if let Some(hostname) = rule.hostname.as_deref().and_then(host) {
            seen.entry((hostname, rule.path)).or_insert(rule.service);
        }
    }
    let entity = |((hostname, path), service): ((String, Option<String>), String)| {
        let path = path.map(|path| printable(&path));
        let behind = path.as_deref().unwrap_or_default();
        let id = format!("{}/{hostname}{behind}", tunnel.id);
        let mut entity = Entity::new(EntityKind::Route, id, hostname)
            .link(
                Relation::DependsOn,
                Reference::id(EntityKind::Service, format!("tunnel/{}", tunnel.id)),
            )
            .attribute("tunnel", Some(printable(&tunnel.name)))
            .attribute("path", path)
            .attribute("service", Some(shown(&service)));
        entity.status = state_of(tunnel.status.as_deref().unwrap_or_default()).0;
        match target_of(&service) {
            Some(target) => entity.link(Relation::PointsTo, target),
            None => entity,
        }
    };
    seen.into_iter().map(entity).collect()
}

/// A service's address without what might be a login in it.
fn shown(service: &str) -> String {
    match Url::parse(service) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            let cleared = url.set_username("").is_ok() && url.set_password(None).is_ok();
            if cleared {
                url.to_string()
            } else {
                String::new()
            }
        }
        _ => printable(service),
    }
}

/// What a service's address means; nothing for an answer of the tunnel's own, a socket, or the very
/// machine that `cloudflared` runs on, which Cloudflare does not know.
fn target_of(service: &str) -> Option<Reference> {
    let url = Url::parse(service).ok()?;
    let port = url.port().or(match url.scheme() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "ssh" => Some(22),
        "rdp" => Some(3389),
        "smb" => Some(445),
        "tcp" => None,
        _ => return None,
    });
    let name = url.host_str()?.trim_matches(['[', ']']);
    if name == "localhost" {
        return None;
    }
    let target = match name.parse::<std::net::IpAddr>() {
        Ok(ip) if ip.is_loopback() || ip.is_unspecified() => return None,
        Ok(_) => Reference::address(name.parse().ok()?),
        Err(_) => Reference::name(None, host(name)?),
    };
    Some(target.with_port(port))
}

/// The records that lead to an address or another name.
fn records_of(zones: &[(&Zone, Vec<Record>)], routes: &HashMap<String, String>) -> Vec<Entity> {
    let all = || {
        zones
            .iter()
            .flat_map(|(zone, records)| records.iter().map(move |record| (*zone, record)))
    };
    // What a name leads to, for those that lead to it: the first of its records.
    let mut named: HashMap<&str, &str> = HashMap::new();
    for (_, record) in all().filter(|(_, record)| leads(record)) {
        named.entry(&record.name).or_insert(&record.id);
    }
    let entity = |(zone, record): (&Zone, &Record)| {
        let content = record.content.as_deref().unwrap_or_default();
        let mut entity = Entity::new(EntityKind::DnsRecord, &record.id, printable(&record.name))
            .attribute("type", Some(printable(&record.kind)))
            .attribute("zone", Some(printable(&zone.name)))
            .attribute("content", Some(printable(content)))
            .attribute("proxied", record.proxied.filter(|proxied| *proxied))
            .attribute(
                "comment",
                record
                    .comment
                    .as_deref()
                    .filter(|text| !text.is_empty())
                    .map(printable),
            );
        if matches!(record.kind.as_str(), "A" | "AAAA") {
            entity.addresses.extend(content.parse::<Ip>());
            return entity;
        }
        match name_target(record, content, &named, routes) {
            Some(target) => entity.link(Relation::PointsTo, target),
            None => entity,
        }
    };
    all()
        .filter(|(_, record)| leads(record))
        .map(entity)
        .collect()
}

/// Texts and the like may hold anything; these lead somewhere.
fn leads(record: &Record) -> bool {
    matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME" | "MX")
}

/// What the name means that a record leads to: a route or tunnel, a record here, or a machine.
fn name_target(
    record: &Record,
    content: &str,
    named: &HashMap<&str, &str>,
    routes: &HashMap<String, String>,
) -> Option<Reference> {
    let target = host(content)?;
    if let Some(tunnel) = target.strip_suffix(TUNNEL_SUFFIX) {
        let route = routes.get(&record.name);
        return Some(match route.filter(|id| id.starts_with(tunnel)) {
            Some(id) => Reference::id(EntityKind::Route, id),
            None => Reference::id(EntityKind::Service, format!("tunnel/{tunnel}")),
        });
    }
    Some(match named.get(&*target) {
        Some(id) if *id != record.id => Reference::id(EntityKind::DnsRecord, *id),
        _ => Reference::name(None, target),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn address(text: &str) -> Reference {
        Reference::address(text.parse().unwrap())
    }

    #[rstest]
    #[case("http://192.0.2.85:3000", Some(address("192.0.2.85").with_port(Some(3000))))]
    #[case("https://[2001:db8::1]", Some(address("2001:db8::1").with_port(Some(443))))]
    #[case("ssh://nas.lab.example", Some(Reference::name(None, "nas.lab.example").with_port(Some(22))))]
    #[case("tcp://db:5432", Some(Reference::name(None, "db").with_port(Some(5432))))]
    #[case("http://localhost:8080", None)]
    #[case("http://127.0.0.1:8080", None)]
    #[case("http_status:404", None)]
    #[case("unix:/run/web.sock", None)]
    #[case("hello_world", None)]
    fn a_service_is_a_machine_with_a_port(
        #[case] service: &str,
        #[case] target: Option<Reference>,
    ) {
        assert_eq!(target_of(service), target);
    }

    #[test]
    fn a_login_in_an_address_is_not_shown() {
        assert_eq!(shown("http://a:b@192.0.2.1:80/"), "http://192.0.2.1/");
        assert_eq!(shown("http_status:404"), "http_status:404");
    }
}
