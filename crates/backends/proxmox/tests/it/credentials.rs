//! Tokens, tickets, and what happens when they are refused.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::proxmox::ROOT_PASSWORD;
use serde_json::{Value, json};

use crate::world::{World, hint, reason};

fn password() -> Value {
    json!({ "username": "root@pam", "password": ROOT_PASSWORD })
}

fn logins(world: &World) -> usize {
    let lines = world.cluster.log().lines();
    lines
        .iter()
        .filter(|line| line.ends_with("/access/ticket"))
        .count()
}

#[tokio::test]
async fn a_token_needs_no_login_and_goes_only_into_its_header() {
    let world = World::lab().await;

    world.call("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(logins(&world), 0);
    for request in world.cluster.log().all() {
        let header = request.headers["authorization"].to_str().expect("text");
        assert!(header.starts_with("PVEAPIToken=root@pam!lab="), "{header}");
        assert!(!request.headers.contains_key("cookie"));
        assert!(!request.headers.contains_key("csrfpreventiontoken"));
    }
}

#[tokio::test]
async fn a_password_is_sent_once_and_changes_carry_the_token_against_forgery() {
    let world = World::configured(password()).await;

    world.call("start_vm", json!({ "vmid": 101 })).await;
    world.call("list_vms", json!({})).await;

    assert_eq!(logins(&world), 1);
    for request in world.cluster.log().all() {
        let is_login = request.path.ends_with("/access/ticket");
        let has_csrf = request.headers.contains_key("csrfpreventiontoken");
        assert_eq!(
            has_csrf,
            request.method != "GET" && !is_login,
            "{}",
            request.path
        );
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn many_calls_at_once_log_in_once() {
    let world = World::configured(password()).await;

    let calls = (0..8).map(|_| world.call("list_nodes", json!({})));
    futures_util::future::join_all(calls).await;

    assert_eq!(logins(&world), 1);
}

#[tokio::test]
async fn a_ticket_is_renewed_before_it_expires() {
    let world = World::configured(password()).await;
    world.call("list_nodes", json!({})).await;

    world.clock.advance_seconds(95 * 60);
    world.call("list_nodes", json!({})).await;

    let logins: Vec<String> = world
        .cluster
        .log()
        .all()
        .iter()
        .filter(|request| request.path.ends_with("/access/ticket"))
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect();
    assert_eq!(logins.len(), 2);
    // The old ticket takes the place of the password.
    assert!(logins[0].contains(ROOT_PASSWORD) && !logins[1].contains(ROOT_PASSWORD));
    assert!(logins[1].contains("PVE%3Aroot%40pam"), "{}", logins[1]);
}

#[tokio::test]
async fn a_ticket_that_expired_long_ago_is_replaced_by_the_password() {
    let world = World::configured(password()).await;
    world.call("list_nodes", json!({})).await;

    world.clock.advance_seconds(5 * 3600);
    world.call("list_nodes", json!({})).await;

    assert_eq!(logins(&world), 3);
}

#[tokio::test]
async fn a_revoked_ticket_is_replaced_even_in_the_middle_of_a_change() {
    let world = World::configured(password()).await;
    world.call("get_vm_status", json!({ "vmid": 101 })).await;

    world.cluster.revoke_tickets();
    let done = world.call("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(done["status"], "running");
    assert_eq!(logins(&world), 2);
    assert_eq!(world.cluster.tasks(), ["qmstart"]);
}

#[tokio::test]
async fn a_wrong_password_is_asked_once_by_all_who_wait() {
    let world =
        World::configured(json!({ "username": "root@pam", "password": "wrong-password" })).await;

    let calls = (0..4).map(|_| world.fail("list_nodes", json!({})));
    let errors = futures_util::future::join_all(calls).await;

    assert_eq!(logins(&world), 1);
    for error in errors {
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamUnauthorized, "login_refused")
        );
        assert!(!error.to_string().contains("wrong-password"));
        assert!(hint(&error).contains("servers.pve.password"));
        assert!(!error.envelope().retryable);
    }
}

#[tokio::test]
async fn a_refused_token_is_named_and_the_way_to_a_new_one_shown() {
    let world =
        World::configured(json!({ "token_id": "root@pam!gone", "token_secret": "gone-secret" }))
            .await;

    let error = world.fail("list_vms", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "token_refused")
    );
    assert_eq!(error.envelope().upstream_status, Some(401));
    assert!(error.envelope().message.contains("`root@pam!gone`"));
    assert!(hint(&error).contains("pveum user token add") && hint(&error).contains("privsep"));
    assert!(!error.to_string().contains("gone-secret"));
    // Each refusal costs three seconds: it is not tried again.
    assert_eq!(world.cluster.log().all().len(), 1);
}

#[tokio::test]
async fn a_missing_privilege_is_named_with_its_path() {
    let mut world = World::lab().await;
    world.cluster.add_token("root@pam!ro", "ro-secret");
    world.cluster.grant("root@pam!ro", "/vms", &["VM.Audit"]);
    world.reopen(&json!({ "token_id": "root@pam!ro", "token_secret": "ro-secret" }));

    let error = world.fail("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "privilege_missing")
    );
    assert_eq!(
        error.envelope().message,
        "`root@pam!ro` lacks the privilege `VM.PowerMgmt` on `/vms/101`"
    );
    assert!(hint(&error).contains("privilege separation"));
    assert_eq!(error.envelope().upstream_status, Some(403));
}

#[tokio::test]
async fn health_says_what_is_found_and_what_the_token_lacks() {
    let mut world = World::lab().await;
    let all = world.health().await;
    world.cluster.add_token("root@pam!ro", "ro-secret");
    world
        .cluster
        .grant("root@pam!ro", "/", &["VM.Audit", "Sys.Audit"]);
    world.reopen(&json!({ "token_id": "root@pam!ro", "token_secret": "ro-secret" }));
    let some = world.health().await;
    world.reopen(&json!({ "token_id": "root@pam!none", "token_secret": "none-secret" }));
    let none = world.health().await;

    assert_eq!(all.status, HealthStatus::Ok);
    assert!(all.message.starts_with("Proxmox VE 9."), "{}", all.message);
    assert_eq!(some.status, HealthStatus::Degraded);
    assert!(
        some.message.contains("Datastore.Audit is missing"),
        "{}",
        some.message
    );
    assert!(!some.message.contains("VM.Audit"));
    assert_eq!(none.status, HealthStatus::Down);
}
