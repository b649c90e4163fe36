//! What registers and consoles tell: allocations, hosts of guests, clients at a known address.

use homelab_core::facts::{Entity, EntityKind, Reference, Relation};
use homelab_core::inventory::Status;
use homelab_core::net::{Ip, Mac};
use serde_json::{Value, json};

use crate::sync::{machine, node};
use crate::world::World;

const WHATIS: &str = "homelab_whatis";
const SYNC: &str = "homelab_sync_inventory";

fn at(kind: EntityKind, id: &str, name: &str, ip: &str) -> Entity {
    let mut entity = Entity::new(kind, id, name);
    entity.addresses.extend(ip.parse::<Ip>());
    entity
}

async fn export(world: &World) -> Value {
    let snapshot = world.env.stores.inventory.export().await;
    serde_json::to_value(snapshot.expect("an export")).expect("JSON")
}

#[tokio::test]
async fn a_register_that_has_a_guest_on_another_host_is_shown_and_not_believed() {
    let world = World::of(json!({})).await;
    world.told.knows(
        "pve",
        vec![
            node("pve1", "192.0.2.11"),
            node("pve2", "192.0.2.12"),
            machine(100, "web", "pve2", "192.0.2.80"),
            machine(101, "db", "pve1", "192.0.2.81"),
        ],
    );
    let booked = |id: &str, name: &str| {
        Entity::new(EntityKind::Registration, id, name)
            .link(Relation::RunsOn, Reference::name(None, "pve1"))
    };
    world
        .told
        .knows("netbox", vec![booked("1", "web"), booked("2", "db")]);

    let web = world.call(WHATIS, json!({ "subject": "web" })).await;
    let db = world.call(WHATIS, json!({ "subject": "db" })).await;

    assert_eq!(
        web["conflicts"][0]["sides"],
        json!([{ "source": "netbox", "says": "pve1" }, { "source": "pve", "says": "pve2" }])
    );
    assert_eq!(
        web["things"][0]["runs_on"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(web["things"][0]["runs_on"][0]["name"], "pve2");
    assert_eq!(db["conflicts"], json!([]));
}

#[tokio::test]
async fn a_client_that_is_not_connected_is_not_down() {
    let world = World::of(json!({})).await;
    let mut laptop = Entity::new(EntityKind::NetworkClient, "c1", "laptop");
    laptop.status = Status::Offline;
    let mut device = Entity::new(EntityKind::TailnetDevice, "n1", "laptop");
    device.status = Status::Online;
    world.told.knows("unifi", vec![laptop]);
    world.told.knows("tailscale", vec![device]);

    let known = world.call(WHATIS, json!({ "subject": "laptop" })).await;

    assert_eq!(known["conflicts"], json!([]), "{known}");
}

#[tokio::test]
async fn an_allocation_becomes_an_address_and_never_a_device() {
    let world = World::of(json!({ "networks": [{ "name": "lan", "cidr": "192.0.2.0/24" }] })).await;
    world.told.knows(
        "netbox",
        vec![
            at(
                EntityKind::Allocation,
                "1",
                "pve4.lab.example",
                "192.0.2.15",
            ),
            at(EntityKind::Allocation, "2", "192.0.2.16", "192.0.2.16"),
            Entity::new(EntityKind::Network, "3", "192.0.2.0/24"),
        ],
    );

    world.call(SYNC, json!({})).await;
    let all = export(&world).await;
    let free = world.call(WHATIS, json!({ "subject": "192.0.2.16" })).await;

    let devices = all["devices"].as_array();
    assert!(devices.is_none_or(Vec::is_empty), "{all}");
    let addresses = all["network_config"].as_array().expect("a list");
    assert_eq!(addresses.len(), 1, "{all}");
    assert_eq!(
        (&addresses[0]["ip_address"], &addresses[0]["hostname"]),
        (&json!("192.0.2.15"), &json!("pve4.lab.example"))
    );
    assert_eq!(free["things"][0]["kind"], "allocation");
}

#[tokio::test]
async fn another_interface_at_a_known_address_is_not_taken_for_it() {
    let world = World::of(json!({
        "devices": [{ "name": "sensor", "ip": "198.51.100.17", "mac": "00:00:5e:00:53:01" }],
    }))
    .await;
    let mut other = at(EntityKind::NetworkClient, "c9", "esp", "198.51.100.17");
    other.macs.extend("00:00:5e:00:53:09".parse::<Mac>());
    world.told.knows("unifi", vec![other]);

    world.call(SYNC, json!({})).await;
    let known = world
        .call(WHATIS, json!({ "subject": "198.51.100.17" }))
        .await;

    assert_eq!(known["conflicts"][0]["about"], "shared_address", "{known}");
    assert_eq!(known["things"].as_array().map(Vec::len), Some(2));
}
