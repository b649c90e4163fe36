//! Tokens, permissions, and the frame of every answer.

use std::sync::Arc;

use homelab_core::clock::SystemClock;
use homelab_lab::netbox::{ADMIN, NetBox, Release, TOKEN, TOKEN_V1, TokenState};
use homelab_lab::{Fault, Identity};
use serde_json::{Value, json};

use super::{JSON, ask, ask_with, get, server};
use crate::wire::{Answer, call};

async fn with_token(netbox: &NetBox, header: &str, path: &str) -> Answer {
    let headers = [("Authorization", header)];
    call(
        netbox.address(),
        "GET",
        &format!("/api/{path}"),
        &headers,
        "",
    )
    .await
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_403() {
    let netbox = server().await;

    let none = call(netbox.address(), "GET", "/api/dcim/devices/", &[], "").await;
    let wrong = with_token(&netbox, "Bearer nbt_no.pe", "authentication-check/").await;
    let status = call(netbox.address(), "GET", "/api/status/", &[], "").await;

    assert_eq!(none.status, 403);
    assert_eq!(
        none.json()["detail"],
        "Authentication credentials were not provided."
    );
    assert_eq!(
        (wrong.status, wrong.json()),
        (403, json!({ "detail": "Invalid v2 token" }))
    );
    assert_eq!(status.status, 403);
}

#[tokio::test]
async fn both_kinds_of_token_are_taken_by_releases_that_have_them() {
    let netbox = server().await;
    let (bearer, token) = (format!("Bearer {TOKEN}"), format!("Token {TOKEN_V1}"));
    // The prefix says the version, whatever the keyword.
    let mixed = format!("token {TOKEN}");

    let mut seen = Vec::new();
    for release in [Release::V4_7, Release::V4_2] {
        netbox.set_release(release);
        for header in [&bearer, &token, &mixed] {
            seen.push(with_token(&netbox, header, "status/").await.status);
        }
    }

    assert_eq!(seen, [200, 200, 200, 403, 200, 403]);
}

#[tokio::test]
async fn a_token_can_be_read_only_disabled_or_expired() {
    let netbox = server().await;
    let site = json!({ "name": "x", "slug": "x" });

    let mut seen = Vec::new();
    for state in [
        TokenState::ReadOnly,
        TokenState::Disabled,
        TokenState::Expired,
        TokenState::Well,
    ] {
        netbox.set_token(TOKEN, state);
        let read = ask(&netbox, "GET", "dcim/sites/", Value::Null).await.status;
        let write = ask(&netbox, "POST", "dcim/sites/", site.clone())
            .await
            .status;
        seen.push((read, write));
    }

    assert_eq!(seen, [(200, 403), (403, 403), (403, 403), (200, 201)]);
}

#[tokio::test]
async fn a_user_may_do_what_it_was_given() {
    let netbox = server().await;
    netbox.add("ipam/prefixes", json!({ "prefix": "10.9.0.0/29" }));
    netbox.add_user(
        "ops",
        "nbt_ops.1",
        &["ipam.view_prefix", "ipam.add_ipaddress"],
    );
    let headers = [("Authorization", "Bearer nbt_ops.1"), JSON];
    let as_ops = async |method: &str, path: &str, body: &str| {
        call(netbox.address(), method, path, &headers, body)
            .await
            .status
    };

    let seen = [
        as_ops("GET", "/api/ipam/prefixes/", "").await,
        as_ops("POST", "/api/ipam/prefixes/1/available-ips/", "{}").await,
        as_ops(
            "POST",
            "/api/ipam/prefixes/1/available-prefixes/",
            r#"{"prefix_length":30}"#,
        )
        .await,
        as_ops("GET", "/api/ipam/vlans/", "").await,
        as_ops("DELETE", "/api/ipam/prefixes/1/", "").await,
    ];

    assert_eq!(seen, [200, 201, 403, 403, 403]);
}

#[tokio::test]
async fn a_token_is_made_from_name_and_password() {
    let netbox = NetBox::start().await.unwrap();
    let provision = async |password: &str| {
        let body = json!({ "username": ADMIN.0, "password": password }).to_string();
        call(
            netbox.address(),
            "POST",
            "/api/users/tokens/provision/",
            &[JSON],
            &body,
        )
        .await
    };

    let refused = provision("guess").await;
    let made = provision(ADMIN.1).await;
    let token = made.json();
    let text = |name: &str| token[name].as_str().unwrap().to_owned();
    let bearer = format!("Bearer nbt_{}.{}", text("key"), text("token"));
    let me = with_token(&netbox, &bearer, "authentication-check/").await;

    assert_eq!((refused.status, made.status), (403, 201));
    assert_eq!(token["version"], 2);
    assert_eq!(me.json()["username"], "admin");
}

#[tokio::test]
async fn every_answer_says_release_and_request() {
    let netbox = server().await;

    let one = ask(&netbox, "GET", "dcim/sites/", Value::Null).await;
    let other = ask(&netbox, "GET", "dcim/sites/9/", Value::Null).await;

    assert!(one.head.contains("api-version: 4.7"), "{}", one.head);
    let request = |answer: &Answer| {
        let line = answer
            .head
            .lines()
            .find(|line| line.starts_with("x-request-id: "));
        line.unwrap().to_owned()
    };
    assert_ne!(request(&one), request(&other));
    assert_eq!(other.json()["detail"], "No Site matches the given query.");
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_path_ends_with_a_slash() {
    let netbox = server().await;

    let read = ask(&netbox, "GET", "dcim/sites", Value::Null).await;
    let written = ask(
        &netbox,
        "POST",
        "dcim/sites",
        json!({ "name": "x", "slug": "x" }),
    )
    .await;

    assert_eq!((read.status, written.status), (301, 404));
    assert_eq!(netbox.log().unexpected().len(), 2);
}

#[tokio::test]
async fn what_is_outside_the_contract_is_noted() {
    let netbox = server().await;
    let plain = [("Content-Type", "text/plain")];

    let seen = [
        ask(&netbox, "GET", "dcim/rack-roles/", Value::Null)
            .await
            .status,
        ask(&netbox, "PATCH", "status/", json!({})).await.status,
        ask(&netbox, "GET", "dcim/sites/?nmae=x", Value::Null)
            .await
            .status,
        ask(&netbox, "PATCH", "dcim/sites/1/", json!({ "colour": "x" }))
            .await
            .status,
        ask_with(&netbox, &plain, "GET", "dcim/sites/1/?depth=1", Value::Null)
            .await
            .status,
    ];

    assert_eq!(seen, [404, 405, 200, 200, 200]);
    assert_eq!(netbox.log().unexpected().len(), 5);
}

#[tokio::test]
async fn older_releases_lack_what_came_later() {
    let netbox = server().await;
    netbox.set_release(Release::V4_2);
    let token = format!("Token {TOKEN_V1}");
    let headers = [("Authorization", token.as_str()), JSON];
    let body = r#"{"description":"x","changelog_message":"y"}"#;

    let patch = call(
        netbox.address(),
        "PATCH",
        "/api/dcim/sites/1/",
        &headers,
        body,
    )
    .await;
    let check = with_token(&netbox, &token, "authentication-check/").await;
    let status = with_token(&netbox, &token, "status/").await;

    assert_eq!((patch.status, check.status), (200, 404));
    assert!(!patch.head.contains("etag"), "{}", patch.head);
    assert_eq!(status.json()["netbox-version"], "4.2.9");
    // A field and a path that it does not know.
    assert_eq!(netbox.log().unexpected().len(), 2);
}

#[tokio::test]
async fn maintenance_refuses_writes() {
    let netbox = server().await;
    netbox.set_maintenance(true);

    let write = ask(
        &netbox,
        "POST",
        "dcim/sites/",
        json!({ "name": "x", "slug": "x" }),
    )
    .await;

    assert_eq!(write.status, 503);
    assert_eq!(get(&netbox, "dcim/sites/").await["count"], 1);
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_work_was_done() {
    let netbox = server().await;
    netbox.add("ipam/prefixes", json!({ "prefix": "10.9.0.0/29" }));
    netbox
        .faults()
        .next(1, "/api/ipam/prefixes/1/available-ips/", Fault::CutBody);

    let cut = ask(&netbox, "POST", "ipam/prefixes/1/available-ips/", json!({})).await;

    assert!(serde_json::from_str::<Value>(&cut.body()).is_err());
    assert_eq!(netbox.count("ipam/ip-addresses"), 1);
}

#[tokio::test]
async fn it_speaks_tls_too() {
    let identity = Identity::self_signed(&["127.0.0.1"]).unwrap();

    let netbox = NetBox::with(Release::V4_6, Arc::new(SystemClock), Some(&identity)).await;

    assert!(netbox.unwrap().url().starts_with("https://"));
}
