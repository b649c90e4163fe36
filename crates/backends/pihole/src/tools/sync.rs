//! Making replicas like the first Pi-hole.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::drift::{Difference, Fact, Facts, Section, What, compared};
use super::lists::{put_call as put_list, remove_call as remove_list};
use super::rule_changes::put_call as put_rule;
use crate::call::Call;
use crate::client::{Pihole, not_taken};
use crate::each::{OnHosts, failures, on_each, targets_of};
use crate::host::Host;
use crate::records::{ALIASES, HOSTS, Step};
use crate::types::Processed;

/// Most changes that are shown for one Pi-hole.
const MOST: usize = 100;

/// What is brought into step unless said otherwise.
const USUAL: [Section; 5] = [
    Section::Groups,
    Section::Lists,
    Section::Rules,
    Section::Clients,
    Section::LocalDns,
];

/// What to bring into step.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncReplicas {
    /// Only these; default `groups`, `lists`, `rules`, `clients`, `local_dns`. Upstreams and blocking
    /// have tools of their own.
    #[schemars(length(min = 1, max = 5))]
    sections: Option<Vec<Section>>,
    /// Remove from a replica what the first Pi-hole does not have; default false.
    #[serde(default)]
    remove_extra: bool,
    /// Say what would change, and change nothing; default false.
    #[serde(default)]
    dry_run: bool,
    /// Only this replica; default all.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// What changed on one Pi-hole.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Synced {
    /// How many changes there were, or would be.
    total: usize,
    /// The first hundred, as `add`, `change` or `remove`, and what.
    changes: Vec<String>,
    /// Differences that are left, because `remove_extra` is not set.
    left: usize,
}

/// Make the replicas like the first Pi-hole of the instance: groups, lists, rules, clients and local names.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pihole:drift:sync",
    title = "Bring replicas into step",
    timeout = 600,
    effect = effect,
    preview = preview_sync,
    targets = sync_targets,
    read_back = check_sync
)]
pub(crate) async fn sync_pihole_replicas(
    pihole: &Pihole,
    args: SyncReplicas,
) -> ToolResult<OnHosts<Synced>> {
    let sections = args.sections()?;
    let (first, replicas) = pihole.replicas(args.host.as_deref())?;
    let wanted = first.facts(sections).await?;
    let (wanted, args) = (&wanted, &args);
    on_each(replicas, |host| async move {
        let found = host.facts(sections).await?;
        let (plan, left) = plan(wanted, &found, args.remove_extra);
        if !args.dry_run {
            for one in &plan {
                host.bring(one).await?;
            }
        }
        Ok(Synced {
            total: plan.len(),
            changes: plan.iter().take(MOST).map(Planned::described).collect(),
            left,
        })
    })
    .await
}

impl SyncReplicas {
    fn sections(&self) -> ToolResult<&[Section]> {
        let sections = self.sections.as_deref().unwrap_or(&USUAL);
        if let Some(other) = sections.iter().find(|section| !USUAL.contains(section)) {
            let tool = match other {
                Section::Upstreams => "set_upstream_dns",
                _ => "enable_pihole_blocking",
            };
            return Err(ToolError::invalid(
                "sections",
                "one of them is not brought into step here",
            )
            .hint(format!(
                "use `{tool}`, which changes all Pi-holes of the instance"
            )));
        }
        Ok(sections)
    }
}

fn effect(_pihole: &Pihole, args: &SyncReplicas) -> Effect {
    match (args.dry_run, args.remove_extra) {
        (true, _) => Effect::Read,
        (false, true) => Effect::Destructive,
        (false, false) => Effect::Write,
    }
}

/// One change of a replica.
struct Planned {
    difference: Difference,
    /// How it is to be; `None` where it is to go.
    wanted: Option<Fact>,
    /// How it is; `None` where it is not there.
    here: Option<Fact>,
}

impl Planned {
    fn verb(&self) -> &'static str {
        match (&self.wanted, &self.here) {
            (None, _) => "remove",
            (Some(_), None) => "add",
            (Some(_), Some(_)) => "change",
        }
    }

    fn described(&self) -> String {
        format!("{} {}", self.verb(), self.difference.item)
    }
}

/// The changes in the order in which they can be made (groups before what is in them), and how many
/// differences are left.
fn plan(wanted: &Facts, found: &Facts, remove_extra: bool) -> (Vec<Planned>, usize) {
    let (mut plan, mut left) = (Vec::new(), 0);
    for (fact, difference) in compared(wanted, found) {
        if fact.is_none() && !remove_extra {
            left += 1;
            continue;
        }
        let key = (difference.section, difference.item.clone());
        plan.push(Planned {
            here: found.get(&key).cloned(),
            wanted: fact,
            difference,
        });
    }
    // What goes, goes last and in the other order: a group after what was in it.
    let (mut goes, mut stays): (Vec<_>, Vec<_>) =
        plan.into_iter().partition(|one| one.wanted.is_none());
    goes.reverse();
    stays.append(&mut goes);
    (stays, left)
}

impl Host {
    async fn bring(&self, one: &Planned) -> ToolResult<()> {
        match (&one.wanted, &one.here) {
            (Some(wanted), here) => self.make(&wanted.what, here.is_some()).await,
            (None, Some(here)) => self.unmake(&here.what).await,
            (None, None) => Ok(()),
        }
    }

    /// Makes it as it is on the first Pi-hole. Groups go by name, whose numbers differ.
    async fn make(&self, what: &What, there: bool) -> ToolResult<()> {
        let call = match what {
            What::Group(row) => {
                let body =
                    json!({ "name": row.name, "comment": row.comment, "enabled": row.enabled });
                if there {
                    Call::put("set_group", "/api/groups/{}", &[&row.name]).body(body)
                } else {
                    Call::post("add_group", "/api/groups", body)
                }
            }
            What::List(row, groups) => {
                let mut row = row.clone();
                row.groups = self.group_ids(groups).await?;
                if there {
                    put_list(&row)
                } else {
                    let body = json!({
                        "address": row.address, "comment": row.comment,
                        "groups": row.groups, "enabled": row.enabled,
                    });
                    Call::post("add_list", "/api/lists", body).query("type", &row.of_type)
                }
            }
            What::Rule(row, groups) => {
                let mut row = row.clone();
                row.groups = self.group_ids(groups).await?;
                // A PUT makes what is not there.
                put_rule(&row)
            }
            What::Client(row, groups) => {
                let groups = self.group_ids(groups).await?;
                let body = json!({ "comment": row.comment, "groups": groups });
                Call::put("set_client", "/api/clients/{}", &[&row.client]).body(body)
            }
            What::HostLine(line) => {
                return self.take_step(&Step::Add(HOSTS, line.clone())).await;
            }
            What::AliasLine(line) => {
                return self.take_step(&Step::Add(ALIASES, line.clone())).await;
            }
            What::Other => return Ok(()),
        };
        let done: Processed = self.json(&call).await?;
        match done.processed.unwrap_or_default().errors.first() {
            Some(error) => Err(not_taken(&self.name, &error.item, &error.error)),
            None => Ok(()),
        }
    }

    async fn unmake(&self, what: &What) -> ToolResult<()> {
        let call = match what {
            What::Group(row) => Call::delete("remove_group", "/api/groups/{}", &[&row.name]),
            What::List(row, _) => remove_list(&row.address, &row.of_type),
            What::Rule(row, _) => Call::delete(
                "remove_domain",
                "/api/domains/{}/{}/{}",
                &[&row.of_type, &row.kind, &row.domain],
            ),
            What::Client(row, _) => {
                Call::delete("remove_client", "/api/clients/{}", &[&row.client])
            }
            What::HostLine(line) => {
                return self.take_step(&Step::Remove(HOSTS, line.clone())).await;
            }
            What::AliasLine(line) => {
                return self.take_step(&Step::Remove(ALIASES, line.clone())).await;
            }
            What::Other => return Ok(()),
        };
        self.removed(&call).await.map(drop)
    }
}

async fn preview_sync(pihole: &Pihole, args: &SyncReplicas) -> ToolResult<Preview> {
    let sections = args.sections()?;
    let (first, replicas) = pihole.replicas(args.host.as_deref())?;
    let wanted = first.facts(sections).await?;
    let mut changes = Vec::new();
    let mut impact = Vec::new();
    for host in replicas {
        let (plan, left) = plan(&wanted, &host.facts(sections).await?, args.remove_extra);
        impact.push(format!(
            "{}: {} changes, {left} differences are left",
            host.name,
            plan.len()
        ));
        changes.extend(plan.into_iter().take(MOST).map(|one| Change {
            field: format!("{} on {}", one.difference.item, host.name),
            from: one.difference.here,
            to: one.difference.first,
        }));
    }
    Ok(Preview {
        summary: format!("make the replicas like `{}`", first.name),
        changes,
        impact,
    })
}

async fn sync_targets(pihole: &Pihole, args: &SyncReplicas) -> ToolResult<Vec<Target>> {
    let (_, replicas) = pihole.replicas(args.host.as_deref())?;
    Ok(targets_of(&replicas))
}

/// Looks again: nothing but what is left on purpose may differ.
async fn check_sync(
    pihole: &Pihole,
    args: &SyncReplicas,
    done: &OnHosts<Synced>,
) -> ToolResult<Vec<Mismatch>> {
    let mut mismatches = failures(done);
    if args.dry_run {
        return Ok(mismatches);
    }
    let sections = args.sections()?;
    let (first, replicas) = pihole.replicas(args.host.as_deref())?;
    let wanted = first.facts(sections).await?;
    for host in replicas {
        let worked = done
            .hosts
            .iter()
            .any(|one| one.host == host.name && one.result.is_some());
        if !worked {
            continue;
        }
        let (plan, _) = plan(&wanted, &host.facts(sections).await?, args.remove_extra);
        mismatches.extend(plan.iter().map(|one| Mismatch {
            field: "host",
            wanted: format!("{} {} on {}", one.verb(), one.difference.item, host.name),
            found: "it still differs".to_owned(),
        }));
    }
    Ok(mismatches)
}
