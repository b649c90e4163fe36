//! Looking up addresses and searching for anything.

use homelab_core::store::{Found, StoreError};
use rstest::rstest;

use crate::lab::{Engine, Lab};
use crate::sample;

/// A lab with one full record of each kind.
async fn lab(engine: Engine) -> Option<Lab> {
    let lab = Lab::open(engine).await?;
    let inventory = &*lab.stores.inventory;
    inventory.put(sample::host("pve1")).await.unwrap();
    inventory.put(sample::guest("web")).await.unwrap();
    inventory.put(sample::device("nas")).await.unwrap();
    inventory.put(sample::equipment("scope")).await.unwrap();
    inventory.put(sample::service("wiki")).await.unwrap();
    inventory.put(sample::network("lan")).await.unwrap();
    inventory.put(sample::address("192.0.2.20")).await.unwrap();
    inventory.put(sample::rule("web in")).await.unwrap();
    Some(lab)
}

fn brief(found: &[Found]) -> Vec<(&str, &str, &str)> {
    found
        .iter()
        .map(|one| (one.entity.as_str(), one.name.as_str(), one.matched.as_str()))
        .collect()
}

#[rstest]
#[tokio::test]
async fn an_address_names_everything_that_has_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else { return };
    let inventory = &*lab.stores.inventory;
    let at = async |ip: &str| inventory.lookup_ip(ip.parse().unwrap()).await.unwrap();

    let shared = at("192.0.2.20").await;
    assert_eq!(
        brief(&shared),
        [
            ("network_config", "192.0.2.20", "ip"),
            ("virtual_machines", "web", "ip"),
            ("services", "wiki", "ip"),
        ]
    );
    assert_eq!(shared[0].detail.as_deref(), Some("printer"));
    assert_eq!(shared[2].ip.unwrap().to_string(), "192.0.2.20");
    assert_eq!(
        brief(&at("192.0.2.1").await),
        [("networks", "lan", "gateway")]
    );
    assert_eq!(
        brief(&at("192.0.2.2").await),
        [("proxmox_hosts", "pve1", "ip")]
    );
    assert_eq!(
        brief(&at("192.0.2.50").await),
        [("test_equipment", "scope", "ip")]
    );
    assert_eq!(
        brief(&at("2001:DB8:0::10").await),
        [("devices", "nas", "ip")]
    );
    assert_eq!(brief(&at("192.0.2.200").await), []);
    let devices = inventory
        .devices_by_ip("2001:db8::10".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(devices[0].name, "nas");
}

#[rstest]
#[tokio::test]
async fn text_is_found_in_every_searchable_field_best_first(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else { return };
    let inventory = &*lab.stores.inventory;
    let search = async |query: &str| inventory.search(query, 200).await.unwrap();

    assert_eq!(
        brief(&search("WEB").await),
        [
            ("virtual_machines", "web", "name"),
            ("firewall_rules", "web in", "name")
        ]
    );
    assert_eq!(
        brief(&search("nas.ex").await),
        [("devices", "nas", "hostname")]
    );
    assert_eq!(brief(&search("::10").await), [("devices", "nas", "ip")]);
    assert_eq!(brief(&search("grÖße").await), [("devices", "nas", "tag")]);
    assert_eq!(
        brief(&search("two disks").await),
        [("devices", "nas", "notes")]
    );
    for mac in ["00:1b:44:11:3a:b7", "001B.4411.3AB7", "00-1b-44-11-3a-b7"] {
        assert_eq!(
            brief(&search(mac).await),
            [("devices", "nas", "mac")],
            "{mac}"
        );
    }
    assert_eq!(brief(&search("1b-44").await), [("devices", "nas", "mac")]);
    assert_eq!(
        brief(&search("line second").await),
        [("proxmox_hosts", "pve1", "notes")]
    );
    assert_eq!(search("192.0.2.20").await[0].name, "192.0.2.20");
}

#[rstest]
#[tokio::test]
async fn what_like_takes_for_a_pattern_is_searched_for_as_it_is(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else { return };
    let inventory = &*lab.stores.inventory;
    let search = async |query: &str| inventory.search(query, 200).await.unwrap();

    assert_eq!(
        brief(&search("100%").await),
        [("proxmox_hosts", "pve1", "notes")]
    );
    assert_eq!(
        brief(&search("_ \\ '").await),
        [("proxmox_hosts", "pve1", "notes")]
    );
    assert_eq!(brief(&search("w_b").await), []);
    assert_eq!(brief(&search("w%b").await), []);
    assert_eq!(brief(&search("\0").await), []);
    assert_eq!(brief(&search("  ").await), []);
    let overlong = inventory.search(&"x".repeat(1_001), 10).await;
    assert!(matches!(
        overlong,
        Err(StoreError::Invalid { field: "query", .. })
    ));
    assert_eq!(search(&"%".repeat(1_000)).await, []);
}

#[rstest]
#[tokio::test]
async fn an_answer_is_limited(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let inventory = &*lab.stores.inventory;
    for number in 0..5 {
        let device = sample::device(&format!("box {number}"));
        inventory.put(device).await.unwrap();
    }

    assert_eq!(inventory.search("box", 3).await.unwrap().len(), 3);
    assert_eq!(inventory.search("box 4", 3).await.unwrap()[0].name, "box 4");
    assert_eq!(
        inventory
            .search("00:1b:44:11:3a:b7", 2)
            .await
            .unwrap()
            .len(),
        2
    );
}
