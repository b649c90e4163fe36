//! What a model sees of the server.

use homelab_backend::shape::{faults, listing, outputs, rules};
use homelab_backend_docker::kind;

/// The names of the table, in its order, then the extras.
const TOOLS: [&str; 38] = [
    "list_containers",
    "start_container",
    "stop_container",
    "restart_container",
    "remove_container",
    "get_container_logs",
    "get_container_stats",
    "list_images",
    "pull_image",
    "push_image",
    "remove_image",
    "list_networks",
    "list_volumes",
    "prune_system",
    "get_system_info",
    "inspect_container",
    "create_container",
    "recreate_container",
    "exec_container",
    "wait_container",
    "pause_container",
    "unpause_container",
    "rename_container",
    "update_container",
    "tag_image",
    "check_image_updates",
    "create_network",
    "remove_network",
    "connect_network",
    "disconnect_network",
    "create_volume",
    "remove_volume",
    "list_compose_projects",
    "get_events",
    "get_container_changes",
    "get_image_history",
    "search_api",
    "call_api",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 38_500;

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
fn every_tool_takes_the_host_by_the_same_name() {
    for info in kind().catalogue() {
        assert!(
            info.input_schema["properties"].get("host").is_some(),
            "{}",
            info.spec.name
        );
    }
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
fn permissions_and_effects_are_as_reviewed() {
    insta::assert_snapshot!(rules(&kind()));
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

/// Each `.reason("…")` and each reason of a fault has a row on an error page.
#[test]
fn each_reason_has_its_line_on_a_help_page() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |folder: &std::path::Path, ending: &str| {
        let mut texts = String::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|found| found == ending) {
                    texts.push_str(&std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        texts
    };
    let pages = read(&root.join("../../../docs/reference/errors"), "md");
    let sources = read(&root.join("src"), "rs");

    let literals = sources
        .split(".reason(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    // The function that turns a fault into a word.
    let function = sources
        .split("fn reason(&self) -> Option<&'static str> {")
        .nth(1)
        .unwrap();
    let body = function.split("\n    }\n").next().unwrap();
    let words = body.split('"').skip(1).step_by(2);

    let mut found = 0;
    for reason in literals.chain(words) {
        assert!(pages.contains(&format!("| `{reason}` |")), "{reason}");
        found += 1;
    }
    assert!(found >= 30, "only {found} reasons found");
}
