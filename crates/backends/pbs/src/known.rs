//! What the server's well-known error texts mean. They come with status 400 as often as not, and
//! again as the exit status of a task.

use homelab_core::error::{Code, ToolError};

/// A text that we know: what it is, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    code: Code,
    pub(crate) reason: &'static str,
    hint: &'static str,
    field: Option<&'static str>,
}

/// Texts in lower case, all of which must occur, and what they mean; the first that fits counts.
type Row = (
    &'static [&'static str],
    Code,
    &'static str,
    Option<&'static str>,
    &'static str,
);

const ROWS: &[Row] = &[
    (
        &["datastore", "maintenance mode"],
        Code::Conflict,
        "maintenance",
        Some("datastore"),
        "the datastore is in maintenance mode: its owner ends that under Datastore, Options, or with `proxmox-backup-manager datastore update STORE --delete maintenance-mode`",
    ),
    (
        &["no such datastore"],
        Code::NotFound,
        "datastore_not_found",
        Some("datastore"),
        "call `get_datastore_usage` to see the datastores that our credentials can read",
    ),
    (
        &["namespace", "not empty"],
        Code::Conflict,
        "namespace_not_empty",
        Some("ns"),
        "see `list_backups` with this `ns`: delete its backups first",
    ),
    (
        &["namespace", "already exists"],
        Code::Conflict,
        "namespace_exists",
        Some("ns"),
        "it is there already: see `list_namespaces`",
    ),
    (
        &["namespace not found"],
        Code::NotFound,
        "namespace_not_found",
        Some("ns"),
        "call `list_namespaces` to see what there is",
    ),
    (
        &["unable to open namespace"],
        Code::NotFound,
        "namespace_not_found",
        Some("ns"),
        "call `list_namespaces` to see what there is",
    ),
    (
        &["protected"],
        Code::Conflict,
        "protected",
        Some("backup"),
        "it was protected on purpose; `protect_backup` can lift that",
    ),
    (
        &["owner check failed"],
        Code::UpstreamUnauthorized,
        "privilege_missing",
        None,
        "the group belongs to somebody else: give our credentials `DatastoreAdmin` on the datastore, or change the group's owner",
    ),
    (
        &["no such remote"],
        Code::NotFound,
        "remote_not_found",
        Some("remote"),
        "call `list_remotes` to see what is configured",
    ),
    (
        &["no such job"],
        Code::NotFound,
        "job_not_found",
        Some("job"),
        "call `list_backups` with `view` `jobs` to see what there is",
    ),
    (
        &["no such task"],
        Code::NotFound,
        "task_not_found",
        Some("upid"),
        "call `list_tasks`; the server forgets old tasks",
    ),
    (
        &["unable to open task"],
        Code::NotFound,
        "task_not_found",
        Some("upid"),
        "call `list_tasks`; the server forgets old tasks",
    ),
    (
        &["group", "not found"],
        Code::NotFound,
        "group_not_found",
        Some("backup"),
        "call `list_backups` to see the groups; without `ns` it looks into all namespaces",
    ),
    (
        &["group", "does not exist"],
        Code::NotFound,
        "group_not_found",
        Some("backup"),
        "call `list_backups` to see the groups; without `ns` it looks into all namespaces",
    ),
    (
        &["snapshot", "does not exist"],
        Code::NotFound,
        "snapshot_not_found",
        Some("backup"),
        "call `list_backups` with `view` `snapshots` to see what there is",
    ),
    (
        &["snapshot", "not found"],
        Code::NotFound,
        "snapshot_not_found",
        Some("backup"),
        "call `list_backups` with `view` `snapshots` to see what there is",
    ),
    (
        &["already running"],
        Code::Conflict,
        "busy_upstream",
        None,
        "the same work runs already: see `list_tasks` with `running`",
    ),
    (
        &["unable to acquire"],
        Code::Conflict,
        "busy_upstream",
        None,
        "a backup, a verification or a restore holds it: see `list_tasks` with `running`, and try again when that has ended",
    ),
    (
        &["locked"],
        Code::Conflict,
        "busy_upstream",
        None,
        "a backup, a verification or a restore holds it: see `list_tasks` with `running`, and try again when that has ended",
    ),
    (
        &["no space left"],
        Code::Conflict,
        "datastore_full",
        Some("datastore"),
        "see `get_datastore_usage`: prune, collect garbage with `run_gc`, or make the disk larger",
    ),
];

/// What the text means, if we know it.
pub(crate) fn known(text: &str) -> Option<Known> {
    let folded = text.to_lowercase();
    ROWS.iter()
        .find(|(needles, ..)| needles.iter().all(|needle| folded.contains(needle)))
        .map(|&(_, code, reason, field, hint)| Known {
            code,
            reason,
            hint,
            field,
        })
}

impl Known {
    /// The error with this meaning.
    pub(crate) fn error(self, message: String) -> ToolError {
        let error = ToolError::new(self.code, message)
            .reason(self.reason)
            .hint(self.hint)
            .retryable(self.reason == "busy_upstream");
        match self.field {
            Some(field) => error.field(field),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("no such datastore 'x'", "datastore_not_found")]
    #[case("datastore 'main' is in offline maintenance mode", "maintenance")]
    #[case(
        "namespace not found: unable to open namespace \"x\"",
        "namespace_not_found"
    )]
    #[case("cannot remove namespace as it is not empty", "namespace_not_empty")]
    #[case("group \"vm/100\" not found", "group_not_found")]
    #[case(
        "snapshot vm/100/2026-11-20T02:00:00Z does not exist.",
        "snapshot_not_found"
    )]
    #[case("cannot remove protected snapshot", "protected")]
    #[case("no such remote 'offsite'", "remote_not_found")]
    #[case("no such job 'x'", "job_not_found")]
    #[case("no such task", "task_not_found")]
    #[case("backup owner check failed (a@pbs != b@pbs)", "privilege_missing")]
    #[case("unable to acquire lock on snapshot directory", "busy_upstream")]
    #[case(
        "write failed: No space left on device (os error 28)",
        "datastore_full"
    )]
    fn well_known_texts_are_told_apart(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(known(text).map(|known| known.reason), Some(reason));
    }

    #[test]
    fn other_texts_are_left_alone() {
        assert_eq!(known("chunk store is on fire"), None);
    }
}
