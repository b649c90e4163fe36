//! What the server tells of the lab.

use std::time::Duration;

use homelab_core::facts::{Entity, EntityKind, Facts, FactsQuery, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_lab::Fault;
use serde_json::json;
use tokio::time::Instant;

use crate::world::{World, reason};

fn query() -> FactsQuery {
    FactsQuery {
        addresses: true,
        deadline: Instant::now() + Duration::from_secs(20),
    }
}

async fn tell(world: &World) -> Facts {
    let query = query();
    let facts = world.server.facts(&query).expect("a server that tells");
    facts.await.expect("facts")
}

fn find<'a>(facts: &'a Facts, kind: EntityKind, id: &str) -> &'a Entity {
    let mut entities = facts.entities.iter();
    entities
        .find(|entity| entity.kind == kind && entity.id == id)
        .unwrap_or_else(|| panic!("no {id}: {facts:?}"))
}

fn to(entity: &Entity, relation: Relation) -> Vec<Reference> {
    let links = entity.links.iter();
    let of = links.filter(|link| link.relation == relation);
    of.map(|link| link.to.clone()).collect()
}

#[tokio::test]
async fn the_server_and_whose_backups_it_holds_are_told() {
    let world = World::lab().await;

    let facts = tell(&world).await;

    assert_eq!((&facts.gaps, facts.incomplete), (&Vec::new(), false));
    let server = find(&facts, EntityKind::Service, "server");
    assert_eq!((&*server.name, server.status), ("pbs", Status::Online));
    assert_eq!(server.attributes["datastores"], "archive,main");
    assert_eq!(server.ports[0].port, world.pbs.address().port());
    let guest = find(&facts, EntityKind::Backup, "main/vm/100");
    assert_eq!(
        to(guest, Relation::Describes),
        [Reference::id(EntityKind::Guest, "qemu/100")]
    );
    assert_eq!(
        to(guest, Relation::RunsOn),
        [Reference::id(EntityKind::Service, "server")]
    );
    assert_eq!(
        guest.state.as_deref(),
        Some("3 backups, the newest of 2026-05-31T22:00:00Z")
    );
    assert_eq!(guest.health, None);
    let stale = find(&facts, EntityKind::Backup, "main/ct/200");
    assert_eq!(stale.health, Some(Wellness::Degraded));
    assert_eq!(
        to(stale, Relation::Describes),
        [Reference::id(EntityKind::Guest, "lxc/200")]
    );
    let host = find(&facts, EntityKind::Backup, "main:home/lab/host/nas");
    assert_eq!(
        to(host, Relation::Describes),
        [Reference::name(None, "nas")]
    );
    assert_eq!(host.attributes["ns"], "home/lab");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_a_gap_and_a_server_that_fails_an_error() {
    let world = World::lab().await;
    let broken = "/api2/json/admin/datastore/archive/";
    world.pbs.faults().always(broken, Fault::Status(500));

    let facts = tell(&world).await;

    assert!(facts.incomplete);
    assert!(facts.gaps[0].contains("archive"), "{:?}", facts.gaps);
    find(&facts, EntityKind::Backup, "main/vm/100");

    let refused = World::configured(json!({ "token_secret": "wrong" })).await;
    let query = query();
    let error = refused
        .server
        .facts(&query)
        .expect("facts")
        .await
        .expect_err("no facts");
    assert_eq!(reason(&error), "token_refused");
}
