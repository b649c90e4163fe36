//! Keys, sessions, tokens against forged requests.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::unifi::{ACCOUNT, API_KEY};
use serde_json::json;

use crate::world::{PHONE, With, World, field, hint, reason};

#[tokio::test]
async fn there_is_one_login_however_many_wait_for_it() {
    let world = World::with(With::Account).await;

    let call = || world.call("list_clients", json!({}));
    tokio::join!(call(), call(), call(), call(), call(), call());

    assert_eq!((world.unifi.logins(), world.unifi.sessions()), (1, 1));
}

#[tokio::test]
async fn a_session_that_ended_is_renewed_and_the_call_sent_again() {
    let world = World::with(With::Account).await;
    world.call("list_clients", json!({})).await;
    world.unifi.expire_sessions();

    world
        .call("block_client", json!({ "client": "phone" }))
        .await;

    assert_eq!(
        (world.unifi.logins(), world.unifi.is_blocked(PHONE)),
        (2, Some(true))
    );
}

#[tokio::test]
async fn a_session_that_ends_before_a_change_loses_nothing() {
    let world = World::with(With::Account).await;
    world.call("list_clients", json!({})).await;
    // The reads of the call pass; its change is refused.
    world.unifi.expire_sessions_after(4);

    world
        .call("block_client", json!({ "client": "phone" }))
        .await;

    assert_eq!(world.unifi.is_blocked(PHONE), Some(true));
    assert_eq!(world.unifi.logins(), 2);
}

#[tokio::test]
async fn a_token_that_was_changed_is_followed() {
    let world = World::with(With::Account).await;
    world.call("list_clients", json!({})).await;
    world.unifi.rotate_csrf();

    world
        .call("block_client", json!({ "client": "phone" }))
        .await;

    assert_eq!(
        (world.unifi.is_blocked(PHONE), world.unifi.logins()),
        (Some(true), 1)
    );
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again_soon() {
    let mut world = World::with(With::Account).await;
    world.reopen(&json!({ "password": "guess-guess" }));

    let first = world.fail("list_clients", json!({})).await;
    let second = world.fail("list_clients", json!({})).await;
    let logins = world.unifi.logins();
    world.clock.advance_seconds(61);
    world.fail("list_clients", json!({})).await;

    assert_eq!(
        (first.code(), reason(&first)),
        (Code::UpstreamUnauthorized, "login_refused")
    );
    assert_eq!((field(&first), &first), ("servers.unifi.password", &second));
    assert!(!first.to_string().contains("guess-guess"));
    assert_eq!((logins, world.unifi.logins()), (1, 2));
}

#[tokio::test]
async fn a_console_that_is_locked_is_left_alone_for_a_minute() {
    let mut world = World::with(With::Account).await;
    world.reopen(&json!({ "password": "guess-guess" }));
    for _ in 0..5 {
        world.fail("list_clients", json!({})).await;
        world.clock.advance_seconds(61);
    }
    world.clock.advance_seconds(-61);

    let mut other = json!({ "username": ACCOUNT.0, "password": ACCOUNT.1 });
    other["site"] = json!("default");
    world.reopen(&other);
    let error = world.fail("list_clients", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::RateLimited, "login_locked")
    );
    assert_eq!(error.envelope().retry_after_s, Some(60));
}

#[tokio::test]
async fn a_second_factor_is_nothing_that_we_have() {
    for cloud in [false, true] {
        let mut world = World::with(With::Account).await;
        world
            .unifi
            .add_account_with_2fa("ops", "demo-only-ops", "123456", cloud);
        world.reopen(&json!({ "username": "ops", "password": "demo-only-ops" }));

        let error = world.fail("list_clients", json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::NotConfigured, "second_factor")
        );
        assert_eq!(field(&error), "servers.unifi.username");
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_says_where_a_new_one_comes_from() {
    let world = World::with(With::Key).await;
    world.unifi.revoke_key(API_KEY);

    let error = world.fail("list_devices", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "key_refused")
    );
    assert_eq!(field(&error), "servers.unifi.api_key");
    assert!(hint(&error).contains("Integrations") && !error.to_string().contains(API_KEY));
}

#[tokio::test]
async fn who_may_only_read_cannot_change() {
    let mut world = World::lab().await;
    world.unifi.add_key("lab-reader-key", true);
    world.unifi.add_account("reader", "demo-only-reader", true);
    let reader = json!({
        "api_key": "lab-reader-key", "username": "reader", "password": "demo-only-reader",
    });
    world.reopen(&reader);

    let official = world
        .fail("reboot_device", json!({ "device": "ap-hall" }))
        .await;
    let legacy = world
        .fail("block_client", json!({ "client": "phone" }))
        .await;

    for error in [&official, &legacy] {
        assert_eq!(
            (error.code(), reason(error)),
            (Code::UpstreamUnauthorized, "permission_missing")
        );
        assert_eq!(error.envelope().upstream_status, Some(403));
    }
    assert!(hint(&legacy).contains("Site Admin"), "{}", hint(&legacy));
}

#[tokio::test]
async fn the_password_goes_to_the_login_alone() {
    let world = World::lab().await;

    world
        .call("block_client", json!({ "client": "phone" }))
        .await;

    for request in world.unifi.log().all() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let login = request.path.ends_with("/login");
        assert_eq!(body.contains(ACCOUNT.1), login, "{}", request.path);
        assert!(request.query.is_none_or(|query| !query.contains(API_KEY)));
    }
}

#[tokio::test]
async fn health_says_what_is_missing() {
    let both = World::lab().await.health().await;
    let key = World::with(With::Key).await.health().await;
    let account = World::with(With::Account).await.health().await;

    assert_eq!(
        (both.status, both.message.as_str()),
        (HealthStatus::Ok, "Network 10.5.66")
    );
    assert_eq!(key.status, HealthStatus::Degraded);
    assert!(key.hint.unwrap().contains("servers.unifi.username"));
    assert_eq!(
        (account.status, account.message.as_str()),
        (HealthStatus::Ok, "Network 10.5.66")
    );
}

#[tokio::test]
async fn health_looks_anew_each_time() {
    let mut world = World::lab().await;

    let well = world.health().await;
    world.reopen(&json!({ "password": "guess-guess" }));
    let login = world.health().await;
    world.unifi.revoke_key(API_KEY);
    let key = world.health().await;

    assert_eq!(
        [well.status, login.status, key.status],
        [HealthStatus::Ok, HealthStatus::Degraded, HealthStatus::Down]
    );
    let text = "does not accept the login";
    assert!(login.message.contains(text), "{}", login.message);
}
