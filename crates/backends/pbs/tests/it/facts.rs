//! What the server tells of the lab.

use homelab_core::facts::{EntityKind, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_harness::{find, question, related};
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, reason};

#[tokio::test]
async fn the_server_and_whose_backups_it_holds_are_told() {
    let world = World::lab().await;

    let facts = world.tell().await;

    assert_eq!((&facts.gaps, facts.incomplete), (&Vec::new(), false));
    let server = find(&facts, (EntityKind::Service, "server"));
    assert_eq!((&*server.name, server.status), ("pbs", Status::Online));
    assert_eq!(server.attributes["datastores"], "archive,main");
    assert_eq!(server.ports[0].port, world.pbs.address().port());
    let guest = find(&facts, (EntityKind::Backup, "main/vm/100"));
    assert_eq!(
        related(guest, Relation::Describes),
        [Reference::id(EntityKind::Guest, "qemu/100")]
    );
    assert_eq!(
        related(guest, Relation::RunsOn),
        [Reference::id(EntityKind::Service, "server")]
    );
    assert_eq!(
        guest.state.as_deref(),
        Some("3 backups, the newest of 2026-05-31T22:00:00Z")
    );
    assert_eq!(guest.health, None);
    let stale = find(&facts, (EntityKind::Backup, "main/ct/200"));
    assert_eq!(stale.health, Some(Wellness::Degraded));
    assert_eq!(
        related(stale, Relation::Describes),
        [Reference::id(EntityKind::Guest, "lxc/200")]
    );
    let host = find(&facts, (EntityKind::Backup, "main:home/lab/host/nas"));
    assert_eq!(
        related(host, Relation::Describes),
        [Reference::name(None, "nas")]
    );
    assert_eq!(host.attributes["ns"], "home/lab");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_a_gap_and_a_server_that_fails_an_error() {
    let world = World::lab().await;
    let broken = "/api2/json/admin/datastore/archive/";
    world.pbs.faults().always(broken, Fault::Status(500));

    let facts = world.tell().await;

    assert!(facts.incomplete);
    assert!(facts.gaps[0].contains("archive"), "{:?}", facts.gaps);
    find(&facts, (EntityKind::Backup, "main/vm/100"));

    let refused = World::configured(json!({ "token_secret": "wrong" })).await;
    let error = refused.try_tell(&question()).await.expect_err("no facts");
    assert_eq!(reason(&error), "token_refused");
}
