//! What a model sees of the server.

use homelab_backend::shape::{faults, listing};
use homelab_backend_cloudflare::kind;

/// The canonical tools and the extras, in listing order.
const TOOLS: [&str; 25] = [
    "list_zones",
    "list_dns_records",
    "create_dns_record",
    "update_dns_record",
    "delete_dns_record",
    "batch_dns_records",
    "export_dns_records",
    "list_cloudflare_tunnels",
    "get_cloudflare_tunnel",
    "create_cloudflare_tunnel",
    "update_tunnel_config",
    "delete_cloudflare_tunnel",
    "list_tunnel_routes",
    "get_tunnel_token",
    "purge_cache",
    "get_zone_analytics",
    "list_firewall_rules",
    "create_firewall_rule",
    "update_firewall_rule",
    "delete_firewall_rule",
    "get_zone_settings",
    "set_zone_setting",
    "verify_cloudflare_token",
    "search_api",
    "call_api",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 31_000;

#[test]
fn every_tool_keeps_the_rules() {
    assert_eq!(faults(&kind()), [""; 0]);
}

#[test]
fn the_tools_are_those_that_were_promised() {
    let names: Vec<&str> = kind()
        .catalogue()
        .iter()
        .map(|info| info.spec.name)
        .collect();

    assert_eq!(names, TOOLS);
}

#[test]
fn permissions_and_effects_are_as_reviewed() {
    let rules: Vec<String> = kind()
        .catalogue()
        .iter()
        .map(|info| {
            let spec = &info.spec;
            let seconds = spec.timeout.as_secs();
            let (name, permission) = (spec.name, spec.permission);
            format!("{name}: {} {permission} {seconds}s", spec.effect.as_str())
        })
        .collect();

    insta::assert_snapshot!(rules.join("\n"));
}

#[test]
fn the_listing_is_as_reviewed() {
    insta::assert_json_snapshot!(listing(&kind()));
}

#[test]
fn the_listing_stays_within_its_budget() {
    let bytes = listing(&kind()).to_string().len();

    assert!(bytes < LISTING_BUDGET, "{bytes} bytes");
}

#[test]
fn the_configuration_is_documented() {
    insta::assert_json_snapshot!(kind().config_schema());
}
