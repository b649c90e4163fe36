//! What a model sees of the server.

use homelab_backend::shape::{faults, listing};
use homelab_backend_pihole::kind;
use homelab_core::tool::Effect;

/// The canonical tools and the extras, in listing order.
const TOOLS: [&str; 36] = [
    "get_pihole_summary",
    "enable_pihole_blocking",
    "disable_pihole_blocking",
    "whitelist_domain",
    "blacklist_domain",
    "remove_domain_rule",
    "list_domain_rules",
    "explain_domain",
    "get_top_domains",
    "get_top_clients",
    "get_query_log",
    "get_upstream_dns",
    "set_upstream_dns",
    "update_pihole_gravity",
    "list_blocklists",
    "add_blocklist",
    "remove_blocklist",
    "list_groups",
    "create_group",
    "update_group",
    "delete_group",
    "list_clients",
    "assign_client_groups",
    "list_local_dns",
    "add_local_dns",
    "remove_local_dns",
    "list_dhcp_leases",
    "get_pihole_drift",
    "sync_pihole_replicas",
    "get_diagnosis_messages",
    "export_teleporter",
    "list_teleporter_archives",
    "import_teleporter",
    "delete_teleporter_archive",
    "search_api",
    "call_api",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 29_000;

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
fn what_may_leave_the_house_without_dns_is_critical() {
    let critical: Vec<&str> = kind()
        .catalogue()
        .iter()
        .filter(|info| info.spec.effect == Effect::Critical)
        .map(|info| info.spec.name)
        .collect();

    assert_eq!(
        critical,
        ["set_upstream_dns", "import_teleporter", "call_api"]
    );
}

#[test]
fn the_configuration_is_documented() {
    insta::assert_json_snapshot!(kind().config_schema());
}
