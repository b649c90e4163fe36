//! What a retention would remove, from the server's own dry run; and what became of it.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use homelab_core::error::ToolResult;
use sha2::{Digest as _, Sha256};

use crate::call::{Call, Naming as _};
use crate::client::Pbs;
use crate::ids::{Group, Namespace, Snapshot};
use crate::types::{Job, PruneRow};
use crate::units::count;
use crate::walk::Place;

/// Groups that are asked about at a time.
const AT_A_TIME: usize = 4;
/// Backups that a preview names.
const NAMED: usize = 100;

/// How many backups of a group stay: a backup stays if one of these keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) last: Option<u32>,
    pub(crate) hourly: Option<u32>,
    pub(crate) daily: Option<u32>,
    pub(crate) weekly: Option<u32>,
    pub(crate) monthly: Option<u32>,
    pub(crate) yearly: Option<u32>,
}

impl Keep {
    pub(crate) fn of_job(job: &Job) -> Self {
        let keep = super::jobs::keep_of(job);
        let of = |name: &str| keep.get(name).and_then(|count| u32::try_from(*count).ok());
        Self {
            last: of("last"),
            hourly: of("hourly"),
            daily: of("daily"),
            weekly: of("weekly"),
            monthly: of("monthly"),
            yearly: of("yearly"),
        }
    }

    fn all(&self) -> [(&'static str, Option<u32>); 6] {
        [
            ("keep-last", self.last),
            ("keep-hourly", self.hourly),
            ("keep-daily", self.daily),
            ("keep-weekly", self.weekly),
            ("keep-monthly", self.monthly),
            ("keep-yearly", self.yearly),
        ]
    }

    /// The server keeps everything then.
    pub(crate) fn is_empty(&self) -> bool {
        self.all().iter().all(|(_, count)| count.is_none())
    }

    /// `last 3, daily 7`.
    pub(crate) fn described(&self) -> String {
        let parts = self.all().into_iter().filter_map(|(name, count)| {
            let name = name.strip_prefix("keep-").unwrap_or(name);
            Some(format!("{name} {}", count?))
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    fn on(&self, call: Call) -> Call {
        self.all()
            .into_iter()
            .fold(call, |call, (name, count)| call.with_opt(name, count))
    }
}

/// Prunes one group within the request itself, which answers what it did or would do.
pub(crate) fn prune_call(place: &Place, group: &Group, keep: &Keep, dry_run: bool) -> Call {
    let call = Call::post("prune", "/admin/datastore/{}/prune", &[&place.store])
        .ns(&place.ns)
        .group(group)
        .with("dry-run", dry_run);
    let call = keep.on(call);
    // Looking is looking, though it is a POST.
    if dry_run { call.idempotent() } else { call }
}

/// What a retention makes of one group.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) place: Place,
    pub(crate) group: Group,
    pub(crate) rows: Vec<PruneRow>,
}

impl PruneRow {
    fn id(&self) -> Option<Snapshot> {
        Some(Snapshot {
            group: Group::new(&self.backup_type, &self.backup_id)?,
            time: self.backup_time,
        })
    }

    /// A protected backup stays whatever the retention says.
    pub(crate) fn goes(&self) -> bool {
        !self.keep && !self.protected
    }
}

impl Planned {
    /// Backups that would go, oldest first.
    pub(crate) fn going(&self) -> Vec<Snapshot> {
        let mut going: Vec<Snapshot> = self
            .rows
            .iter()
            .filter(|row| row.goes())
            .filter_map(PruneRow::id)
            .collect();
        going.sort();
        going
    }

    pub(crate) fn staying(&self) -> usize {
        self.rows.iter().filter(|row| !row.goes()).count()
    }

    fn protected(&self) -> usize {
        self.rows.iter().filter(|row| row.protected).count()
    }
}

/// What a retention makes of several groups.
#[derive(Debug, Clone)]
pub(crate) struct Plan(pub(crate) Vec<Planned>);

impl Plan {
    /// Where and what would go: `main:home` and the backup.
    fn going(&self) -> BTreeSet<(String, Snapshot)> {
        let each = self.0.iter().flat_map(|planned| {
            let place = planned.place.described();
            planned
                .going()
                .into_iter()
                .map(move |snapshot| (place.clone(), snapshot))
        });
        each.collect()
    }

    pub(crate) fn going_count(&self) -> usize {
        self.going().len()
    }

    pub(crate) fn staying_count(&self) -> usize {
        self.0.iter().map(Planned::staying).sum()
    }

    pub(crate) fn protected_count(&self) -> usize {
        self.0.iter().map(Planned::protected).sum()
    }

    /// Names this very list: another list has another name.
    pub(crate) fn name(&self) -> String {
        let mut hash = Sha256::new();
        for (place, snapshot) in self.going() {
            hash.update(format!("{place}/{snapshot}\n"));
        }
        hex::encode(hash.finalize().get(..8).unwrap_or_default())
    }

    /// What would go and what stays, one line each, not too many.
    pub(crate) fn lines(&self) -> Vec<String> {
        let going = self.going();
        let mut lines: Vec<String> = going
            .iter()
            .take(NAMED)
            .map(|(place, snapshot)| format!("removes `{snapshot}` in `{place}`"))
            .collect();
        if going.len() > NAMED {
            lines.push(format!("and removes {} more", going.len() - NAMED));
        }
        lines.push(format!("{} stay", count(self.staying_count(), "backup")));
        let protected = self.protected_count();
        if protected > 0 {
            lines.push(format!("{protected} of them because they are protected"));
        }
        lines
    }
}

impl Pbs {
    /// The server's dry run for one group, or each of a namespace and those so far below it.
    pub(crate) async fn plan(
        &self,
        place: &Place,
        max_depth: u8,
        group: Option<&Group>,
        keep: &Keep,
    ) -> ToolResult<Plan> {
        let mut groups: Vec<(Place, Group)> = Vec::new();
        match group {
            Some(group) => groups.push((place.clone(), group.clone())),
            None => {
                for place in self.below(place, max_depth).await? {
                    let rows = self.groups(&place.store, &place.ns).await?;
                    let named = rows.iter().filter_map(crate::types::GroupRow::group);
                    groups.extend(named.map(|group| (place.clone(), group)));
                }
            }
        }
        let planned: Vec<Planned> = stream::iter(groups)
            .map(|(place, group)| async move {
                let call = prune_call(&place, &group, keep, true);
                let rows = self.api.list(&call).await?;
                Ok::<_, homelab_core::error::ToolError>(Planned { place, group, rows })
            })
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        Ok(Plan(planned))
    }

    /// The namespace and those so far below it.
    async fn below(&self, place: &Place, max_depth: u8) -> ToolResult<Vec<Place>> {
        if max_depth == 0 {
            return Ok(vec![place.clone()]);
        }
        let rows = self
            .namespaces(&place.store, &place.ns, Some(max_depth))
            .await?;
        // The namespace itself is among them, or not.
        let mut all = BTreeSet::from([place.ns.clone()]);
        all.extend(
            rows.iter()
                .filter_map(|row| row.ns.parse::<Namespace>().ok()),
        );
        let places = all.into_iter().map(|ns| Place {
            store: place.store.clone(),
            ns,
        });
        Ok(places.collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    fn place() -> Place {
        Place {
            store: "main".parse().unwrap(),
            ns: "home".parse().unwrap(),
        }
    }

    pub(crate) fn planned(rows: &[(i64, bool, bool)]) -> Planned {
        let row = |(time, keep, protected): &(i64, bool, bool)| {
            serde_json::from_value(json!({
                "backup-type": "vm", "backup-id": "100", "backup-time": time, "keep": keep, "protected": protected,
            }))
            .unwrap()
        };
        Planned {
            place: place(),
            group: "vm/100".parse().unwrap(),
            rows: rows.iter().map(row).collect(),
        }
    }

    #[test]
    fn a_dry_run_is_said_and_only_what_is_kept_is_sent() {
        let keep = Keep {
            last: Some(3),
            weekly: Some(4),
            ..Keep::default()
        };

        assert_eq!(
            prune_call(&place(), &"vm/100".parse().unwrap(), &keep, true).line(),
            "POST /admin/datastore/main/prune?ns=home&backup-type=vm&backup-id=100&dry-run=1&keep-last=3&keep-weekly=4"
        );
        assert_eq!(keep.described(), "last 3, weekly 4");
        assert!(Keep::default().is_empty() && !keep.is_empty());
    }

    #[test]
    fn a_protected_backup_stays_whatever_the_answer_says() {
        let plan = Plan(vec![planned(&[
            (100, false, true),
            (200, false, false),
            (300, true, false),
        ])]);

        assert_eq!((plan.going_count(), plan.staying_count()), (1, 2));
        assert!(plan.lines().iter().any(|line| line.contains("protected")));
    }

    #[test]
    fn another_list_has_another_name() {
        let one = Plan(vec![planned(&[(100, false, false), (200, true, false)])]);
        let same = Plan(vec![planned(&[(300, true, false), (100, false, false)])]);
        let more = Plan(vec![planned(&[(100, false, false), (200, false, false)])]);

        assert_eq!(one.name(), same.name());
        assert_ne!(one.name(), more.name());
        assert_eq!(one.name().len(), 16);
    }

    #[test]
    fn a_long_list_is_cut_in_the_preview_but_counted() {
        let rows: Vec<(i64, bool, bool)> = (1..=150).map(|time| (time, false, false)).collect();

        let lines = Plan(vec![planned(&rows)]).lines();

        assert_eq!(lines.len(), NAMED + 2);
        assert!(lines.contains(&"and removes 50 more".to_owned()));
    }
}
