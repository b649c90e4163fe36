//! Tokens, and what they may not do.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::cloudflare::{ACCOUNT, Permission, Plan, TOKEN, TokenSeed};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason};

const SMALL: &str = "a-token-that-may-do-little";

/// Asked with a token that has these permissions alone.
async fn small(permissions: &[Permission]) -> World {
    let mut world = World::lab().await;
    world.api.add_token(TokenSeed::new(SMALL).may(permissions));
    world.reopen(&json!({ "token": SMALL, "account_id": ACCOUNT }));
    world
}

#[tokio::test]
async fn the_token_is_verified() {
    let world = World::lab().await;

    let state = world.call("verify_cloudflare_token", json!({})).await;
    let health = world.health().await;

    assert_eq!(
        (&state["status"], &state["owner"], &state["zones"]),
        (&json!("active"), &json!("user"), &json!(1))
    );
    assert_eq!(health.status, HealthStatus::Ok);
}

#[tokio::test]
async fn a_token_of_the_account_is_known_where_the_account_is() {
    let mut world = World::lab().await;
    let token = TokenSeed::new(SMALL).all().of_the_account();
    world.api.add_token(token);
    world.reopen(&json!({ "token": SMALL }));
    let unknown = world.fail("verify_cloudflare_token", json!({})).await;

    world.reopen(&json!({ "token": SMALL, "account_id": ACCOUNT }));
    let state = world.call("verify_cloudflare_token", json!({})).await;

    assert_eq!(reason(&unknown), "token_refused");
    assert_eq!(state["owner"], "account");
}

#[tokio::test]
async fn a_token_that_is_over_is_told() {
    let mut world = World::lab().await;
    world.api.add_token(TokenSeed::new(SMALL).all().expired());
    world.reopen(&json!({ "token": SMALL }));

    let state = world.call("verify_cloudflare_token", json!({})).await;
    let health = world.health().await;

    assert_eq!(state["status"], "expired");
    assert_eq!(health.status, HealthStatus::Down);
    assert!(
        health
            .hint
            .expect("a hint")
            .contains("servers.cloudflare.token")
    );
}

#[tokio::test]
async fn a_token_that_is_none_is_refused_and_never_shown() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "token": "wrong-otter" }));

    let error = world.fail("list_zones", json!({})).await;
    let verified = world.fail("verify_cloudflare_token", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "token_refused")
    );
    assert_eq!(verified.code(), Code::UpstreamUnauthorized);
    assert!(!format!("{error:?}").contains("wrong-otter"));
}

#[rstest]
#[case("list_dns_records", json!({}), "DNS, Read")]
#[case("create_dns_record", json!({ "type": "A", "name": "x", "content": "192.0.2.1" }), "DNS, Edit")]
#[case("update_dns_record", json!({ "record_id": "00000000000000000000000000000000", "ttl": 300 }), "DNS, Read")]
#[case("delete_dns_record", json!({ "record_id": "00000000000000000000000000000000" }), "DNS, Read")]
#[case("export_dns_records", json!({}), "DNS, Read")]
#[case("list_cloudflare_tunnels", json!({}), "Cloudflare Tunnel, Read")]
#[case("get_cloudflare_tunnel", json!({ "tunnel": "x" }), "Cloudflare Tunnel, Read")]
#[case("create_cloudflare_tunnel", json!({ "name": "x" }), "Cloudflare Tunnel, Edit")]
#[case("update_tunnel_config", json!({ "tunnel": "x", "remove": [{ "hostname": "a.lab.example" }] }), "Cloudflare Tunnel, Read")]
#[case("delete_cloudflare_tunnel", json!({ "tunnel": "x" }), "Cloudflare Tunnel, Read")]
#[case("list_tunnel_routes", json!({}), "Cloudflare Tunnel, Read")]
#[case("get_tunnel_token", json!({ "tunnel": "x" }), "Cloudflare Tunnel, Read")]
#[case("purge_cache", json!({ "purge_everything": true }), "Cache Purge")]
#[case("get_zone_analytics", json!({}), "Analytics, Read")]
#[case("list_firewall_rules", json!({}), "Zone WAF, Read")]
#[case("create_firewall_rule", json!({ "description": "x", "action": "block", "expression": "ssl" }), "Zone WAF, Read")]
#[case("update_firewall_rule", json!({ "rule_id": "00000000000000000000000000000000", "enabled": false }), "Zone WAF, Read")]
#[case("delete_firewall_rule", json!({ "ref": "x" }), "Zone WAF, Read")]
#[case("get_zone_settings", json!({}), "Zone Settings, Read")]
#[case("set_zone_setting", json!({ "setting": "brotli", "value": "on" }), "Zone Settings, Edit")]
#[tokio::test]
async fn a_missing_permission_is_named(
    #[case] tool: &str,
    #[case] args: Value,
    #[case] permission: &str,
) {
    let world = small(&[Permission::ZoneRead]).await;

    let error = world.fail(tool, args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "permission_missing"),
        "{error}"
    );
    assert!(hint(&error).contains(permission), "{}", hint(&error));
}

#[tokio::test]
async fn a_zone_outside_the_token_is_not_seen() {
    let mut world = World::lab().await;
    let other = world.api.add_zone("other.example", Plan::Free);
    let token = TokenSeed::new(SMALL).all().for_zones(&[&world.zone]);
    world.api.add_token(token);
    world.reopen(&json!({ "token": SMALL }));

    let by_name = world
        .fail("list_dns_records", json!({ "zone": "other.example" }))
        .await;
    let by_id = world
        .fail("list_dns_records", json!({ "zone": other }))
        .await;

    assert_eq!(reason(&by_name), "zone_not_found");
    assert_eq!(reason(&by_id), "permission_missing");
}

#[tokio::test]
async fn the_account_is_that_of_the_zones() {
    let mut world = World::lab().await;
    world.api.add_tunnel("home");
    let known = world.call("list_cloudflare_tunnels", json!({})).await;
    let token = TokenSeed::new(SMALL).all().for_zones(&[]);
    world.api.add_token(token);
    world.reopen(&json!({ "token": SMALL }));

    let unknown = world.fail("list_cloudflare_tunnels", json!({})).await;
    world.reopen(&json!({ "token": TOKEN, "account_id": ACCOUNT }));
    let configured = world.call("list_cloudflare_tunnels", json!({})).await;

    assert_eq!(
        (&known["total"], &configured["total"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (unknown.code(), reason(&unknown), field(&unknown)),
        (
            Code::NotConfigured,
            "account_unknown",
            "servers.cloudflare.account_id"
        )
    );
}
