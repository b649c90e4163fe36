//! Import: everything or nothing.

use homelab_core::inventory::Snapshot;
use homelab_core::store::{ImportReport, StoreResult};

use super::write::save;
use crate::db::{Conn, Lock};
use crate::shared::Shared;
use crate::table::Stored;
use crate::tidy::Grown;

/// Written records from which on the database is worth tidying.
const MANY: u64 = 1_000;

/// Inserts or updates everything in one transaction.
pub(super) async fn import(shared: &Shared, snapshot: Snapshot) -> StoreResult<ImportReport> {
    let mut tx = shared.db.write(Lock::Inventory).await?;
    let report = take_all(&mut tx.conn(), shared, snapshot).await?;
    tx.commit().await?;
    let written = report.created.values().chain(report.updated.values());
    if written.sum::<u64>() >= MANY {
        shared.db.tidy(&[Grown::Inventory]).await;
    }
    Ok(report)
}

/// Inserts or updates everything in a transaction that holds [`Lock::Inventory`]. Records that
/// others refer to go first, so their order does not matter.
pub(crate) async fn take_all(
    conn: &mut Conn<'_>,
    shared: &Shared,
    snapshot: Snapshot,
) -> StoreResult<ImportReport> {
    let mut report = ImportReport::default();
    take(conn, shared, &mut report, snapshot.proxmox_hosts).await?;
    take(conn, shared, &mut report, snapshot.networks).await?;
    take(conn, shared, &mut report, snapshot.devices).await?;
    take(conn, shared, &mut report, snapshot.virtual_machines).await?;
    take(conn, shared, &mut report, snapshot.test_equipment).await?;
    take(conn, shared, &mut report, snapshot.services).await?;
    take(conn, shared, &mut report, snapshot.network_config).await?;
    take(conn, shared, &mut report, snapshot.firewall_rules).await?;
    Ok(report)
}

async fn take<R: Stored>(
    conn: &mut Conn<'_>,
    shared: &Shared,
    report: &mut ImportReport,
    records: Vec<R>,
) -> StoreResult<()> {
    if records.is_empty() {
        return Ok(());
    }
    let saved = save(conn, shared, records).await?;
    for (counts, count) in [
        (&mut report.created, saved.created),
        (&mut report.updated, saved.updated),
        (&mut report.unchanged, saved.unchanged),
    ] {
        if count > 0 {
            counts.insert(R::ENTITY.to_owned(), count);
        }
    }
    Ok(())
}
