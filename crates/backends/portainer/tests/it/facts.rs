//! What Portainer tells of the lab.

use homelab_core::error::Code;
use homelab_core::facts::{EntityKind, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_harness::{find, question, related};
use homelab_lab::Fault;
use homelab_lab::docker::{ContainerSeed, Docker};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn environments_stacks_and_containers_are_told_with_ports_health_and_links() {
    let world = World::lab().await;
    let engine = Docker::start().await.expect("a loopback port");
    let vps = world.portainer.add_environment("vps", &engine);
    let labels = |service: &str, needs: &str| {
        json!({ "Labels": {
            "com.docker.compose.project": "documents",
            "com.docker.compose.service": service,
            "com.docker.compose.depends_on": needs,
        } })
    };
    engine.add_container(ContainerSeed {
        config: labels("web", "db:service_healthy:false"),
        health: Some("healthy".to_owned()),
        host: json!({ "PortBindings": { "80/tcp": [{ "HostIp": "", "HostPort": "8000" }] } }),
        ..ContainerSeed::new("documents-web-1", "example/app:1")
    });
    engine.add_container(ContainerSeed {
        config: labels("db", ""),
        exited: Some(1),
        ..ContainerSeed::new("documents-db-1", "example/app:1")
    });
    world.blog().await;

    let facts = world.tell().await;

    assert_eq!((&facts.gaps, facts.incomplete), (&Vec::new(), false));
    let told = find(&facts, (EntityKind::Engine, &*vps.to_string()));
    assert_eq!(
        (told.status, &told.aliases[..]),
        (Status::Online, &["vps".to_owned()][..])
    );
    // Called as its machine is, so that it is known again.
    assert_eq!(
        related(told, Relation::RunsOn),
        [Reference::name(None, told.name.clone())]
    );
    let web = find(
        &facts,
        (EntityKind::Container, &*format!("{vps}/documents-web-1")),
    );
    assert_eq!(
        (web.status, web.health),
        (Status::Online, Some(Wellness::Ok))
    );
    assert_eq!((web.ports[0].port, web.ports[0].inside), (8000, Some(80)));
    assert_eq!(
        related(web, Relation::RunsOn),
        [Reference::id(EntityKind::Engine, vps.to_string())]
    );
    let stack = format!("{vps}/documents");
    assert_eq!(
        related(web, Relation::PartOf),
        [Reference::id(EntityKind::Stack, &stack)]
    );
    assert_eq!(
        related(web, Relation::DependsOn),
        [Reference::id(
            EntityKind::Container,
            format!("{vps}/documents-db-1")
        )]
    );
    assert_eq!((web.addresses.len(), web.inner_addresses.len()), (0, 1));
    let stack = find(&facts, (EntityKind::Stack, &*stack));
    assert_eq!(stack.state.as_deref(), Some("1 of 2 running"));
    assert_eq!(stack.health, Some(Wellness::Degraded));
    assert_eq!(stack.attributes.get("stack_id"), None);
    let blog = find(
        &facts,
        (EntityKind::Stack, &*format!("{}/blog", world.local)),
    );
    assert_eq!(blog.state.as_deref(), Some("2 of 2 running"));
    assert!(blog.attributes.contains_key("stack_id"));
    let of_blog = facts.entities.iter().filter(|one| one.name == "blog");
    assert_eq!(of_blog.count(), 1);
    let everything = serde_json::to_string(&facts).expect("JSON");
    assert!(!everything.contains("tell-nobody"), "{everything}");
}

#[tokio::test]
async fn an_environment_that_is_down_is_a_gap_and_portainer_itself_an_error() {
    let world = World::lab().await;
    world.blog().await;
    world.portainer.set_up(world.nas, false);

    let facts = world.tell().await;

    assert!(facts.incomplete);
    assert_eq!(facts.gaps, ["environment `nas`: it is down"]);
    find(
        &facts,
        (
            EntityKind::Container,
            &*format!("{}/blog-web-1", world.local),
        ),
    );

    world.portainer.faults().always("/", Fault::Status(503));
    let error = world.try_tell(&question()).await.expect_err("no facts");
    assert_eq!(error.code(), Code::UpstreamRejected, "{error:?}");
}

#[tokio::test]
async fn an_engine_that_fails_behind_portainer_hides_no_other() {
    let world = World::lab().await;
    world.blog().await;
    let path = format!("/api/endpoints/{}/docker/info", world.nas);
    world.portainer.faults().always(&path, Fault::Status(500));

    let facts = world.tell().await;

    assert!(facts.incomplete);
    assert!(
        facts.gaps[0].starts_with("environment `nas`: "),
        "{facts:?}"
    );
    find(&facts, (EntityKind::Engine, &*world.local.to_string()));
}
