//! Which guests could be got back: the newest archive of each, and whether restoring one was ever tried.

use std::collections::BTreeMap;

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backups::{BackupRow, read_backups};
use super::placing::Places;
use super::restore_test::{LastTest, last_test};
use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind};
use crate::ids::{Tag, Vmid};
use crate::page::page;

/// Age from which on a backup is stale: a day and a half, so that a nightly job may run late.
const STALE_HOURS: u32 = 36;

/// Which guests to look at.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CheckBackups {
    /// Hours from which on the newest backup of a guest is stale; default 36.
    #[schemars(range(min = 1, max = 8760))]
    max_age_hours: Option<u32>,
    /// Only guests with this tag.
    tag: Option<Tag>,
    /// Guests that have a fresh backup too.
    all: bool,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// How well a guest is backed up; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Freshness {
    /// There is no backup.
    Missing,
    /// A backup server found its newest backup to be damaged.
    Damaged,
    /// Its newest backup is too old.
    Stale,
    /// Its newest backup is young enough.
    Fresh,
}

/// A guest and its newest backup.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct GuestBackups {
    vmid: Vmid,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: GuestKind,
    state: Freshness,
    age_hours: Option<i64>,
    newest: Option<String>,
    /// Backups that there are of it.
    count: usize,
    /// What a backup server found when it read the newest one again.
    verification: Option<String>,
    /// How the last `restore_test` came out; absent if there was none.
    restore_test: Option<LastTest>,
}

/// How many guests are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct BackupCounts {
    missing: usize,
    damaged: usize,
    stale: usize,
    fresh: usize,
}

/// Guests, those without a usable backup first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackupReport {
    max_age_hours: u32,
    counts: BackupCounts,
    #[serde(flatten)]
    page: Page<GuestBackups>,
    /// Storages that could not be read, so that backups may be missing here that exist.
    problems: Vec<String>,
}

/// Check for every guest how old its newest backup is, from the archives themselves and not from what jobs say, and how its last restore test came out. Lists guests without a fresh backup, worst first.
#[tool(
    read,
    open_world,
    permission = "proxmox:backup:read",
    title = "Check backups",
    timeout = 120,
    untrusted("items.*.name")
)]
pub(crate) async fn check_backups(
    proxmox: &Proxmox,
    args: CheckBackups,
) -> ToolResult<BackupReport> {
    let max_age_hours = args.max_age_hours.unwrap_or(STALE_HOURS);
    let guests = proxmox.guests().await?;
    let places = Places::read(proxmox).await?;
    let found = read_backups(proxmox, places.storages_for("backup"), None).await?;
    let mut by_guest: BTreeMap<u64, Vec<&BackupRow>> = BTreeMap::new();
    for row in &found.rows {
        by_guest
            .entry(row.vmid.unwrap_or_default())
            .or_default()
            .push(row);
    }
    let now = proxmox.api.env.clock.now().0 / 1_000_000;
    let is_wanted = |guest: &&Guest| {
        !guest.row.template
            && args
                .tag
                .as_ref()
                .is_none_or(|tag| guest.tags.iter().any(|has| has == tag.as_str()))
    };
    let mut rows = Vec::new();
    for guest in guests.iter().filter(is_wanted) {
        let backups = by_guest.get(&u64::from(guest.vmid.0));
        let backups = backups.map(Vec::as_slice).unwrap_or_default();
        rows.push(GuestBackups::of(guest, backups, now, max_age_hours));
    }
    let counts = BackupCounts::of(&rows);
    rows.retain(|row| args.all || row.state != Freshness::Fresh);
    let key = |row: &GuestBackups| {
        let youth = i64::MAX - row.age_hours.unwrap_or(0).max(0);
        format!("{}{youth:020}{:010}", row.state as u8, row.vmid.0)
    };
    let mut page = page(rows, args.limit, args.cursor.as_deref(), key)?;
    for row in &mut page.items {
        row.restore_test = last_test(proxmox, row.vmid).await?;
    }
    Ok(BackupReport {
        max_age_hours,
        counts,
        page,
        problems: found.problems,
    })
}

impl GuestBackups {
    fn of(guest: &Guest, backups: &[&BackupRow], now: i64, max_age_hours: u32) -> Self {
        let newest = backups.iter().max_by_key(|row| row.ctime);
        let age = newest.and_then(|row| Some(now - row.ctime?));
        let is_damaged = newest.is_some_and(|row| row.verification.as_deref() == Some("failed"));
        let state = match age {
            _ if newest.is_none() => Freshness::Missing,
            _ if is_damaged => Freshness::Damaged,
            Some(age) if age <= i64::from(max_age_hours) * 3600 => Freshness::Fresh,
            // A backup of unknown age proves nothing.
            _ => Freshness::Stale,
        };
        Self {
            vmid: guest.vmid,
            name: guest.name.clone(),
            kind: guest.kind,
            state,
            age_hours: age.map(|age| age.div_euclid(3600)),
            newest: newest.map(|row| row.backup.clone()),
            count: backups.len(),
            verification: newest.and_then(|row| row.verification.clone()),
            restore_test: None,
        }
    }
}

impl BackupCounts {
    fn of(rows: &[GuestBackups]) -> Self {
        let count = |state| rows.iter().filter(|row| row.state == state).count();
        Self {
            missing: count(Freshness::Missing),
            damaged: count(Freshness::Damaged),
            stale: count(Freshness::Stale),
            fresh: count(Freshness::Fresh),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::tools::guests::tests::machine;

    const NOW: i64 = 1_780_272_000;

    fn backup(age_hours: i64, verification: &str) -> BackupRow {
        let volume = serde_json::from_value(json!({
            "volid": format!("pbs:backup/vm/100/{age_hours}"),
            "vmid": 100,
            "ctime": NOW - age_hours * 3600,
            "verification": { "state": verification },
        }))
        .unwrap();
        BackupRow::of(&"pve1".parse().unwrap(), volume)
    }

    #[rstest]
    #[case(&[], Freshness::Missing)]
    #[case(&[(80, "ok"), (10, "ok")], Freshness::Fresh)]
    #[case(&[(37, "ok"), (80, "ok")], Freshness::Stale)]
    #[case(&[(36, "ok")], Freshness::Fresh)]
    #[case(&[(5, "failed"), (10, "ok")], Freshness::Damaged)]
    fn the_newest_archive_decides(#[case] backups: &[(i64, &str)], #[case] state: Freshness) {
        let rows: Vec<BackupRow> = backups
            .iter()
            .map(|(age, verification)| backup(*age, verification))
            .collect();
        let rows: Vec<&BackupRow> = rows.iter().collect();

        let found = GuestBackups::of(&machine(), &rows, NOW, STALE_HOURS);

        assert_eq!(found.state, state);
        assert_eq!(found.count, backups.len());
    }
}
