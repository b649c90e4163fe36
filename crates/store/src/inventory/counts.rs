//! Counts for the summary.

use homelab_core::store::{InventoryCounts, StoreResult};

use crate::shared::Shared;

macro_rules! records {
    ($table:literal) => {
        concat!(
            "SELECT 'records' AS list, '",
            $table,
            "' AS name, COUNT(*) AS n FROM ",
            $table,
            " UNION ALL "
        )
    };
}

macro_rules! grouped {
    ($list:literal, $table:literal, $by:literal) => {
        concat!(
            "SELECT '",
            $list,
            "', ",
            $by,
            ", COUNT(*) FROM ",
            $table,
            " GROUP BY ",
            $by
        )
    };
}

const COUNTS: &str = concat!(
    records!("proxmox_hosts"),
    records!("virtual_machines"),
    records!("devices"),
    records!("test_equipment"),
    records!("services"),
    records!("networks"),
    records!("network_config"),
    records!("firewall_rules"),
    grouped!("devices_by_status", "devices", "status"),
    " UNION ALL ",
    grouped!(
        "devices_by_category",
        "devices",
        "COALESCE(category_folded, 'uncategorised')"
    ),
    " UNION ALL ",
    grouped!("vms_by_status", "virtual_machines", "status"),
    " UNION ALL ",
    grouped!(
        "services_by_type",
        "services",
        "COALESCE(type_folded, 'untyped')"
    ),
);

/// All counts in one statement.
pub(super) async fn counts(shared: &Shared) -> StoreResult<InventoryCounts> {
    let mut session = shared.db.read().await?;
    let rows = session
        .conn()
        .all("inventory", COUNTS, &[], |row| {
            Ok((row.text("list")?, row.text("name")?, row.count("n")?))
        })
        .await?;
    let mut counts = InventoryCounts::default();
    for (list, name, count) in rows {
        let list = match list.as_str() {
            "records" => &mut counts.records,
            "devices_by_status" => &mut counts.devices_by_status,
            "devices_by_category" => &mut counts.devices_by_category,
            "vms_by_status" => &mut counts.vms_by_status,
            _ => &mut counts.services_by_type,
        };
        list.insert(name, count);
    }
    Ok(counts)
}
