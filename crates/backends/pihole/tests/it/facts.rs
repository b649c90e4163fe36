//! What the Pi-holes tell of the lab, and the leases that they show.

use homelab_core::facts::{Entity, EntityKind, Facts, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_harness::question;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::World;

fn of<'a>(facts: &'a Facts, kind: EntityKind, name: &str) -> Vec<&'a Entity> {
    let all = facts.entities.iter();
    all.filter(|one| one.kind == kind && one.name == name)
        .collect()
}

/// A pair that agrees on `nas` and disagrees on `web`, with a lease and a reservation on the first.
async fn pair() -> World {
    let world = World::pair().await;
    world.pihole.set_config(
        "dns.hosts",
        json!([
            "192.0.2.70 nas.lab",
            "2001:db8::70 nas.lab",
            "192.0.2.80 web.lab"
        ]),
    );
    world.second().set_config(
        "dns.hosts",
        json!([
            "192.0.2.70 nas.lab",
            "2001:db8::70 nas.lab",
            "192.0.2.81 web.lab"
        ]),
    );
    for pihole in [&world.pihole, world.second()] {
        pihole.set_config("dns.cnameRecords", json!(["status.lab,web.lab"]));
    }
    world
        .pihole
        .add_lease("192.0.2.161", "00:00:5e:00:53:20", "phone");
    world.pihole.set_config(
        "dhcp.hosts",
        json!(["00:00:5E:00:53:21,192.0.2.162,printer,12h"]),
    );
    world
}

#[tokio::test]
async fn names_leases_and_the_resolvers_themselves_are_told() {
    let world = pair().await;

    let facts = world.tell().await;

    assert_eq!(
        (facts.gaps.len(), facts.incomplete),
        (0, false),
        "{facts:?}"
    );
    let nas = of(&facts, EntityKind::DnsRecord, "nas.lab");
    assert_eq!((nas.len(), nas[0].addresses.len()), (1, 2));
    assert!(!nas[0].attributes.contains_key("only_on"));
    let web = of(&facts, EntityKind::DnsRecord, "web.lab");
    let on: Vec<&str> = web
        .iter()
        .map(|one| one.attributes["only_on"].as_str())
        .collect();
    assert_eq!(on, ["pihole", "pihole-2"]);
    assert_ne!(web[0].id, web[1].id);
    let alias = of(&facts, EntityKind::DnsRecord, "status.lab")[0];
    assert_eq!(alias.links[0].relation, Relation::PointsTo);
    assert_eq!(alias.links[0].to.name.as_deref(), Some("web.lab"));
    let phone = of(&facts, EntityKind::NetworkClient, "phone")[0];
    assert_eq!(phone.addresses, ["192.0.2.161".parse().unwrap()]);
    let printer = of(&facts, EntityKind::Allocation, "printer")[0];
    assert_eq!(printer.macs, ["00:00:5e:00:53:21".parse().unwrap()]);
    let second = of(&facts, EntityKind::Service, "pihole-2")[0];
    assert_eq!(
        (second.status, second.health),
        (Status::Online, Some(Wellness::Ok))
    );
    assert_eq!(second.state.as_deref(), Some("blocking enabled"));
}

#[tokio::test]
async fn one_of_several_that_does_not_answer_is_told_to_be_ill() {
    let mut world = pair().await;
    world.lenient = true;
    world.second().faults().always("/api/", Fault::Status(500));

    let facts = world.tell().await;

    assert!(facts.incomplete);
    let second = of(&facts, EntityKind::Service, "pihole-2")[0];
    assert_eq!(second.health, Some(Wellness::Failed));
    assert_eq!(of(&facts, EntityKind::DnsRecord, "web.lab").len(), 1);

    world.pihole.faults().always("/api/", Fault::Status(500));
    assert!(world.try_tell(&question()).await.is_err());
}

#[tokio::test]
async fn leases_and_reservations_are_listed_by_address() {
    let world = pair().await;

    let first = world.call("list_dhcp_leases", json!({ "limit": 1 })).await;
    let rest = world
        .call(
            "list_dhcp_leases",
            json!({ "limit": 1, "cursor": first["next_cursor"] }),
        )
        .await;
    let found = world
        .call("list_dhcp_leases", json!({ "search": "53:21" }))
        .await;

    assert_eq!(first["total"], 2);
    let lease = &first["items"][0];
    assert_eq!(
        (&lease["kind"], &lease["ip"], &lease["name"]),
        (&json!("lease"), &json!("192.0.2.161"), &json!("phone"))
    );
    assert!(lease["expires"].is_string());
    assert_eq!(rest["items"][0]["kind"], "reservation");
    assert_eq!(found["items"], rest["items"]);
}
