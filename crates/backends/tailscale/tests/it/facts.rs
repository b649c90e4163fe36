//! What the tailnet tells of the lab.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_core::facts::{EntityKind, FactsQuery};
use homelab_core::inventory::Status;
use homelab_lab::Fault;
use tokio::time::Instant;

use crate::world::World;

fn query() -> FactsQuery {
    FactsQuery {
        addresses: true,
        deadline: Instant::now() + Duration::from_secs(20),
    }
}

#[tokio::test]
async fn devices_are_told_with_names_addresses_and_state() {
    let world = World::lab().await;

    let facts = world
        .server
        .facts(&query())
        .expect("a server that tells")
        .await
        .unwrap();

    assert_eq!(facts.entities.len(), 3);
    let find = |name: &str| facts.entities.iter().find(|one| one.name == name).unwrap();
    let (fw, phone) = (find("fw-1"), find("phone-sam"));
    assert_eq!(
        (fw.kind, fw.status),
        (EntityKind::TailnetDevice, Status::Online)
    );
    assert_eq!(fw.id, world.device("fw-1")["nodeId"]);
    assert_eq!(fw.addresses.len(), 2);
    assert!(fw.aliases.iter().any(|alias| alias.starts_with("fw-1.")));
    assert_eq!(fw.attributes["routes"], "192.0.2.0/26");
    assert_eq!(fw.attributes["tags"], "tag:router");
    assert!(!fw.attributes.contains_key("exit_node") && !fw.attributes.contains_key("expires"));
    assert_eq!(
        (phone.status, phone.state.as_deref()),
        (Status::Offline, Some("waits to be authorized"))
    );
    assert_eq!(world.control.log().all().len(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error() {
    let world = World::lab().await;
    world.control.faults().always("/api/v2", Fault::Status(500));

    let error = world
        .server
        .facts(&query())
        .expect("a server that tells")
        .await
        .unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
}
