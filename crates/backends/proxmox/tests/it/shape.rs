//! What a model sees of the server.

use homelab_backend::shape::{faults, listing};
use homelab_backend_proxmox::kind;
use homelab_core::tool::Effect;

/// The canonical tools and the extras, in listing order.
const TOOLS: [&str; 40] = [
    "list_vms",
    "get_vm_status",
    "start_vm",
    "stop_vm",
    "reboot_vm",
    "delete_vm",
    "create_lxc",
    "list_nodes",
    "get_node_status",
    "list_storage",
    "list_backups",
    "create_backup",
    "restore_backup",
    "restore_test",
    "check_backups",
    "get_cluster_resources",
    "create_vm",
    "clone_vm",
    "migrate_vm",
    "update_vm_config",
    "resize_disk",
    "exec_in_vm",
    "list_snapshots",
    "create_snapshot",
    "rollback_snapshot",
    "delete_snapshot",
    "delete_backup",
    "protect_backup",
    "list_backup_jobs",
    "create_backup_job",
    "run_backup_job",
    "list_storage_content",
    "list_templates",
    "download_template",
    "list_tasks",
    "get_task_status",
    "stop_task",
    "get_next_vmid",
    "search_api",
    "call_api",
];
/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 50_000;

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
fn deleting_a_guest_restoring_over_one_and_some_raw_calls_are_critical() {
    let critical: Vec<&str> = kind()
        .catalogue()
        .iter()
        .filter(|info| info.spec.effect == Effect::Critical)
        .map(|info| info.spec.name)
        .collect();

    assert_eq!(critical, ["delete_vm", "restore_backup", "call_api"]);
}

#[test]
fn the_configuration_is_documented() {
    insta::assert_json_snapshot!(kind().config_schema());
}
