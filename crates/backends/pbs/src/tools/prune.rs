//! Pruning: a dry run first, and then exactly what it said.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Effect, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::prune_plan::{Keep, Plan, Planned, prune_call};
use crate::client::Pbs;
use crate::ids::{Backup, Datastore, Group, Namespace};
use crate::types::PruneRow;
use crate::units::count;
use crate::walk::Place;

/// Backups named in a result.
const NAMED: usize = 200;

/// What pruning does not do.
const NOTE: &str =
    "this frees no space yet: `run_gc` does, for chunks that were not used for a day";

/// What to prune, and what to keep.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PruneBackups {
    /// The datastore.
    datastore: Datastore,
    /// The namespace; default the root.
    ns: Option<Namespace>,
    /// Only this group, such as `vm/100`; default every group there.
    group: Option<Group>,
    /// Levels of namespaces below that are pruned too, without `group`; default 0.
    #[schemars(range(min = 0, max = 7))]
    max_depth: Option<u8>,
    /// Keep the newest so many.
    #[schemars(range(min = 1, max = 10_000))]
    keep_last: Option<u32>,
    /// Keep the newest of each hour, for so many hours that have one.
    #[schemars(range(min = 1, max = 10_000))]
    keep_hourly: Option<u32>,
    /// The same by days.
    #[schemars(range(min = 1, max = 10_000))]
    keep_daily: Option<u32>,
    /// The same by weeks.
    #[schemars(range(min = 1, max = 10_000))]
    keep_weekly: Option<u32>,
    /// The same by months.
    #[schemars(range(min = 1, max = 10_000))]
    keep_monthly: Option<u32>,
    /// The same by years.
    #[schemars(range(min = 1, max = 10_000))]
    keep_yearly: Option<u32>,
    /// Only show what would go; the default.
    #[serde(default = "yes")]
    dry_run: bool,
    /// `plan` of the dry run that is to be carried out, with `dry_run` off.
    #[schemars(length(min = 16, max = 16), regex(pattern = "^[0-9a-f]{16}$"))]
    plan: Option<String>,
}

fn yes() -> bool {
    true
}

/// One group after pruning, or as it would be.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct PrunedGroup {
    ns: Option<String>,
    group: Group,
    /// Backups that go, or went; oldest first.
    removed: Vec<String>,
    /// Backups that stay.
    kept: usize,
    /// Of these, how many because they are protected.
    protected: usize,
}

/// What went, or would go.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Pruned {
    datastore: Datastore,
    dry_run: bool,
    /// Pass this as `plan` with `dry_run` off to remove these and no others.
    plan: String,
    /// Backups that go, or went, in all.
    removed_total: usize,
    kept_total: usize,
    /// Groups from which something goes; of very long lists, the beginning.
    groups: Vec<PrunedGroup>,
    /// Groups that could not be pruned.
    problems: Vec<String>,
    note: String,
    /// What was planned, for reading back.
    #[serde(skip)]
    planned: Vec<Planned>,
    /// What went besides.
    #[serde(skip)]
    surplus: Vec<String>,
}

/// Remove backups that a retention does not keep; protected ones always stay. Call it first as the dry run it is by default, then with `dry_run` off and its `plan`, which removes that very list or nothing.
#[tool(
    destructive,
    open_world,
    permission = "pbs:backup:prune",
    title = "Prune backups",
    timeout = 630,
    effect = effect,
    preview = preview_prune,
    targets = prune_targets,
    read_back = check_prune
)]
pub(crate) async fn prune_backups(
    pbs: &Pbs,
    args: PruneBackups,
    ctx: &CallContext,
) -> ToolResult<Pruned> {
    let plan = args.fresh_plan(pbs).await?;
    if args.dry_run {
        return Ok(args.result(&plan, plan.0.iter().map(shown).collect(), Vec::new()));
    }
    args.expect(&plan)?;
    let keep = args.keep();
    let todo: Vec<&Planned> = plan
        .0
        .iter()
        .filter(|planned| !planned.going().is_empty())
        .collect();
    let (mut groups, mut problems, mut surplus) = (Vec::new(), Vec::new(), Vec::new());
    let mut first_error = None;
    for (done, planned) in todo.iter().enumerate() {
        if ctx.cancel.is_cancelled() {
            return Err(cancelled(done, todo.len()));
        }
        let call = prune_call(&planned.place, &planned.group, &keep, false);
        match pbs.api.list::<PruneRow>(&call).await {
            Ok(rows) => {
                let after = Planned {
                    rows,
                    ..(*planned).clone()
                };
                let wanted = planned.going();
                let more = after
                    .going()
                    .into_iter()
                    .filter(|one| !wanted.contains(one));
                surplus.extend(more.map(|one| one.to_string()));
                groups.push(shown(&after));
            }
            Err(error) => {
                let (place, group) = (planned.place.described(), &planned.group);
                let message = &error.envelope().message;
                problems.push(format!("`{group}` in `{place}`: {message}"));
                first_error.get_or_insert(error);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of groups")]
        ctx.progress.report(
            (done + 1) as f64,
            Some(todo.len() as f64),
            Some(format!("pruned `{}`", planned.group)),
        );
    }
    match first_error {
        Some(error) if groups.is_empty() => Err(error),
        _ => {
            let mut result = args.result(&plan, groups, problems);
            result.planned = todo.into_iter().cloned().collect();
            result.surplus = surplus;
            Ok(result)
        }
    }
}

fn shown(planned: &Planned) -> PrunedGroup {
    PrunedGroup {
        ns: planned.place.ns.given().map(str::to_owned),
        group: planned.group.clone(),
        removed: planned.going().iter().map(ToString::to_string).collect(),
        kept: planned.staying(),
        protected: planned.rows.iter().filter(|row| row.protected).count(),
    }
}

fn cancelled(done: usize, all: usize) -> ToolError {
    let message = format!("the call was cancelled after {done} of {all} groups were pruned");
    ToolError::new(Code::Timeout, message)
        .reason("cancelled")
        .hint("make a new dry run for what is left")
        .retryable(false)
}

impl PruneBackups {
    fn place(&self) -> Place {
        Place {
            store: self.datastore.clone(),
            ns: self.ns.clone().unwrap_or_else(Namespace::root),
        }
    }

    fn keep(&self) -> Keep {
        Keep {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
        }
    }

    /// The server's dry run, now.
    async fn fresh_plan(&self, pbs: &Pbs) -> ToolResult<Plan> {
        let keep = self.keep();
        if keep.is_empty() {
            let message = "no retention is given: the server would keep everything";
            return Err(ToolError::invalid("keep_last", message)
                .reason("keep_missing")
                .hint("give at least one of `keep_last`, `keep_hourly`, `keep_daily`, `keep_weekly`, `keep_monthly`, `keep_yearly`"));
        }
        if self.group.is_some() && self.max_depth.is_some() {
            let message = "`max_depth` does not go with one `group`";
            return Err(ToolError::invalid("max_depth", message));
        }
        if !self.dry_run && self.plan.is_none() {
            let message = "the plan that is to be carried out is not given";
            return Err(ToolError::invalid("plan", message)
                .reason("plan_missing")
                .hint("call it with `dry_run` on, look at what would go, and pass its `plan`"));
        }
        let depth = self.max_depth.unwrap_or(0);
        pbs.plan(&self.place(), depth, self.group.as_ref(), &keep)
            .await
    }

    /// Refuses to remove anything but what was planned.
    fn expect(&self, plan: &Plan) -> ToolResult<()> {
        let now = plan.name();
        if self.dry_run || self.plan.as_deref() == Some(now.as_str()) {
            return Ok(());
        }
        let message = format!(
            "the backups have changed since the dry run: now {} would go",
            count(plan.going_count(), "backup")
        );
        Err(ToolError::new(Code::Conflict, message)
            .reason("plan_changed")
            .field("plan")
            .hint("make a new dry run with the same retention and decide on that"))
    }

    fn result(self, plan: &Plan, groups: Vec<PrunedGroup>, problems: Vec<String>) -> Pruned {
        let removed_total = groups.iter().map(|group| group.removed.len()).sum();
        let mut left = NAMED;
        let mut shown = Vec::new();
        for mut group in groups {
            if group.removed.is_empty() || left == 0 {
                continue;
            }
            group.removed.truncate(left);
            left -= group.removed.len();
            shown.push(group);
        }
        let note = match (self.dry_run, removed_total) {
            (_, 0) => "nothing goes".to_owned(),
            (true, _) => "nothing was removed yet".to_owned(),
            (false, _) => NOTE.to_owned(),
        };
        Pruned {
            datastore: self.datastore,
            dry_run: self.dry_run,
            plan: plan.name(),
            removed_total,
            kept_total: plan.staying_count(),
            groups: shown,
            problems,
            note,
            planned: Vec::new(),
            surplus: Vec::new(),
        }
    }
}

/// A dry run only looks.
fn effect(_pbs: &Pbs, args: &PruneBackups) -> Effect {
    if args.dry_run {
        Effect::Read
    } else {
        Effect::Destructive
    }
}

async fn preview_prune(pbs: &Pbs, args: &PruneBackups) -> ToolResult<Preview> {
    let plan = args.fresh_plan(pbs).await?;
    args.expect(&plan)?;
    let place = args.place().described();
    let what = match &args.group {
        Some(group) => format!("`{group}` in `{place}`"),
        None => format!("{} in `{place}`", count(plan.0.len(), "group")),
    };
    let mut impact = plan.lines();
    impact.push(NOTE.to_owned());
    Ok(Preview {
        summary: format!(
            "prune {what} to {}: remove {} for good",
            args.keep().described(),
            count(plan.going_count(), "backup"),
        ),
        changes: Vec::new(),
        impact,
    })
}

/// The groups from which something goes.
async fn prune_targets(pbs: &Pbs, args: &PruneBackups) -> ToolResult<Vec<Target>> {
    let plan = args.fresh_plan(pbs).await?;
    let touched = plan.0.iter().filter(|planned| !planned.going().is_empty());
    Ok(touched
        .map(|planned| {
            let group = Backup::Group(planned.group.clone());
            planned.place.target_of(&group, None)
        })
        .collect())
}

/// Looks whether what was planned is gone, and nothing else.
async fn check_prune(pbs: &Pbs, args: &PruneBackups, done: &Pruned) -> ToolResult<Vec<Mismatch>> {
    if args.dry_run {
        return Ok(Vec::new());
    }
    let mut left = Vec::new();
    for planned in &done.planned {
        let place = &planned.place;
        let rows = pbs
            .snapshots(&place.store, &place.ns, Some(&planned.group))
            .await?;
        let there: Vec<_> = rows
            .iter()
            .filter_map(crate::types::SnapshotRow::id)
            .collect();
        let going = planned.going();
        left.extend(
            going
                .iter()
                .filter(|one| there.contains(one))
                .map(ToString::to_string),
        );
    }
    let mut mismatches = Vec::new();
    if !left.is_empty() {
        mismatches.push(Mismatch {
            field: "plan",
            wanted: format!(
                "{} removed",
                count(done.removed_total.max(left.len()), "backup")
            ),
            found: format!("still there: {}", listed(&left)),
        });
    }
    if !done.surplus.is_empty() {
        mismatches.push(Mismatch {
            field: "plan",
            wanted: "no others removed".to_owned(),
            found: format!(
                "a backup came in between, and these went too: {}",
                listed(&done.surplus)
            ),
        });
    }
    Ok(mismatches)
}

fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    let text = names
        .iter()
        .take(MOST)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(MOST) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::prune_plan::tests::planned;
    use super::*;

    fn args(more: &serde_json::Value) -> PruneBackups {
        let mut all = json!({ "datastore": "main", "keep_last": 1 });
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn it_is_a_dry_run_unless_that_is_switched_off() {
        assert!(args(&json!({})).dry_run);
        assert!(!args(&json!({ "dry_run": false })).dry_run);
    }

    #[test]
    fn only_the_very_plan_is_carried_out() {
        let plan = Plan(vec![planned(&[(100, false, false), (200, true, false)])]);
        let right = args(&json!({ "dry_run": false, "plan": plan.name() }));
        let wrong = args(&json!({ "dry_run": false, "plan": "0000000000000000" }));

        assert!(right.expect(&plan).is_ok());
        let error = wrong.expect(&plan).unwrap_err();
        assert_eq!(error.envelope().reason.as_deref(), Some("plan_changed"));
    }

    #[test]
    fn a_long_result_is_cut_but_counted() {
        let rows: Vec<(i64, bool, bool)> = (1..=300).map(|time| (time, false, false)).collect();
        let plan = Plan(vec![planned(&rows)]);

        let result = args(&json!({})).result(&plan, vec![shown(&plan.0[0])], Vec::new());

        assert_eq!(result.removed_total, 300);
        assert_eq!(result.groups[0].removed.len(), NAMED);
    }
}
