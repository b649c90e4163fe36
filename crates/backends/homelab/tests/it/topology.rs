//! The lab as a graph.

use homelab_core::error::Code;
use homelab_core::facts::{Entity, EntityKind};
use homelab_core::net::Ip;
use serde_json::{Value, json};

use crate::whatis::lab;

const TOPOLOGY: &str = "homelab_topology";

fn named<'a>(graph: &'a Value, kind: &str, name: &str) -> &'a str {
    let nodes = graph["nodes"].as_array().expect("a list");
    let found = nodes
        .iter()
        .find(|node| node["kind"] == kind && node["name"] == name);
    found
        .and_then(|node| node["id"].as_str())
        .unwrap_or_else(|| panic!("no {kind} {name}: {graph}"))
}

#[tokio::test]
async fn things_of_all_systems_hang_together() {
    let world = lab().await;

    let graph = world.call(TOPOLOGY, json!({ "mermaid": true })).await;

    let (guest, host) = (
        named(&graph, "guest", "docker-1"),
        named(&graph, "host", "pve1"),
    );
    let edge = json!({ "from": guest, "to": host, "relation": "runs_on" });
    assert!(
        graph["edges"].as_array().expect("a list").contains(&edge),
        "{graph}"
    );
    assert_eq!((&graph["cut"], &graph["total"]), (&json!(false), &json!(9)));
    let mermaid = graph["mermaid"].as_str().expect("a diagram");
    assert!(mermaid.starts_with("flowchart TD\n"), "{mermaid}");
    assert!(
        mermaid.contains(&format!("{guest} -->|runs_on| {host}")),
        "{mermaid}"
    );
    let node = graph["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|node| node["id"] == guest);
    assert_eq!(
        node.expect("it")["sources"],
        json!(["inventory", "pve", "unifi"])
    );
}

#[tokio::test]
async fn a_part_of_it_is_shown_around_a_thing_by_kind_and_in_size() {
    let world = lab().await;

    let near = world
        .call(TOPOLOGY, json!({ "around": "web", "depth": 1 }))
        .await;
    let names: Vec<&Value> = near["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|node| &node["name"])
        .collect();
    assert_eq!(names, ["pve1", "web"], "{near}");
    assert_eq!(near.get("mermaid"), None);
    let hosts = world
        .call(TOPOLOGY, json!({ "kinds": ["host", "guest"] }))
        .await;
    assert_eq!(hosts["total"], 3);
    let cut = world.call(TOPOLOGY, json!({ "limit": 2 })).await;
    assert_eq!(
        (&cut["cut"], cut["nodes"].as_array().map(Vec::len)),
        (&json!(true), Some(2))
    );
    let error = world.fail(TOPOLOGY, json!({ "around": "nobody" })).await;
    assert_eq!(
        (error.code(), error.envelope().field.as_deref()),
        (Code::NotFound, Some("around"))
    );
}

#[tokio::test]
async fn thousands_of_things_are_put_together_and_cut() {
    let world = lab().await;
    let many = (0..20_000).map(|number| {
        let mut one = Entity::new(
            EntityKind::NetworkClient,
            number.to_string(),
            format!("client-{number}"),
        );
        // All of one name in part, and of few addresses: nothing here may be quadratic.
        one.aliases.push(format!("client.{}", number % 3));
        one.addresses
            .extend(format!("198.51.100.{}", number % 200).parse::<Ip>());
        one
    });
    world.told.knows("unifi", many.collect());

    let graph = world.call(TOPOLOGY, json!({ "limit": 500 })).await;

    assert_eq!(graph["cut"], true);
    assert_eq!(graph["nodes"].as_array().map(Vec::len), Some(500));
}
