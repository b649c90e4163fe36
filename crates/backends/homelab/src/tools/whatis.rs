//! What is this? Everything that any system knows of a name, an address or a MAC address.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{EntityKind, Port, Relation, Wellness};
use homelab_core::inventory::{Network, Status};
use homelab_core::net::{Cidr, Ip, Mac};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Homelab;
use crate::picture::{Basis, Conflict, Graph, Node, Subject, Thing, conflicts};
use crate::remembered::{self, Remembered};
use crate::sync::SourceRow;

/// How long the slowest server is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(12);
/// Things that one name may mean, at most.
const THINGS: usize = 5;
/// Rows of each list of a thing, at most.
const ROWS: usize = 40;
/// Tables of the inventory under which memories name such things.
const TABLES: [&str; 4] = ["devices", "services", "virtual_machines", "proxmox_hosts"];

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhatIs {
    /// Name, host name, VMID, IP or MAC address.
    #[schemars(length(min = 1, max = 255))]
    subject: String,
    /// Seconds that a server's answer may be old; default 15, 0 asks anew.
    #[schemars(range(min = 0, max = 60))]
    max_age_s: Option<u64>,
}

/// Everything that is known of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Known {
    /// What it is; the likeliest first where several things go by the name.
    things: Vec<ThingView>,
    /// Things of the name beyond these.
    more: usize,
    /// The network of the address, as the inventory knows it.
    network: Option<NetworkView>,
    /// What systems disagree about; nothing is decided, both sides are shown.
    conflicts: Vec<Conflict>,
    /// The newest memories about these things, as far as you may read them.
    memories: Vec<Remembered>,
    /// Who was asked. What one with an `error` knows is missing, or is what it told last.
    sources: Vec<SourceRow>,
}

/// One thing.
#[derive(Debug, Serialize, JsonSchema)]
struct ThingView {
    name: String,
    kind: EntityKind,
    /// Every name it goes by.
    names: Vec<String>,
    addresses: Vec<Ip>,
    /// Addresses inside its host alone.
    inner_addresses: Vec<Ip>,
    macs: Vec<Mac>,
    ports: Vec<Port>,
    /// Whether it is up, by the source that knows best.
    status: Status,
    health: Option<Wellness>,
    /// What it runs on, and what that runs on, up to the bottom.
    runs_on: Vec<Related>,
    /// What runs on it.
    runs_here: Vec<Related>,
    /// What else it needs, leads to or describes.
    links_to: Vec<Related>,
    /// What leads to it, needs it or describes it: DNS records, routes, backups.
    linked_from: Vec<Related>,
    /// What each source says.
    seen_by: Vec<SeenBy>,
    /// A list was cut.
    cut: bool,
}

/// Another thing that it hangs together with.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Related {
    pub(crate) name: String,
    pub(crate) kind: EntityKind,
    pub(crate) relation: Relation,
    pub(crate) status: Status,
    pub(crate) health: Option<Wellness>,
    /// Ports such as `8080/tcp`.
    pub(crate) ports: Vec<String>,
}

/// What one source says of it.
#[derive(Debug, Serialize, JsonSchema)]
struct SeenBy {
    /// The instance, or `inventory`.
    source: String,
    basis: Basis,
    /// When it said so.
    #[schemars(with = "Option<String>")]
    seen_at: Option<Micros>,
    kind: EntityKind,
    id: String,
    name: String,
    status: Status,
    state: Option<String>,
    addresses: Vec<Ip>,
    attributes: BTreeMap<String, String>,
}

/// The network that an address belongs to.
#[derive(Debug, Serialize, JsonSchema)]
struct NetworkView {
    name: String,
    cidr: Option<Cidr>,
    vlan_id: Option<i64>,
    gateway: Option<Ip>,
    purpose: Option<String>,
}

impl From<Network> for NetworkView {
    fn from(network: Network) -> Self {
        Self {
            name: network.name,
            cidr: network.cidr,
            vlan_id: network.vlan_id,
            gateway: network.gateway,
            purpose: network.purpose,
        }
    }
}

/// Tell what a name, IP or MAC address is, from the inventory and all live systems together: guest and host, containers and ports, DNS, network, backups, health. Shows where systems disagree.
///
/// A system that does not answer in time is named in `sources`, not waited for.
#[tool(
    read,
    open_world,
    permission = "homelab:picture:read",
    title = "What is this?",
    timeout = 30,
    untrusted(
        "things.*.name",
        "things.*.names",
        "things.*.runs_on.*.name",
        "things.*.runs_here.*.name",
        "things.*.links_to.*.name",
        "things.*.linked_from.*.name",
        "things.*.seen_by.*.name",
        "things.*.seen_by.*.state",
        "things.*.seen_by.*.attributes",
        "conflicts.*.subject",
        "conflicts.*.sides.*.says",
        "memories.*.text",
        "sources.*.gaps"
    )
)]
pub(crate) async fn homelab_whatis(
    lab: &Homelab,
    args: WhatIs,
    ctx: &CallContext,
) -> ToolResult<Known> {
    let subject = Subject::parse(&args.subject);
    if subject == Subject::Name(String::new()) {
        return Err(ToolError::invalid(
            "subject",
            "there is nothing to look for",
        ));
    }
    let max_age = Duration::from_secs(args.max_age_s.unwrap_or(15));
    let picture = lab.picture(ctx, LIMIT, max_age).await?;
    let graph = &picture.graph;
    let found = graph.find(&subject);
    let network = match &subject {
        Subject::Ip(ip) => lab.network_of(*ip).await?,
        Subject::Mac(_) | Subject::Name(_) => None,
    };
    if found.is_empty() && network.is_none() {
        return Err(unknown("subject", &args.subject, graph, &picture.sources));
    }
    let shown: BTreeSet<usize> = found.iter().copied().take(THINGS).collect();
    let concerns = |conflict: &Conflict| conflict.things.iter().any(|thing| shown.contains(thing));
    let related: BTreeSet<usize> = shown
        .iter()
        .flat_map(|thing| graph.into(*thing))
        .filter(|(relation, _)| *relation == Relation::PointsTo)
        .map(|(_, thing)| thing)
        .collect();
    let near = |conflict: &Conflict| conflict.things.iter().any(|thing| related.contains(thing));
    let things: Vec<ThingView> = found
        .iter()
        .take(THINGS)
        .filter_map(|thing| view(graph, *thing))
        .collect();
    // One thing may be in several tables, or known to the live systems alone.
    let names = things.iter().flat_map(|thing| &thing.names);
    let about = names.flat_map(|name| TABLES.map(|table| remembered::about(table, name)));
    let memories = lab.remembered(ctx, about.collect()).await;
    Ok(Known {
        things,
        memories,
        more: found.len().saturating_sub(THINGS),
        network: network.map(NetworkView::from),
        conflicts: conflicts(graph)
            .into_iter()
            .filter(|conflict| concerns(conflict) || near(conflict))
            .take(ROWS)
            .collect(),
        sources: picture.sources,
    })
}

/// Nobody knows it, of those who answered.
pub(crate) fn unknown(
    field: &'static str,
    asked: &str,
    graph: &Graph,
    sources: &[SourceRow],
) -> ToolError {
    let silent: Vec<&str> = sources
        .iter()
        .filter(|source| source.error.is_some())
        .map(|source| source.server.as_str())
        .collect();
    let near = graph.near(asked);
    let mut hint = if near.is_empty() {
        "call `homelab_search` with a part of the name".to_owned()
    } else {
        format!("did you mean {}?", crate::client::alternatives(&near))
    };
    if !silent.is_empty() {
        hint = format!("{hint} Not asked: {}", silent.join(", "));
    }
    ToolError::not_found(format!("no system knows `{asked}`"))
        .field(field)
        .hint(hint)
}

fn view(graph: &Graph, number: usize) -> Option<ThingView> {
    let thing = graph.get(number)?;
    let with = |is_runs_on: bool| {
        move |(relation, _): &(Relation, usize)| (*relation == Relation::RunsOn) == is_runs_on
    };
    let rows = |links: Vec<(Relation, usize)>| -> Vec<Related> {
        links
            .into_iter()
            .filter_map(|(relation, to)| related(graph, relation, to))
            .collect()
    };
    let mut view = ThingView {
        name: thing.name().to_owned(),
        kind: thing.kind(),
        names: gathered(thing, |node| {
            node.entity.names().map(str::to_owned).collect()
        }),
        addresses: gathered(thing, |node| node.entity.addresses.clone()),
        inner_addresses: gathered(thing, |node| node.entity.inner_addresses.clone()),
        macs: gathered(thing, |node| node.entity.macs.clone()),
        ports: gathered(thing, |node| node.entity.ports.clone()),
        status: status(thing),
        health: health(thing),
        runs_on: rows(bottom(graph, number)),
        runs_here: rows(here(graph, number)),
        links_to: rows(graph.out(number).filter(with(false)).collect()),
        linked_from: rows(graph.into(number).filter(with(false)).collect()),
        seen_by: thing.nodes.iter().map(seen_by).collect(),
        cut: false,
    };
    let mut is_cut = false;
    for list in [
        &mut view.runs_on,
        &mut view.runs_here,
        &mut view.links_to,
        &mut view.linked_from,
    ] {
        is_cut |= list.len() > ROWS;
        list.truncate(ROWS);
    }
    is_cut |= view.seen_by.len() > ROWS;
    view.seen_by.truncate(ROWS);
    view.cut = is_cut;
    Some(view)
}

fn gathered<T: Ord>(thing: &Thing, part: impl Fn(&Node) -> Vec<T>) -> Vec<T> {
    let all: BTreeSet<T> = thing.nodes.iter().flat_map(part).collect();
    all.into_iter().take(ROWS).collect()
}

/// What it runs on, level by level.
fn bottom(graph: &Graph, number: usize) -> Vec<(Relation, usize)> {
    let mut seen = BTreeSet::from([number]);
    let mut order = Vec::new();
    let mut level = vec![number];
    while !level.is_empty() {
        let below: Vec<usize> = level
            .iter()
            .flat_map(|thing| graph.out(*thing))
            .filter(|(relation, to)| *relation == Relation::RunsOn && seen.insert(*to))
            .map(|(_, to)| to)
            .collect();
        order.extend(below.iter().map(|to| (Relation::RunsOn, *to)));
        level = below;
    }
    order
}

/// What runs on it: an engine's containers run on the engine's machine.
fn here(graph: &Graph, number: usize) -> Vec<(Relation, usize)> {
    let mut all = Vec::new();
    for (relation, on) in graph
        .into(number)
        .filter(|(relation, _)| *relation == Relation::RunsOn)
    {
        all.push((relation, on));
        if graph
            .get(on)
            .is_some_and(|thing| thing.kind() == EntityKind::Engine)
        {
            all.extend(
                graph
                    .into(on)
                    .filter(|(relation, _)| *relation == Relation::RunsOn),
            );
        }
    }
    all
}

pub(crate) fn related(graph: &Graph, relation: Relation, number: usize) -> Option<Related> {
    let thing = graph.get(number)?;
    let ports = gathered(thing, |node| node.entity.ports.clone());
    Some(Related {
        name: thing.name().to_owned(),
        kind: thing.kind(),
        relation,
        status: status(thing),
        health: health(thing),
        ports: ports
            .iter()
            .map(|port| format!("{}/{}", port.port, port.protocol))
            .collect(),
    })
}

/// By whoever was asked just now, before what was told or written down earlier.
pub(crate) fn status(thing: &Thing) -> Status {
    let known = thing
        .nodes
        .iter()
        .filter(|node| node.entity.status != Status::Unknown);
    known
        .min_by_key(|node| node.basis)
        .map_or(Status::Unknown, |node| node.entity.status)
}

/// The worst that a live source found.
fn health(thing: &Thing) -> Option<Wellness> {
    let live = thing.nodes.iter().filter(|node| node.basis == Basis::Live);
    live.filter_map(|node| node.entity.health).max()
}

fn seen_by(node: &Node) -> SeenBy {
    let entity = &node.entity;
    SeenBy {
        source: node.source.clone(),
        basis: node.basis,
        seen_at: node.seen_at,
        kind: entity.kind,
        id: entity.id.clone(),
        name: entity.name.clone(),
        status: entity.status,
        state: entity.state.clone(),
        addresses: entity.addresses.clone(),
        attributes: entity.attributes.clone(),
    }
}
