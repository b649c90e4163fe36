//! The lab as a graph.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::facts::{EntityKind, Relation};
use homelab_core::inventory::Status;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::whatis::{LIMIT, status, unknown};
use crate::client::Homelab;
use crate::picture::{Conflict, Graph, Subject, Thing, conflicts};
use crate::sync::SourceRow;

/// Things that are shown unless asked for more.
const NODES: usize = 100;
/// Longest label in a diagram, characters.
const LABEL: usize = 60;

/// Which part of the lab.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TopologyOf {
    /// Only what is near this thing: name, VMID, IP or MAC address.
    #[schemars(length(min = 1, max = 255))]
    around: Option<String>,
    /// With `around`: how many links away; default 2.
    #[schemars(range(min = 1, max = 6))]
    depth: Option<u32>,
    /// Only things of these kinds.
    #[schemars(length(min = 1, max = 16))]
    kinds: Option<Vec<EntityKind>>,
    /// A Mermaid flowchart too.
    mermaid: bool,
    /// Things at most; default 100.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
}

/// The lab as a graph.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Topology {
    nodes: Vec<NodeView>,
    edges: Vec<EdgeView>,
    /// A Mermaid flowchart of the same.
    mermaid: Option<String>,
    /// Things that fit, shown or not.
    total: usize,
    /// There are more things than shown: raise `limit`, or ask for `kinds` or `around`.
    cut: bool,
    /// What systems disagree about among the things shown.
    conflicts: Vec<Conflict>,
    /// Who was asked.
    sources: Vec<SourceRow>,
}

/// A thing.
#[derive(Debug, Serialize, JsonSchema)]
struct NodeView {
    /// Names it in `edges`.
    id: String,
    kind: EntityKind,
    name: String,
    status: Status,
    /// Who knows of it.
    sources: Vec<String>,
}

/// A link between two things.
#[derive(Debug, Serialize, JsonSchema)]
struct EdgeView {
    from: String,
    to: String,
    relation: Relation,
}

/// Draw the lab as a graph of hosts, guests, containers, services, DNS and network, from the inventory and all live systems together; whole or around one thing, also as a Mermaid flowchart.
///
/// Where there are more things than fit, those with the most links come first.
#[tool(
    read,
    open_world,
    permission = "homelab:picture:read",
    title = "Topology of the lab",
    timeout = 30,
    untrusted(
        "nodes.*.name",
        "mermaid",
        "conflicts.*.subject",
        "conflicts.*.sides.*.says",
        "sources.*.gaps"
    )
)]
pub(crate) async fn homelab_topology(
    lab: &Homelab,
    args: TopologyOf,
    ctx: &CallContext,
) -> ToolResult<Topology> {
    let picture = lab.picture(ctx, LIMIT, Duration::from_secs(15)).await?;
    let graph = &picture.graph;
    let fitting = match &args.around {
        Some(name) => {
            let found = graph.find(&Subject::parse(name));
            if found.is_empty() {
                return Err(unknown("around", name, graph, &picture.sources));
            }
            near(graph, &found, args.depth.unwrap_or(2))
        }
        None => (0..graph.things.len()).collect(),
    };
    let fitting: Vec<usize> = fitting
        .into_iter()
        .filter(|number| fits(graph, *number, &args))
        .collect();
    let total = fitting.len();
    let limit = args.limit.map_or(NODES, |limit| limit as usize);
    let shown = most_linked(graph, fitting, limit);
    let edges: Vec<(usize, Relation, usize)> = shown
        .iter()
        .flat_map(|from| {
            graph
                .out(*from)
                .map(move |(relation, to)| (*from, relation, to))
        })
        .filter(|(_, _, to)| shown.contains(to))
        .collect();
    Ok(Topology {
        nodes: shown
            .iter()
            .filter_map(|number| node(graph, *number))
            .collect(),
        mermaid: args.mermaid.then(|| mermaid(graph, &shown, &edges)),
        edges: edges
            .iter()
            .map(|(from, relation, to)| EdgeView {
                from: id(*from),
                to: id(*to),
                relation: *relation,
            })
            .collect(),
        total,
        cut: total > shown.len(),
        conflicts: conflicts(graph)
            .into_iter()
            .filter(|conflict| conflict.things.iter().any(|thing| shown.contains(thing)))
            .take(NODES)
            .collect(),
        sources: picture.sources,
    })
}

fn id(number: usize) -> String {
    format!("n{number}")
}

/// The kind that was asked for. Unasked, single registrations, allocations and networks stay out: they
/// say nothing beyond their machine, or belong to none.
fn fits(graph: &Graph, number: usize, args: &TopologyOf) -> bool {
    let kind = graph.get(number).map(Thing::kind);
    if let Some(kinds) = &args.kinds {
        return kind.is_some_and(|kind| kinds.contains(&kind));
    }
    let plain = [
        EntityKind::Registration,
        EntityKind::Allocation,
        EntityKind::Network,
    ];
    args.around.is_some() || kind.is_none_or(|kind| !plain.contains(&kind))
}

/// Things within so many links.
fn near(graph: &Graph, from: &[usize], depth: u32) -> Vec<usize> {
    let mut seen: BTreeSet<usize> = from.iter().copied().collect();
    let mut level: Vec<usize> = seen.iter().copied().collect();
    for _ in 0..depth {
        let next = level
            .iter()
            .flat_map(|thing| graph.out(*thing).chain(graph.into(*thing)))
            .map(|(_, other)| other);
        level = next.filter(|other| seen.insert(*other)).collect();
    }
    seen.into_iter().collect()
}

fn most_linked(graph: &Graph, mut things: Vec<usize>, limit: usize) -> BTreeSet<usize> {
    let links = |number: &usize| graph.out(*number).count() + graph.into(*number).count();
    things.sort_by_key(|number| (std::cmp::Reverse(links(number)), *number));
    things.into_iter().take(limit).collect()
}

fn node(graph: &Graph, number: usize) -> Option<NodeView> {
    let thing = graph.get(number)?;
    let sources: BTreeSet<&str> = thing
        .nodes
        .iter()
        .map(|node| node.source.as_str())
        .collect();
    Some(NodeView {
        id: id(number),
        kind: thing.kind(),
        name: thing.name().to_owned(),
        status: status(thing),
        sources: sources.into_iter().map(str::to_owned).collect(),
    })
}

/// A flowchart with a box for each thing, grouped by kind.
fn mermaid(graph: &Graph, shown: &BTreeSet<usize>, edges: &[(usize, Relation, usize)]) -> String {
    let mut by_kind: BTreeMap<EntityKind, Vec<usize>> = BTreeMap::new();
    for number in shown {
        if let Some(thing) = graph.get(*number) {
            by_kind.entry(thing.kind()).or_default().push(*number);
        }
    }
    let mut text = String::from("flowchart TD\n");
    let mut line = |line: std::fmt::Arguments<'_>| {
        text.push_str(&line.to_string());
        text.push('\n');
    };
    for (kind, numbers) in by_kind {
        line(format_args!("  subgraph {}", kind.as_str()));
        for number in numbers {
            if let Some(thing) = graph.get(number) {
                line(format_args!(
                    "    {}[\"{}\"]",
                    id(number),
                    label(thing.name())
                ));
                if status(thing) == Status::Offline {
                    line(format_args!("    style {} stroke-dasharray: 4", id(number)));
                }
            }
        }
        line(format_args!("  end"));
    }
    for (from, relation, to) in edges {
        line(format_args!(
            "  {} -->|{}| {}",
            id(*from),
            relation.as_str(),
            id(*to)
        ));
    }
    text
}

/// A foreign name as a label: Mermaid reads quotes, brackets and entities in it.
fn label(name: &str) -> String {
    name.chars()
        .take(LABEL)
        .map(|letter| match letter {
            '"' => "#quot;".to_owned(),
            '#' => "#35;".to_owned(),
            '<' => "#lt;".to_owned(),
            '>' => "#gt;".to_owned(),
            '&' => "#amp;".to_owned(),
            '`' => "'".to_owned(),
            letter if letter.is_control() => " ".to_owned(),
            letter => letter.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_name_cannot_leave_its_label() {
        let text = label("a\"]\nclick n1 \"javascript:x\" #`<b>");

        assert!(!text.contains(['"', '\n', '<', '>', '`']), "{text}");
        assert!(text.starts_with("a#quot;]"), "{text}");
        assert_eq!(label(&"x".repeat(200)).len(), LABEL);
    }
}
