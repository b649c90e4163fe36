//! What Proxmox's well-known error texts mean. They are the same in an answer of status 500 and in
//! the exit status of a task.

use homelab_core::error::{Code, ToolError};

/// A text that we know: what it is, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) code: Code,
    pub(crate) reason: &'static str,
    pub(crate) hint: &'static str,
    /// The same call may succeed in a moment.
    pub(crate) retryable: bool,
}

/// Texts in lower case, all of which must occur, and what they mean; the first that fits counts.
type Row = (&'static [&'static str], Code, &'static str, &'static str);

const ROWS: &[Row] = &[
    (
        &["is locked ("],
        Code::Conflict,
        "guest_locked",
        "another task holds the guest: see `list_tasks` with `running` and its `vmid`, and try again when it has ended",
    ),
    (
        &["can't lock file"],
        Code::Conflict,
        "lock_timeout",
        "another task was changing the same guest: try again in a moment",
    ),
    (
        &["snapshot name", "already used"],
        Code::Conflict,
        "snapshot_exists",
        "choose another name, or delete that snapshot first; see `list_snapshots`",
    ),
    (
        &["already exists"],
        Code::Conflict,
        "vmid_in_use",
        "leave the VMID out to get a free one, or ask `get_next_vmid`",
    ),
    (
        &["already running"],
        Code::Conflict,
        "guest_running",
        "it runs already: nothing needs to be done",
    ),
    (
        &["guest agent"],
        Code::Conflict,
        "agent_not_running",
        "install `qemu-guest-agent` in the guest, set `agent` to `1` with `update_vm_config`, and start the guest anew",
    ),
    (
        &["not running"],
        Code::Conflict,
        "guest_not_running",
        "start it first with `start_vm`",
    ),
    (
        &["is running"],
        Code::Conflict,
        "guest_running",
        "stop it first with `stop_vm`",
    ),
    (
        &["powerdown failed"],
        Code::Conflict,
        "shutdown_timeout",
        "the guest does not react to a shutdown request: give it more `timeout_s`, or cut its power with `force`",
    ),
    (
        &["snapshot feature is not available"],
        Code::Conflict,
        "snapshot_unsupported",
        "one of its disks lies on a storage without snapshots: use `create_backup` instead",
    ),
    (
        &["still in use by linked clone"],
        Code::Conflict,
        "template_in_use",
        "delete the linked clones first, or leave the template",
    ),
    (
        &["protect"],
        Code::Conflict,
        "protected",
        "it is protected on purpose: its owner can lift that in Proxmox (guest options, or the backup's protection)",
    ),
    // Containers: "detected modified configuration - file changed by other user?"; virtual machines:
    // "checksum mismatch (file change by other user?)", spelled differently from release to release.
    (
        &["by other user?"],
        Code::Conflict,
        "config_changed",
        "somebody changed the guest meanwhile: read it again with `get_vm_status` and decide anew",
    ),
    (
        &["no quorum"],
        Code::Conflict,
        "no_quorum",
        "the cluster has no majority of nodes and takes no changes: see `list_nodes` and bring nodes back",
    ),
    (
        &["hostname lookup"],
        Code::NotFound,
        "node_not_found",
        "call `list_nodes` to see the cluster's nodes",
    ),
    (
        &["no such cluster node"],
        Code::NotFound,
        "node_not_found",
        "call `list_nodes` to see the cluster's nodes",
    ),
    (
        &["configuration file", "does not exist"],
        Code::NotFound,
        "guest_not_found",
        "call `list_vms` to see the guests that our credentials can read",
    ),
    (
        &["snapshot", "does not exist"],
        Code::NotFound,
        "snapshot_not_found",
        "call `list_snapshots` to see what there is",
    ),
    (
        &["storage '", "does not exist"],
        Code::NotFound,
        "storage_not_found",
        "call `list_storage` to see what there is",
    ),
    (
        &["no such job"],
        Code::NotFound,
        "job_not_found",
        "call `list_backup_jobs` to see what there is",
    ),
    (
        &["no such task"],
        Code::NotFound,
        "task_not_found",
        "call `list_tasks`; Proxmox forgets old tasks",
    ),
    (
        &["no such volume"],
        Code::NotFound,
        "volume_not_found",
        "call `list_storage_content` to see what there is",
    ),
    (
        &["volume", "does not exist"],
        Code::NotFound,
        "volume_not_found",
        "call `list_storage_content` to see what there is",
    ),
    (
        &["not available on node"],
        Code::Conflict,
        "storage_unavailable",
        "see `list_storage`: choose a storage of that node, or another node",
    ),
    (
        &["is not online"],
        Code::Conflict,
        "storage_unavailable",
        "see `list_storage`; the storage's server may be down",
    ),
    (
        &["does not support content"],
        Code::Conflict,
        "storage_unsuitable",
        "see `content` in `list_storage`: choose a storage that takes this kind of volume",
    ),
    (
        &["does not support container directories"],
        Code::Conflict,
        "storage_unsuitable",
        "choose a storage with `rootdir` in its `content`; see `list_storage`",
    ),
    (
        &["no space left"],
        Code::Conflict,
        "storage_full",
        "see `list_storage`: free space (old backups, unused disks) or choose another storage",
    ),
    (
        &["out of space"],
        Code::Conflict,
        "storage_full",
        "see `list_storage`: free space (old backups, unused disks) or choose another storage",
    ),
    (
        &["not enough"],
        Code::Conflict,
        "storage_full",
        "see `list_storage` and `get_node_status`: something there is used up",
    ),
    (
        &["only root"],
        Code::UpstreamUnauthorized,
        "root_only",
        "Proxmox keeps this to `root@pam` with a password; no API token may do it",
    ),
    (
        &["does not exist"],
        Code::NotFound,
        "object_not_found",
        "check the name in the message",
    ),
];

/// What the text means, if we know it.
pub(crate) fn known(text: &str) -> Option<Known> {
    let folded = text.to_lowercase();
    ROWS.iter()
        .find(|(needles, ..)| needles.iter().all(|needle| folded.contains(needle)))
        .map(|&(_, code, reason, hint)| Known {
            code,
            reason,
            hint,
            retryable: reason == "lock_timeout",
        })
}

impl Known {
    /// The error with this meaning.
    pub(crate) fn error(self, message: String) -> ToolError {
        ToolError::new(self.code, message)
            .reason(self.reason)
            .hint(self.hint)
            .retryable(self.retryable)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("VM is locked (backup)", "guest_locked")]
    #[case("CT is locked (snapshot-delete)", "guest_locked")]
    #[case(
        "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
        "lock_timeout"
    )]
    #[case(
        "unable to create VM 100 - VM 100 already exists on node 'pve1'",
        "vmid_in_use"
    )]
    #[case("snapshot name 'a1' already used", "snapshot_exists")]
    #[case(
        "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist",
        "guest_not_found"
    )]
    #[case("snapshot 'a1' does not exist", "snapshot_not_found")]
    #[case("storage 'x1' does not exist", "storage_not_found")]
    #[case("VM 100 already running", "guest_running")]
    #[case("VM 100 not running", "guest_not_running")]
    #[case("VM 100 is running - destroy failed", "guest_running")]
    #[case("QEMU guest agent is not running", "agent_not_running")]
    #[case("No QEMU guest agent configured", "agent_not_running")]
    #[case("can't remove VM 100 - protection mode enabled", "protected")]
    #[case("cluster not ready - no quorum?", "no_quorum")]
    #[case(
        "hostname lookup 'x' failed - failed to get address info for: x: Name or service not known",
        "node_not_found"
    )]
    fn well_known_texts_are_told_apart(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(known(text).map(|known| known.reason), Some(reason));
    }

    #[test]
    fn other_texts_are_left_alone() {
        assert_eq!(
            known("command 'lvcreate' failed with exit code 5: volume group is gone"),
            None
        );
    }
}
