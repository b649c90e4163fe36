//! Who may do what.

use homelab_lab::pbs::{ROOT_PASSWORD, SnapshotSeed};
use serde_json::{Value, json};

use super::{A, JSON, ask, ask_as, server};
use crate::wire::call;

#[tokio::test]
async fn a_colon_stands_before_the_secret_and_an_error_is_plain_text() {
    let (server, _) = server().await;

    let right = ask(&server, "GET", "/version", "").await;
    let of_pve = (
        "Authorization",
        "PBSAPIToken=root@pam!lab=66666666-7777-8888-9999-000000000000",
    );
    let of_pve = call(server.address(), "GET", "/api2/json/version", &[of_pve], "").await;
    let none = call(server.address(), "GET", "/api2/json/version", &[], "").await;
    let ping = call(server.address(), "GET", "/api2/json/ping", &[], "").await;

    assert_eq!(right.json()["data"]["version"], "4.1");
    assert_eq!((of_pve.status, none.status), (401, 401));
    assert!(none.head.contains("application/json"), "{}", none.head);
    assert!(serde_json::from_str::<Value>(&none.body()).is_err());
    assert_eq!(ping.json(), json!({"data": {"pong": true}}));
}

#[tokio::test]
async fn a_ticket_comes_in_a_cookie_of_either_name() {
    let (server, _) = server().await;
    let body = json!({"username": "root@pam", "password": ROOT_PASSWORD}).to_string();
    let login = call(
        server.address(),
        "POST",
        "/api2/json/access/ticket",
        &[JSON],
        &body,
    )
    .await;
    let given = login.json()["data"].take();
    let ticket = given["ticket"].as_str().unwrap();
    let path = "/api2/json/admin/datastore";
    let gc = "/api2/json/admin/datastore/main/gc";

    for name in ["PBSAuthCookie", "__Host-PBSAuthCookie"] {
        let cookie = format!("{name}={ticket}");
        let cookie = ("Cookie", cookie.as_str());
        let csrf = (
            "CSRFPreventionToken",
            given["CSRFPreventionToken"].as_str().unwrap(),
        );
        let read = call(server.address(), "GET", path, &[cookie], "").await;
        let without = call(server.address(), "POST", gc, &[cookie], "").await;
        let with = call(server.address(), "POST", gc, &[cookie, csrf], "").await;
        assert_eq!((read.status, without.status, with.status), (200, 401, 200));
    }
}

#[tokio::test]
async fn an_owner_may_do_to_its_own_what_others_may_not() {
    let (server, _) = server().await;
    let token = ("vm@pbs!backup", "secret");
    server.add_token(token.0, token.1);
    server.add_snapshot(SnapshotSeed {
        owner: token.0.to_owned(),
        ..SnapshotSeed::new("main", "vm", "300", 0)
    });
    for who in ["vm@pbs", token.0] {
        server.grant(
            who,
            "/datastore/main",
            &["Datastore.Backup", "Datastore.Prune"],
        );
    }

    let seen = ask_as(&server, token, "GET", &format!("{A}/snapshots"), "")
        .await
        .json();
    let own = format!("{A}/groups?backup-type=vm&backup-id=300");
    let own = ask_as(&server, token, "DELETE", &own, "").await;
    let other = format!("{A}/groups?backup-type=vm&backup-id=100");
    let other = ask_as(&server, token, "DELETE", &other, "").await;

    assert_eq!(seen["data"].as_array().unwrap().len(), 1);
    assert_eq!(own.status, 200);
    assert_eq!(
        (other.status, other.body().as_str()),
        (403, "permission check failed.")
    );
}

#[tokio::test]
async fn a_token_without_grants_sees_no_stores() {
    let (server, _) = server().await;
    server.add_token("new@pbs!one", "secret");

    let list = ask_as(
        &server,
        ("new@pbs!one", "secret"),
        "GET",
        "/admin/datastore",
        "",
    )
    .await;

    assert_eq!(list.json(), json!({"data": []}));
}

#[tokio::test]
async fn a_call_can_be_refused_in_plain_text() {
    let (server, _) = server().await;
    server.refuse_next("/admin/datastore", 400, "unable to open chunk store");

    let first = ask(&server, "GET", "/admin/datastore", "").await;
    let second = ask(&server, "GET", "/admin/datastore", "").await;

    assert_eq!(
        (first.status, first.body().as_str()),
        (400, "unable to open chunk store")
    );
    assert_eq!(second.status, 200);
}
