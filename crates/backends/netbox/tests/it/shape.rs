//! What a model sees of the server.

use homelab_backend::shape::{faults, listing};
use homelab_backend_netbox::kind;

/// The canonical tools and the extras, in listing order.
const TOOLS: [&str; 28] = [
    "allocate_ip",
    "list_devices",
    "create_vlan",
    "update_cable_map",
    "search",
    "get_device",
    "list_virtual_machines",
    "list_interfaces",
    "list_sites",
    "list_racks",
    "list_prefixes",
    "get_prefix_utilization",
    "list_ip_addresses",
    "create_ip_address",
    "release_ip",
    "list_vlans",
    "delete_vlan",
    "list_cables",
    "list_journal_entries",
    "add_journal_entry",
    "get_changelog",
    "get_objects",
    "get_object",
    "create_object",
    "update_object",
    "delete_object",
    "search_api",
    "call_api",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 36_000;

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
