//! What a container changed in its file system.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::paging::page;
use crate::resolve;
use crate::types::FileChange;

/// Of which container, and which changes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetChanges {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Only changes of this kind.
    kind: Option<ChangeKind>,
    /// Only this directory and what is below it, such as `/etc`.
    #[schemars(length(min = 1, max = 1024))]
    under: Option<String>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 8192))]
    cursor: Option<String>,
}

/// What happened to a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChangeKind {
    /// It, or something in it, is another than in the image.
    Modified,
    /// It is not in the image.
    Added,
    /// It is in the image, and gone.
    Deleted,
}

/// A changed file or directory.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangeRow {
    path: String,
    /// Absent where the engine says something that we do not know.
    kind: Option<ChangeKind>,
}

/// Changes, by path.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ContainerChanges {
    #[serde(flatten)]
    page: Page<ChangeRow>,
    /// Of all that fit.
    added: usize,
    /// Of all that fit.
    modified: usize,
    /// Of all that fit.
    deleted: usize,
}

/// List the files and directories that a container added, modified or deleted since it was made from its image; volumes and mounts are not looked at.
#[tool(
    read,
    open_world,
    permission = "docker:container:read",
    title = "Get container changes",
    timeout = 90,
    untrusted("items.path")
)]
pub(crate) async fn get_container_changes(
    docker: &Docker,
    args: GetChanges,
) -> ToolResult<ContainerChanges> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let changes = engine.changes(&container.id).await?;
    let mut rows: Vec<ChangeRow> = changes.into_iter().map(ChangeRow::from).collect();
    rows.retain(|row| {
        let under = args.under.as_deref();
        args.kind.is_none_or(|kind| row.kind == Some(kind))
            && under.is_none_or(|directory| is_under(&row.path, directory))
    });
    let count = |kind: ChangeKind| rows.iter().filter(|row| row.kind == Some(kind)).count();
    let (added, modified, deleted) = (
        count(ChangeKind::Added),
        count(ChangeKind::Modified),
        count(ChangeKind::Deleted),
    );
    Ok(ContainerChanges {
        page: page(rows, args.limit, args.cursor.as_deref(), |row| {
            row.path.clone()
        })?,
        added,
        modified,
        deleted,
    })
}

impl From<FileChange> for ChangeRow {
    fn from(change: FileChange) -> Self {
        Self {
            path: change.path,
            kind: match change.kind {
                0 => Some(ChangeKind::Modified),
                1 => Some(ChangeKind::Added),
                2 => Some(ChangeKind::Deleted),
                _ => None,
            },
        }
    }
}

fn is_under(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    let rest = path.strip_prefix(directory);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/etc/hosts", "/etc", true)]
    #[case("/etc", "/etc/", true)]
    #[case("/etcetera", "/etc", false)]
    #[case("/var/x", "/", true)]
    fn a_directory_holds_what_is_below_it(
        #[case] path: &str,
        #[case] directory: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_under(path, directory), expected);
    }
}
