//! What is this?

use homelab_core::error::{Code, ToolError};
use homelab_core::facts::{Entity, EntityKind, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_core::net::{Ip, Mac};
use serde_json::{Value, json};

use crate::sync::{container, engine, machine, node};
use crate::world::{World, hint, names};

const WHATIS: &str = "homelab_whatis";

pub(crate) fn record(name: &str, ip: &str) -> Entity {
    let mut record =
        Entity::new(EntityKind::DnsRecord, format!("A/{name}"), name).attribute("type", Some("A"));
    record.addresses.extend(ip.parse::<Ip>());
    record
}

/// A cluster, an engine on one of its guests, a resolver, a switch, and an inventory that knows some.
pub(crate) async fn lab() -> World {
    let world = World::of(json!({
        "networks": [{ "name": "lan", "cidr": "192.0.2.0/24", "vlan_id": 10 }],
        "virtual_machines": [{ "name": "docker-1", "notes": "do not stop" }],
        "services": [{ "service_name": "wiki", "vm": "docker-1", "port": 3000 }],
    }))
    .await;
    world.told.knows(
        "pve",
        vec![
            node("pve1", "192.0.2.11"),
            machine(100, "web", "pve1", "192.0.2.80"),
            machine(107, "docker-1", "pve1", "192.0.2.87"),
        ],
    );
    let mut paperless = container("local", "paperless", 8000).link(
        Relation::DependsOn,
        Reference::id(EntityKind::Container, "local/broker"),
    );
    paperless.health = Some(Wellness::Ok);
    paperless.inner_addresses.extend("172.17.0.2".parse::<Ip>());
    world.told.knows(
        "docker",
        vec![
            engine("local", "docker-1"),
            paperless,
            container("local", "broker", 6379),
        ],
    );
    world.told.knows(
        "pihole",
        vec![record("paperless.lab.example", "192.0.2.87")],
    );
    let mut switch = Entity::new(EntityKind::NetworkDevice, "sw1", "switch");
    switch.status = Status::Online;
    let mut client = Entity::new(EntityKind::NetworkClient, "c1", "00:00:5e:00:53:6b")
        .link(
            Relation::DependsOn,
            Reference::id(EntityKind::NetworkDevice, "sw1"),
        )
        .attribute("port", Some(7));
    client.macs.extend("00:00:5e:00:53:6b".parse::<Mac>());
    world.told.knows("unifi", vec![switch, client]);
    world
}

fn column(list: &Value) -> Vec<&str> {
    let rows = list.as_array().expect("a list");
    rows.iter().filter_map(|row| row["name"].as_str()).collect()
}

#[tokio::test]
async fn a_name_an_address_a_mac_and_a_number_lead_to_the_same_guest() {
    let world = lab().await;

    for subject in [
        "docker-1",
        "DOCKER-1.lab.example",
        "192.0.2.87",
        "00:00:5E:00:53:6B",
        "107",
    ] {
        let known = world.call(WHATIS, json!({ "subject": subject })).await;
        let thing = &known["things"][0];
        assert_eq!(
            (&thing["name"], &thing["kind"]),
            (&json!("docker-1"), &json!("guest")),
            "{subject}: {known}"
        );
        assert_eq!(known["conflicts"], json!([]), "{subject}");
    }
}

#[tokio::test]
async fn everything_that_any_system_knows_of_it_is_told_together() {
    let world = lab().await;

    let known = world.call(WHATIS, json!({ "subject": "192.0.2.87" })).await;

    let thing = &known["things"][0];
    assert_eq!(known["network"]["vlan_id"], 10);
    assert_eq!(column(&thing["runs_on"]), ["pve1"]);
    let mut here = column(&thing["runs_here"]);
    here.sort_unstable();
    assert_eq!(here, ["broker", "docker-1", "paperless", "wiki"]);
    assert_eq!(column(&thing["links_to"]), ["switch"]);
    assert_eq!(column(&thing["linked_from"]), ["paperless.lab.example"]);
    let sources: Vec<&Value> = thing["seen_by"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| &row["source"])
        .collect();
    for source in ["inventory", "pve", "unifi"] {
        assert!(sources.contains(&&json!(source)), "{sources:?}");
    }
    let recorded = thing["seen_by"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["source"] == "inventory");
    assert_eq!(
        recorded.expect("the record")["attributes"]["notes"],
        "do not stop"
    );

    let known = world.call(WHATIS, json!({ "subject": "172.17.0.2" })).await;
    let thing = &known["things"][0];
    assert_eq!(
        (&thing["name"], &thing["health"]),
        (&json!("paperless"), &json!("ok"))
    );
    assert_eq!(column(&thing["runs_on"]), ["docker-1", "docker-1", "pve1"]);
    assert_eq!(column(&thing["links_to"]), ["broker"]);
    assert_eq!(thing["ports"][0]["port"], 8000);
}

#[tokio::test]
async fn systems_that_disagree_are_shown_side_by_side() {
    let world = lab().await;
    let mut moved = machine(100, "web", "pve1", "192.0.2.80");
    moved.macs.clear();
    let mut booked = Entity::new(EntityKind::Registration, "42", "web");
    booked.addresses.extend("192.0.2.99".parse::<Ip>());
    world.told.knows("netbox", vec![booked]);
    let mut printer = Entity::new(EntityKind::NetworkClient, "c2", "printer");
    printer.addresses.extend("192.0.2.80".parse::<Ip>());
    world.told.knows("unifi", vec![printer]);
    world
        .told
        .knows("pihole", vec![record("web.lab.example", "192.0.2.55")]);

    let known = world.call(WHATIS, json!({ "subject": "web" })).await;

    let about: Vec<&Value> = known["conflicts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| &row["about"])
        .collect();
    assert!(about.contains(&&json!("address")), "{known}");
    assert!(about.contains(&&json!("shared_address")), "{known}");
    let address = known["conflicts"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["about"] == "address")
        .expect("it");
    assert_eq!(
        address["sides"],
        json!([
            { "source": "netbox", "says": "192.0.2.99" },
            { "source": "pve", "says": "192.0.2.80" },
        ])
    );

    let known = world
        .call(WHATIS, json!({ "subject": "web.lab.example" }))
        .await;
    assert_eq!(
        known["conflicts"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|row| row["about"] == "dns")
            .count(),
        1,
        "{known}"
    );
}

#[tokio::test]
async fn a_name_that_leads_to_a_proxy_is_as_it_should_be() {
    let world = lab().await;
    world
        .told
        .knows("pihole", vec![record("web.lab.example", "192.0.2.90")]);
    world.told.knows(
        "pve",
        vec![
            node("pve1", "192.0.2.11"),
            machine(100, "web", "pve1", "192.0.2.80"),
            machine(108, "traefik", "pve1", "192.0.2.90"),
        ],
    );

    let known = world
        .call(WHATIS, json!({ "subject": "web.lab.example" }))
        .await;

    assert_eq!(known["conflicts"], json!([]), "{known}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_and_what_it_told_last_stands_in() {
    let world = lab().await;
    world.call("homelab_sync_inventory", json!({})).await;
    world.told.answers(
        "pve",
        Err(ToolError::new(
            Code::Timeout,
            "`pve` did not answer within 12s",
        )),
    );

    let known = world.call(WHATIS, json!({ "subject": "web" })).await;

    let pve = known["sources"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["server"] == "pve");
    assert_eq!(pve.expect("it is named")["code"], "timeout");
    let seen = known["things"][0]["seen_by"].as_array().expect("a list");
    let last = seen
        .iter()
        .find(|row| row["source"] == "pve")
        .expect("what it told last");
    assert_eq!(
        (&last["basis"], &last["seen_at"]),
        (&json!("last_known"), &json!("2026-06-01T00:00:00Z"))
    );
}

#[tokio::test]
async fn what_a_caller_may_not_read_is_not_told_even_if_it_was_told_before() {
    let world = lab().await;
    world
        .call("homelab_sync_inventory", json!({ "servers": ["docker"] }))
        .await;
    let denied = ToolError::new(Code::PermissionDenied, "not shown");
    world.told.answers("docker", Err(denied));

    let known = world.call(WHATIS, json!({ "subject": "docker-1" })).await;
    let text = known["things"].to_string();
    assert!(!text.contains("example/app:1"), "{text}");

    world.told.hide("docker");
    let known = world.call(WHATIS, json!({ "subject": "docker-1" })).await;
    assert!(!known["things"].to_string().contains("example/app:1"));
}

#[tokio::test]
async fn what_nobody_knows_is_not_found_with_names_that_are_near() {
    let world = lab().await;
    world
        .told
        .answers("pihole", Err(ToolError::new(Code::Timeout, "slow")));

    let error = world.fail(WHATIS, json!({ "subject": "paper" })).await;

    assert_eq!(error.code(), Code::NotFound);
    assert!(hint(&error).contains("`paperless`"), "{}", hint(&error));
    assert!(
        hint(&error).contains("Not asked: pihole"),
        "{}",
        hint(&error)
    );
    let blank = world.fail(WHATIS, json!({ "subject": " " })).await;
    assert_eq!(blank.envelope().field.as_deref(), Some("subject"));
}

#[tokio::test]
async fn the_inventory_alone_answers_where_no_server_tells() {
    let world = World::demo().await;

    let known = world.call(WHATIS, json!({ "subject": "grafana" })).await;

    assert_eq!(known["sources"], json!([]));
    assert!(
        names(&json!({ "items": known["things"] })).contains(&"grafana"),
        "{known}"
    );
}
