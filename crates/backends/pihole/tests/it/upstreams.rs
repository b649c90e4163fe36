//! Upstream servers.

use homelab_core::error::Code;
use homelab_lab::pihole::QuerySeed;
use serde_json::json;

use crate::world::{World, field, hint, reason};

#[tokio::test]
async fn upstreams_are_told_with_their_figures() {
    let world = World::lab().await;
    world
        .pihole
        .set_config("dns.upstreams", json!(["192.0.2.1#53"]));
    world
        .pihole
        .add_query(QuerySeed::new("a.example", "FORWARDED"));

    let found = world.call("get_upstream_dns", json!({})).await;
    let host = world
        .fail("get_upstream_dns", json!({ "host": "attic" }))
        .await;

    assert_eq!(found["servers"], json!(["192.0.2.1#53"]));
    let rows = found["statistics"].as_array().unwrap();
    let row = rows.iter().find(|row| row["ip"] == "192.0.2.1").unwrap();
    assert_eq!(
        (row["queries"].clone(), row["percent"].clone()),
        (json!(1), json!(100.0))
    );
    assert_eq!(field(&host), "host");
}

#[tokio::test]
async fn they_are_set_and_it_is_waited_for() {
    let world = World::lab().await;
    world
        .pihole
        .set_config("dns.upstreams", json!(["192.0.2.1"]));
    world.pihole.set_restart_drops(2);

    let args = json!({ "servers": ["127.0.0.1#5335", "2001:DB8::1"] });
    let set = world.first("set_upstream_dns", args.clone()).await;
    let again = world.first("set_upstream_dns", args).await;

    assert_eq!(set["servers"], json!(["127.0.0.1#5335", "2001:db8::1"]));
    assert_eq!(set["before"], json!(["192.0.2.1"]));
    assert_eq!(
        (set["answers"].clone(), again["answers"].clone()),
        (json!(true), json!(true))
    );
    assert_eq!(world.pihole.restarts(), 1, "what is so is not set again");
}

#[tokio::test]
async fn mistakes_are_refused_before_anything_is_sent() {
    let world = World::lab().await;
    for servers in [
        json!(["dns.example"]),
        json!(["192.0.2.1", "192.0.2.1"]),
        json!(["192.0.2.1:53"]),
    ] {
        let error = world
            .fail("set_upstream_dns", json!({ "servers": servers }))
            .await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, "servers")
        );
    }
    let none = world
        .refuse("set_upstream_dns", json!({ "servers": [] }))
        .await;
    assert_eq!(field(&none), "servers");
    assert_eq!(world.pihole.logins(), 0);
}

#[tokio::test]
async fn a_setting_of_the_environment_cannot_be_changed() {
    let world = World::lab().await;
    world.pihole.force_by_environment("dns.upstreams");

    let error = world
        .fail("set_upstream_dns", json!({ "servers": ["192.0.2.1"] }))
        .await;

    assert_eq!(reason(&error), "setting_forced");
    assert!(hint(&error).contains("container"));
}

#[tokio::test]
async fn a_resolver_that_does_not_start_gets_the_old_ones_back() {
    let world = World::lab().await;
    world
        .pihole
        .set_config("dns.upstreams", json!(["192.0.2.1"]));
    world.pihole.set_fatal_upstream("192.0.2.2");

    let error = world
        .fail("set_upstream_dns", json!({ "servers": ["192.0.2.2"] }))
        .await;

    assert_eq!(reason(&error), "rolled_back");
    assert!(hint(&error).contains("`enabled`"));
    assert_eq!(
        world.pihole.config("dns.upstreams"),
        Some(json!(["192.0.2.1"]))
    );
}

#[tokio::test]
async fn a_change_has_a_plan_and_a_way_back() {
    let world = World::lab().await;
    world
        .pihole
        .set_config("dns.upstreams", json!(["192.0.2.1"]));
    let args = json!({ "servers": ["192.0.2.2"] });

    let plan = world.preview("set_upstream_dns", args.clone()).await;
    let targets = world.targets("set_upstream_dns", args.clone()).await;
    world.there_and_back("set_upstream_dns", args).await;

    assert_eq!(plan.changes[0].from.as_deref(), Some("192.0.2.1"));
    assert_eq!(plan.changes[0].to.as_deref(), Some("192.0.2.2"));
    assert_eq!(targets[0].id, "pihole");
    assert_eq!(
        world.pihole.config("dns.upstreams"),
        Some(json!(["192.0.2.1"]))
    );
}
