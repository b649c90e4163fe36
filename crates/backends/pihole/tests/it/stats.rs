//! Figures, queries, messages.

use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::pihole::QuerySeed;
use serde_json::json;

use crate::world::{World, column, field};

async fn asked() -> World {
    let world = World::lab().await;
    for (domain, status, times) in [
        ("mirror.example.org", "FORWARDED", 6),
        ("nas.lab.example", "CACHE", 3),
        ("ads.example.com", "GRAVITY", 1),
    ] {
        for n in 0..times {
            world.pihole.add_query(QuerySeed {
                age_s: 100.0 - f64::from(n),
                ..QuerySeed::new(domain, status)
            });
        }
    }
    world
}

#[tokio::test]
async fn the_summary_says_how_it_is() {
    let world = asked().await;
    world
        .pihole
        .add_blocklist("https://lists.example/a", &["ads.example.com"]);

    let summary = world.first("get_pihole_summary", json!({})).await;

    assert_eq!(summary["state"]["blocking"], "enabled");
    assert_eq!(
        (
            summary["queries"].clone(),
            summary["queries_blocked"].clone()
        ),
        (json!(10), json!(1))
    );
    assert_eq!(summary["blocked_percent"], 10.0);
    assert_eq!(summary["domains_being_blocked"], 1001);
    assert!(summary["version"].is_string());
}

#[tokio::test]
async fn the_summary_does_without_what_it_does_not_need() {
    let world = asked().await;
    world
        .pihole
        .refuse_next("/api/info/version", 500, "internal_error", "no file");

    let summary = world.first("get_pihole_summary", json!({})).await;
    world
        .pihole
        .faults()
        .always("/api/stats/summary", Fault::Status(500));
    let error = world.fail("get_pihole_summary", json!({})).await;

    assert!(summary.get("version").is_none());
    assert_eq!(summary["queries"], 10);
    assert_eq!(error.code(), Code::UpstreamRejected);
}

#[tokio::test]
async fn the_top_is_counted() {
    let world = asked().await;

    let domains = world.call("get_top_domains", json!({ "count": 1 })).await;
    let blocked = world
        .call("get_top_domains", json!({ "blocked": true }))
        .await;
    let clients = world.call("get_top_clients", json!({})).await;
    let span = json!({ "from": "2026-05-31T23:00:00Z" });
    let stored = world.call("get_top_domains", span.clone()).await;
    let stored_clients = world.call("get_top_clients", span).await;

    assert_eq!(
        domains["domains"][0],
        json!({ "domain": "mirror.example.org", "count": 6, "percent": 60.0 })
    );
    assert_eq!(blocked["domains"][0]["percent"], 100.0);
    assert_eq!(clients["clients"][0]["ip"], "192.0.2.131");
    assert_eq!(stored["domains"][0]["count"], 6);
    assert_eq!(stored_clients["total_queries"], 10);
}

#[tokio::test]
async fn a_time_that_is_none_is_refused() {
    let world = World::lab().await;
    for tool in ["get_top_domains", "get_top_clients", "get_query_log"] {
        let error = world.fail(tool, json!({ "from": "yesterday" })).await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, "from")
        );
    }
    assert_eq!(world.pihole.logins(), 0);
}

#[tokio::test]
async fn queries_come_in_pages_that_new_ones_do_not_shift() {
    let world = asked().await;

    let first = world.call("get_query_log", json!({ "limit": 4 })).await;
    world
        .pihole
        .add_query(QuerySeed::new("new.example", "CACHE"));
    let mut seen = column(&first, "domain");
    let mut cursor = first["next_cursor"].clone();
    while cursor.is_string() {
        let args = json!({ "limit": 4, "cursor": cursor });
        let page = world.call("get_query_log", args).await;
        seen.extend(column(&page, "domain"));
        cursor = page["next_cursor"].clone();
    }

    assert_eq!(seen.len(), 10);
    assert!(!seen.contains(&json!("new.example")));
    assert!(
        first["items"][0]["time"]
            .as_str()
            .unwrap()
            .starts_with("2026-05-31T23:5")
    );
}

#[tokio::test]
async fn queries_are_chosen() {
    let world = asked().await;
    let total = async |args| world.call("get_query_log", args).await["total"].clone();

    assert_eq!(total(json!({ "status": "GRAVITY" })).await, 1);
    assert_eq!(total(json!({ "domain": "*.lab.example" })).await, 3);
    assert_eq!(total(json!({ "client": "192.0.2.131" })).await, 10);
    assert_eq!(total(json!({ "client": "nobody*" })).await, 0);
    assert_eq!(total(json!({ "type": "aaaa" })).await, 0);
    let error = world.fail("get_query_log", json!({ "cursor": "x" })).await;
    assert_eq!(field(&error), "cursor");
}

#[tokio::test]
async fn messages_are_told() {
    let world = World::lab().await;
    world.pihole.add_message("DISK", "disk is full");

    let messages = world.first("get_diagnosis_messages", json!({})).await;
    world
        .pihole
        .faults()
        .always("/api/info/messages", Fault::Status(500));
    let error = world.fail("get_diagnosis_messages", json!({})).await;

    assert_eq!(messages["total"], 1);
    assert_eq!(
        (
            messages["items"][0]["type"].clone(),
            messages["items"][0]["text"].clone()
        ),
        (json!("DISK"), json!("disk is full"))
    );
    assert_eq!(error.code(), Code::UpstreamRejected);
}
