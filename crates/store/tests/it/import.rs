//! Import, export and counts.

use homelab_core::inventory::{Device, Snapshot};
use homelab_core::store::StoreError;
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab};
use crate::sample::{self, record};

#[rstest]
#[tokio::test]
async fn references_are_resolved_inside_the_snapshot_in_any_order(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;

    let report = inventory.import(sample::snapshot()).await.unwrap();

    assert_eq!(report.created.values().sum::<u64>(), 14);
    assert_eq!(report.created["services"], 2);
    assert!(report.updated.is_empty() && report.unchanged.is_empty());
    let exported = inventory.export().await.unwrap();
    assert_eq!(exported.services[1].vm.as_deref(), Some("web"));
    assert_eq!(exported.virtual_machines[1].host.as_deref(), Some("pve2"));
}

#[rstest]
#[tokio::test]
async fn a_second_import_tells_what_changed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.import(sample::snapshot()).await.unwrap();
    let mut snapshot = sample::snapshot();
    snapshot.devices[0].notes = Some("new".into());
    snapshot.devices.push(sample::device("third"));
    lab.clock.advance_seconds(60);

    let report = inventory.import(snapshot).await.unwrap();

    assert_eq!(report.created, [("devices".into(), 1)].into());
    assert_eq!(report.updated, [("devices".into(), 1)].into());
    assert_eq!(report.unchanged["devices"], 1);
    assert_eq!(report.unchanged.values().sum::<u64>(), 13);
}

#[rstest]
#[tokio::test]
async fn one_wrong_record_leaves_everything_as_it_was(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    let mut unknown = sample::snapshot();
    unknown.services[0].vm = Some("nowhere".into());
    let mut twice = sample::snapshot();
    twice.devices.push(sample::device("NAS"));
    let mut unstorable = sample::snapshot();
    unstorable.firewall_rules[0].action = "a\0".into();

    let unknown = inventory.import(unknown).await.unwrap_err();
    let twice = inventory.import(twice).await.unwrap_err();
    let unstorable = inventory.import(unstorable).await.unwrap_err();

    assert!(matches!(
        unknown,
        StoreError::UnknownReference { field: "vm", .. }
    ));
    assert!(matches!(
        twice,
        StoreError::Conflict {
            entity: "devices",
            ..
        }
    ));
    assert!(matches!(
        unstorable,
        StoreError::Invalid {
            field: "action",
            ..
        }
    ));
    assert_eq!(inventory.export().await.unwrap(), Snapshot::default());
}

#[rstest]
#[tokio::test]
async fn two_records_swap_their_names(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    let a = inventory.put(sample::device("a")).await.unwrap();
    let b = inventory.put(sample::device("b")).await.unwrap();
    let swapped = Snapshot {
        devices: vec![
            Device {
                name: "b".into(),
                ..a.clone()
            },
            Device {
                name: "a".into(),
                ..b
            },
        ],
        ..Snapshot::default()
    };

    inventory.import(swapped).await.unwrap();

    let now_b: Option<Device> = inventory.get("b").await.unwrap();
    assert_eq!(now_b.unwrap().id, a.id);
}

#[rstest]
#[case(Engine::Sqlite, Engine::Sqlite)]
#[case(Engine::Sqlite, Engine::Postgres)]
#[case(Engine::Postgres, Engine::Sqlite)]
#[tokio::test]
async fn an_export_imported_elsewhere_exports_the_same(#[case] from: Engine, #[case] to: Engine) {
    let (Some(first), Some(second)) = (Lab::open(from).await, Lab::open(to).await) else {
        return;
    };
    first.stores.inventory.import(full()).await.unwrap();

    let exported = first.stores.inventory.export().await.unwrap();
    // Through text, as files do it.
    let read_back: Snapshot =
        serde_json::from_str(&serde_json::to_string(&exported).unwrap()).unwrap();
    second.stores.inventory.import(read_back).await.unwrap();
    let again = second.stores.inventory.export().await.unwrap();

    assert_eq!(again, exported);
    assert_eq!(
        serde_json::to_string(&again).unwrap(),
        serde_json::to_string(&exported).unwrap()
    );
    assert!(exported.devices.iter().all(|one| one.updated_at.is_none()));
}

/// The sample plus a full record of each kind.
fn full() -> Snapshot {
    let mut snapshot = sample::snapshot();
    snapshot.proxmox_hosts.push(sample::host("full"));
    snapshot.virtual_machines.push(sample::guest("full"));
    snapshot.devices.push(sample::device("full"));
    snapshot.test_equipment.push(sample::equipment("full"));
    snapshot.services.push(sample::service("full"));
    snapshot.networks.push(sample::network("full"));
    snapshot.network_config.push(sample::address("192.0.2.99"));
    snapshot.firewall_rules.push(sample::rule("full"));
    snapshot
}

#[rstest]
#[tokio::test]
async fn more_records_than_one_statement_takes_are_stored(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    let devices: Vec<Device> = (0..2_001)
        .map(|number| record(json!({ "name": format!("device {number}") })))
        .collect();
    let snapshot = Snapshot {
        devices,
        ..Snapshot::default()
    };

    let first = inventory.import(snapshot.clone()).await.unwrap();
    let second = inventory.import(snapshot).await.unwrap();

    assert_eq!(first.created["devices"], 2_001);
    assert_eq!(second.unchanged["devices"], 2_001);
}

#[rstest]
#[tokio::test]
async fn counts_tell_records_and_groups(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    let mut snapshot = sample::snapshot();
    snapshot.devices.push(record(json!({ "name": "bare" })));
    inventory.import(snapshot).await.unwrap();

    let counts = serde_json::to_value(inventory.counts().await.unwrap()).unwrap();

    assert_eq!(
        counts,
        json!({
            "records": {
                "devices": 3, "firewall_rules": 1, "network_config": 3, "networks": 1,
                "proxmox_hosts": 2, "services": 2, "test_equipment": 1, "virtual_machines": 2
            },
            "devices_by_status": { "online": 1, "unknown": 2 },
            "devices_by_category": { "network": 1, "storage": 1, "uncategorised": 1 },
            "vms_by_status": { "online": 1, "unknown": 1 },
            "services_by_type": { "files": 1, "untyped": 1 }
        })
    );
}
