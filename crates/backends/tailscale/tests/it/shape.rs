//! What a model sees of the server.

use homelab_backend::shape::{faults, listing};
use homelab_backend_tailscale::kind;
use homelab_core::tool::Effect;

/// The canonical tools and the extras, in listing order.
const TOOLS: [&str; 32] = [
    "list_tailscale_devices",
    "get_tailscale_device",
    "authorize_tailscale_device",
    "delete_tailscale_device",
    "get_tailscale_acl",
    "update_tailscale_acl",
    "get_tailscale_dns",
    "set_tailscale_dns_nameservers",
    "enable_subnet_routes",
    "validate_tailscale_acl",
    "preview_tailscale_acl",
    "get_device_routes",
    "set_exit_node",
    "set_tailscale_dns_preferences",
    "set_tailscale_search_paths",
    "set_split_dns",
    "expire_device_key",
    "set_device_key_expiry",
    "set_device_tags",
    "rename_device",
    "list_auth_keys",
    "create_auth_key",
    "delete_auth_key",
    "get_tailnet_settings",
    "update_tailnet_settings",
    "list_tailscale_users",
    "approve_user",
    "suspend_user",
    "get_audit_log",
    "list_tailscale_services",
    "search_api",
    "call_api",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 25_000;

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
fn only_the_policy_and_raw_calls_can_lock_everybody_out() {
    let critical: Vec<&str> = kind()
        .catalogue()
        .iter()
        .filter(|info| info.spec.effect == Effect::Critical)
        .map(|info| info.spec.name)
        .collect();

    assert_eq!(critical, ["update_tailscale_acl", "call_api"]);
}

#[test]
fn the_configuration_is_documented() {
    insta::assert_json_snapshot!(kind().config_schema());
}
