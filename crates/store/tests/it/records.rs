//! One record at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use homelab_core::inventory::{Device, Host, Record, Service, VirtualMachine};
use homelab_core::store::{Inventory, Records, StoreError};
use rstest::rstest;

use crate::lab::{Engine, Lab, START};
use crate::sample;

/// Stores, finds, replaces and removes one record.
async fn tell<R>(inventory: &(impl Records<R> + ?Sized), mut record: R)
where
    R: Record + Clone + PartialEq + std::fmt::Debug + Sync,
{
    let stored = inventory.put(record.clone()).await.unwrap();
    assert_eq!(stored.id().len(), 36, "a UUID");
    record.set_id(stored.id().to_owned());
    record.set_updated_at(Some(START));
    assert_eq!(stored, record, "as given, with id and time");

    let by_id = inventory.get(stored.id()).await.unwrap();
    let by_key = inventory.get(&record.key().to_uppercase()).await.unwrap();
    assert_eq!(by_id.as_ref(), Some(&record));
    assert_eq!(by_key.as_ref(), Some(&record));

    let mut again = record.clone();
    again.set_id(String::new());
    assert_eq!(inventory.put(again).await.unwrap(), record, "found by key");

    assert!(inventory.delete(record.id()).await.unwrap());
    assert!(!inventory.delete(record.id()).await.unwrap());
    assert_eq!(inventory.get(&record.key()).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn every_kind_is_stored_found_replaced_and_removed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;

    tell(inventory, sample::host("pve1")).await;
    tell(inventory, sample::guest("web")).await;
    tell(inventory, sample::device("Küche")).await;
    tell(inventory, sample::equipment("scope")).await;
    tell(inventory, sample::service("wiki")).await;
    tell(inventory, sample::network("lan")).await;
    tell(inventory, sample::address("2001:db8::ABCD")).await;
    tell(inventory, sample::rule("web in")).await;
}

#[rstest]
#[tokio::test]
async fn names_are_resolved_and_keep_their_stored_spelling(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::host("pve1")).await.unwrap();
    inventory.put(sample::device("nas")).await.unwrap();
    let guest = VirtualMachine {
        host: Some("PVE1".into()),
        ..sample::guest("web")
    };
    let service = Service {
        vm: Some("Web".into()),
        device: Some("NAS".into()),
        ..sample::service("wiki")
    };

    let guest = inventory.put(guest).await.unwrap();
    let service = inventory.put(service).await.unwrap();

    assert_eq!(guest.host.as_deref(), Some("pve1"));
    assert_eq!(service.vm.as_deref(), Some("web"));
    assert_eq!(service.device.as_deref(), Some("nas"));
}

#[rstest]
#[tokio::test]
async fn what_is_removed_or_renamed_is_so_for_those_who_refer_to_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    let mut host = inventory.put(sample::host("pve1")).await.unwrap();
    let guest = VirtualMachine {
        host: Some("pve1".into()),
        ..sample::guest("web")
    };
    inventory.put(guest).await.unwrap();
    let host_of_guest = async || {
        let guest: Option<VirtualMachine> = inventory.get("web").await.unwrap();
        guest.unwrap().host
    };

    host.node_name = "pve9".into();
    inventory.put(host.clone()).await.unwrap();
    assert_eq!(host_of_guest().await.as_deref(), Some("pve9"));

    Records::<Host>::delete(inventory, &host.id).await.unwrap();
    assert_eq!(host_of_guest().await, None);
}

#[rstest]
#[tokio::test]
async fn a_name_that_means_nothing_is_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    let guest = VirtualMachine {
        host: Some("pve\0".into()),
        ..sample::guest("web")
    };

    let refused = inventory.put(guest).await;

    assert!(matches!(
        refused,
        Err(StoreError::UnknownReference { entity: "proxmox_hosts", field: "host", value })
            if value == "pve\0"
    ));
    let stored: Option<VirtualMachine> = inventory.get("web").await.unwrap();
    assert_eq!(stored, None);
}

#[rstest]
#[tokio::test]
async fn a_name_that_another_record_has_is_a_conflict(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::device("nas")).await.unwrap();
    let mut other = inventory.put(sample::device("other")).await.unwrap();

    other.name = "NAS".into();
    let refused = inventory.put(other).await;

    assert!(matches!(
        refused,
        Err(StoreError::Conflict { entity: "devices", field: "name", value }) if value == "NAS"
    ));
}

#[rstest]
#[tokio::test]
async fn what_no_engine_can_keep_is_refused_by_its_field(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    let with = |change: fn(&mut Device)| {
        let mut device = sample::device("nas");
        change(&mut device);
        device
    };
    let refused = [
        (with(|device| device.name = " ".into()), "name"),
        (with(|device| device.name = "x".repeat(256)), "name"),
        (with(|device| device.name = "a\0b".into()), "name"),
        (with(|device| device.notes = Some("a\0b".into())), "notes"),
        (with(|device| device.tags = vec!["a\0b".into()]), "tags"),
        (
            with(|device| device.metadata = [("a".into(), "\0".into())].into()),
            "metadata",
        ),
    ];

    for (device, expected) in refused {
        let error = inventory.put(device).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Invalid { field, .. } if field == expected),
            "{expected}: {error:?}"
        );
    }
    let longest = sample::device(&"ß".repeat(255));
    assert_eq!(
        inventory.put(longest.clone()).await.unwrap().name,
        longest.name
    );
}

#[rstest]
#[tokio::test]
async fn an_unchanged_record_keeps_its_time(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::device("nas")).await.unwrap();
    lab.clock.advance_seconds(60);

    let same = inventory.put(sample::device("nas")).await.unwrap();
    let changed = inventory
        .put(Device {
            notes: None,
            ..sample::device("nas")
        })
        .await
        .unwrap();

    assert_eq!(same.updated_at, Some(START));
    assert_eq!(changed.updated_at, Some(START.plus_seconds(60)));
}

#[rstest]
#[tokio::test]
async fn a_mistyped_name_has_near_ones(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    for name in ["nas", "NAS-backup", "router", "switch"] {
        inventory.put(sample::device(name)).await.unwrap();
    }
    inventory.put(sample::address("192.0.2.77")).await.unwrap();
    let near = async |key| near_devices(inventory, key).await;

    assert_eq!(near("nsa").await, ["nas"]);
    assert_eq!(near("backup").await, ["NAS-backup"]);
    assert_eq!(near("rooter").await, ["router"]);
    assert_eq!(near("").await, [""; 0]);
    let addresses = Records::<homelab_core::inventory::Address>::near(inventory, "192.0.2.7");
    assert_eq!(addresses.await.unwrap(), ["192.0.2.77"]);
}

async fn near_devices(inventory: &dyn Inventory, key: &str) -> Vec<String> {
    Records::<Device>::near(inventory, key).await.unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_same_name_stored_by_many_at_once_is_one_record(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let inventories = [Arc::clone(&lab.stores.inventory), other.stores().inventory];

    let calls: Vec<_> = (0..20)
        .map(|number| {
            let inventory = Arc::clone(&inventories[number % 2]);
            let device = Device {
                notes: Some(number.to_string()),
                ..sample::device("nas")
            };
            tokio::spawn(async move { inventory.put(device).await.unwrap().id })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for call in calls {
        ids.insert(call.await.unwrap());
    }

    assert_eq!(ids.len(), 1);
}
