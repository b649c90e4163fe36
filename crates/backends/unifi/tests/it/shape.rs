//! What a model sees of the server.

use homelab_backend::shape::{faults, listing};
use homelab_backend_unifi::kind;
use homelab_core::tool::Effect;

/// The canonical tools and the extras, in listing order.
const TOOLS: [&str; 34] = [
    "list_clients",
    "get_client",
    "block_client",
    "unblock_client",
    "reconnect_client",
    "list_devices",
    "get_device",
    "locate_device",
    "list_pending_devices",
    "adopt_device",
    "reboot_device",
    "power_cycle_port",
    "list_networks",
    "list_wlans",
    "set_wlan_enabled",
    "list_firewall_rules",
    "update_firewall_rule",
    "list_port_forwards",
    "set_port_forward_enabled",
    "list_dns_records",
    "create_dns_record",
    "update_dns_record",
    "delete_dns_record",
    "create_guest_voucher",
    "list_guest_vouchers",
    "show_guest_voucher_code",
    "revoke_guest_voucher",
    "authorize_guest",
    "unauthorize_guest",
    "get_network_stats",
    "list_events",
    "list_alarms",
    "search_api",
    "call_api",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 28_000;

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
fn what_can_cut_the_house_off_is_critical() {
    let critical: Vec<&str> = kind()
        .catalogue()
        .iter()
        .filter(|info| info.spec.effect == Effect::Critical)
        .map(|info| info.spec.name)
        .collect();

    assert_eq!(
        critical,
        [
            "reboot_device",
            "update_firewall_rule",
            "set_port_forward_enabled",
            "call_api",
        ]
    );
}

#[test]
fn the_configuration_is_documented() {
    insta::assert_json_snapshot!(kind().config_schema());
}
