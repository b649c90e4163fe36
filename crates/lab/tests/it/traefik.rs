//! The Traefik stand-in against answers recorded from a real 3.7.15.

use std::fs;

use homelab_lab::traefik::{Protocol, Release, Traefik};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

/// The objects that the recorded server had.
async fn recorded() -> Traefik {
    let proxy = Traefik::start().await.unwrap();
    let http = Protocol::Http;
    proxy.add_router(
        http,
        "app@file",
        json!({"entryPoints": ["websecure"], "middlewares": ["auth", "limit@file"], "service": "app", "rule": "Host(`app.lab.test`)", "priority": 20, "tls": {}}),
    );
    proxy.add_router(
        http,
        "broken@file",
        json!({"service": "app", "rule": "Hst(`x`)"}),
    );
    proxy.add_router(
        http,
        "noservice@file",
        json!({"service": "nosuch", "rule": "Host(`y.lab.test`)"}),
    );
    let balancer = json!({"loadBalancer": {
        "servers": [{"url": "http://127.0.0.1:9"}, {"url": "http://127.0.0.1:18881"}],
        "healthCheck": {"path": "/ping"},
    }});
    proxy.add_service(http, "app@file", balancer);
    proxy.add_middleware(
        http,
        "auth@file",
        json!({"basicAuth": {"users": ["demo:hash"]}}),
    );
    proxy.add_middleware(http, "limit@file", json!({"rateLimit": {"average": 10}}));
    proxy.add_router(
        Protocol::Tcp,
        "db@file",
        json!({"entryPoints": ["web"], "service": "db", "rule": "HostSNI(`*`)"}),
    );
    let servers = json!({"loadBalancer": {"servers": [{"address": "127.0.0.1:9"}]}});
    proxy.add_service(Protocol::Tcp, "db@file", servers);
    proxy.set_server("http://127.0.0.1:9", false);
    proxy
}

async fn get(proxy: &Traefik, path: &str) -> Answer {
    call(proxy.address(), "GET", path, &[], "").await
}

async fn router(proxy: &Traefik, name: &str) -> Value {
    get(proxy, &format!("/api/http/routers/{name}"))
        .await
        .json()
}

#[tokio::test]
async fn a_router_says_what_is_wrong_with_it() {
    let proxy = recorded().await;

    let good = router(&proxy, "app@file").await;
    let rule = router(&proxy, "broken@file").await;
    let service = router(&proxy, "noservice%40file").await;

    assert_eq!(
        (&good["status"], &good["using"]),
        (&json!("enabled"), &json!(["websecure"]))
    );
    assert_eq!(
        (&good["tls"], &good["priorityStr"]),
        (&json!({"options": "default"}), &json!("20"))
    );
    assert_eq!(rule["status"], "disabled");
    assert_eq!(
        (&rule["priority"], &rule["entryPoints"]),
        (&json!(8), &json!(["web", "websecure"]))
    );
    assert_eq!(
        rule["error"],
        json!([
            "error while parsing rule Hst(`x`): parsing rule Hst(`x`): unsupported function: Hst"
        ])
    );
    assert_eq!(
        service["error"],
        json!(["the service \"nosuch@file\" does not exist"])
    );
    assert_eq!(service["priority"], 18);
}

#[tokio::test]
async fn priorities_of_internal_routers_do_not_fit_a_double() {
    let proxy = recorded().await;

    let api = router(&proxy, "api@internal").await;

    assert_eq!(api["priority"], json!(9_223_372_036_854_775_806_u64));
    assert_eq!(api["priorityStr"], "9223372036854775806");
}

#[tokio::test]
async fn a_service_tells_its_users_and_its_servers_health() {
    let proxy = recorded().await;

    let app = get(&proxy, "/api/http/services/app@file").await.json();
    let auth = get(&proxy, "/api/http/middlewares/auth@file").await.json();
    let tcp = get(&proxy, "/api/tcp/services").await.json();

    assert_eq!(app["usedBy"], json!(["app@file", "broken@file"]));
    assert_eq!(app["type"], "loadbalancer");
    assert_eq!(
        app["serverStatus"],
        json!({"http://127.0.0.1:9": "DOWN", "http://127.0.0.1:18881": "UP"})
    );
    assert_eq!(
        (&auth["type"], &auth["usedBy"]),
        (&json!("basicauth"), &json!(["app@file"]))
    );
    assert_eq!(tcp[0]["serverStatus"], json!({"127.0.0.1:9": "UP"}));
}

#[tokio::test]
async fn the_page_after_the_last_is_one() {
    let proxy = recorded().await;
    let next = |answer: &Answer| {
        let line = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("x-next-page: "));
        line.unwrap().to_owned()
    };

    let first = get(&proxy, "/api/http/routers?per_page=2&page=1").await;
    let last = get(&proxy, "/api/http/routers?per_page=2&page=3").await;
    let beyond = get(&proxy, "/api/http/routers?per_page=2&page=9").await;

    assert_eq!(
        (
            next(&first).as_str(),
            first.json().as_array().unwrap().len()
        ),
        ("2", 2)
    );
    assert_eq!(
        (next(&last).as_str(), last.json().as_array().unwrap().len()),
        ("1", 1)
    );
    assert_eq!(beyond.status, 400);
    assert!(beyond.head.contains("text/plain"), "{}", beyond.head);
    assert_eq!(
        beyond.json(),
        json!({"message": "invalid request: page: 9, per_page: 2"})
    );
}

#[tokio::test]
async fn lists_are_searched_and_filtered() {
    let proxy = recorded().await;
    let names = |answer: Answer| -> Vec<String> {
        let rows = answer.json();
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };

    let disabled = names(get(&proxy, "/api/http/routers?status=disabled").await);
    let found = names(get(&proxy, "/api/http/routers?search=app.lab").await);
    let using = names(get(&proxy, "/api/http/routers?serviceName=app").await);

    assert_eq!(disabled, ["broken@file", "noservice@file"]);
    assert_eq!(found, ["app@file"]);
    assert_eq!(using, ["app@file", "broken@file"]);
    assert_eq!(proxy.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn the_overview_counts_and_raw_data_has_everything_by_name() {
    let proxy = recorded().await;

    let overview = get(&proxy, "/api/overview").await.json();
    let raw = get(&proxy, "/api/rawdata").await.json();

    assert_eq!(
        overview["http"]["routers"],
        json!({"total": 5, "warnings": 0, "errors": 2})
    );
    assert_eq!(overview["tcp"]["routers"]["total"], 1);
    assert_eq!(raw["routers"]["broken@file"]["status"], "disabled");
    assert!(raw["routers"]["app@file"].get("name").is_none());
    assert_eq!(raw["tcpRouters"]["db@file"]["priority"], -1);
    assert_eq!(
        raw["middlewares"]["auth@file"]["basicAuth"]["users"],
        json!(["demo:hash"])
    );
}

#[tokio::test]
async fn what_is_outside_the_contract_is_noted() {
    let proxy = recorded().await;

    let post = call(proxy.address(), "POST", "/api/http/routers", &[], "{}").await;
    let unknown = get(&proxy, "/api/http/routers/nosuch@file").await;
    get(&proxy, "/api/http/routers?limit=5").await;
    let nothing = get(&proxy, "/api/nothing").await;
    proxy.set_release(Release::V3_3);
    let certificates = get(&proxy, "/api/certificates").await;

    assert_eq!(
        (post.status, nothing.status, certificates.status),
        (405, 404, 404)
    );
    assert_eq!(
        unknown.json(),
        json!({"message": "router not found: nosuch@file"})
    );
    assert_eq!(
        proxy.log().unexpected(),
        [
            "POST /api/http/routers",
            "GET /api/http/routers",
            "GET /api/nothing",
            "GET /api/certificates"
        ]
    );
}

#[tokio::test]
async fn a_login_can_be_asked_for() {
    let proxy = recorded().await;
    proxy.require_password("ops", "word");

    let without = get(&proxy, "/api/version").await;
    // "ops:word" in base 64.
    let with = [("Authorization", "Basic b3BzOndvcmQ=")];
    let with = call(proxy.address(), "GET", "/api/version", &with, "").await;

    assert_eq!(without.status, 401);
    assert_eq!(with.json()["Version"], "3.7.15");
}

const GOOD: &str = "http:\n  routers:\n    one:\n      rule: Host(`one.lab.test`)\n      service: one\n  services:\n    one:\n      loadBalancer:\n        servers:\n          - url: http://192.0.2.80:8080\n";

#[tokio::test]
async fn a_file_becomes_a_router_after_a_while() {
    let proxy = recorded().await;
    let directory = tempfile::tempdir().unwrap();
    proxy.watch(directory.path());
    proxy.set_reload_delay(2);

    fs::write(directory.path().join("one.yml"), GOOD).unwrap();
    fs::write(directory.path().join("ignored.tmp"), "nonsense: [").unwrap();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(get(&proxy, "/api/http/routers/one@file").await.status);
    }

    assert_eq!(statuses, [404, 404, 200]);
    assert_eq!(router(&proxy, "one@file").await["status"], "enabled");
}

#[tokio::test]
async fn one_broken_file_freezes_the_directory_and_a_restart_empties_it() {
    let proxy = recorded().await;
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    fs::write(place("one.yml"), GOOD).unwrap();
    proxy.watch(directory.path());
    let at_first = get(&proxy, "/api/http/routers/one@file").await.status;

    fs::write(place("broken.yml"), "http: {}\n").unwrap();
    fs::write(place("two.yml"), GOOD.replace("one", "two")).unwrap();
    let old = get(&proxy, "/api/http/routers/one@file").await.status;
    let new = get(&proxy, "/api/http/routers/two@file").await.status;
    let error = proxy.file_error().unwrap();
    proxy.restart();
    let restarted = get(&proxy, "/api/http/routers/one@file").await.status;
    fs::remove_file(place("broken.yml")).unwrap();
    let healed = get(&proxy, "/api/http/routers/two@file").await.status;

    assert_eq!(
        (at_first, old, new, restarted, healed),
        (200, 200, 404, 404, 200)
    );
    assert!(error.contains("cannot be a standalone element"), "{error}");
    assert_eq!(proxy.file_error(), None);
}

#[tokio::test]
async fn an_unknown_field_breaks_a_file() {
    let proxy = recorded().await;
    let directory = tempfile::tempdir().unwrap();
    let text = GOOD.replace("rule:", "rules:");
    fs::write(directory.path().join("one.yml"), text).unwrap();

    proxy.watch(directory.path());

    assert!(
        proxy
            .file_error()
            .unwrap()
            .contains("field not found, node: rules")
    );
}

#[tokio::test]
async fn the_demo_has_something_to_find() {
    let proxy = Traefik::demo().await.unwrap();

    let disabled = get(&proxy, "/api/http/routers?status=disabled")
        .await
        .json();
    let certificates = get(&proxy, "/api/certificates?status=warning").await.json();
    let wiki = get(&proxy, "/api/http/services/wiki@docker").await.json();

    assert_eq!(disabled.as_array().unwrap().len(), 1);
    assert_eq!(certificates[0]["commonName"], "old.lab.example");
    assert!(wiki["serverStatus"].to_string().contains("DOWN"));
}

#[tokio::test]
async fn what_is_not_said_has_its_usual_value() {
    let proxy = recorded().await;
    let http = Protocol::Http;
    let servers = json!({"loadBalancer": {"servers": [{"url": "http://192.0.2.80"}]}});
    proxy.add_service(http, "plain@docker", servers);
    let router =
        json!({"rule": "Host(`p.lab.test`)", "service": "plain", "middlewares": ["limit@file"]});
    proxy.add_router(http, "plain@docker", router);
    let nowhere =
        json!({"rule": "Host(`q.lab.test`)", "service": "plain", "entryPoints": ["nowhere"]});
    proxy.add_router(http, "nowhere@docker", nowhere);
    proxy.set_server("http://192.0.2.80", false);

    let plain = get(&proxy, "/api/http/services/plain@docker").await.json();
    let limit = get(&proxy, "/api/http/middlewares/limit@file").await.json();
    let nowhere = self::router(&proxy, "nowhere@docker").await;
    let app = self::router(&proxy, "app@file").await;

    assert_eq!(plain["loadBalancer"]["passHostHeader"], true);
    // Nobody looks, so it is taken to be up.
    assert_eq!(plain["serverStatus"], json!({"http://192.0.2.80": "UP"}));
    assert_eq!(
        limit["rateLimit"],
        json!({"average": 10, "burst": 1, "period": "1s"})
    );
    assert_eq!(app["middlewares"], json!(["auth@file", "limit@file"]));
    assert_eq!(
        nowhere["error"],
        json!([
            "entryPoint \"nowhere\" doesn't exist",
            "no valid entryPoint for this router"
        ])
    );
    assert!(nowhere.get("priority").is_none());
    assert_eq!(nowhere["priorityStr"], "0");
}
