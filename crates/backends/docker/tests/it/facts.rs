//! What engines tell of the lab, from engines that play the documented API.

use homelab_backend::Shared;
use homelab_core::error::Code;
use homelab_core::facts::{EntityKind, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_harness::{find, question, related};
use homelab_lab::Fault;
use homelab_lab::docker::{ContainerSeed, Docker};
use serde_json::{Value, json};

use crate::world::World;

fn at(engine: &Docker) -> Value {
    json!({ "url": format!("tcp://{}", engine.address()), "plain": true })
}

fn seed(name: &str, service: &str, needs: &str) -> ContainerSeed {
    ContainerSeed {
        config: json!({ "Labels": {
            "com.docker.compose.project": "documents",
            "com.docker.compose.service": service,
            "com.docker.compose.depends_on": needs,
        } }),
        ..ContainerSeed::new(name, "example/app:1")
    }
}

#[tokio::test]
async fn engines_projects_and_containers_are_told_with_ports_health_and_links() {
    let engine = Docker::start().await.expect("a loopback port");
    engine.add_container(ContainerSeed {
        health: Some("healthy".to_owned()),
        host: json!({ "PortBindings": { "80/tcp": [
            { "HostIp": "", "HostPort": "8000" }, { "HostIp": "127.0.0.1", "HostPort": "8001" },
        ] } }),
        ..seed("documents-web-1", "web", "db:service_healthy:false")
    });
    engine.add_container(ContainerSeed {
        exited: Some(1),
        ..seed("documents-db-1", "db", "")
    });
    engine.add_container(ContainerSeed::new("alone", "example/other:2"));
    let world = World::with(
        json!({ "hosts": { "nas": at(&engine) } }),
        Shared::default(),
    )
    .await;

    let facts = world.tell().await;

    assert_eq!(facts.gaps, [""; 0]);
    let told = find(&facts, "nas");
    assert_eq!(
        (told.kind, told.status),
        (EntityKind::Engine, Status::Online)
    );
    assert_eq!(told.aliases, ["nas"]);
    assert_eq!(told.links[0].relation, Relation::RunsOn);
    let web = find(&facts, "nas/documents-web-1");
    assert_eq!(
        (web.kind, web.status, web.health),
        (EntityKind::Container, Status::Online, Some(Wellness::Ok))
    );
    let ports: Vec<_> = web
        .ports
        .iter()
        .map(|port| (port.port, port.inside, port.address))
        .collect();
    assert_eq!(
        ports,
        [
            (8000, Some(80), None),
            (8001, Some(80), "127.0.0.1".parse().ok())
        ]
    );
    let to = |relation: Relation| related(web, relation).into_iter().next();
    assert_eq!(
        to(Relation::RunsOn),
        Some(Reference::id(EntityKind::Engine, "nas"))
    );
    assert_eq!(
        to(Relation::PartOf),
        Some(Reference::id(EntityKind::Stack, "nas/documents"))
    );
    assert_eq!(
        to(Relation::DependsOn),
        Some(Reference::id(EntityKind::Container, "nas/documents-db-1"))
    );
    // Addresses on a bridge mean nothing outside.
    assert_eq!((web.addresses.len(), web.inner_addresses.len()), (0, 1));
    let stack = find(&facts, "nas/documents");
    assert_eq!(stack.state.as_deref(), Some("1 of 2 running"));
    assert_eq!(stack.health, Some(Wellness::Degraded));
    assert_eq!(
        find(&facts, "nas/alone").attributes["image"],
        "example/other:2"
    );
}

#[tokio::test]
async fn an_engine_that_is_down_is_a_gap_and_all_of_them_an_error() {
    let (one, other) = (
        Docker::start().await.expect("a port"),
        Docker::start().await.expect("a port"),
    );
    one.add_container(ContainerSeed::new("alone", "example/other:2"));
    other.faults().always("/", Fault::Status(500));
    let world = World::with(
        json!({ "hosts": { "nas": at(&one), "vps": at(&other) } }),
        Shared::default(),
    )
    .await;

    let facts = world.tell().await;

    assert!(facts.incomplete);
    assert!(facts.gaps[0].contains("vps"), "{:?}", facts.gaps);
    find(&facts, "nas/alone");

    one.faults().always("/", Fault::Status(500));
    let error = world.try_tell(&question()).await.expect_err("no facts");
    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(error.envelope().instance.as_deref(), Some("docker"));
}
