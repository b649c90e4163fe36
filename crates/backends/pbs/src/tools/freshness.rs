//! Whether backups are fresh: by the archives that are there, not by what tasks say of themselves.

use std::collections::BTreeMap;

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Pbs;
use crate::ids::{Datastore, Group, Namespace};
use crate::page::page;
use crate::types::SnapshotRow;
use crate::units::{span, timestamp};
use crate::walk::{Place, Scope};

/// What to look at.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CheckFreshness {
    /// Only this datastore.
    datastore: Option<Datastore>,
    /// Only this namespace; empty is the root. Default: all.
    ns: Option<Namespace>,
    /// Age from which on a group's newest good backup is stale; default as configured, else 36.
    #[schemars(range(min = 1, max = 8760))]
    max_age_hours: Option<u32>,
    /// Groups that must be there, such as `vm/100`: those without any backup are reported.
    #[schemars(length(max = 500))]
    expect: Vec<Group>,
    /// Show fresh groups too.
    all: bool,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// How a group stands, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It was expected, and there is no backup anywhere.
    Missing,
    /// There are backups, and none can be used.
    Unusable,
    /// Its newest good backup is too old.
    Stale,
    /// Its newest good backup is young enough.
    Fresh,
}

/// A group by the archives that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct FreshnessRow {
    /// Absent if it is nowhere.
    pub(crate) datastore: Option<String>,
    pub(crate) ns: Option<String>,
    pub(crate) group: String,
    pub(crate) state: State,
    /// Newest backup that is complete and was not found broken.
    pub(crate) newest_good: Option<String>,
    pub(crate) age_hours: Option<i64>,
    /// `ok`, or `none` if it was never verified.
    pub(crate) verification: Option<String>,
    /// Backups in all.
    pub(crate) count: usize,
    /// What is wrong with newer ones, or with all.
    pub(crate) remark: Option<String>,
}

/// How many groups stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct FreshnessCounts {
    pub(crate) fresh: usize,
    pub(crate) stale: usize,
    pub(crate) unusable: usize,
    pub(crate) missing: usize,
}

/// The groups that need attention.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Freshness {
    max_age_hours: u32,
    counts: FreshnessCounts,
    #[serde(flatten)]
    page: Page<FreshnessRow>,
    /// What could not be read, and may hide groups.
    problems: Vec<String>,
}

/// Check how old each group's newest usable backup is, from the archives themselves: unfinished and broken ones do not count. Lists stale, unusable and missing groups, worst first.
#[tool(
    read,
    open_world,
    permission = "pbs:backup:read",
    title = "Check how fresh backups are",
    timeout = 180
)]
pub(crate) async fn check_freshness(pbs: &Pbs, args: CheckFreshness) -> ToolResult<Freshness> {
    let max_age_hours = args.max_age_hours.unwrap_or(pbs.config.stale_after_hours);
    let scope = Scope {
        store: args.datastore.as_ref(),
        ns: args.ns.as_ref(),
        group: None,
    };
    let (found, problems) = pbs.walk_snapshots(&scope).await?.some()?;
    let mut rows = groups(&found, pbs.now_s(), max_age_hours);
    rows.extend(missing(&args.expect, &rows));
    let counts = FreshnessCounts::of(&rows);
    rows.retain(|row| args.all || row.state != State::Fresh);
    Ok(Freshness {
        max_age_hours,
        counts,
        page: page(
            rows,
            args.limit,
            args.cursor.as_deref(),
            FreshnessRow::order,
        )?,
        problems,
    })
}

/// One row for each group at each place.
pub(super) fn groups(
    found: &[(Place, Vec<SnapshotRow>)],
    now: i64,
    max_age_hours: u32,
) -> Vec<FreshnessRow> {
    let mut rows = Vec::new();
    for (place, snapshots) in found {
        let mut groups: BTreeMap<String, Vec<&SnapshotRow>> = BTreeMap::new();
        for snapshot in snapshots {
            groups
                .entry(snapshot.group_name())
                .or_default()
                .push(snapshot);
        }
        for (group, mut snapshots) in groups {
            snapshots.sort_by_key(|row| std::cmp::Reverse(row.backup_time));
            rows.push(FreshnessRow::of(
                place,
                group,
                &snapshots,
                now,
                max_age_hours,
            ));
        }
    }
    rows
}

fn missing(expected: &[Group], rows: &[FreshnessRow]) -> Vec<FreshnessRow> {
    let names = expected.iter().map(ToString::to_string);
    names
        .filter(|name| !rows.iter().any(|row| row.group == *name))
        .map(|group| FreshnessRow {
            datastore: None,
            ns: None,
            group,
            state: State::Missing,
            newest_good: None,
            age_hours: None,
            verification: None,
            count: 0,
            remark: Some("no backup where we looked".to_owned()),
        })
        .collect()
}

impl FreshnessRow {
    /// `snapshots` are newest first.
    fn of(
        place: &Place,
        group: String,
        snapshots: &[&SnapshotRow],
        now: i64,
        max_age_hours: u32,
    ) -> Self {
        let is_good = |row: &SnapshotRow| row.is_complete() && !row.verification_failed();
        let good = snapshots.iter().position(|row| is_good(row));
        let newest = good.and_then(|index| snapshots.get(index));
        let newer = snapshots.get(..good.unwrap_or(snapshots.len()));
        let age = newest.map(|row| now - row.backup_time);
        let state = match age {
            None => State::Unusable,
            Some(age) if age > i64::from(max_age_hours) * 3600 => State::Stale,
            Some(_) => State::Fresh,
        };
        let verification = newest.map(|row| match &row.verification {
            Some(found) => found.state.clone(),
            None => "none".to_owned(),
        });
        Self {
            datastore: Some(place.store.to_string()),
            ns: place.ns.given().map(str::to_owned),
            group,
            state,
            newest_good: newest.and_then(|row| timestamp(Some(row.backup_time))),
            age_hours: age.map(|age| age.div_euclid(3600)),
            verification,
            count: snapshots.len(),
            remark: remark(newer.unwrap_or_default(), now),
        }
    }

    fn order(&self) -> String {
        let store = self.datastore.as_deref().unwrap_or_default();
        let ns = self.ns.as_deref().unwrap_or_default();
        let youth = i64::MAX - self.age_hours.unwrap_or(0).max(0);
        let group = &self.group;
        let rank = self.state as u8;
        format!("{rank}{youth:020}{store}\u{1}{ns}\u{1}{group}")
    }

    /// `vm/100` in `main`.
    pub(super) fn described(&self) -> String {
        let store = self.datastore.as_deref().unwrap_or_default();
        match &self.ns {
            Some(ns) => format!("`{}` in `{store}:{ns}`", self.group),
            None => format!("`{}` in `{store}`", self.group),
        }
    }
}

/// Why the backups that are newer than the good one do not count.
fn remark(newer: &[&SnapshotRow], now: i64) -> Option<String> {
    let newest = newer.first()?;
    let age = span(now - newest.backup_time);
    let broken = newer.iter().filter(|row| row.verification_failed()).count();
    let unfinished = newer.iter().filter(|row| !row.is_complete()).count();
    let mut parts = Vec::new();
    if unfinished > 0 {
        parts.push(format!("{unfinished} unfinished (or still being made)"));
    }
    if broken > 0 {
        parts.push(format!("{broken} that failed verification"));
    }
    Some(format!(
        "newer, but not usable: {}; the newest is {age} old",
        parts.join(", ")
    ))
}

impl FreshnessCounts {
    pub(super) fn of(rows: &[FreshnessRow]) -> Self {
        let count = |state: State| rows.iter().filter(|row| row.state == state).count();
        Self {
            fresh: count(State::Fresh),
            stale: count(State::Stale),
            unusable: count(State::Unusable),
            missing: count(State::Missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_140_000;
    const HOUR: i64 = 3600;

    fn place() -> Place {
        Place {
            store: "main".parse().unwrap(),
            ns: Namespace::root(),
        }
    }

    fn snapshot(hours: i64, complete: bool, verified: Option<&str>) -> SnapshotRow {
        let mut row =
            json!({ "backup-type": "vm", "backup-id": "100", "backup-time": NOW - hours * HOUR });
        if complete {
            row["size"] = 5.into();
            row["files"] = json!([{ "filename": "index.json.blob" }]);
        }
        if let Some(state) = verified {
            row["verification"] = json!({ "state": state, "upid": "x" });
        }
        serde_json::from_value(row).unwrap()
    }

    fn only(snapshots: Vec<SnapshotRow>) -> FreshnessRow {
        let mut rows = groups(&[(place(), snapshots)], NOW, 36);
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    #[test]
    fn an_unfinished_or_broken_backup_does_not_make_a_group_fresh() {
        let row = only(vec![
            snapshot(1, false, None),
            snapshot(25, true, Some("failed")),
            snapshot(49, true, Some("ok")),
        ]);

        assert_eq!(row.state, State::Stale);
        assert_eq!(row.age_hours, Some(49));
        assert_eq!(row.verification.as_deref(), Some("ok"));
        let remark = row.remark.unwrap();
        assert!(
            remark.contains("1 unfinished") && remark.contains("1 that failed"),
            "{remark}"
        );
    }

    #[test]
    fn a_group_without_a_good_backup_is_unusable() {
        let row = only(vec![
            snapshot(1, false, None),
            snapshot(25, true, Some("failed")),
        ]);

        assert_eq!((row.state, row.newest_good), (State::Unusable, None));
    }

    #[test]
    fn a_young_good_backup_is_fresh_though_older_ones_are_broken() {
        let row = only(vec![
            snapshot(2, true, None),
            snapshot(25, true, Some("failed")),
        ]);

        assert_eq!((row.state, row.remark), (State::Fresh, None));
        assert_eq!(row.verification.as_deref(), Some("none"));
    }

    #[test]
    fn expected_groups_that_are_nowhere_come_first() {
        let rows = groups(&[(place(), vec![snapshot(50, true, None)])], NOW, 36);
        let mut all = missing(
            &["vm/100".parse().unwrap(), "ct/200".parse().unwrap()],
            &rows,
        );
        all.extend(rows);
        all.sort_by_key(FreshnessRow::order);

        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].group.as_str(), all[0].state),
            ("ct/200", State::Missing)
        );
        assert_eq!(all[1].state, State::Stale);
    }
}
