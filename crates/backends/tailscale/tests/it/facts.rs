//! What the tailnet tells of the lab.

use homelab_core::error::Code;
use homelab_core::facts::EntityKind;
use homelab_core::inventory::Status;
use homelab_harness::{find, question};
use homelab_lab::Fault;

use crate::world::World;

#[tokio::test]
async fn devices_are_told_with_names_addresses_and_state() {
    let world = World::lab().await;

    let facts = world.tell().await;

    assert_eq!(facts.entities.len(), 3);
    let (fw, phone) = (find(&facts, "fw-1"), find(&facts, "phone-sam"));
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
    assert_eq!((&facts.gaps[..], facts.incomplete), (&[][..], false));
    // One request for the devices, one for the services.
    assert_eq!(world.control.log().all().len(), 2);
}

#[tokio::test]
async fn services_are_told_by_their_names_with_addresses_and_ports() {
    let world = World::lab().await;
    let ports = ["tcp:443", "tcp:8000-8010"];
    world
        .control
        .add_service("svc:web", "100.93.49.180", &ports, &[]);

    let facts = world.tell().await;

    let web = find(&facts, "svc:web");
    assert_eq!((web.kind, web.name.as_str()), (EntityKind::Service, "web"));
    assert!(
        web.addresses
            .contains(&"100.93.49.180".parse().expect("an address"))
    );
    let device = world.device("fw-1");
    let name = device["name"].as_str().expect("a name");
    let name = name.replace("fw-1.", "web.");
    assert_eq!(web.aliases, ["svc:web".to_owned(), name]);
    let ports = web.ports.iter().map(|port| (port.port, &*port.protocol));
    assert_eq!(ports.collect::<Vec<_>>(), [(443, "tcp")]);
}

#[tokio::test]
async fn credentials_without_the_services_tell_the_devices() {
    let mut world = World::lab().await;
    world.scoped(&["devices:core:read"]);

    let facts = world.tell().await;

    assert_eq!(facts.entities.len(), 3);
    assert!(
        facts.gaps[0].starts_with("services: ") && facts.gaps[0].contains("`services:read`"),
        "{:?}",
        facts.gaps
    );
    // Nothing that was told before is gone.
    assert!(!facts.incomplete);
}

#[tokio::test]
async fn services_that_do_not_answer_may_be_missing() {
    let world = World::lab().await;
    let path = "/api/v2/tailnet/-/services";
    world.control.faults().always(path, Fault::Status(404));

    let facts = world.tell().await;

    assert!(facts.incomplete && facts.entities.len() == 3, "{facts:?}");
}

#[tokio::test]
async fn a_headscale_has_devices_alone() {
    let world = World::headscale().await;

    let facts = world.tell().await;

    assert_eq!((&facts.gaps[..], facts.incomplete), (&[][..], false));
    assert!(!facts.entities.is_empty());
    assert_eq!(world.control.log().all().len(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error() {
    let world = World::lab().await;
    world.control.faults().always("/api/v2", Fault::Status(500));

    let error = world.try_tell(&question()).await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
}
