//! What goes down with it?

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::facts::{EntityKind, Relation};
use homelab_core::inventory::Status;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::whatis::{LIMIT, status, unknown};
use crate::client::{Homelab, alternatives};
use crate::picture::{Graph, Subject, Thing};
use crate::sync::SourceRow;

/// Rows of the list, at most.
const ROWS: usize = 200;

/// What is to happen to what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImpactOf {
    /// Name, VMID, IP or MAC address of a host, guest, container, device, …
    #[schemars(length(min = 1, max = 255))]
    target: String,
    /// What is to be done to it.
    action: Action,
    /// Which one is meant, where several things go by the name.
    kind: Option<EntityKind>,
}

/// What is done to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It stops and stays down.
    Stop,
    /// It is down for a while.
    Reboot,
    /// It is gone for good.
    Delete,
    /// It is no longer reached over the network.
    Disconnect,
}

/// What happens to another thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Effect {
    /// It is gone for good.
    Lost,
    /// It stops.
    Down,
    /// It stops for a while.
    Interrupted,
    /// It is no longer reached.
    Unreachable,
    /// It runs on, in part or without what it needs.
    Degraded,
    /// It stays and leads to nothing.
    Dangling,
}

/// What would go down with it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Impact {
    /// The thing itself.
    target: TargetView,
    action: Action,
    /// What else is affected, nearest first.
    affected: Vec<Affected>,
    /// How many by effect, the list's rows or not.
    totals: BTreeMap<String, usize>,
    /// The list was cut after 200 rows.
    cut: bool,
    /// False where a server did not answer or told only part: more may be affected.
    complete: bool,
    /// Who was asked.
    sources: Vec<SourceRow>,
}

/// The thing that something is done to.
#[derive(Debug, Serialize, JsonSchema)]
struct TargetView {
    name: String,
    kind: EntityKind,
    status: Status,
}

/// Something else that is affected.
#[derive(Debug, Serialize, JsonSchema)]
struct Affected {
    name: String,
    kind: EntityKind,
    effect: Effect,
    /// Whether it is up now; what is down already loses nothing.
    status: Status,
    /// Why: the names of the things in between, from the target on.
    via: Vec<String>,
}

/// List what would go down, be interrupted or lead nowhere if a host, guest, container or device were stopped, rebooted, deleted or disconnected, from the inventory and all live systems together.
///
/// Follows what runs on it, needs it and points to it, over all systems.
#[tool(
    read,
    open_world,
    permission = "homelab:picture:read",
    title = "What goes down with it?",
    timeout = 30,
    untrusted("target.name", "affected.*.name", "affected.*.via", "sources.*.gaps")
)]
pub(crate) async fn homelab_impact(
    lab: &Homelab,
    args: ImpactOf,
    ctx: &CallContext,
) -> ToolResult<Impact> {
    let picture = lab.picture(ctx, LIMIT, Duration::from_secs(15)).await?;
    let graph = &picture.graph;
    let target = one(graph, &args, &picture.sources)?;
    let found = reach(graph, target, args.action);
    let mut totals = BTreeMap::new();
    for affected in &found {
        let effect = serde_json::to_value(affected.effect).ok();
        let effect = effect
            .as_ref()
            .and_then(|effect| effect.as_str())
            .unwrap_or_default();
        *totals.entry(effect.to_owned()).or_insert(0) += 1;
    }
    let complete = picture
        .sources
        .iter()
        .all(|source| source.error.is_none() && source.gaps.is_empty());
    let thing = graph
        .get(target)
        .ok_or_else(|| ToolError::internal("the thing vanished"))?;
    Ok(Impact {
        target: TargetView {
            name: thing.name().to_owned(),
            kind: thing.kind(),
            status: status(thing),
        },
        action: args.action,
        cut: found.len() > ROWS,
        affected: found.into_iter().take(ROWS).collect(),
        totals,
        complete,
        sources: picture.sources,
    })
}

/// The one thing that is meant.
fn one(graph: &Graph, args: &ImpactOf, sources: &[SourceRow]) -> ToolResult<usize> {
    let mut found = graph.find(&Subject::parse(&args.target));
    if let Some(kind) = args.kind {
        let is_it = |number: &usize| {
            let thing = graph.get(*number);
            thing.is_some_and(|thing| thing.any(|node| node.entity.kind == kind))
        };
        found.retain(is_it);
    }
    // What only points to a thing of the name is not meant.
    let is_real = |number: &usize| {
        let kind = graph.get(*number).map(Thing::kind);
        !matches!(
            kind,
            Some(
                EntityKind::DnsRecord
                    | EntityKind::Route
                    | EntityKind::Backup
                    | EntityKind::Registration
                    | EntityKind::Allocation
                    | EntityKind::Network
            )
        )
    };
    if args.kind.is_none() && found.iter().any(is_real) {
        found.retain(is_real);
    }
    let mut kinds: Vec<String> = found
        .iter()
        .filter_map(|number| graph.get(*number))
        .map(|thing| thing.kind().as_str().to_owned())
        .collect();
    match found.as_slice() {
        [] => Err(unknown("target", &args.target, graph, sources)),
        [only] => Ok(*only),
        // A guest and the service of its name: the guest takes the service along.
        [first, rest @ ..] if rest.iter().all(|other| hangs_on(graph, *other, *first)) => {
            Ok(*first)
        }
        _ => {
            kinds.dedup();
            let message = format!("several things go by the name `{}`", args.target);
            let hint = if kinds.len() > 1 {
                format!("name its `kind`: {}", alternatives(&kinds))
            } else {
                "name its address or VMID instead".to_owned()
            };
            Err(ToolError::new(Code::Conflict, message)
                .reason("ambiguous_target")
                .field("target")
                .hint(hint))
        }
    }
}

/// Whether a thing stops with another one.
fn hangs_on(graph: &Graph, thing: usize, on: usize) -> bool {
    let mut seen = BTreeSet::from([thing]);
    let mut queue = VecDeque::from([thing]);
    while let Some(next) = queue.pop_front() {
        for (relation, to) in graph.out(next) {
            if to == on {
                return true;
            }
            if relation == Relation::RunsOn && seen.insert(to) {
                queue.push_back(to);
            }
        }
    }
    false
}

/// Everything that is affected, nearest first.
fn reach(graph: &Graph, target: usize, action: Action) -> Vec<Affected> {
    let first = match action {
        Action::Stop => Effect::Down,
        Action::Reboot => Effect::Interrupted,
        Action::Delete => Effect::Lost,
        Action::Disconnect => Effect::Unreachable,
    };
    let mut worst: BTreeMap<usize, Effect> = BTreeMap::from([(target, first)]);
    let mut queue = VecDeque::from([(target, first, Vec::new())]);
    let mut found: Vec<(usize, Affected)> = Vec::new();
    while let Some((from, effect, via)) = queue.pop_front() {
        for (relation, to) in graph.into(from) {
            let Some(next) = passed_on(relation, effect) else {
                continue;
            };
            if worst.get(&to).is_some_and(|known| *known <= next) {
                continue;
            }
            worst.insert(to, next);
            let Some(thing) = graph.get(to) else { continue };
            found.retain(|(number, _)| *number != to);
            found.push((
                to,
                Affected {
                    name: thing.name().to_owned(),
                    kind: thing.kind(),
                    effect: next,
                    status: status(thing),
                    via: via.clone(),
                },
            ));
            let mut further = via.clone();
            further.push(thing.name().to_owned());
            queue.push_back((to, next, further));
        }
    }
    found.into_iter().map(|(_, affected)| affected).collect()
}

/// What happens to a thing that has this relation to an affected one.
fn passed_on(relation: Relation, effect: Effect) -> Option<Effect> {
    match (relation, effect) {
        // Backups and registrations outlive what they describe; nothing hangs on what only points, and
        // what runs on in part is still found.
        (Relation::Describes, _)
        | (_, Effect::Dangling)
        | (Relation::PointsTo, Effect::Degraded) => None,
        // A part keeps the whole from working as it should.
        (Relation::PartOf, _) => Some(Effect::Degraded),
        // What is needed is missed, whether it comes back or not.
        (Relation::DependsOn, Effect::Lost) => Some(Effect::Down),
        (Relation::PointsTo, Effect::Lost) => Some(Effect::Dangling),
        (Relation::PointsTo, Effect::Down) => Some(Effect::Unreachable),
        (Relation::RunsOn | Relation::DependsOn | Relation::PointsTo, effect) => Some(effect),
    }
}
