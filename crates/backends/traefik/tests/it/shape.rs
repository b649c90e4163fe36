//! What a model sees of the server.

use homelab_backend::shape::{faults, listing};
use homelab_backend_traefik::kind;

/// The canonical tools and the extras, in listing order.
const TOOLS: [&str; 13] = [
    "list_routers",
    "list_services",
    "create_router",
    "manage_middleware",
    "get_certificate_status",
    "get_router",
    "get_service_health",
    "list_middlewares",
    "list_entrypoints",
    "get_traefik_overview",
    "delete_router",
    "rollback_router",
    "validate_config",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 16_000;

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
