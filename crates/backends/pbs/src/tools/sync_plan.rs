//! What a copy to another server would carry there, and what it would remove.

use std::collections::BTreeMap;

use homelab_core::error::ToolResult;

use super::sync::SyncToRemote;
use crate::client::Pbs;
use crate::ids::Group;
use crate::types::GroupRow;
use crate::units::{count, timestamp};

/// Groups that a preview names.
const NAMED: usize = 50;

/// Newest backup and number of backups of each group.
type Side = BTreeMap<String, (i64, u64)>;

/// The two sides of a copy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Groups whose newest backup is not there yet, one line each.
    pub(super) behind: Vec<String>,
    /// Groups that are there only.
    pub(super) vanished: Vec<String>,
    /// Groups whose newest backup is there.
    pub(super) current: usize,
}

/// Compares the newest backups of groups; which older ones are missing the server alone knows.
pub(super) fn compare(here: &Side, there: &Side, wanted: impl Fn(&str) -> bool) -> Comparison {
    let mut comparison = Comparison::default();
    for (group, (newest, _)) in here.iter().filter(|(group, _)| wanted(group)) {
        match there.get(group) {
            Some((copied, _)) if copied >= newest => comparison.current += 1,
            Some((copied, _)) => {
                let since = timestamp(Some(*copied)).unwrap_or_else(|| "never".to_owned());
                comparison
                    .behind
                    .push(format!("copies `{group}`: newest there is of {since}"));
            }
            None => comparison
                .behind
                .push(format!("copies `{group}`: not there yet")),
        }
    }
    for (group, (_, backups)) in there.iter().filter(|(group, _)| wanted(group)) {
        if !here.contains_key(group) {
            let backups = count(usize::try_from(*backups).unwrap_or(usize::MAX), "backup");
            comparison.vanished.push(format!(
                "removes `{group}` there with {backups}: it is not here"
            ));
        }
    }
    comparison
}

fn side(rows: &[GroupRow]) -> Side {
    rows.iter()
        .map(|row| (row.name(), (row.last_backup, row.backup_count)))
        .collect()
}

/// The lines of a comparison, not too many.
pub(super) fn lines(comparison: &Comparison, remove_vanished: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |all: &[String], what: &str| {
        lines.extend(all.iter().take(NAMED).cloned());
        if all.len() > NAMED {
            lines.push(format!("and {what} {} more groups", all.len() - NAMED));
        }
    };
    if remove_vanished {
        add(&comparison.vanished, "removes");
    }
    add(&comparison.behind, "copies");
    if comparison.current > 0 {
        let groups = count(comparison.current, "group");
        lines.push(format!("{groups} whose newest backup is there already"));
    }
    if remove_vanished {
        lines.push("backups that are there and no longer here are removed there".to_owned());
    }
    lines
}

impl Pbs {
    /// Compares the groups on both sides, asking the remote for its own.
    pub(super) async fn compared(&self, args: &SyncToRemote) -> ToolResult<Comparison> {
        let place = args.place();
        let (ns, store) = (args.remote_ns(), &args.remote_datastore);
        let (here, there) = tokio::try_join!(
            self.groups(&place.store, &place.ns),
            self.remote_groups(&args.remote, store, &ns),
        )?;
        let wanted: Vec<String> = args.groups().iter().map(Group::to_string).collect();
        Ok(compare(&side(&here), &side(&there), |group| {
            wanted.is_empty() || wanted.iter().any(|one| one == group)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(groups: &[(&str, i64)]) -> Side {
        groups
            .iter()
            .map(|(group, newest)| ((*group).to_owned(), (*newest, 2)))
            .collect()
    }

    #[test]
    fn groups_are_behind_current_or_vanished() {
        let here = of(&[("vm/1", 100), ("vm/2", 100), ("vm/3", 100)]);
        let there = of(&[("vm/1", 100), ("vm/2", 50), ("vm/9", 10)]);

        let found = compare(&here, &there, |_| true);

        assert_eq!(found.current, 1);
        assert_eq!(found.behind.len(), 2);
        assert_eq!(
            found.vanished,
            ["removes `vm/9` there with 2 backups: it is not here"]
        );
        assert_eq!(lines(&found, false).len(), 3);
        assert_eq!(lines(&found, true).len(), 5);
    }

    #[test]
    fn only_the_wanted_groups_count() {
        let here = of(&[("vm/1", 100), ("vm/2", 100)]);
        let there = of(&[("vm/9", 10)]);

        let found = compare(&here, &there, |group| group == "vm/1");

        assert_eq!((found.behind.len(), found.vanished.len()), (1, 0));
    }
}
