//! Pages and filters.

use homelab_core::inventory::{Device, Equipment, Status};
use homelab_core::page::PageRequest;
use homelab_core::store::{DeviceFilter, EquipmentFilter, ServiceFilter, StoreError, VmFilter};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab};
use crate::sample::{self, record};

fn everything() -> PageRequest {
    PageRequest::first(200)
}

#[rstest]
#[tokio::test]
async fn pages_of_any_size_make_up_the_whole_list_in_order(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(1, 2, 3, 7, 200)] size: u32,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    // By bytes, folded: a locale would put `_` and `ä` elsewhere.
    let names = ["A-1", "a_2", "ab", "B", "z", "Ä", "ß"];
    for name in names.iter().rev() {
        inventory.put(sample::device(name)).await.unwrap();
    }

    let mut found = Vec::new();
    let mut request = PageRequest::first(size);
    loop {
        let page = inventory
            .devices(&DeviceFilter::default(), &request)
            .await
            .unwrap();
        assert_eq!(page.total, 7);
        found.extend(page.items.into_iter().map(|device| device.name));
        let Some(cursor) = page.next_cursor else {
            break;
        };
        request = PageRequest::from_args(Some(size), Some(&cursor)).unwrap();
    }

    assert_eq!(found, ["A-1", "a_2", "ab", "B", "z", "ß", "Ä"]);
}

#[rstest]
#[tokio::test]
async fn a_page_past_the_end_is_empty_and_still_counts(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::device("nas")).await.unwrap();
    let after = |key: &str| PageRequest {
        limit: 10,
        after: Some(key.to_owned()),
    };

    let page = inventory
        .devices(&DeviceFilter::default(), &after("zzz"))
        .await
        .unwrap();
    let foreign = inventory
        .devices(&DeviceFilter::default(), &after("a\0"))
        .await;

    assert_eq!((page.items.len(), page.total), (0, 1));
    assert!(matches!(
        foreign,
        Err(StoreError::Invalid {
            field: "cursor",
            ..
        })
    ));
}

#[rstest]
#[tokio::test]
async fn devices_are_filtered_without_regard_to_case(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::device("nas")).await.unwrap();
    let plain: Device = record(json!({ "name": "plain", "tags": ["back_up", "a%"] }));
    inventory.put(plain).await.unwrap();
    let names = async |filter: DeviceFilter| {
        let page = inventory.devices(&filter, &everything()).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items
            .into_iter()
            .map(|device| device.name)
            .collect::<Vec<_>>()
    };
    let tagged = |tag: &str| DeviceFilter {
        tag: Some(tag.into()),
        ..DeviceFilter::default()
    };

    let category = DeviceFilter {
        category: Some("STORAGE".into()),
        ..DeviceFilter::default()
    };
    assert_eq!(names(category).await, ["nas"]);
    let kind = DeviceFilter {
        kind: Some("nas".into()),
        status: Some(Status::Maintenance),
        ..DeviceFilter::default()
    };
    assert_eq!(names(kind.clone()).await, ["nas"]);
    let online = DeviceFilter {
        status: Some(Status::Online),
        ..kind
    };
    assert_eq!(names(online).await, [""; 0]);
    assert_eq!(names(tagged("GRÖSSE")).await, [""; 0]);
    assert_eq!(names(tagged("GRÖßE")).await, ["nas"]);
    assert_eq!(names(tagged("back_up")).await, ["plain"]);
    assert_eq!(names(tagged("backup")).await, ["nas"], "not back_up");
    assert_eq!(names(tagged("a")).await, [""; 0], "whole labels only");
    assert_eq!(names(tagged("a\0")).await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn the_other_kinds_are_filtered_by_what_they_stand_on(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.import(sample::snapshot()).await.unwrap();
    let services = async |device: &str, kind: Option<&str>| {
        let filter = ServiceFilter {
            device: Some(device.into()),
            kind: kind.map(str::to_owned),
        };
        let page = inventory.services(&filter, &everything()).await.unwrap();
        page.items
            .into_iter()
            .map(|service| service.service_name)
            .collect::<Vec<_>>()
    };
    let guests = async |host: Option<&str>, status: Option<Status>| {
        let filter = VmFilter {
            status,
            host: host.map(str::to_owned),
        };
        let page = inventory
            .virtual_machines(&filter, &everything())
            .await
            .unwrap();
        page.items.into_iter().map(|vm| vm.name).collect::<Vec<_>>()
    };

    assert_eq!(services("Web", None).await, ["wiki"]);
    assert_eq!(services("NAS", Some("FILES")).await, ["share"]);
    assert_eq!(services("nas", Some("web")).await, [""; 0]);
    assert_eq!(guests(Some("PVE1"), None).await, ["db"]);
    assert_eq!(guests(None, Some(Status::Online)).await, ["web"]);
    assert_eq!(guests(None, None).await, ["db", "web"]);
    let hosts = inventory.hosts(&everything()).await.unwrap();
    assert_eq!(hosts.items[0].node_name, "pve1");
    let networks = inventory.networks(&everything()).await.unwrap();
    assert_eq!(networks.items[0].name, "lan");
    let rules = inventory.firewall_rules(&everything()).await.unwrap();
    assert_eq!(rules.items[0].name, "web in");
}

#[rstest]
#[tokio::test]
async fn instruments_are_found_by_part_of_name_maker_or_model(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::equipment("scope")).await.unwrap();
    let meter: Equipment = record(json!({ "name": "meter 100%", "host": "m.example" }));
    inventory.put(meter).await.unwrap();
    let names = async |search: &str| {
        let filter = EquipmentFilter {
            search: Some(search.into()),
            ..EquipmentFilter::default()
        };
        let page = inventory.equipment(&filter, &everything()).await.unwrap();
        page.items
            .into_iter()
            .map(|one| one.name)
            .collect::<Vec<_>>()
    };

    assert_eq!(names("ACME").await, ["scope"]);
    assert_eq!(names("2000").await, ["scope"]);
    assert_eq!(names("0%").await, ["meter 100%"]);
    assert_eq!(names("%").await, ["meter 100%"]);
    let filter = EquipmentFilter {
        kind: Some("Oscilloscope".into()),
        status: Some(Status::Online),
        search: None,
    };
    let page = inventory.equipment(&filter, &everything()).await.unwrap();
    assert_eq!(page.items.len(), 1);
}

#[rstest]
#[tokio::test]
async fn addresses_are_listed_in_numeric_order_and_by_network(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::network("lan")).await.unwrap();
    for ip in [
        "2001:db8::2",
        "192.0.2.10",
        "192.0.2.9",
        "198.51.100.1",
        "2001:db8::1:0",
    ] {
        inventory.put(sample::address(ip)).await.unwrap();
    }
    let list = async |network, size| {
        let page = inventory
            .addresses(network, &PageRequest::first(size))
            .await
            .unwrap();
        let ips: Vec<_> = page
            .items
            .iter()
            .map(|address| address.ip_address.to_string())
            .collect();
        (ips, page.total)
    };

    let (all, total) = list(None, 200).await;
    assert_eq!(
        all,
        [
            "192.0.2.9",
            "192.0.2.10",
            "198.51.100.1",
            "2001:db8::2",
            "2001:db8::1:0"
        ]
    );
    assert_eq!(total, 5);
    let (first, total) = list(Some("LAN"), 1).await;
    assert_eq!(
        (first.as_slice(), total),
        (["192.0.2.9".to_owned()].as_slice(), 2)
    );
    assert_eq!(list(Some("unknown"), 10).await.1, 0);
}
