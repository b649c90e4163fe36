//! Import: everything or nothing.

use homelab_core::inventory::Snapshot;
use homelab_core::store::{ImportReport, StoreResult};

use super::write::save;
use crate::db::{Conn, Lock};
use crate::shared::Shared;
use crate::table::Stored;

/// Written records from which on the database is worth tidying.
const MANY: u64 = 1_000;

/// Inserts or updates everything in one transaction. Records that others refer to go first, so
/// their order in the file does not matter.
pub(super) async fn import(shared: &Shared, snapshot: Snapshot) -> StoreResult<ImportReport> {
    let mut report = ImportReport::default();
    let mut tx = shared.db.write(Lock::Inventory).await?;
    let mut conn = tx.conn();
    take(&mut conn, shared, &mut report, snapshot.proxmox_hosts).await?;
    take(&mut conn, shared, &mut report, snapshot.networks).await?;
    take(&mut conn, shared, &mut report, snapshot.devices).await?;
    take(&mut conn, shared, &mut report, snapshot.virtual_machines).await?;
    take(&mut conn, shared, &mut report, snapshot.test_equipment).await?;
    take(&mut conn, shared, &mut report, snapshot.services).await?;
    take(&mut conn, shared, &mut report, snapshot.network_config).await?;
    take(&mut conn, shared, &mut report, snapshot.firewall_rules).await?;
    tx.commit().await?;
    let written = report.created.values().chain(report.updated.values());
    if written.sum::<u64>() >= MANY {
        shared.db.tidy().await;
    }
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
