//! What Traefik tells of the lab.

use homelab_core::error::Code;
use homelab_core::facts::{Entity, EntityKind, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_harness::{find, question, related};
use homelab_lab::Fault;
use homelab_lab::traefik::Protocol;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn host_names_lead_through_services_to_servers() {
    let world = World::lab().await;
    world.traefik.set_server("http://192.0.2.41:2368", false);

    let facts = world.tell().await;

    assert_eq!((&facts.gaps, facts.incomplete), (&Vec::new(), false));
    let route = find(&facts, (EntityKind::Route, "http/blog@docker"));
    assert_eq!(route.aliases, ["blog.lab.example"]);
    assert_eq!(route.status, Status::Online);
    assert_eq!(
        related(route, Relation::RunsOn),
        [Reference::id(EntityKind::Service, "proxy")]
    );
    assert_eq!(
        related(route, Relation::PointsTo),
        [Reference::id(EntityKind::Service, "http/blog@docker")]
    );
    let service = find(&facts, (EntityKind::Service, "http/blog@docker"));
    let at = |text: &str| Reference::address(text.parse().expect("an address"));
    assert_eq!(
        related(service, Relation::PointsTo),
        [
            at("192.0.2.40").with_port(Some(2368)),
            at("192.0.2.41").with_port(Some(2368))
        ]
    );
    assert_eq!(service.health, Some(Wellness::Degraded));
    let proxy = find(&facts, (EntityKind::Service, "proxy"));
    assert_eq!(proxy.name, "traefik");
    let ports: Vec<u16> = proxy.ports.iter().map(|port| port.port).collect();
    assert!(ports.contains(&443), "{ports:?}");
    // What Traefik makes itself leads nowhere in the lab.
    let internal = |entity: &&Entity| entity.id.ends_with("@internal");
    assert_eq!(facts.entities.iter().find(internal), None);
}

#[tokio::test]
async fn services_of_services_names_and_other_protocols_are_told() {
    let world = World::lab().await;
    let both = json!({ "weighted": { "services": [
        { "name": "blog", "weight": 3 }, { "name": "other@file", "weight": 1 },
    ] } });
    world
        .traefik
        .add_service(Protocol::Http, "both@docker", both);
    let named = json!({ "loadBalancer": { "servers": [
        { "url": "http://user:tell-nobody@nas.lab.example/" }, { "url": "http://127.0.0.1:80" },
    ] } });
    world
        .traefik
        .add_service(Protocol::Http, "other@file", named);
    let broken =
        json!({ "entryPoints": ["web"], "service": "nosuch", "rule": "Host(`x.lab.example`)" });
    world.traefik.add_router(Protocol::Http, "x@docker", broken);
    let tcp = json!({ "entryPoints": ["web"], "service": "db", "rule": "HostSNI(`*`)" });
    world.traefik.add_router(Protocol::Tcp, "db@docker", tcp);
    let servers = json!({ "loadBalancer": { "servers": [{ "address": "192.0.2.50:5432" }] } });
    world
        .traefik
        .add_service(Protocol::Tcp, "db@docker", servers);

    let facts = world.tell().await;

    let id = |id: &str| Reference::id(EntityKind::Service, id);
    let both = find(&facts, (EntityKind::Service, "http/both@docker"));
    assert_eq!(
        related(both, Relation::PointsTo),
        [id("http/blog@docker"), id("http/other@file")]
    );
    let named = find(&facts, (EntityKind::Service, "http/other@file"));
    assert_eq!(
        related(named, Relation::PointsTo),
        [Reference::name(None, "nas.lab.example").with_port(Some(80))]
    );
    assert!(
        !named.attributes["servers"].contains("tell-nobody"),
        "{named:?}"
    );
    let broken = find(&facts, (EntityKind::Route, "http/x@docker"));
    assert_eq!(
        (broken.status, broken.health),
        (Status::Offline, Some(Wellness::Failed))
    );
    assert!(
        broken
            .state
            .as_deref()
            .is_some_and(|state| state.contains("does not exist"))
    );
    let db = find(&facts, (EntityKind::Route, "tcp/db@docker"));
    assert_eq!(db.aliases, [""; 0]);
    assert_eq!(related(db, Relation::PointsTo), [id("tcp/db@docker")]);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_gap_and_without_routers_there_is_nothing() {
    let world = World::lab().await;
    world
        .traefik
        .faults()
        .always("/api/udp/", Fault::Status(500));

    let facts = world.tell().await;

    assert!(facts.incomplete);
    assert!(facts.gaps[0].starts_with("udp: "), "{:?}", facts.gaps);
    find(&facts, (EntityKind::Route, "http/blog@docker"));

    world
        .traefik
        .faults()
        .always("/api/http/", Fault::Status(401));
    let error = world.try_tell(&question()).await.expect_err("no facts");
    assert_eq!(error.code(), Code::UpstreamUnauthorized);
}
