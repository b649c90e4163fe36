//! Health checks over real sockets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use homelab_core::call::{Progress, ProgressUpdate};
use homelab_core::error::Code;
use homelab_lab::{Behaviour, Fault};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{TODAY, World, context_with, hint, reason};

async fn check(world: &World, service: &str) -> Value {
    world
        .call("homelab_check_service_health", json!({ "name": service }))
        .await
}

#[tokio::test]
async fn a_healthy_service_is_asked_on_its_health_endpoint_alone() {
    let world = World::demo().await;

    let health = check(&world, "Grafana").await;

    assert_eq!(health["healthy"], true);
    assert_eq!(health["status"], 200);
    assert_eq!(
        health["checked"],
        format!("{}/api/health", world.lab.services.url("grafana"))
    );
    assert_eq!(health["body"], r#"{"database":"ok","version":"12.2.1"}"#);
    assert_eq!(health["checked_at"], TODAY);
    assert!(health["latency_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(
        world.lab.services.log().lines(),
        ["GET /grafana/api/health"]
    );
    assert_eq!(world.lab.services.log().unexpected(), [""; 0]);
}

#[rstest]
#[case("gitea", 503, "it answers 503 Service Unavailable")]
#[case("paperless", 401, "it answers 401 Unauthorized")]
#[case("octoprint", 302, "it redirects more than 5 times")]
#[tokio::test]
async fn a_service_that_answers_otherwise_is_not_healthy(
    #[case] service: &str,
    #[case] status: u16,
    #[case] problem: &str,
) {
    let world = World::demo().await;

    let health = check(&world, service).await;

    assert_eq!(health["healthy"], false);
    assert_eq!(health["status"], status);
    assert_eq!(health["problem"], problem);
    assert!(health["hint"].is_string());
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_and_named() {
    let world = World::demo().await;

    let health = check(&world, "uptime").await;

    assert_eq!(health["healthy"], true);
    assert_eq!(
        health["redirected_to"],
        format!("{}/landing", world.lab.services.url("uptime"))
    );
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let world = World::demo().await;
    let port = world.lab.services.address().port();
    let elsewhere = format!("http://localhost:{port}/grafana/api/health");
    world
        .lab
        .services
        .fail_next("n8n", Fault::Redirect(elsewhere));

    let health = check(&world, "n8n").await;

    assert_eq!(health["healthy"], false);
    assert_eq!(
        health["problem"],
        "it redirects to another host, `localhost`"
    );
    assert_eq!(world.lab.services.log().lines(), ["GET /n8n/healthz"]);
}

#[tokio::test]
async fn a_huge_answer_is_cut() {
    let world = World::demo().await;

    let health = check(&world, "mirror").await;

    assert_eq!(health["healthy"], true);
    assert_eq!(health["body"].as_str().unwrap().chars().count(), 301);
}

#[tokio::test]
async fn control_characters_of_an_answer_are_dropped() {
    let world = World::demo().await;
    let body = "down\u{1b}[2J\nsince\u{202e} noon".to_owned();
    world.lab.services.set("n8n", Behaviour::Failing(500, body));

    let health = check(&world, "n8n").await;

    assert_eq!(health["body"], "down since noon");
}

#[tokio::test]
async fn a_service_that_is_gone_is_a_result_with_a_hint_about_its_record() {
    let world = World::demo().await;

    let health = check(&world, "wiki").await;

    assert_eq!(health["healthy"], false);
    assert_eq!(health.get("status"), None);
    assert!(
        health["problem"]
            .as_str()
            .unwrap()
            .contains("nothing listens"),
        "{health}"
    );
    assert_eq!(
        health["hint"],
        "check that the service runs, and the port in its `url`"
    );
}

#[tokio::test]
async fn a_service_slower_than_the_limit_is_not_healthy() {
    let world = World::configured(json!({ "health_timeout_s": 1 })).await;
    world
        .lab
        .services
        .set("n8n", Behaviour::Slow(Duration::from_secs(30)));

    let health = check(&world, "n8n").await;

    assert_eq!(health["healthy"], false);
    assert!(
        health["hint"]
            .as_str()
            .unwrap()
            .contains("health_timeout_s"),
        "{health}"
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_healthy() {
    let world = World::demo().await;
    world.lab.services.fail_next("n8n", Fault::CutBody);

    let health = check(&world, "n8n").await;

    assert_eq!(health["healthy"], false, "{health}");
}

#[rstest]
#[case("mqtt", true)]
#[case("postgres", true)]
#[tokio::test]
async fn a_socket_service_is_healthy_if_it_accepts_a_connection(
    #[case] service: &str,
    #[case] healthy: bool,
) {
    let world = World::demo().await;

    let health = check(&world, service).await;

    assert_eq!(health["healthy"], healthy);
    assert_eq!(health["checked"], world.lab.services.address().to_string());
}

#[tokio::test]
async fn a_socket_service_that_refuses_is_not_healthy() {
    let world = World::demo().await;
    let url = format!("tcp://127.0.0.1:{}", world.lab.closed_port());
    world
        .call(
            "homelab_upsert_service",
            json!({ "name": "mqtt", "url": url }),
        )
        .await;

    let health = check(&world, "mqtt").await;

    assert_eq!(health["problem"], "nothing listens at this port");
}

#[tokio::test]
async fn without_url_the_address_of_its_guest_is_asked() {
    let world = World::demo().await;
    let port = world.lab.services.address().port();
    world
        .call(
            "homelab_upsert_device",
            json!({ "name": "here", "ip": "127.0.0.1" }),
        )
        .await;
    let service = json!({
        "name": "grafana", "device": "here", "port": port, "protocol": "http",
        "clear": ["url", "vm"],
    });
    world.call("homelab_upsert_service", service).await;

    let health = check(&world, "grafana").await;

    assert_eq!(health["healthy"], true, "{health}");
}

#[rstest]
#[case("ntp", Code::NotConfigured, "nothing_to_check")]
#[case("grafanna", Code::NotFound, "")]
#[tokio::test]
async fn what_cannot_be_asked_is_an_error(
    #[case] service: &str,
    #[case] code: Code,
    #[case] expected: &str,
) {
    let world = World::demo().await;

    let error = world
        .fail("homelab_check_service_health", json!({ "name": service }))
        .await;

    assert_eq!((error.code(), reason(&error)), (code, expected));
    assert!(!hint(&error).is_empty());
}

#[tokio::test]
async fn all_services_are_checked_with_progress() {
    let world = World::demo().await;
    let reports: Arc<Mutex<Vec<ProgressUpdate>>> = Arc::default();
    let sink = reports.clone();
    let ctx = context_with(Progress::to(move |update| {
        sink.lock().unwrap().push(update);
    }));

    let ran = world
        .run_in("homelab_check_all_services", json!({}), &ctx)
        .await
        .unwrap();

    let all = ran.output;
    assert_eq!(
        (&all["healthy"], &all["unhealthy"], &all["unchecked"]),
        (&json!(18), &json!(4), &json!(1))
    );
    let rows = all["services"].as_array().unwrap();
    assert!(rows.is_sorted_by_key(|row| row["service"].as_str()));
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 23);
    assert!(reports.is_sorted_by(|a, b| a.progress < b.progress));
    assert_eq!(reports[22].total, Some(23.0));
    assert_eq!(world.lab.services.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn only_the_troubled_ones_are_listed_if_so_asked() {
    let world = World::demo().await;

    let all = world
        .call(
            "homelab_check_all_services",
            json!({ "problems_only": true }),
        )
        .await;

    let names: Vec<_> = all["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["service"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["gitea", "octoprint", "paperless", "wiki"]);
    assert_eq!(all["healthy"], 18);
}

#[tokio::test]
async fn the_checks_of_one_place_or_type_go_on_with_their_cursor() {
    let world = World::demo().await;

    let on_nas = world
        .call(
            "homelab_check_all_services",
            json!({ "device": "nas-main" }),
        )
        .await;
    let first = world
        .call(
            "homelab_check_all_services",
            json!({ "type": "dns", "limit": 1 }),
        )
        .await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world
        .call(
            "homelab_check_all_services",
            json!({ "type": "dns", "limit": 1, "cursor": cursor }),
        )
        .await;
    let error = world
        .fail("homelab_check_all_services", json!({ "device": "nobody" }))
        .await;

    assert_eq!(on_nas["services"].as_array().unwrap().len(), 2);
    assert_eq!(first["services"][0]["service"], "pihole-1");
    assert_eq!(second["services"][0]["service"], "pihole-2");
    assert_eq!(second.get("next_cursor"), None);
    assert_eq!(error.code(), Code::NotFound);
}
