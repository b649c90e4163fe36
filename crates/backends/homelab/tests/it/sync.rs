//! Bringing the inventory up to date from what servers tell.

use homelab_core::error::{Code, ToolError};
use homelab_core::facts::{Entity, EntityKind, Facts, Port, Reference, Relation};
use homelab_core::inventory::Status;
use homelab_core::net::{Ip, Mac};
use homelab_core::store::{Records, Sighting};
use homelab_core::tool::Effect;
use serde_json::{Value, json};

use crate::world::{World, hint};

const SYNC: &str = "homelab_sync_inventory";

pub(crate) fn node(name: &str, ip: &str) -> Entity {
    let mut node = Entity::new(EntityKind::Host, name, name).attribute("cluster", Some("lab"));
    node.addresses.extend(ip.parse::<Ip>());
    node.status = Status::Online;
    node
}

pub(crate) fn machine(vmid: u32, name: &str, on: &str, ip: &str) -> Entity {
    let mut guest = Entity::new(EntityKind::Guest, format!("qemu/{vmid}"), name)
        .link(Relation::RunsOn, Reference::id(EntityKind::Host, on))
        .attribute("vmid", Some(vmid))
        .attribute("type", Some("qemu"))
        .attribute("cores", Some(4))
        .attribute("memory_mib", Some(2048))
        .attribute("tags", Some("prod,web"));
    guest.addresses.extend(ip.parse::<Ip>());
    guest
        .macs
        .extend(format!("00:00:5e:00:53:{:02x}", vmid % 256).parse::<Mac>());
    guest.status = Status::Online;
    guest
}

pub(crate) fn engine(name: &str, on: &str) -> Entity {
    let mut engine = Entity::new(EntityKind::Engine, name, on)
        .link(Relation::RunsOn, Reference::name(None, on))
        .attribute("host", Some(name));
    engine.status = Status::Online;
    engine
}

pub(crate) fn container(engine: &str, name: &str, port: u16) -> Entity {
    let mut container = Entity::new(EntityKind::Container, format!("{engine}/{name}"), name)
        .link(Relation::RunsOn, Reference::id(EntityKind::Engine, engine))
        .attribute("host", Some(engine))
        .attribute("image", Some("example/app:1"));
    container.ports.push(Port {
        port,
        protocol: "tcp".to_owned(),
        address: None,
        inside: Some(80),
    });
    container.status = Status::Online;
    container
}

fn cluster() -> Vec<Entity> {
    vec![
        node("pve1", "192.0.2.11"),
        machine(100, "web", "pve1", "192.0.2.80"),
        machine(107, "docker-1", "pve1", "192.0.2.87"),
    ]
}

fn engines() -> Vec<Entity> {
    vec![
        engine("local", "docker-1"),
        container("local", "paperless", 8000),
    ]
}

async fn export(world: &World) -> Value {
    let snapshot = world
        .env
        .stores
        .inventory
        .export()
        .await
        .expect("an export");
    serde_json::to_value(snapshot).expect("JSON")
}

async fn sightings(world: &World) -> Vec<Sighting> {
    let known = world.env.stores.sightings.known().await;
    known.expect("what was seen").sightings
}

fn row<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let rows = list.as_array().expect("a list");
    let mut found = rows.iter().filter(|row| row[key] == name);
    found
        .next()
        .unwrap_or_else(|| panic!("no `{name}` in {list}"))
}

#[tokio::test]
async fn hosts_guests_containers_ports_and_addresses_land_with_their_source_and_time() {
    let world = World::of(json!({ "networks": [{ "name": "lan", "cidr": "192.0.2.0/24" }] })).await;
    world.told.knows("pve", cluster());
    world.told.knows("docker", engines());

    let report = world.call(SYNC, json!({})).await;

    assert_eq!(report["totals"]["created"], 7, "{report}");
    assert_eq!(report["totals"]["kept"], 0);
    let all = export(&world).await;
    let host = row(&all["proxmox_hosts"], "node_name", "pve1");
    assert_eq!(
        (&host["ip_address"], &host["cluster"]),
        (&json!("192.0.2.11"), &json!("lab"))
    );
    let web = row(&all["virtual_machines"], "name", "web");
    assert_eq!(web["host"], "pve1");
    assert_eq!(web["vm_id"], 100);
    assert_eq!(web["ip"], "192.0.2.80");
    assert_eq!(web["mac"], "00:00:5e:00:53:64");
    assert_eq!(web["tags"], json!(["prod", "web"]));
    assert_eq!(web["status"], "online");
    let paperless = row(&all["services"], "service_name", "paperless");
    assert_eq!(paperless["vm"], "docker-1");
    assert_eq!(
        (&paperless["port"], &paperless["protocol"]),
        (&json!(8000), &json!("tcp"))
    );
    let address = row(&all["network_config"], "ip_address", "192.0.2.80");
    assert_eq!(
        (&address["allocated_to"], &address["network"]),
        (&json!("web"), &json!("lan"))
    );

    let seen = sightings(&world).await;
    let of_web = seen
        .iter()
        .find(|one| one.id == "qemu/100")
        .expect("a sighting");
    assert_eq!(of_web.source, "pve");
    assert_eq!(of_web.record.as_deref(), web["id"].as_str());
    assert_eq!(of_web.last_seen.to_rfc3339(), "2026-06-01T00:00:00Z");
    assert_eq!(of_web.vanished_at, None);
    let listed = world.call("homelab_list_vms", json!({})).await;
    assert_eq!(
        row(&listed["items"], "name", "web")["seen"],
        json!({
            "source": "pve", "last_seen": "2026-06-01T00:00:00Z",
        })
    );
    let listed = world.call("homelab_list_services", json!({})).await;
    assert_eq!(listed["items"][0]["seen"]["source"], "docker");
    // The engine is no machine of its own: it is the guest of its name.
    assert_eq!(all.get("devices"), None);
}

#[tokio::test]
async fn syncing_again_changes_nothing_and_a_dry_run_stores_nothing() {
    let world = World::of(json!({})).await;
    world.told.knows("pve", cluster());
    world.told.knows("docker", engines());

    let dry = world.call(SYNC, json!({ "dry_run": true })).await;
    assert_eq!(dry["totals"]["created"], 7, "{dry}");
    assert_eq!(export(&world).await, json!({}));
    assert_eq!(sightings(&world).await, []);
    let first = world.call(SYNC, json!({})).await;
    assert_eq!(first["created"], dry["created"]);
    let before = export(&world).await;
    let second = world.call(SYNC, json!({})).await;

    assert_eq!(second["totals"]["unchanged"], 7, "{second}");
    assert_eq!(second["created"], json!([]));
    assert_eq!(second["updated"], json!([]));
    assert_eq!(export(&world).await, before);
}

#[tokio::test]
async fn fields_entered_by_hand_stay_and_the_difference_is_shown() {
    let world = World::of(json!({
        "virtual_machines": [{ "name": "WEB", "ip": "192.0.2.99", "notes": "mine", "tags": ["a"] }],
    }))
    .await;
    world.told.knows("pve", cluster());

    let report = world.call(SYNC, json!({})).await;

    let all = export(&world).await;
    let web = row(&all["virtual_machines"], "name", "WEB");
    assert_eq!(
        (&web["ip"], &web["tags"], &web["notes"]),
        (&json!("192.0.2.99"), &json!(["a"]), &json!("mine"))
    );
    assert_eq!((&web["vm_id"], &web["cores"]), (&json!(100), &json!(4)));
    let kept = report["kept"].as_array().expect("a list");
    let fields: Vec<&Value> = kept.iter().map(|row| &row["field"]).collect();
    assert_eq!(fields, ["ip", "tags"]);
    assert_eq!(kept[0]["entered_by"], "hand");
    assert_eq!(
        (&kept[0]["value"], &kept[0]["seen"]),
        (&json!("192.0.2.99"), &json!("192.0.2.80"))
    );
}

#[tokio::test]
async fn a_field_that_a_source_wrote_follows_it_until_somebody_changes_it() {
    let world = World::of(json!({})).await;
    world.told.knows("pve", cluster());
    world.call(SYNC, json!({})).await;
    let mut moved = cluster();
    moved[1].addresses = vec!["192.0.2.81".parse().expect("an address")];
    moved[1].name = "web-new".to_owned();
    world.told.knows("pve", moved.clone());

    let report = world.call(SYNC, json!({})).await;

    let updated = &report["updated"][0];
    assert_eq!(updated["name"], "web", "{report}");
    let change = row(&updated["changes"], "field", "ip");
    assert_eq!(
        (&change["from"], &change["to"]),
        (&json!("192.0.2.80"), &json!("192.0.2.81"))
    );
    let all = export(&world).await;
    assert_eq!(
        row(&all["virtual_machines"], "name", "web-new")["ip"],
        "192.0.2.81"
    );

    let inventory = world.env.stores.inventory.as_ref();
    let found = Records::<homelab_core::inventory::VirtualMachine>::get(inventory, "web-new").await;
    let mut record = found.expect("a store").expect("the record");
    record.cores = Some(16);
    inventory.put(record).await.expect("stored");
    let report = world.call(SYNC, json!({})).await;
    assert_eq!(report["kept"][0]["field"], "cores", "{report}");
    let all = export(&world).await;
    assert_eq!(
        row(&all["virtual_machines"], "name", "web-new")["cores"],
        16
    );
}

#[tokio::test]
async fn what_vanished_is_marked_and_comes_back() {
    let world = World::of(json!({})).await;
    world.told.knows("pve", cluster());
    world.call(SYNC, json!({})).await;
    world.told.knows("pve", cluster()[..1].to_vec());

    let report = world.call(SYNC, json!({})).await;

    assert_eq!(report["totals"]["vanished"], 4, "{report}");
    let all = export(&world).await;
    assert_eq!(
        row(&all["virtual_machines"], "name", "web")["status"],
        "unknown"
    );
    let seen = sightings(&world).await;
    let gone = seen.iter().filter(|one| one.vanished_at.is_some()).count();
    assert_eq!(gone, 4);
    assert_eq!(world.call(SYNC, json!({})).await["totals"]["vanished"], 0);

    world.told.knows("pve", cluster());
    let report = world.call(SYNC, json!({})).await;
    assert_eq!(report["totals"]["created"], 0, "{report}");
    let all = export(&world).await;
    assert_eq!(
        row(&all["virtual_machines"], "name", "web")["status"],
        "online"
    );
    assert!(
        sightings(&world)
            .await
            .iter()
            .all(|one| one.vanished_at.is_none())
    );
}

#[tokio::test]
async fn a_source_that_failed_or_told_a_part_makes_nothing_vanish() {
    let world = World::of(json!({})).await;
    world.told.knows("pve", cluster());
    world.call(SYNC, json!({})).await;
    let mut part = Facts::default();
    part.missing("pve2 does not answer");
    world.told.answers("pve", Ok(part));

    let report = world.call(SYNC, json!({})).await;
    assert_eq!(report["totals"]["vanished"], 0, "{report}");
    assert_eq!(
        report["sources"][0]["gaps"],
        json!(["pve2 does not answer"])
    );

    world
        .told
        .answers("pve", Err(ToolError::new(Code::Timeout, "too slow")));
    let report = world.call(SYNC, json!({})).await;
    assert_eq!(report["totals"]["vanished"], 0);
    assert_eq!(
        (
            &report["sources"][0]["error"],
            &report["sources"][0]["code"]
        ),
        (&json!("too slow"), &json!("timeout"))
    );
}

#[tokio::test]
async fn guests_of_one_name_and_twins_of_two_clusters_stay_apart() {
    let world = World::of(json!({})).await;
    world.told.knows(
        "pve-a",
        vec![
            node("pve1", "192.0.2.11"),
            machine(100, "web", "pve1", "192.0.2.80"),
            machine(101, "web", "pve1", "192.0.2.81"),
        ],
    );
    world.told.knows(
        "pve-b",
        vec![
            node("pve1", "192.0.2.21"),
            machine(100, "web", "pve1", "192.0.2.90"),
        ],
    );

    world.call(SYNC, json!({})).await;
    let again = world.call(SYNC, json!({})).await;

    assert_eq!(again["totals"]["kept"], 0, "{again}");
    assert_eq!(again["totals"]["created"], 0, "{again}");
    let all = export(&world).await;
    let mut names: Vec<&str> = all["virtual_machines"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["web", "web-100", "web-101"]);
    assert_eq!(
        row(&all["proxmox_hosts"], "node_name", "pve1 (pve-b)")["ip_address"],
        "192.0.2.21"
    );
    assert_eq!(
        row(&all["virtual_machines"], "name", "web-100")["host"],
        "pve1 (pve-b)"
    );
}

#[tokio::test]
async fn a_container_that_two_servers_tell_of_is_one_service() {
    let world = World::of(json!({
        "services": [{ "service_name": "paperless", "device": "nas" }],
        "devices": [{ "name": "nas" }],
    }))
    .await;
    world.told.knows("pve", cluster());
    world.told.knows("docker", engines());
    world.told.knows(
        "portainer",
        vec![engine("7", "docker-1"), container("7", "paperless", 8000)],
    );

    world.call(SYNC, json!({})).await;

    let all = export(&world).await;
    let services = all["services"].as_array().expect("a list");
    // The one on the NAS is another one.
    assert_eq!(services.len(), 2, "{services:?}");
    assert_eq!(
        row(&all["services"], "service_name", "paperless")["device"],
        "nas"
    );
    assert_eq!(
        row(&all["services"], "service_name", "paperless@local")["vm"],
        "docker-1"
    );
}

#[tokio::test]
async fn servers_can_be_chosen_and_an_unknown_one_is_refused() {
    let world = World::of(json!({})).await;
    world.told.knows("pve", cluster());
    world.told.knows("docker", engines());

    let report = world.call(SYNC, json!({ "servers": ["pve"] })).await;
    assert_eq!(report["sources"].as_array().map(Vec::len), Some(1));
    let error = world.fail(SYNC, json!({ "servers": ["nope"] })).await;

    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(error.envelope().field.as_deref(), Some("servers"));
    world.told.hide("pve");
    world.told.hide("docker");
    let error = world.fail(SYNC, json!({})).await;
    assert!(hint(&error).contains("[servers.proxmox]"));
}

#[tokio::test]
async fn only_a_dry_run_is_a_read() {
    let world = World::of(json!({})).await;
    let effect = |args: Value| world.effect(SYNC, args);

    assert_eq!(effect(json!({ "dry_run": true })), Effect::Read);
    assert_eq!(effect(json!({})), Effect::Write);
}
