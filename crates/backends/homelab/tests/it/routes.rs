//! Routes of a proxy and backups: what they lead to and hang on.

use homelab_core::facts::{Entity, EntityKind, Reference, Relation};
use homelab_core::net::Ip;
use serde_json::{Value, json};

use crate::sync::{container, engine};
use crate::whatis::lab;
use crate::world::World;

fn service(name: &str, to: Reference) -> Entity {
    Entity::new(
        EntityKind::Service,
        format!("http/{name}@file"),
        format!("{name}@file"),
    )
    .link(Relation::PointsTo, to)
}

fn route(name: &str) -> Entity {
    let mut route = Entity::new(
        EntityKind::Route,
        format!("http/{name}@file"),
        format!("{name}@file"),
    )
    .link(
        Relation::PointsTo,
        Reference::id(EntityKind::Service, format!("http/{name}@file")),
    )
    .link(
        Relation::RunsOn,
        Reference::id(EntityKind::Service, "proxy"),
    );
    route.aliases.push(format!("{name}.lab.example"));
    route
}

fn at(address: &str, port: u16) -> Reference {
    Reference::address(address.parse().expect("an address")).with_port(Some(port))
}

/// The lab with a proxy on its docker host, which leads to a container by its published port, to
/// one by its address inside, and to a machine by name.
async fn proxied() -> World {
    let world = lab().await;
    let proxy = Entity::new(EntityKind::Service, "proxy", "traefik")
        .link(Relation::RunsOn, at("192.0.2.87", 8080));
    world.told.knows(
        "traefik",
        vec![
            proxy,
            route("documents"),
            service("documents", at("192.0.2.87", 8000)),
            route("inside"),
            service("inside", at("172.17.0.2", 8000)),
            route("web"),
            service(
                "web",
                Reference::name(None, "web.lab.example").with_port(Some(80)),
            ),
        ],
    );
    world
}

async fn affected(world: &World, target: &str) -> Vec<(String, String)> {
    let impact = world
        .call(
            "homelab_impact",
            json!({ "target": target, "action": "stop" }),
        )
        .await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = impact["affected"].as_array().expect("a list");
    let wanted = |row: &&Value| ["route", "backup"].contains(&row["kind"].as_str().unwrap_or(""));
    let rows = rows.iter().filter(wanted);
    let mut found: Vec<_> = rows
        .map(|row| (text(&row["name"]), text(&row["effect"])))
        .collect();
    found.sort();
    found
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = expected.iter();
    let owned = owned.map(|(name, effect)| ((*name).to_owned(), (*effect).to_owned()));
    owned.collect()
}

#[tokio::test]
async fn a_route_is_not_reachable_without_what_it_leads_to() {
    let world = proxied().await;

    assert_eq!(
        affected(&world, "paperless").await,
        pairs(&[
            ("documents@file", "unreachable"),
            ("inside@file", "unreachable")
        ])
    );
    // The machine of the name is meant, not the route of the name.
    assert_eq!(
        affected(&world, "web").await,
        pairs(&[("web@file", "unreachable")])
    );
    // And none works without its proxy.
    assert_eq!(
        affected(&world, "docker-1").await,
        pairs(&[
            ("documents@file", "down"),
            ("inside@file", "down"),
            ("web@file", "down")
        ])
    );
}

#[tokio::test]
async fn an_address_that_several_hosts_have_inside_leads_to_none() {
    let world = proxied().await;
    let mut other = container("nas", "other", 9000);
    other.inner_addresses.extend("172.17.0.2".parse::<Ip>());
    world
        .told
        .knows("docker-2", vec![engine("nas", "nas"), other]);

    assert_eq!(
        affected(&world, "paperless").await,
        pairs(&[("documents@file", "unreachable")])
    );
}

#[tokio::test]
async fn backups_are_shown_with_their_guest_and_outlive_it() {
    let world = lab().await;
    let server = Entity::new(EntityKind::Service, "server", "pbs")
        .link(Relation::RunsOn, at("192.0.2.87", 8007));
    let backup = Entity::new(EntityKind::Backup, "main/vm/100", "vm/100")
        .link(
            Relation::RunsOn,
            Reference::id(EntityKind::Service, "server"),
        )
        .link(
            Relation::Describes,
            Reference::id(EntityKind::Guest, "qemu/100"),
        );
    world.told.knows("pbs", vec![server, backup]);

    let shown = world
        .call("homelab_whatis", json!({ "subject": "web" }))
        .await;

    assert!(shown.to_string().contains("vm/100"), "{shown}");
    assert_eq!(affected(&world, "web").await, pairs(&[]));
    assert_eq!(
        affected(&world, "docker-1").await,
        pairs(&[("vm/100", "down")])
    );
}
