//! Tokens, tickets, privileges.

use std::time::Duration;

use homelab_lab::proxmox::{ROOT_PASSWORD, Release};
use serde_json::json;

use super::{FORM, ask_as, cluster, cluster_of};
use crate::wire::{call, get as plain_get};

const OPS: (&str, &str) = ("ops@pve!ro", "secret");

#[tokio::test]
async fn without_or_with_a_wrong_token_it_is_a_401_in_the_reason_phrase() {
    let (cluster, _) = cluster().await;

    let none = call(cluster.address(), "GET", "/api2/json/nodes", &[], "").await;
    let wrong = ask_as(&cluster, ("root@pam!lab", "guess"), "GET", "/nodes", "").await;
    let bearer = call(
        cluster.address(),
        "GET",
        "/api2/json/nodes",
        &[("Authorization", "Bearer root@pam!lab=x")],
        "",
    )
    .await;

    assert_eq!((none.status, none.reason.as_str()), (401, "No ticket"));
    assert_eq!(
        (wrong.status, wrong.reason.as_str()),
        (401, "invalid token value!")
    );
    assert_eq!(bearer.status, 401);
    // The last one has the wrong scheme; the others happen to any client.
    assert_eq!(cluster.log().unexpected().len(), 1);
}

#[tokio::test]
async fn a_token_without_grants_sees_empty_lists_and_no_errors() {
    let (cluster, _) = cluster().await;
    cluster.add_token(OPS.0, OPS.1);
    cluster.grant("ops@pve", "/", &["VM.Audit", "Sys.Audit"]);

    let guests = ask_as(&cluster, OPS, "GET", "/cluster/resources?type=vm", "").await;
    let nodes = ask_as(&cluster, OPS, "GET", "/nodes", "").await;
    let rights = ask_as(&cluster, OPS, "GET", "/access/permissions", "").await;

    assert_eq!(guests.json()["data"], json!([]));
    assert!(nodes.json()["data"][0].get("cpu").is_none());
    assert_eq!(rights.json()["data"], json!({}));
}

#[tokio::test]
async fn what_is_missing_is_named_in_a_403() {
    let (cluster, _) = cluster().await;
    cluster.add_token(OPS.0, OPS.1);
    for who in ["ops@pve", OPS.0] {
        cluster.grant(who, "/vms", &["VM.Audit"]);
    }

    let refused = ask_as(
        &cluster,
        OPS,
        "POST",
        "/nodes/pve1/qemu/100/status/start",
        "",
    )
    .await;
    let rights = ask_as(
        &cluster,
        OPS,
        "GET",
        "/access/permissions?path=/vms/100",
        "",
    )
    .await;

    let text = "Permission check failed (/vms/100, VM.PowerMgmt)";
    assert_eq!((refused.status, refused.reason.as_str()), (403, text));
    assert_eq!(refused.json()["message"], format!("{text}\n"));
    assert_eq!(rights.json()["data"], json!({"/vms/100": {"VM.Audit": 1}}));
}

#[tokio::test]
async fn a_ticket_needs_its_csrf_token_for_writes() {
    let (cluster, clock) = cluster().await;
    let body = format!("username=root%40pam&password={ROOT_PASSWORD}");
    let login = call(
        cluster.address(),
        "POST",
        "/api2/json/access/ticket",
        &[FORM],
        &body,
    )
    .await;
    let given = login.json()["data"].take();
    let cookie = format!("PVEAuthCookie={}", given["ticket"].as_str().unwrap());
    let csrf = given["CSRFPreventionToken"].as_str().unwrap().to_owned();
    let cookie = ("Cookie", cookie.as_str());
    let start = "/api2/json/nodes/pve1/qemu/100/status/start";

    let read = call(cluster.address(), "GET", "/api2/json/nodes", &[cookie], "").await;
    let without = call(cluster.address(), "POST", start, &[cookie], "").await;
    let csrf = ("CSRFPreventionToken", csrf.as_str());
    let with = call(cluster.address(), "POST", start, &[cookie, csrf], "").await;
    clock.advance_seconds(7201);
    let late = call(cluster.address(), "GET", "/api2/json/nodes", &[cookie], "").await;

    assert_eq!(read.status, 200);
    assert_eq!(
        (without.status, without.reason.as_str()),
        (401, "Permission denied - invalid csrf token")
    );
    assert_eq!(with.status, 200);
    assert_eq!(late.status, 401);
}

#[tokio::test]
async fn a_wrong_password_is_a_401_that_can_be_late() {
    let (cluster, _) = cluster().await;
    cluster.set_refusal_delay(Duration::from_millis(50));
    let began = std::time::Instant::now();

    let body = "username=root%40pam&password=guess";
    let login = call(
        cluster.address(),
        "POST",
        "/api2/json/access/ticket",
        &[FORM],
        body,
    )
    .await;

    assert_eq!(
        (login.status, login.reason.as_str()),
        (401, "authentication failure")
    );
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn the_agent_asks_for_other_privileges_in_each_release() {
    for (release, privilege) in [
        (Release::V8_4, "VM.Monitor"),
        (Release::V9_1, "VM.GuestAgent.Unrestricted"),
    ] {
        let (cluster, _) = cluster_of(release).await;
        cluster.add_token(OPS.0, OPS.1);

        let path = "/nodes/pve1/qemu/101/agent/exec";
        let refused = ask_as(&cluster, OPS, "POST", path, "command=true").await;

        let text = format!("Permission check failed (/vms/101, {privilege})");
        assert_eq!((refused.status, refused.reason), (403, text));
    }
}

#[tokio::test]
async fn a_token_of_root_is_not_root() {
    let (cluster, _) = cluster().await;

    let skip = super::ask(
        &cluster,
        "POST",
        "/nodes/pve1/qemu/100/status/start",
        "skiplock=1",
    )
    .await;
    let bind = "mp0=/srv%2Cmp%3D/srv";
    let bind = super::ask(&cluster, "PUT", "/nodes/pve1/lxc/200/config", bind).await;

    assert_eq!(skip.status, 400);
    assert_eq!(bind.status, 403);
}

#[tokio::test]
async fn outside_the_api_there_is_nothing() {
    let (cluster, _) = cluster().await;

    let page = plain_get(cluster.address(), "/").await;

    assert!(page.starts_with("HTTP/1.1 404 "), "{page}");
    assert_eq!(cluster.log().unexpected(), ["GET /"]);
}
