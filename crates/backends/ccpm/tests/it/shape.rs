//! What a model sees of the server.

use homelab_backend::shape::{faults, listing, outputs};
use homelab_backend_ccpm::kind;
use homelab_core::tool::Effect;
use serde_json::Value;

/// The fourteen tools that were promised, and the extras, in listing order.
const TOOLS: [&str; 26] = [
    "ccpm_list_agents",
    "ccpm_send_message",
    "ccpm_check_inbox",
    "ccpm_mark_message_complete",
    "ccpm_get_task",
    "ccpm_list_tasks",
    "ccpm_update_task_status",
    "ccpm_submit_completion_report",
    "ccpm_get_active_sprint",
    "ccpm_list_sprints",
    "ccpm_create_session",
    "ccpm_log_session_context",
    "ccpm_complete_session",
    "ccpm_get_resume_context",
    "ccpm_create_task",
    "ccpm_claim_next_task",
    "ccpm_update_task",
    "ccpm_get_thread",
    "ccpm_reply_message",
    "ccpm_register_agent",
    "ccpm_create_sprint",
    "ccpm_start_sprint",
    "ccpm_complete_sprint",
    "ccpm_review_report",
    "ccpm_wait_for_message",
    "ccpm_board",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 26_000;

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
fn permissions_effects_and_marks_are_as_reviewed() {
    let rules: Vec<String> = kind()
        .catalogue()
        .iter()
        .map(|info| {
            let spec = &info.spec;
            let (name, permission) = (spec.name, spec.permission);
            let (effect, marks) = (spec.effect.as_str(), spec.untrusted.join(" "));
            format!("{name}: {effect} {permission} [{marks}]")
        })
        .collect();

    insta::assert_snapshot!(rules.join("\n"));
}

#[test]
fn the_listing_stays_within_its_budget() {
    let bytes = listing(&kind()).to_string().len();

    assert!(bytes < LISTING_BUDGET, "{bytes} bytes");
}

#[test]
fn every_answer_tells_of_unread_messages() {
    for info in kind().catalogue() {
        let properties = &info.output_schema["properties"];

        assert!(
            properties.get("unread_messages").is_some(),
            "{}",
            info.spec.name
        );
        assert!(info.spec.effect <= Effect::Write, "{}", info.spec.name);
    }
}

#[test]
fn the_configuration_is_documented() {
    insta::assert_json_snapshot!(kind().config_schema());
}

/// A rule about a tool holds for the route that does the same.
#[test]
fn routes_and_tools_have_the_same_permissions() {
    let document: Value = serde_json::from_str(include_str!(
        "../../../../gateway/src/rest/ccpm/openapi.json"
    ))
    .expect("the published document");
    let catalogue = kind().catalogue();
    let mut shared = 0;
    for path in document["paths"].as_object().expect("paths").values() {
        for (method, operation) in path.as_object().expect("operations") {
            let tool = operation["x-tool"].as_str().expect("a name");
            let Some(info) = catalogue.iter().find(|info| info.spec.name == tool) else {
                continue;
            };
            shared += 1;
            assert_eq!(operation["x-permission"], info.spec.permission, "{tool}");
            assert_eq!(method == "get", info.spec.effect == Effect::Read, "{tool}");
        }
    }
    assert!(shared >= 16, "only {shared}");
}
