//! Where the things are found that links lead to.

use std::collections::HashMap;

use homelab_core::facts::{EntityKind, Reference};
use homelab_core::net::{Ip, Mac};

use super::graph::weight;
use super::names::{alike, fold, label};
use super::nodes::Node;

/// Where nodes are found.
pub(super) struct Index<'a> {
    ids: HashMap<(&'a str, EntityKind, &'a str), usize>,
    kinds: HashMap<(EntityKind, &'a str), Vec<usize>>,
    /// By the first part of each folded name.
    labels: HashMap<String, Vec<usize>>,
    ips: HashMap<Ip, Vec<usize>>,
    /// Containers by their addresses inside a host.
    inner: HashMap<Ip, Vec<usize>>,
    macs: HashMap<Mac, Vec<usize>>,
    /// What has this record, by table and id: the record itself goes first.
    pub(super) records: HashMap<&'a (String, String), usize>,
}

impl<'a> Index<'a> {
    pub(super) fn new(nodes: &'a [Node]) -> Self {
        let mut index = Self {
            ids: HashMap::new(),
            kinds: HashMap::new(),
            labels: HashMap::new(),
            ips: HashMap::new(),
            inner: HashMap::new(),
            macs: HashMap::new(),
            records: HashMap::new(),
        };
        for (number, node) in nodes.iter().enumerate() {
            let entity = &node.entity;
            let key = (node.source.as_str(), entity.kind, entity.id.as_str());
            index.ids.entry(key).or_insert(number);
            let same = index.kinds.entry((entity.kind, entity.id.as_str()));
            same.or_default().push(number);
            for name in entity.names() {
                let name = fold(name);
                index
                    .labels
                    .entry(label(&name).to_owned())
                    .or_default()
                    .push(number);
            }
            if entity.kind.is_machine() || entity.kind == EntityKind::Container {
                for ip in &entity.addresses {
                    index.ips.entry(*ip).or_default().push(number);
                }
                for mac in &entity.macs {
                    index.macs.entry(*mac).or_default().push(number);
                }
            }
            if entity.kind == EntityKind::Container {
                for ip in &entity.inner_addresses {
                    index.inner.entry(*ip).or_default().push(number);
                }
            }
            if let Some(record) = &node.record {
                index.records.entry(record).or_insert(number);
            }
        }
        index
    }

    /// The node that a link of another one means.
    pub(super) fn resolve(
        &self,
        nodes: &[Node],
        from: usize,
        reference: &Reference,
    ) -> Option<usize> {
        let source = nodes.get(from).map(|node| node.source.as_str())?;
        let is_kind = |number: &usize| {
            let kind = nodes.get(*number).map(|node| node.entity.kind);
            reference.kind.is_none() || kind == reference.kind
        };
        if let (Some(kind), Some(id)) = (reference.kind, reference.id.as_deref()) {
            if let Some(number) = self.ids.get(&(source, kind, id)) {
                return Some(*number);
            }
            // Elsewhere only where it is clear which one is meant.
            return match self.kinds.get(&(kind, id)).map(Vec::as_slice) {
                Some([only]) => Some(*only),
                _ => None,
            };
        }
        let rank = |number: &usize| {
            let node = nodes.get(*number);
            let kind = node.map_or(u8::MAX, |node| weight(node.entity.kind));
            (node.is_none_or(|node| node.source != source), kind)
        };
        let best = |found: &[usize]| {
            let fitting = found
                .iter()
                .copied()
                .filter(is_kind)
                .filter(|number| *number != from);
            fitting.min_by_key(|number| rank(number).1)
        };
        if let Some(mac) = reference.mac {
            return self.macs.get(&mac).and_then(|found| best(found));
        }
        if let Some(ip) = reference.address {
            return match self.ips.get(&ip) {
                Some(found) => best(found),
                None => self.container_at(nodes, ip),
            };
        }
        let name = fold(reference.name.as_deref()?);
        let found = self.labels.get(label(&name))?;
        let mut fitting: Vec<usize> = found
            .iter()
            .copied()
            .filter(|number| *number != from && is_kind(number))
            .filter(|number| {
                let entity = nodes.get(*number).map(|node| &node.entity);
                entity.is_some_and(|entity| entity.names().any(|other| alike(&fold(other), &name)))
            })
            .collect();
        // What has no kind stated is a machine that something runs on, not a record, route or backup
        // of its name.
        if reference.kind.is_none() {
            fitting.retain(|number| {
                let kind = nodes.get(*number).map(|node| node.entity.kind);
                kind.is_some_and(|kind| {
                    !matches!(
                        kind,
                        EntityKind::DnsRecord | EntityKind::Route | EntityKind::Backup
                    )
                })
            });
            return fitting.into_iter().min_by_key(|number| rank(number).1);
        }
        // Of several, one of the same source, then the kind that people mean first.
        fitting.into_iter().min_by_key(rank)
    }

    /// The container with this address inside its host, as a proxy beside it sees it. Every host has
    /// the same addresses inside: only where one container has it is it clear which one is meant.
    fn container_at(&self, nodes: &[Node], ip: Ip) -> Option<usize> {
        let found = self.inner.get(&ip)?;
        let name = |number: &usize| nodes.get(*number).map(|node| fold(&node.entity.name));
        let (first, rest) = found.split_first()?;
        let source = |number: &usize| nodes.get(*number).map(|node| &node.source);
        // The engine and what manages it tell of the same one; one source tells of two.
        let is_one = rest
            .iter()
            .all(|other| name(other) == name(first) && source(other) != source(first));
        is_one.then_some(*first)
    }
}
