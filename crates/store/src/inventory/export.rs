//! Export: everything as of one moment.

use homelab_core::inventory::Snapshot;
use homelab_core::store::StoreResult;

use crate::db::Conn;
use crate::shared::Shared;
use crate::table::Stored;

/// Everything, ordered by natural key, without the times of change: importing it elsewhere and
/// exporting it again gives the same.
pub(super) async fn export(shared: &Shared) -> StoreResult<Snapshot> {
    let mut tx = shared.db.snapshot().await?;
    let snapshot = read_all(&mut tx.conn()).await?;
    tx.commit().await?;
    Ok(snapshot)
}

/// The same in a transaction of the caller's.
pub(crate) async fn read_all(conn: &mut Conn<'_>) -> StoreResult<Snapshot> {
    Ok(Snapshot {
        proxmox_hosts: all(conn).await?,
        virtual_machines: all(conn).await?,
        devices: all(conn).await?,
        test_equipment: all(conn).await?,
        services: all(conn).await?,
        networks: all(conn).await?,
        network_config: all(conn).await?,
        firewall_rules: all(conn).await?,
    })
}

async fn all<R: Stored>(conn: &mut Conn<'_>) -> StoreResult<Vec<R>> {
    conn.all(R::ENTITY, R::SQL.all, &[], |row| {
        let mut record = R::read(row)?;
        record.set_updated_at(None);
        Ok(record)
    })
    .await
}
