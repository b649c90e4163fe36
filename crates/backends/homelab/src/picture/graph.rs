//! The things, and how they hang together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use homelab_core::facts::{EntityKind, Reference, Relation};

use super::identity::Sets;
use super::index::Index;
use super::names::{Subject, alike, fold, label};
use super::nodes::{Basis, Node};

/// One thing, as all that its sources see.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub(crate) nodes: Vec<Node>,
}

/// Everything.
pub(crate) struct Graph {
    pub(crate) things: Vec<Thing>,
    /// From a thing to the things it hangs on.
    pub(crate) out: Vec<BTreeSet<(Relation, usize)>>,
    /// From a thing to those that hang on it.
    pub(crate) into: Vec<BTreeSet<(Relation, usize)>>,
    /// Machines by the first part of each folded name.
    named: HashMap<String, BTreeSet<usize>>,
}

impl Graph {
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        let mut sets = Sets::of(&nodes);
        let index = Index::new(&nodes);
        join_engines(&nodes, &index, &mut sets);
        join_contents(&nodes, &index, &mut sets);
        let published = published(&nodes, &index, &sets);
        let told: HashSet<usize> = nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| {
                node.entity.kind == EntityKind::Guest && node.basis != Basis::Recorded
            })
            .map(|(number, _)| sets.root(number))
            .collect();

        let mut number_of: BTreeMap<usize, usize> = BTreeMap::new();
        for node in 0..nodes.len() {
            let next = number_of.len();
            number_of.entry(sets.root(node)).or_insert(next);
        }
        let number = |node: usize| number_of.get(&sets.root(node)).copied();
        let mut out = vec![BTreeSet::new(); number_of.len()];
        let mut into = vec![BTreeSet::new(); number_of.len()];
        for from in 0..nodes.len() {
            for (relation, to) in links(&nodes, &index, &sets, &published, &told, from) {
                let (Some(one), Some(other)) = (number(from), number(to)) else {
                    continue;
                };
                if one == other {
                    continue;
                }
                if let (Some(out), Some(into)) = (out.get_mut(one), into.get_mut(other)) {
                    out.insert((relation, other));
                    into.insert((relation, one));
                }
            }
        }
        let numbers: Vec<Option<usize>> = (0..nodes.len()).map(number).collect();
        let mut things = vec![Thing { nodes: Vec::new() }; out.len()];
        for (node, number) in nodes.into_iter().zip(numbers) {
            if let Some(thing) = number.and_then(|number| things.get_mut(number)) {
                thing.nodes.push(node);
            }
        }
        for thing in &mut things {
            thing
                .nodes
                .sort_by_key(|node| (weight(node.entity.kind), node.basis));
        }
        let mut named: HashMap<String, BTreeSet<usize>> = HashMap::new();
        for (number, thing) in things.iter().enumerate() {
            let machines = thing
                .nodes
                .iter()
                .filter(|node| node.entity.kind.is_machine());
            for name in machines.flat_map(|node| node.entity.names()) {
                let name = label(&fold(name)).to_owned();
                named.entry(name).or_default().insert(number);
            }
        }
        Self {
            things,
            out,
            into,
            named,
        }
    }

    pub(crate) fn get(&self, thing: usize) -> Option<&Thing> {
        self.things.get(thing)
    }

    /// What this thing hangs on.
    pub(crate) fn out(&self, thing: usize) -> impl Iterator<Item = (Relation, usize)> {
        self.out.get(thing).into_iter().flatten().copied()
    }

    /// What hangs on this thing.
    pub(crate) fn into(&self, thing: usize) -> impl Iterator<Item = (Relation, usize)> {
        self.into.get(thing).into_iter().flatten().copied()
    }

    /// The things that somebody may mean. Machines and containers go before what only points to them.
    pub(crate) fn find(&self, subject: &Subject) -> Vec<usize> {
        let mut found: Vec<(u8, u8, usize)> = Vec::new();
        for (number, thing) in self.things.iter().enumerate() {
            if let Some(fit) = thing.fit(subject) {
                found.push((fit, weight(thing.kind()), number));
            }
        }
        found.sort_unstable();
        // A whole name goes before the first part of a longer one.
        let best = found.first().map(|(fit, ..)| *fit);
        let fitting = found.into_iter().filter(|(fit, ..)| Some(*fit) == best);
        fitting.map(|(_, _, number)| number).collect()
    }

    /// Machines that go by a folded name, whole or by its first part.
    pub(crate) fn machines_named(&self, name: &str) -> impl Iterator<Item = usize> {
        let found = self.named.get(label(name)).into_iter().flatten().copied();
        found.filter(move |number| {
            let thing = self.things.get(*number);
            thing.is_some_and(|thing| {
                thing.any(|node| {
                    let mut names = node.entity.names().map(fold);
                    node.entity.kind.is_machine() && names.any(|other| alike(&other, name))
                })
            })
        })
    }

    /// Names that are spelled like this one.
    pub(crate) fn near(&self, name: &str) -> Vec<String> {
        let name = fold(name);
        let contains = |other: &str| {
            let other = fold(other);
            !other.is_empty() && (other.contains(&name) || name.contains(&other))
        };
        let names = self
            .things
            .iter()
            .map(Thing::name)
            .filter(|other| contains(other));
        let names: BTreeSet<&str> = names.collect();
        names.into_iter().take(5).map(str::to_owned).collect()
    }
}

impl Thing {
    /// What it is, by the source that knows best.
    pub(crate) fn kind(&self) -> EntityKind {
        let kind = self.nodes.first().map(|node| node.entity.kind);
        kind.unwrap_or(EntityKind::Registration)
    }

    /// What it is called, by the source that knows best.
    pub(crate) fn name(&self) -> &str {
        let name = self.nodes.first().map(|node| node.entity.name.as_str());
        name.filter(|name| !name.is_empty()).unwrap_or("(no name)")
    }

    /// Whether any source says so.
    pub(crate) fn any(&self, says: impl Fn(&Node) -> bool) -> bool {
        self.nodes.iter().any(says)
    }

    /// How well it fits, best first; nothing if it does not.
    fn fit(&self, subject: &Subject) -> Option<u8> {
        let first_of = |fits: &[bool]| {
            let best = fits.iter().position(|fit| *fit)?;
            u8::try_from(best).ok()
        };
        match subject {
            Subject::Ip(ip) => first_of(&[
                self.any(|node| node.entity.addresses.contains(ip)),
                self.any(|node| node.entity.inner_addresses.contains(ip)),
            ]),
            Subject::Mac(mac) => first_of(&[self.any(|node| node.entity.macs.contains(mac))]),
            Subject::Name(name) => {
                let name = fold(name);
                let goes_by = |fits: &dyn Fn(&str) -> bool| {
                    self.any(|node| node.entity.names().map(fold).any(|other| fits(&other)))
                };
                let numbered = |node: &Node| {
                    let vmid = node.entity.attributes.get("vmid");
                    vmid.is_some_and(|vmid| *vmid == name) || fold(&node.entity.id) == name
                };
                first_of(&[
                    goes_by(&|other| other == name),
                    self.any(numbered),
                    goes_by(&|other| alike(other, &name)),
                ])
            }
        }
    }
}

/// Who knows best what a thing is and how it is called, and what people mean by a name.
pub(super) fn weight(kind: EntityKind) -> u8 {
    match kind {
        EntityKind::Guest => 0,
        EntityKind::Host => 1,
        EntityKind::NetworkDevice => 2,
        EntityKind::Device => 3,
        EntityKind::Container => 4,
        EntityKind::Stack => 5,
        EntityKind::Service => 6,
        EntityKind::TailnetDevice => 7,
        EntityKind::NetworkClient => 8,
        EntityKind::Engine => 9,
        EntityKind::Route => 10,
        EntityKind::DnsRecord => 11,
        EntityKind::Registration => 12,
        EntityKind::Allocation => 13,
        EntityKind::Network => 14,
        EntityKind::Backup => 15,
    }
}

/// The machine that an engine runs on.
fn machine_of(nodes: &[Node], index: &Index<'_>, engine: usize) -> Option<usize> {
    let node = nodes.get(engine)?;
    if let Some(record) = node
        .record
        .as_ref()
        .and_then(|record| index.records.get(record))
        && nodes
            .get(*record)
            .is_some_and(|node| node.entity.kind.is_machine())
    {
        return Some(*record);
    }
    let mut links = node
        .entity
        .links
        .iter()
        .filter(|link| link.relation == Relation::RunsOn);
    links.find_map(|link| {
        let found = index.resolve(nodes, engine, &link.to)?;
        nodes.get(found)?.entity.kind.is_machine().then_some(found)
    })
}

/// Two servers that tell of an engine on one machine mean the same engine.
fn join_engines(nodes: &[Node], index: &Index<'_>, sets: &mut Sets) {
    let mut on: HashMap<usize, usize> = HashMap::new();
    for (number, node) in nodes.iter().enumerate() {
        if node.entity.kind != EntityKind::Engine {
            continue;
        }
        let Some(machine) = machine_of(nodes, index, number) else {
            continue;
        };
        let machine = sets.root(machine);
        match on.get(&machine).copied() {
            // One source knows two engines of a machine apart.
            Some(first)
                if nodes
                    .get(first)
                    .is_some_and(|one| one.source != node.source) =>
            {
                sets.unite(first, number);
            }
            Some(_) => {}
            None => {
                on.insert(machine, number);
            }
        }
    }
}

/// Containers and stacks of one name on one engine are the same.
fn join_contents(nodes: &[Node], index: &Index<'_>, sets: &mut Sets) {
    let mut on: HashMap<(EntityKind, usize, String), usize> = HashMap::new();
    for (number, node) in nodes.iter().enumerate() {
        let kind = node.entity.kind;
        if !matches!(kind, EntityKind::Container | EntityKind::Stack) {
            continue;
        }
        let Some(engine) = engine_of(nodes, index, number) else {
            continue;
        };
        let key = (kind, sets.root(engine), fold(&node.entity.name));
        match on.get(&key).copied() {
            Some(first) => sets.unite(first, number),
            None => {
                on.insert(key, number);
            }
        }
    }
}

fn engine_of(nodes: &[Node], index: &Index<'_>, content: usize) -> Option<usize> {
    let mut links = nodes.get(content)?.entity.links.iter();
    links.find_map(|link| {
        let found = index.resolve(nodes, content, &link.to)?;
        let is_engine = nodes.get(found)?.entity.kind == EntityKind::Engine;
        (link.relation == Relation::RunsOn && is_engine).then_some(found)
    })
}

/// Containers by the machine that publishes a port for them.
fn published(nodes: &[Node], index: &Index<'_>, sets: &Sets) -> HashMap<(usize, u16), usize> {
    let mut published = HashMap::new();
    for (number, node) in nodes.iter().enumerate() {
        if node.entity.kind != EntityKind::Container || node.entity.ports.is_empty() {
            continue;
        }
        let machine =
            engine_of(nodes, index, number).and_then(|engine| machine_of(nodes, index, engine));
        let Some(machine) = machine else { continue };
        for port in &node.entity.ports {
            published
                .entry((sets.root(machine), port.port))
                .or_insert(number);
        }
    }
    published
}

/// All links of a node, those that its kind implies among them.
fn links(
    nodes: &[Node],
    index: &Index<'_>,
    sets: &Sets,
    published: &HashMap<(usize, u16), usize>,
    told: &HashSet<usize>,
    from: usize,
) -> Vec<(Relation, usize)> {
    let Some(node) = nodes.get(from) else {
        return Vec::new();
    };
    let mut links: Vec<(Relation, usize)> = node
        .entity
        .links
        .iter()
        .filter_map(|link| {
            let found = index.resolve(nodes, from, &link.to)?;
            let behind = link
                .to
                .port
                .and_then(|port| published.get(&(sets.root(found), port)));
            Some((link.relation, behind.copied().unwrap_or(found)))
        })
        .collect();
    match node.entity.kind {
        EntityKind::DnsRecord => {
            for ip in &node.entity.addresses {
                let to = index.resolve(nodes, from, &Reference::address(*ip));
                links.extend(to.map(|to| (Relation::PointsTo, to)));
            }
        }
        EntityKind::Engine => {
            let machine = machine_of(nodes, index, from);
            links.extend(machine.map(|machine| (Relation::RunsOn, machine)));
        }
        _ => {}
    }
    // What is only written down does not say where a guest runs whose hypervisor was asked.
    let written = node.basis == Basis::Recorded || node.entity.kind == EntityKind::Registration;
    if written && told.contains(&sets.root(from)) {
        links.retain(|(relation, _)| *relation != Relation::RunsOn);
    }
    links
}
