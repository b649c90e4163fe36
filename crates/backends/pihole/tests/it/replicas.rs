//! Several Pi-holes that are kept in step.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use serde_json::{Value, json};

use crate::world::{World, field, reason};

/// A pair that differs in something of each kind.
async fn apart() -> World {
    let world = World::pair().await;
    let (first, second) = (&world.pihole, world.second());
    // Numbers of groups differ between the two.
    second.add_group("guests");
    first.add_group("children");
    first.add_rule("deny/exact", "casino.example");
    second.add_rule("allow/exact", "extra.example");
    first.add_blocklist("https://lists.example/ads.txt", &["a.example"]);
    first.add_client("192.0.2.140");
    first.set_config("dns.hosts", json!(["192.0.2.70 nas"]));
    first.set_config("dns.cnameRecords", json!(["status,uptime"]));
    first.set_config("dns.upstreams", json!(["192.0.2.1"]));
    second.set_config("dns.upstreams", json!(["192.0.2.2"]));
    world
}

fn items(drift: &Value) -> Vec<String> {
    let rows = drift["hosts"][0]["result"]["differences"]
        .as_array()
        .unwrap();
    rows.iter()
        .map(|row| row["item"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn changes_go_to_all_of_them() {
    let world = World::pair().await;

    let done = world
        .call("whitelist_domain", json!({ "domain": "a.example" }))
        .await;
    let one = json!({ "domain": "b.example", "host": "pihole-2" });
    world.call("whitelist_domain", one).await;
    world.call("disable_pihole_blocking", json!({})).await;

    let names: Vec<&Value> = done["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| &host["host"])
        .collect();
    assert_eq!(names, ["pihole", "pihole-2"]);
    assert_eq!(world.pihole.rules(), ["allow/exact a.example"]);
    assert_eq!(
        world.second().rules(),
        ["allow/exact a.example", "allow/exact b.example"]
    );
    assert!(!world.pihole.blocking().0 && !world.second().blocking().0);
}

#[tokio::test]
async fn one_that_fails_is_named_and_the_call_did_not_take() {
    let world = World::pair().await;
    world
        .second()
        .faults()
        .always("/api/domains", Fault::Status(503));

    let ran = world
        .run("blacklist_domain", json!({ "domain": "a.example" }))
        .await
        .unwrap();

    let hosts = &ran.output["hosts"];
    assert_eq!(hosts[0]["result"]["rules"][0]["domain"], "a.example");
    assert_eq!(hosts[1]["failure"]["code"], "upstream_rejected");
    assert_eq!(ran.mismatches.len(), 1);
    assert_eq!(ran.mismatches[0].wanted, "done on pihole-2");
    assert_eq!(world.pihole.rules(), ["deny/exact a.example"]);
}

#[tokio::test]
async fn upstreams_are_changed_one_after_the_other_and_no_further_after_a_failure() {
    let world = World::pair().await;
    world
        .second()
        .set_config("dns.upstreams", json!(["192.0.2.9"]));
    world.pihole.force_by_environment("dns.upstreams");

    let error = world
        .fail("set_upstream_dns", json!({ "servers": ["192.0.2.1"] }))
        .await;

    assert_eq!(reason(&error), "setting_forced");
    assert_eq!(world.second().restarts(), 0);
    assert_eq!(
        world.second().config("dns.upstreams"),
        Some(json!(["192.0.2.9"]))
    );
}

#[tokio::test]
async fn drift_is_reported() {
    let world = apart().await;

    let drift = world.call("get_pihole_drift", json!({})).await;
    let some = world
        .call("get_pihole_drift", json!({ "sections": ["upstreams"] }))
        .await;
    let itself = world
        .fail("get_pihole_drift", json!({ "host": "pihole" }))
        .await;

    assert_eq!(
        items(&drift),
        [
            "children",
            "block https://lists.example/ads.txt",
            "deny exact casino.example",
            "192.0.2.140",
            "192.0.2.70 nas",
            "status,uptime",
            "dns.upstreams",
            "guests",
            "allow exact extra.example",
        ]
    );
    let upstreams = &some["hosts"][0]["result"]["differences"][0];
    assert_eq!(
        (upstreams["first"].clone(), upstreams["here"].clone()),
        (json!("192.0.2.1"), json!("192.0.2.2"))
    );
    assert_eq!(field(&itself), "host");
}

#[tokio::test]
async fn those_that_are_alike_are_in_step() {
    let world = World::pair().await;

    let drift = world.call("get_pihole_drift", json!({})).await;

    assert_eq!(
        drift["hosts"][0]["result"],
        json!({ "in_step": true, "total": 0, "differences": [] })
    );
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let world = apart().await;

    let plan = world
        .call("sync_pihole_replicas", json!({ "dry_run": true }))
        .await;
    let shown = world.preview("sync_pihole_replicas", json!({})).await;

    let planned = &plan["hosts"][0]["result"];
    assert_eq!(
        (planned["total"].clone(), planned["left"].clone()),
        (json!(6), json!(2))
    );
    assert_eq!(planned["changes"][0], "add children");
    assert_eq!(shown.changes.len(), 6);
    assert_eq!(world.second().rules(), ["allow/exact extra.example"]);
}

#[tokio::test]
async fn replicas_are_brought_into_step() {
    let world = apart().await;

    let done = world.call("sync_pihole_replicas", json!({})).await;
    let left = world.call("get_pihole_drift", json!({})).await;
    world
        .call("sync_pihole_replicas", json!({ "remove_extra": true }))
        .await;
    let after = world.call("get_pihole_drift", json!({})).await;

    assert_eq!(done["hosts"][0]["result"]["total"], 6);
    assert_eq!(
        items(&left),
        ["dns.upstreams", "guests", "allow exact extra.example"]
    );
    assert_eq!(items(&after), ["dns.upstreams"]);
    assert_eq!(world.second().rules(), ["deny/exact casino.example"]);
    assert_eq!(
        world.second().config("dns.hosts"),
        Some(json!(["192.0.2.70 nas"]))
    );
}

#[tokio::test]
async fn groups_go_by_name_where_their_numbers_differ() {
    let world = World::pair().await;
    world.second().add_group("guests");
    world.pihole.add_group("children");
    let args = json!({ "domain": "casino.example", "groups": ["children"], "host": "pihole" });
    world.call("blacklist_domain", args).await;

    world.call("sync_pihole_replicas", json!({})).await;
    let rules = world
        .call("list_domain_rules", json!({ "host": "pihole-2" }))
        .await;

    assert_eq!(rules["items"][0]["groups"], json!(["children"]));
}

#[tokio::test]
async fn what_differs_is_changed() {
    let world = World::pair().await;
    for (host, comment) in [("pihole", "here"), ("pihole-2", "there")] {
        let args = json!({ "domain": "a.example", "comment": comment, "host": host });
        world.call("whitelist_domain", args).await;
    }

    let done = world
        .call("sync_pihole_replicas", json!({ "sections": ["rules"] }))
        .await;

    assert_eq!(
        done["hosts"][0]["result"]["changes"],
        json!(["change allow exact a.example"])
    );
}

#[tokio::test]
async fn syncing_weighs_as_much_as_it_does() {
    let world = World::pair().await;
    let effect = |args| world.effect("sync_pihole_replicas", args);

    assert_eq!(effect(json!({ "dry_run": true })), Effect::Read);
    assert_eq!(effect(json!({})), Effect::Write);
    assert_eq!(effect(json!({ "remove_extra": true })), Effect::Destructive);
    let targets = world.targets("sync_pihole_replicas", json!({})).await;
    assert_eq!(targets[0].id, "pihole-2");
    let error = world
        .fail("sync_pihole_replicas", json!({ "sections": ["blocking"] }))
        .await;
    assert_eq!(field(&error), "sections");
}

#[tokio::test]
async fn without_replicas_there_is_nothing_to_compare() {
    let world = World::lab().await;
    for tool in ["get_pihole_drift", "sync_pihole_replicas"] {
        let error = world.fail(tool, json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::NotConfigured, "no_replicas")
        );
    }
}

#[tokio::test]
async fn one_that_is_down_is_no_outage() {
    let world = World::pair().await;
    world.second().faults().always("/api", Fault::Status(502));

    let health = world.health().await;
    let summary = world.call("get_pihole_summary", json!({})).await;

    assert_eq!(health.status, HealthStatus::Degraded);
    assert!(health.message.contains("pihole-2"));
    assert!(summary["hosts"][0]["result"].is_object());
    assert!(summary["hosts"][1]["failure"].is_object());
}

#[tokio::test]
async fn each_has_one_seat() {
    let world = World::pair().await;
    for _ in 0..50 {
        world.call("get_pihole_summary", json!({})).await;
    }

    assert_eq!(
        (world.pihole.most_seats(), world.second().most_seats()),
        (1, 1)
    );
    world.server.close().await;
    assert_eq!((world.pihole.seats(), world.second().seats()), (0, 0));
}
