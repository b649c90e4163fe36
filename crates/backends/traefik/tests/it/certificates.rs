//! Which hosts have a certificate.

use homelab_core::error::Code;
use homelab_lab::traefik::{Protocol, Release};
use homelab_lab::{Identity, traefik::Traefik};
use serde_json::{Value, json};

use crate::world::{World, reason};

const TOOL: &str = "get_certificate_status";

fn certificate(name: &str, not_after: &str) -> Value {
    json!({
        "name": name, "sans": [name, format!("*.{name}")], "commonName": name, "issuerCN": "Lab CA",
        "notBefore": "2026-09-01T00:00:00Z", "notAfter": not_after, "certFingerprint": name, "status": "enabled",
    })
}

#[tokio::test]
async fn each_host_is_told_its_certificate() {
    let world = World::lab().await;
    world
        .traefik
        .add_certificate(certificate("lab.example", "2027-02-01T00:00:00Z"));
    world
        .traefik
        .add_certificate(certificate("old.example", "2026-12-05T00:00:00Z"));
    let router = json!({ "entryPoints": ["websecure"], "service": "blog", "rule": "Host(`other.example`) && !Host(`not.example`)", "tls": {} });
    world
        .traefik
        .add_router(Protocol::Http, "other@docker", router);

    let found = world.call(TOOL, json!({})).await;

    let hosts = found["hosts"].as_array().expect("hosts");
    assert_eq!(
        (&found["total"], &found["sources"]),
        (&json!(2), &json!(["api"]))
    );
    assert_eq!(hosts[0]["host"], "blog.lab.example");
    assert_eq!(
        (&hosts[0]["covered"], &hosts[0]["certificate"]["days_left"]),
        (&json!(true), &json!(62))
    );
    assert_eq!(
        (&hosts[0]["cert_resolver"], &hosts[0]["findings"]),
        (&json!("lab"), &json!([]))
    );
    assert_eq!(hosts[1]["covered"], false);
    assert!(
        hosts[1]["findings"][0]
            .as_str()
            .expect("a finding")
            .contains("no certificate covers it")
    );
    assert_eq!(found["expiring"][0]["names"][0], "old.example");
    assert_eq!(found["expiring"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_expires_soon_is_a_finding() {
    let world = World::lab().await;
    world
        .traefik
        .add_certificate(certificate("lab.example", "2026-12-11T00:00:00Z"));

    let soon = world
        .call(TOOL, json!({ "domain": "BLOG.lab.example" }))
        .await;
    let later = world.call(TOOL, json!({ "expiring_within_days": 5 })).await;

    assert_eq!(
        soon["hosts"][0]["findings"],
        json!(["the certificate expires in 10 days"])
    );
    assert_eq!(later["hosts"][0]["findings"], json!([]));
}

#[tokio::test]
async fn an_expired_certificate_does_not_cover() {
    let world = World::lab().await;
    world
        .traefik
        .add_certificate(certificate("lab.example", "2026-11-29T00:00:00Z"));

    let found = world.call(TOOL, json!({})).await;

    assert_eq!(found["hosts"][0]["covered"], false);
    assert_eq!(
        found["hosts"][0]["findings"],
        json!(["the certificate expired 2 days ago"])
    );
}

#[tokio::test]
async fn a_host_that_no_router_names_is_not_found() {
    let world = World::lab().await;

    let error = world
        .fail(TOOL, json!({ "domain": "nosuch.example" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "host_not_found")
    );
}

#[tokio::test]
async fn a_handshake_shows_what_clients_see() {
    let identity = Identity::self_signed(&["blog.lab.example"]).expect("a certificate");
    let secure = Traefik::start_tls(&identity)
        .await
        .expect("a loopback port");
    let mut world = World::lab().await;
    let router = json!({ "entryPoints": ["websecure"], "service": "blog", "rule": "Host(`other.example`)", "tls": {} });
    world
        .traefik
        .add_router(Protocol::Http, "other@docker", router);
    world.reopen(&json!({ "tls_address": secure.address().to_string() }));

    let found = world.call(TOOL, json!({ "check_handshake": true })).await;

    let hosts = found["hosts"].as_array().expect("hosts");
    assert_eq!(found["sources"], json!(["api", "handshake"]));
    assert_eq!(hosts[0]["served"]["names"], json!(["blog.lab.example"]));
    assert_eq!(hosts[0]["served"]["source"], "handshake");
    let fingerprint = identity.fingerprint().replace(':', "").to_lowercase();
    assert_eq!(hosts[0]["served"]["fingerprint_sha256"], fingerprint);
    assert!(
        hosts[1]["findings"][0]
            .as_str()
            .expect("a finding")
            .contains("for other names")
    );
}

#[tokio::test]
async fn a_handshake_that_fails_is_a_finding_and_no_failure() {
    let mut world = World::lab().await;
    // The plain API: no TLS there.
    let plain = world.traefik.address();
    world.lenient = true;
    for address in ["127.0.0.1:1".to_owned(), plain.to_string()] {
        world.reopen(&json!({ "tls_address": address }));

        let found = world.call(TOOL, json!({ "check_handshake": true })).await;

        let finding = found["hosts"][0]["findings"][0]
            .as_str()
            .expect("a finding");
        assert!(finding.starts_with("no "), "{finding}");
        assert_eq!(found["hosts"][0]["covered"], false);
    }
}

#[tokio::test]
async fn before_3_7_handshakes_take_the_place_of_the_api() {
    let identity = Identity::self_signed(&["blog.lab.example"]).expect("a certificate");
    let secure = Traefik::start_tls(&identity)
        .await
        .expect("a loopback port");
    let mut world = World::lab().await;
    world.traefik.set_release(Release::V3_3);
    world.reopen(&json!({ "tls_address": secure.address().to_string() }));

    let found = world.call(TOOL, json!({})).await;
    let without = world.call(TOOL, json!({ "check_handshake": false })).await;

    assert_eq!(found["sources"], json!(["handshake"]));
    assert_eq!(
        found["hosts"][0]["served"]["names"],
        json!(["blog.lab.example"])
    );
    assert_eq!(
        (&without["sources"], &without["hosts"][0]["findings"]),
        (&json!([]), &json!([]))
    );
    assert!(
        without["notes"]
            .to_string()
            .contains("nothing was looked at")
    );
}

#[tokio::test]
async fn certificates_are_read_from_the_file_of_acme_and_keys_are_not() {
    use base64::Engine as _;

    let mut world = World::lab().await;
    world.traefik.set_release(Release::V3_3);
    let identity = Identity::self_signed(&["blog.lab.example"]).expect("a certificate");
    let pem = base64::engine::general_purpose::STANDARD.encode(identity.pem());
    let acme = json!({ "lab": { "Account": { "PrivateKey": "tell-nobody" }, "Certificates": [
        { "domain": { "main": "blog.lab.example" }, "certificate": pem, "key": "tell-nobody-else", "Store": "default" },
    ] } });
    world.put("acme.json", &acme.to_string());
    world.reopen(&json!({ "acme_file": world.directory.join("acme.json") }));

    let found = world.call(TOOL, json!({})).await;
    world.put("acme.json", "[]");
    let broken = world.fail(TOOL, json!({})).await;
    world.reopen(&json!({ "acme_file": "/nonexistent/acme.json" }));
    let missing = world.call(TOOL, json!({ "check_handshake": false })).await;

    assert_eq!(found["sources"], json!(["acme_file"]));
    assert_eq!(found["hosts"][0]["certificate"]["resolver"], "lab");
    assert!(!found.to_string().contains("tell-nobody"));
    assert_eq!(broken.code(), Code::UpstreamRejected);
    assert!(
        missing["notes"]
            .to_string()
            .contains("/nonexistent/acme.json")
    );
}
