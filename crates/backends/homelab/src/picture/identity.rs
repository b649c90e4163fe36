//! Which nodes are one and the same thing.
//!
//! Strong signs go first: a record that a node was taken into, a MAC address. A name is a weak sign: two
//! guests of one name are two guests. An address is none by itself: two machines that claim it disagree,
//! they are not one.

use std::collections::HashMap;
use std::hash::Hash;

use homelab_core::facts::{Entity, EntityKind};
use homelab_core::net::{Ip, Mac};

use super::names::{alike, fold, label};
use super::nodes::{INVENTORY, Node};

/// Larger groups share a sign from a template or by a fault, and are not compared.
const MANY: usize = 64;

/// Sets of nodes, by union and find.
pub(super) struct Sets {
    parent: Vec<usize>,
    /// Of each set's root: whether a hypervisor's things in it are recorded or told of, and their kind.
    essence: Vec<Vec<(bool, EntityKind)>>,
}

impl Sets {
    /// Finds the machines that are the same; everything else is by itself for now.
    pub(super) fn of(nodes: &[Node]) -> Self {
        let essence = |node: &Node| {
            matches!(node.entity.kind, EntityKind::Host | EntityKind::Guest)
                .then(|| (node.source == INVENTORY, node.entity.kind))
        };
        let mut sets = Self {
            parent: (0..nodes.len()).collect(),
            essence: nodes
                .iter()
                .map(|node| essence(node).into_iter().collect())
                .collect(),
        };
        sets.by_record(nodes);
        sets.by_mac(nodes);
        sets.by_address(nodes);
        sets.by_name(nodes);
        sets
    }

    /// The number of the node's set.
    pub(super) fn root(&self, mut node: usize) -> usize {
        while let Some(&up) = self.parent.get(node)
            && up != node
        {
            node = up;
        }
        node
    }

    pub(super) fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        let (low, high) = (one.min(other), one.max(other));
        if low == high {
            return;
        }
        let moved = self
            .essence
            .get_mut(high)
            .map(std::mem::take)
            .unwrap_or_default();
        if let Some(slot) = self.essence.get_mut(low) {
            slot.extend(moved);
        }
        if let Some(slot) = self.parent.get_mut(high) {
            *slot = low;
        }
    }

    /// Unites unless that makes two guests one, or a guest its host.
    fn unite_if_possible(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        let of = |root: usize| {
            self.essence
                .get(root)
                .map(Vec::as_slice)
                .unwrap_or_default()
        };
        let clash = of(one).iter().any(|(recorded, kind)| {
            let mut theirs = of(other).iter();
            theirs.any(|(also, other)| recorded == also || kind != other)
        });
        if !clash {
            self.unite(one, other);
        }
    }

    /// A record and what was taken into it. An engine's record is the machine that it runs on.
    fn by_record(&mut self, nodes: &[Node]) {
        let is_itself = |node: &Node| {
            node.entity.kind.is_machine()
                || matches!(
                    node.entity.kind,
                    EntityKind::Container | EntityKind::Service
                )
        };
        let linked = nodes.iter().enumerate().filter(|(_, node)| is_itself(node));
        let of = linked.filter_map(|(index, node)| Some((node.record.as_ref()?, index)));
        for group in groups(of).values() {
            for pair in group.windows(2) {
                if let [one, other] = pair {
                    self.unite(*one, *other);
                }
            }
        }
    }

    fn by_mac(&mut self, nodes: &[Node]) {
        let of = machines(nodes).flat_map(|(index, entity)| {
            let real = entity.macs.iter().filter(|mac| **mac != Mac([0; 6]));
            real.map(move |mac| (*mac, index))
        });
        for group in groups(of).values().filter(|group| group.len() <= MANY) {
            for pair in group.windows(2) {
                if let [one, other] = pair {
                    self.unite_if_possible(*one, *other);
                }
            }
        }
    }

    /// The same address and the same name, or no name at all.
    fn by_address(&mut self, nodes: &[Node]) {
        let of = machines(nodes)
            .flat_map(|(index, entity)| entity.addresses.iter().map(move |ip| (*ip, index)));
        for group in groups(of).values().filter(|group| group.len() <= MANY) {
            self.pairs(nodes, group, |one, other| {
                same_name(one, other) || is_nameless(one) || is_nameless(other)
            });
        }
    }

    fn by_name(&mut self, nodes: &[Node]) {
        let of = machines(nodes).flat_map(|(index, entity)| {
            let named = entity.names().map(fold).filter(|name| !is_address(name));
            named.map(move |name| (label(&name).to_owned(), index))
        });
        for group in groups(of).values().filter(|group| group.len() <= MANY) {
            let nodes_of = |index: usize| nodes.get(index).map(|node| node.source.as_str());
            for (position, one) in group.iter().enumerate() {
                for other in group.iter().skip(position + 1) {
                    let (Some(first), Some(second)) = (nodes.get(*one), nodes.get(*other)) else {
                        continue;
                    };
                    // One source does not tell of one thing twice, but of its addresses.
                    let registered = [first, second]
                        .iter()
                        .any(|node| is_written_down(node.entity.kind));
                    let of_two = nodes_of(*one) != nodes_of(*other) || registered;
                    if of_two && same_name(&first.entity, &second.entity) {
                        self.unite_if_possible(*one, *other);
                    }
                }
            }
        }
    }

    fn pairs(
        &mut self,
        nodes: &[Node],
        group: &[usize],
        are_one: impl Fn(&Entity, &Entity) -> bool,
    ) {
        for (position, one) in group.iter().enumerate() {
            for other in group.iter().skip(position + 1) {
                if let (Some(first), Some(second)) = (nodes.get(*one), nodes.get(*other))
                    && are_one(&first.entity, &second.entity)
                {
                    self.unite_if_possible(*one, *other);
                }
            }
        }
    }
}

fn machines(nodes: &[Node]) -> impl Iterator<Item = (usize, &Entity)> {
    let all = nodes.iter().enumerate();
    all.filter(|(_, node)| node.entity.kind.is_machine())
        .map(|(index, node)| (index, &node.entity))
}

fn groups<K: Hash + Eq>(of: impl Iterator<Item = (K, usize)>) -> HashMap<K, Vec<usize>> {
    let mut groups: HashMap<K, Vec<usize>> = HashMap::new();
    for (key, index) in of {
        let group = groups.entry(key).or_default();
        if group.last() != Some(&index) {
            group.push(index);
        }
    }
    groups
}

fn same_name(one: &Entity, other: &Entity) -> bool {
    one.names().any(|name| {
        let name = fold(name);
        other.names().any(|also| alike(&name, &fold(also)))
    })
}

/// What a record says, and not what somebody sees.
fn is_written_down(kind: EntityKind) -> bool {
    matches!(kind, EntityKind::Registration | EntityKind::Allocation)
}

/// Named by its address alone.
fn is_nameless(entity: &Entity) -> bool {
    entity.names().all(|name| is_address(&fold(name)))
}

fn is_address(name: &str) -> bool {
    name.parse::<Ip>().is_ok() || name.len() == 17 && name.parse::<Mac>().is_ok()
}
