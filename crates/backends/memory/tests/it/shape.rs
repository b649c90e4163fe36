//! What a model sees of the server.

use homelab_backend::shape::{faults, listing, outputs};
use homelab_backend_memory::kind;
use homelab_core::server::aggregated_name;

/// The eight tools that were promised, in listing order.
const TOOLS: [&str; 8] = [
    "add_memory",
    "search_memories",
    "get_memory",
    "update_memory",
    "delete_memory",
    "list_memories",
    "get_memory_history",
    "summarize_memories",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 11_000;

#[test]
fn every_tool_keeps_the_rules() {
    assert_eq!(faults(&kind()), [""; 0]);
}

#[test]
fn the_tools_are_those_that_were_promised_and_bear_their_names_everywhere() {
    let catalogue = kind().catalogue();
    let names: Vec<&str> = catalogue.iter().map(|info| info.spec.name).collect();
    let aggregated: Vec<String> = catalogue
        .iter()
        .map(|info| aggregated_name("memory", &info.spec).clone())
        .collect();

    assert_eq!(names, TOOLS);
    assert_eq!(aggregated, TOOLS);
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
fn permissions_effects_and_marks_are_as_reviewed() {
    let rules: Vec<String> = kind()
        .catalogue()
        .iter()
        .map(|info| {
            let spec = &info.spec;
            let (name, permission) = (spec.name, spec.permission);
            let (effect, marks) = (spec.effect.as_str(), spec.untrusted.join(" "));
            let hidden = spec.sensitive_args.join(" ");
            format!("{name}: {effect} {permission} untrusted [{marks}] not recorded [{hidden}]")
        })
        .collect();

    insta::assert_snapshot!(rules.join("\n"));
}

#[test]
fn the_listing_stays_within_its_budget() {
    let bytes = listing(&kind()).to_string().len();

    assert!(bytes < LISTING_BUDGET, "{bytes} bytes");
}
