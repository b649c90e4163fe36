//! Giving out addresses.

use std::collections::BTreeSet;
use std::sync::Arc;

use homelab_core::inventory::Address;
use homelab_core::store::{Allocation, StoreError, StoreResult};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab};
use crate::sample::{self, record};

fn wanted(ip: Option<&str>, holder: &str) -> Allocation {
    Allocation {
        network: "LAN".into(),
        cidr: "192.0.2.0/24".parse().unwrap(),
        ip: ip.map(|ip| ip.parse().unwrap()),
        record: record(json!({ "ip_address": "0.0.0.0", "allocated_to": holder })),
    }
}

/// The sample network, with its gateway at .1, its DHCP pool from .3 to .9, a resolver at .53, and
/// records at .2, .20 and .50.
async fn lab(engine: Engine) -> Option<Lab> {
    let lab = Lab::open(engine).await?;
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::network("lan")).await.unwrap();
    inventory.put(sample::host("pve1")).await.unwrap();
    inventory.put(sample::guest("web")).await.unwrap();
    inventory.put(sample::equipment("scope")).await.unwrap();
    Some(lab)
}

#[rstest]
#[tokio::test]
async fn the_lowest_free_address_is_given_out(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else { return };
    let inventory = &*lab.stores.inventory;
    let mut given = Vec::new();

    for _ in 0..11 {
        let address = inventory.allocate(&wanted(None, "someone")).await.unwrap();
        assert_eq!(address.network.as_deref(), Some("lan"));
        given.push(address.ip_address.to_string());
    }

    let expected: Vec<_> = (10..20)
        .chain([21])
        .map(|last| format!("192.0.2.{last}"))
        .collect();
    assert_eq!(given, expected);
    let stored: Option<Address> = inventory.get("192.0.2.10").await.unwrap();
    assert_eq!(stored.unwrap().allocated_to.as_deref(), Some("someone"));
}

#[rstest]
#[tokio::test]
async fn a_wanted_address_must_be_a_free_host_of_the_network(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else { return };
    let inventory = &*lab.stores.inventory;
    let ask = async |ip, holder| inventory.allocate(&wanted(Some(ip), holder)).await;
    let conflict = |answer: StoreResult<Address>| {
        matches!(answer, Err(StoreError::Conflict { field: "ip", .. }))
    };
    let invalid = |answer: StoreResult<Address>| {
        matches!(answer, Err(StoreError::Invalid { field: "ip", .. }))
    };

    assert!(conflict(ask("192.0.2.20", "other").await), "a guest has it");
    assert!(conflict(ask("192.0.2.1", "other").await), "the gateway");
    assert!(invalid(ask("198.51.100.1", "other").await));
    assert!(invalid(ask("192.0.2.255", "other").await));
    assert!(ask("192.0.2.20", "WEB").await.is_ok(), "the guest itself");
    assert!(conflict(ask("192.0.2.20", "web").await), "given out now");
    assert!(ask("192.0.2.5", "other").await.is_ok(), "a fixed lease");
    let mut gateway = wanted(Some("192.0.2.1"), "router");
    gateway.record.kind = Some("Gateway".into());
    assert!(inventory.allocate(&gateway).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn a_full_and_an_unknown_network_have_nothing_to_give(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else { return };
    let inventory = &*lab.stores.inventory;
    let small = Allocation {
        cidr: "192.0.2.0/30".parse().unwrap(),
        ..wanted(None, "someone")
    };
    let unknown = Allocation {
        network: "nowhere".into(),
        ..wanted(None, "someone")
    };

    let full = inventory.allocate(&small).await;
    let unknown = inventory.allocate(&unknown).await;

    assert!(matches!(full, Err(StoreError::Exhausted { network }) if network == "lan"));
    assert!(matches!(unknown, Err(StoreError::UnknownReference { .. })));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn callers_at_the_same_time_never_get_the_same_address(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else { return };
    // A second process on the same database.
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let inventories = [Arc::clone(&lab.stores.inventory), other.stores().inventory];

    let calls: Vec<_> = (0..40)
        .map(|number| {
            let inventory = Arc::clone(&inventories[number % 2]);
            tokio::spawn(async move { inventory.allocate(&wanted(None, "someone")).await })
        })
        .collect();
    let mut given = BTreeSet::new();
    for call in calls {
        given.insert(call.await.unwrap().unwrap().ip_address);
    }

    assert_eq!(given.len(), 40);
}
