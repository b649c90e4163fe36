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
    let mut conn = tx.conn();
    let snapshot = Snapshot {
        proxmox_hosts: all(&mut conn).await?,
        virtual_machines: all(&mut conn).await?,
        devices: all(&mut conn).await?,
        test_equipment: all(&mut conn).await?,
        services: all(&mut conn).await?,
        networks: all(&mut conn).await?,
        network_config: all(&mut conn).await?,
        firewall_rules: all(&mut conn).await?,
    };
    tx.commit().await?;
    Ok(snapshot)
}

async fn all<R: Stored>(conn: &mut Conn<'_>) -> StoreResult<Vec<R>> {
    conn.all(R::ENTITY, R::SQL.all, &[], |row| {
        let mut record = R::read(row)?;
        record.set_updated_at(None);
        Ok(record)
    })
    .await
}
