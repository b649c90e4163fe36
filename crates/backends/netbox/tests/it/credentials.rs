//! Tokens and rights.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::netbox::{TOKEN, TOKEN_V1, TokenState};
use serde_json::json;

use crate::world::{World, field, hint, reason};

#[tokio::test]
async fn both_versions_of_token_are_sent_as_they_are_expected() {
    let mut world = World::lab().await;

    world.call("list_sites", json!({})).await;
    world.reopen(&json!({ "token": format!(" {TOKEN_V1}\n") }));
    world.call("list_sites", json!({})).await;

    let requests = world.netbox.log().all();
    let sent =
        |one: &homelab_lab::Recorded| one.headers["authorization"].to_str().unwrap().to_owned();
    assert_eq!(sent(requests.first().unwrap()), format!("Bearer {TOKEN}"));
    assert_eq!(sent(requests.last().unwrap()), format!("Token {TOKEN_V1}"));
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_told_from_a_missing_right() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "token": "nbt_nobody000000.0000000000000000000000000000000000000009" }));
    let unknown = world.fail("list_sites", json!({})).await;
    world.reopen(&json!({}));
    world.netbox.set_token(TOKEN, TokenState::Expired);
    let expired = world.fail("list_sites", json!({})).await;
    world.as_user(&["dcim.view_site"]);
    let lacking = world.fail("list_devices", json!({})).await;

    for error in [&unknown, &expired] {
        assert_eq!(
            (error.code(), reason(error)),
            (Code::UpstreamUnauthorized, "token_refused"),
            "{error}"
        );
        assert!(hint(error).contains("servers.netbox.token"));
        assert_eq!(error.envelope().upstream_status, Some(403));
    }
    assert_eq!(
        (lacking.code(), reason(&lacking)),
        (Code::UpstreamUnauthorized, "privilege_missing")
    );
    assert!(hint(&lacking).contains("dcim.view_device"), "{lacking}");
}

#[tokio::test]
async fn a_token_that_may_not_write_says_so() {
    let world = World::lab().await;
    world.netbox.set_token(TOKEN, TokenState::ReadOnly);

    let error = world
        .fail("allocate_ip", json!({ "prefix": "192.0.2.0/28" }))
        .await;

    assert_eq!(reason(&error), "privilege_missing", "{error}");
    assert!(
        hint(&error).contains("ipam.add_ipaddress") && hint(&error).contains("write-enabled"),
        "{error}"
    );
    assert_eq!(world.netbox.count("ipam/ip-addresses"), 0);
}

#[tokio::test]
async fn no_token_leaves_the_process() {
    let world = World::lab().await;
    world.netbox.set_token(TOKEN, TokenState::Disabled);

    let error = world.fail("list_sites", json!({})).await;

    let secret = TOKEN.split('.').next_back().unwrap();
    assert!(!format!("{error:?}").contains(secret));
    assert_eq!(world.env.redactor.text(TOKEN), "***REDACTED***");
}

#[tokio::test]
async fn health_says_what_the_token_sees() {
    let mut world = World::lab().await;
    let well = world.health().await;
    world.as_user(&["tenancy.view_tenant"]);
    let blind = world.health().await;
    world.reopen(&json!({ "tls": { "insecure": true } }));
    let insecure = world.health().await;
    world.reopen(&json!({ "url": "http://127.0.0.1:1" }));
    let gone = world.health().await;

    assert_eq!(
        (well.status, well.message.as_str()),
        (HealthStatus::Ok, "NetBox 4.7.3")
    );
    assert_eq!(
        (blind.status, insecure.status, gone.status),
        (
            HealthStatus::Degraded,
            HealthStatus::Degraded,
            HealthStatus::Down
        )
    );
    assert!(blind.hint.unwrap().contains("view"));
    assert!(gone.hint.unwrap().contains("servers.netbox.url"));
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, wanted) in [
        (json!({ "url": "" }), "servers.netbox.url"),
        (json!({ "token": null }), "servers.netbox.token"),
        (json!({ "token": "nbt_half" }), "servers.netbox.token"),
        (json!({ "timeout_s": 1 }), "servers.netbox.timeout_s"),
        (json!({ "urll": "x" }), "servers.netbox.urll"),
    ] {
        world.reopen(&settings);

        let error = world.fail("list_sites", json!({})).await;

        assert_eq!((error.code(), field(&error)), (Code::NotConfigured, wanted));
    }
}
