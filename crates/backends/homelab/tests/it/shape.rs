//! What a model sees of the server.

use homelab_backend::shape::{faults, listing, outputs, rules};
use homelab_backend_homelab::kind;
use homelab_core::tool::Effect;

/// The names of the table and of the extras, in listing order.
const TOOLS: [&str; 24] = [
    "homelab_list_devices",
    "homelab_get_device",
    "homelab_list_scpi_equipment",
    "homelab_get_scpi_connection",
    "homelab_list_services",
    "homelab_check_service_health",
    "homelab_list_networks",
    "homelab_list_firewall_rules",
    "homelab_lookup_ip",
    "homelab_get_credentials",
    "homelab_infrastructure_summary",
    "homelab_list_vms",
    "homelab_search",
    "homelab_check_all_services",
    "homelab_scpi_query",
    "homelab_upsert_device",
    "homelab_upsert_service",
    "homelab_allocate_ip",
    "homelab_release_ip",
    "homelab_delete_device",
    "homelab_whatis",
    "homelab_impact",
    "homelab_topology",
    "homelab_sync_inventory",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 20_500;

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
fn the_listing_is_as_reviewed() {
    insta::assert_json_snapshot!(listing(&kind()));
}

#[test]
fn results_have_the_reviewed_form() {
    insta::assert_json_snapshot!(outputs(&kind()));
}

#[test]
fn permissions_effects_and_hooks_are_as_reviewed() {
    insta::assert_snapshot!(rules(&kind()));
}

#[test]
fn the_listing_stays_within_its_budget() {
    let bytes = listing(&kind()).to_string().len();

    assert!(bytes < LISTING_BUDGET, "{bytes} bytes");
}

#[test]
fn only_the_secret_tool_and_the_writing_ones_are_not_read_only() {
    for info in kind().catalogue() {
        let spec = info.spec;
        let plain_read = spec.effect == Effect::Read && !spec.secret;

        assert_eq!(spec.annotations().read_only, plain_read, "{}", spec.name);
        assert_eq!(spec.secret, spec.name == "homelab_get_credentials");
    }
}

#[test]
fn the_configuration_is_documented() {
    insta::assert_json_snapshot!(kind().config_schema());
}
