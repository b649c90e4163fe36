//! What Cloudflare tells of the lab.

use homelab_core::error::Code;
use homelab_core::facts::{Entity, EntityKind, Link, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_harness::{find, question};
use homelab_lab::Fault;
use homelab_lab::cloudflare::{Permission, RecordSeed, TokenSeed};
use serde_json::json;

use crate::world::World;

fn link(relation: Relation, to: Reference) -> Link {
    Link { relation, to }
}

#[tokio::test]
async fn records_are_told_with_what_they_lead_to() {
    let world = World::lab().await;
    let web = world.record("A", "www.lab.example", "192.0.2.80");
    world.record("AAAA", "www.lab.example", "2001:db8::80");
    world.record("CNAME", "git.lab.example", "www.lab.example");
    world.record("CNAME", "nas.lab.example", "nas.tailnet-lab.ts.net");
    world.record(
        "TXT",
        "lab.example",
        "\"site-verification=opens-something\"",
    );
    let proxied = RecordSeed::new("A", "shop.lab.example", "192.0.2.81").proxied();
    world.api.add_record(&world.zone, &proxied);

    let facts = world.tell().await;

    let record = |name: &str| find(&facts, (EntityKind::DnsRecord, name));
    assert_eq!((facts.entities.len(), facts.incomplete), (5, false));
    assert_eq!(record("www.lab.example").id, web);
    assert_eq!(
        record("www.lab.example").addresses,
        ["192.0.2.80".parse().unwrap()]
    );
    assert_eq!(record("www.lab.example").attributes["type"], "A");
    assert_eq!(record("shop.lab.example").attributes["proxied"], "true");
    let to_web = Reference::id(EntityKind::DnsRecord, web);
    assert_eq!(
        record("git.lab.example").links,
        [link(Relation::PointsTo, to_web)]
    );
    let to_nas = Reference::name(None, "nas.tailnet-lab.ts.net");
    assert_eq!(
        record("nas.lab.example").links,
        [link(Relation::PointsTo, to_nas)]
    );
    let text = serde_json::to_string(&facts).unwrap();
    assert!(!text.contains("site-verification"));
}

#[tokio::test]
async fn host_names_of_a_tunnel_lead_from_their_record_to_their_service() {
    let world = World::lab().await;
    let tunnel = world.api.add_tunnel("home");
    world.api.connect(&tunnel, "203.0.113.17");
    let set = json!([
        { "hostname": "git.lab.example", "service": "http://192.0.2.85:3000" },
        { "hostname": "git.lab.example", "path": "^/api", "service": "http://git:3001" },
        { "hostname": "here.lab.example", "service": "http://localhost:8080" },
    ]);
    world
        .call(
            "update_tunnel_config",
            json!({ "tunnel": "home", "set": set }),
        )
        .await;
    let target = format!("{tunnel}.cfargotunnel.com");
    world.record("CNAME", "here.lab.example", &target);
    world.record("CNAME", "old.lab.example", &target);

    let facts = world.tell().await;

    let service = find(&facts, (EntityKind::Service, "home"));
    assert_eq!(
        (service.status, service.health),
        (Status::Online, Some(Wellness::Ok))
    );
    assert_eq!(service.aliases, [&*target]);
    let to_tunnel = Reference::id(EntityKind::Service, &service.id);
    let on_tunnel = link(Relation::DependsOn, to_tunnel.clone());
    let routes: Vec<&Entity> = facts
        .entities
        .iter()
        .filter(|one| one.kind == EntityKind::Route)
        .collect();
    assert_eq!(routes.len(), 3);
    let git = find(&facts, (EntityKind::Route, "git.lab.example"));
    let to_git = Reference::address("192.0.2.85".parse().unwrap()).with_port(Some(3000));
    assert_eq!(
        git.links,
        [on_tunnel.clone(), link(Relation::PointsTo, to_git)]
    );
    let api = routes
        .iter()
        .find(|one| one.attributes.contains_key("path"));
    let to_api = Reference::name(None, "git").with_port(Some(3001));
    assert_eq!(api.unwrap().links[1], link(Relation::PointsTo, to_api));
    let here = find(&facts, (EntityKind::Route, "here.lab.example"));
    assert_eq!(here.links, [on_tunnel]);
    assert_eq!(here.attributes["service"], "http://localhost:8080");
    let record = |name: &str| find(&facts, (EntityKind::DnsRecord, name));
    let to_here = Reference::id(EntityKind::Route, &here.id);
    assert_eq!(
        record("here.lab.example").links,
        [link(Relation::PointsTo, to_here)]
    );
    assert_eq!(
        record("old.lab.example").links,
        [link(Relation::PointsTo, to_tunnel)]
    );
}

#[tokio::test]
async fn a_tunnel_that_is_down_or_set_elsewhere_is_told_as_that() {
    let world = World::lab().await;
    let down = world.api.add_tunnel("workshop");
    world.api.connect(&down, "203.0.113.17");
    world.api.disconnect(&down);
    world.api.add_local_tunnel("attic");
    let gone = world.api.add_tunnel("gone");
    world.api.delete_tunnel(&gone);

    let facts = world.tell().await;

    let workshop = find(&facts, (EntityKind::Service, "workshop"));
    assert_eq!(
        (workshop.status, workshop.health),
        (Status::Offline, Some(Wellness::Failed))
    );
    assert_eq!(facts.entities.len(), 2);
    assert!(facts.gaps[0].contains("attic"), "{:?}", facts.gaps);
    assert!(!facts.incomplete);
}

#[tokio::test]
async fn what_the_token_may_not_see_is_missing_and_the_rest_is_told() {
    let mut world = World::lab().await;
    world.record("A", "www.lab.example", "192.0.2.80");
    world.api.add_tunnel("home");
    let small = TokenSeed::new("small").may(&[Permission::ZoneRead, Permission::DnsRead]);
    world.api.add_token(small);
    world.reopen(&json!({ "token": "small" }));

    let facts = world.tell().await;

    assert_eq!(facts.entities.len(), 1);
    assert!(facts.incomplete);
    assert!(facts.gaps[0].starts_with("tunnels: "), "{:?}", facts.gaps);
}

#[tokio::test]
async fn a_zone_that_does_not_answer_makes_nothing_vanish() {
    let world = World::lab().await;
    world.record("A", "www.lab.example", "192.0.2.80");
    let path = format!("/client/v4/zones/{}/dns_records", world.zone);
    world.api.faults().always(path, Fault::Status(404));

    let facts = world.tell().await;

    assert!(facts.incomplete);
    assert!(facts.gaps[0].contains("`lab.example`"), "{:?}", facts.gaps);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error() {
    let world = World::lab().await;
    world.api.faults().always("/client/v4", Fault::Status(500));

    let error = world.try_tell(&question()).await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
}
