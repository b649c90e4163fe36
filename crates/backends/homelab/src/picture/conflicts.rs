//! Where sources disagree. Nothing is decided here: both sides are shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use homelab_core::facts::{EntityKind, Relation};
use homelab_core::inventory::Status;
use homelab_core::net::{Ip, Mac};
use schemars::JsonSchema;
use serde::Serialize;

use super::graph::{Graph, Thing};
use super::names::{alike, fold};
use super::nodes::{Basis, Node};
use crate::sync::is_tailnet;

/// What sources disagree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum About {
    /// One thing has different addresses at different sources.
    Address,
    /// Several things have one address.
    SharedAddress,
    /// Several guests have one MAC address.
    SharedMac,
    /// A DNS record of a thing's name leads elsewhere.
    Dns,
    /// A guest is on another host than the inventory, or another register, says.
    Host,
    /// One source says that a thing is up, another that it is down.
    Status,
}

/// A disagreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Conflict {
    /// What it is about.
    pub(crate) about: About,
    /// The thing's name, or the address that several have.
    pub(crate) subject: String,
    /// What each source says.
    pub(crate) sides: Vec<Side>,
    /// The things that it concerns.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) things: BTreeSet<usize>,
}

/// What one source says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct Side {
    /// The instance, or `inventory`.
    pub(crate) source: String,
    /// What it says.
    pub(crate) says: String,
}

/// All disagreements, by what they are about and their subject.
pub(crate) fn conflicts(graph: &Graph) -> Vec<Conflict> {
    let mut found = Vec::new();
    for (number, thing) in graph.things.iter().enumerate() {
        found.extend(addresses(number, thing));
        found.extend(statuses(number, thing));
        found.extend(host(graph, number, thing));
        found.extend(dns(graph, number, thing));
    }
    found.extend(shared(graph));
    found.sort_by(|one, other| (one.about, &one.subject).cmp(&(other.about, &other.subject)));
    found
}

/// Addresses that can be compared: of the lab's own IPv4 networks. Those of IPv6 are many and change;
/// the tailnet's are others by design; every machine has a loopback.
fn comparable(ip: &Ip) -> bool {
    ip.0.is_ipv4() && !ip.0.is_loopback() && !is_tailnet(*ip)
}

fn own(thing: &Thing) -> BTreeMap<&str, BTreeSet<Ip>> {
    let mut by_source: BTreeMap<&str, BTreeSet<Ip>> = BTreeMap::new();
    for node in thing
        .nodes
        .iter()
        .filter(|node| node.entity.kind.is_machine())
    {
        let ips = node
            .entity
            .addresses
            .iter()
            .filter(|ip| comparable(ip))
            .copied();
        by_source.entry(&node.source).or_default().extend(ips);
    }
    by_source.retain(|_, ips| !ips.is_empty());
    by_source
}

fn addresses(number: usize, thing: &Thing) -> Option<Conflict> {
    let by_source = own(thing);
    let mut sides = by_source.values();
    let first = sides.next()?;
    let disagree = sides.any(|other| first.is_disjoint(other));
    disagree.then(|| Conflict {
        about: About::Address,
        subject: thing.name().to_owned(),
        sides: by_source
            .iter()
            .map(|(source, ips)| side(source, &listed(ips)))
            .collect(),
        things: BTreeSet::from([number]),
    })
}

fn statuses(number: usize, thing: &Thing) -> Option<Conflict> {
    let told: Vec<&Node> = thing
        .nodes
        .iter()
        .filter(|node| node.basis == Basis::Live && node.entity.kind.is_machine())
        .filter(|node| matches!(node.entity.status, Status::Online | Status::Offline))
        // One that is not connected here may be on the road, or sleep: that says nothing of elsewhere.
        .filter(|node| {
            let is_guest_here = matches!(
                node.entity.kind,
                EntityKind::NetworkClient | EntityKind::TailnetDevice
            );
            !is_guest_here || node.entity.status == Status::Online
        })
        .collect();
    let is = |status: Status| told.iter().any(|node| node.entity.status == status);
    (is(Status::Online) && is(Status::Offline)).then(|| Conflict {
        about: About::Status,
        subject: thing.name().to_owned(),
        sides: told
            .iter()
            .map(|node| side(&node.source, node.entity.status.as_str()))
            .collect(),
        things: BTreeSet::from([number]),
    })
}

/// Where the inventory, or another register, says that a guest is, and where its hypervisor does.
fn host(graph: &Graph, number: usize, thing: &Thing) -> Option<Conflict> {
    let is_live = |node: &&Node| node.basis == Basis::Live && node.entity.kind == EntityKind::Guest;
    let is_written = |node: &&Node| match node.entity.kind {
        EntityKind::Guest => node.basis == Basis::Recorded,
        EntityKind::Registration => true,
        _ => false,
    };
    let (source, live) = thing.nodes.iter().filter(is_live).find_map(host_of)?;
    // What the hypervisor calls by id is a thing with a name.
    let is_there = |written: &str| {
        let on = graph
            .out(number)
            .filter(|(relation, _)| *relation == Relation::RunsOn);
        let named = on.filter_map(|(_, host)| graph.get(host)).any(|host| {
            let goes_by = |name: &str| alike(&fold(name), &fold(written));
            host.any(|node| node.entity.names().any(goes_by))
        });
        named || fold(written) == fold(live)
    };
    let written = thing.nodes.iter().filter(is_written).filter_map(host_of);
    let mut sides: Vec<Side> = written
        .filter(|(_, written)| !is_there(written))
        .map(|(source, written)| side(source, written))
        .collect();
    if sides.is_empty() {
        return None;
    }
    sides.push(side(source, live));
    Some(Conflict {
        about: About::Host,
        subject: thing.name().to_owned(),
        sides,
        things: BTreeSet::from([number]),
    })
}

/// Who says that it runs where.
fn host_of(node: &Node) -> Option<(&str, &str)> {
    let mut links = node.entity.links.iter();
    let link = links.find(|link| link.relation == Relation::RunsOn)?;
    let name = link.to.name.as_deref().or(link.to.id.as_deref())?;
    Some((&node.source, name))
}

/// A record that bears a machine's name and leads elsewhere. One that leads to a proxy, or to what the
/// machine itself is reached through, is as it should be.
fn dns(graph: &Graph, number: usize, thing: &Thing) -> Vec<Conflict> {
    let mut found = Vec::new();
    for node in thing
        .nodes
        .iter()
        .filter(|node| node.entity.kind == EntityKind::DnsRecord)
    {
        let says: BTreeSet<Ip> = node
            .entity
            .addresses
            .iter()
            .filter(|ip| comparable(ip))
            .copied()
            .collect();
        if says.is_empty() {
            continue;
        }
        let to_proxy = graph
            .out(number)
            .filter(|(relation, _)| *relation == Relation::PointsTo)
            .any(|(_, to)| is_proxy(graph, to));
        if to_proxy {
            continue;
        }
        let name = fold(&node.entity.name);
        for machine in graph.machines_named(&name) {
            let Some(named) = graph.get(machine) else {
                continue;
            };
            let has: BTreeSet<Ip> = own(named).into_values().flatten().collect();
            let comparable = has
                .iter()
                .any(|ip| says.iter().any(|said| is_private(*said) == is_private(*ip)));
            if comparable && has.is_disjoint(&says) {
                let mut sides = vec![side(&node.source, &listed(&says))];
                sides.extend(
                    own(named)
                        .iter()
                        .map(|(source, ips)| side(source, &listed(ips))),
                );
                found.push(Conflict {
                    about: About::Dns,
                    subject: node.entity.name.clone(),
                    sides,
                    things: BTreeSet::from([number, machine]),
                });
            }
        }
    }
    found
}

/// Words by which proxies are told: names of services point at them, not at the machine of that name.
const PROXIES: [&str; 6] = ["traefik", "proxy", "caddy", "nginx", "haproxy", "ingress"];

/// Whether it leads requests on: it or something on it has routes, or is called like a proxy.
fn is_proxy(graph: &Graph, thing: usize) -> bool {
    let on = graph
        .into(thing)
        .filter(|(relation, _)| *relation == Relation::RunsOn);
    let all = std::iter::once(thing).chain(on.map(|(_, on)| on));
    all.filter_map(|number| graph.get(number)).any(|thing| {
        thing.any(|node| {
            let attributes = ["tags", "type", "image"];
            let words = attributes
                .iter()
                .filter_map(|name| node.entity.attributes.get(*name));
            node.entity.kind == EntityKind::Route
                || node
                    .entity
                    .names()
                    .chain(words.map(String::as_str))
                    .any(|text| PROXIES.iter().any(|word| fold(text).contains(word)))
        })
    })
}

/// Addresses and MAC addresses that several machines have.
fn shared(graph: &Graph) -> Vec<Conflict> {
    let mut by_ip: HashMap<Ip, BTreeSet<usize>> = HashMap::new();
    let mut by_mac: HashMap<Mac, BTreeSet<usize>> = HashMap::new();
    for (number, thing) in graph.things.iter().enumerate() {
        for ip in own(thing).into_values().flatten() {
            by_ip.entry(ip).or_default().insert(number);
        }
        for node in thing
            .nodes
            .iter()
            .filter(|node| node.entity.kind.is_machine())
        {
            for mac in node.entity.macs.iter().filter(|mac| **mac != Mac([0; 6])) {
                by_mac.entry(*mac).or_default().insert(number);
            }
        }
    }
    let several = |things: &BTreeSet<usize>| things.len() > 1;
    let claims = |things: &BTreeSet<usize>, has: &dyn Fn(&Node) -> bool| {
        let nodes = things
            .iter()
            .filter_map(|thing| graph.get(*thing))
            .flat_map(|thing| &thing.nodes);
        let sides: BTreeSet<Side> = nodes
            .filter(|node| node.entity.kind.is_machine() && has(node))
            .map(|node| side(&node.source, &node.entity.name))
            .collect();
        sides.into_iter().collect()
    };
    let ips = by_ip.into_iter().filter(|(_, things)| several(things));
    let macs = by_mac.into_iter().filter(|(_, things)| several(things));
    let ips = ips.map(|(ip, things)| Conflict {
        about: About::SharedAddress,
        subject: ip.to_string(),
        sides: claims(&things, &|node| node.entity.addresses.contains(&ip)),
        things,
    });
    let macs = macs.map(|(mac, things)| Conflict {
        about: About::SharedMac,
        subject: mac.to_string(),
        sides: claims(&things, &|node| node.entity.macs.contains(&mac)),
        things,
    });
    ips.chain(macs).collect()
}

fn side(source: &str, says: &str) -> Side {
    Side {
        source: source.to_owned(),
        says: says.to_owned(),
    }
}

fn listed(ips: &BTreeSet<Ip>) -> String {
    let texts: Vec<String> = ips.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn is_private(ip: Ip) -> bool {
    match ip.0 {
        std::net::IpAddr::V4(v4) => v4.is_private(),
        std::net::IpAddr::V6(_) => false,
    }
}
