//! Deleting all backups of one machine or host.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Naming as _};
use crate::client::Pbs;
use crate::ids::{Backup, Datastore, Group, Namespace};
use crate::types::SnapshotRow;
use crate::units::{count, size, timestamp};
use crate::walk::{Place, nothing_of};

/// Which group to delete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteBackupGroup {
    /// The datastore.
    datastore: Datastore,
    /// The namespace; default the root.
    ns: Option<Namespace>,
    /// The group, such as `vm/100`.
    group: Group,
    /// How many backups it has, as `list_backups` shows: a group that has grown meanwhile stays.
    #[schemars(range(min = 1, max = 1_000_000))]
    count: u32,
}

/// A deleted group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DeletedGroup {
    datastore: Datastore,
    ns: Option<String>,
    group: Group,
    /// Backups that it had.
    removed: usize,
    #[serde(skip)]
    left: usize,
}

/// Delete all backups of one machine or host for good. Refused if one of them is protected, or their number is not the `count` given.
#[tool(
    critical,
    open_world,
    permission = "pbs:group:delete",
    title = "Delete all backups of a group",
    timeout = 300,
    preview = preview_delete,
    targets = delete_targets,
    read_back = check_delete
)]
pub(crate) async fn delete_backup_group(
    pbs: &Pbs,
    args: DeleteBackupGroup,
) -> ToolResult<DeletedGroup> {
    let place = args.place();
    let rows = found(pbs, &args).await?;
    let (there, group) = (rows.len(), &args.group);
    if there != args.count as usize {
        let message = format!(
            "`{group}` has {}, not {}",
            count(there, "backup"),
            args.count
        );
        return Err(ToolError::new(Code::Conflict, message)
            .reason("count_changed")
            .field("count")
            .hint("see `list_backups` with this `group`, and decide anew"));
    }
    let protected = rows.iter().filter(|row| row.protected).count();
    if protected > 0 {
        let message = format!("{protected} of the backups of `{group}` are protected");
        return Err(ToolError::new(Code::Conflict, message)
            .reason("protected")
            .field("group")
            .hint("they were protected on purpose; `protect_backup` can lift that"));
    }
    pbs.api.done(&delete_call(&args)).await?;
    let left = pbs
        .snapshots(&place.store, &place.ns, Some(&args.group))
        .await?;
    Ok(DeletedGroup {
        ns: place.ns.given().map(str::to_owned),
        datastore: args.datastore,
        group: args.group,
        removed: there.saturating_sub(left.len()),
        left: left.len(),
    })
}

/// A protected backup makes it fail in every release that knows the parameter by default.
fn delete_call(args: &DeleteBackupGroup) -> Call {
    Call::delete(
        "group_delete",
        "/admin/datastore/{}/groups",
        &[&args.datastore],
    )
    .ns(&args.place().ns)
    .group(&args.group)
}

async fn found(pbs: &Pbs, args: &DeleteBackupGroup) -> ToolResult<Vec<SnapshotRow>> {
    let place = args.place();
    let group = Backup::Group(args.group.clone());
    let rows = pbs.found(&place.store, &place.ns, &group).await?;
    if rows.is_empty() {
        return Err(nothing_of(&place, &group).field("group"));
    }
    Ok(rows)
}

impl DeleteBackupGroup {
    fn place(&self) -> Place {
        Place {
            store: self.datastore.clone(),
            ns: self.ns.clone().unwrap_or_else(Namespace::root),
        }
    }
}

async fn preview_delete(pbs: &Pbs, args: &DeleteBackupGroup) -> ToolResult<Preview> {
    let rows = found(pbs, args).await?;
    let bytes = rows.iter().filter_map(|row| row.size).sum();
    let mut impact = vec![format!("they have up to {} together", size(bytes))];
    let times = rows.iter().map(|row| row.backup_time);
    if let (Some(oldest), Some(newest)) = (timestamp(times.clone().min()), timestamp(times.max())) {
        impact.push(format!("the oldest is of {oldest}, the newest of {newest}"));
    }
    let protected = rows.iter().filter(|row| row.protected).count();
    if protected > 0 {
        impact.push(format!("{protected} are protected, which makes this fail"));
    }
    if rows.len() != args.count as usize {
        impact.push(format!(
            "`count` says {}, which makes this fail",
            args.count
        ));
    }
    impact.push("nothing is left of this group there".to_owned());
    Ok(Preview {
        summary: format!(
            "delete {} of `{}` in `{}` for good",
            count(rows.len(), "backup"),
            args.group,
            args.place().described()
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(_pbs: &Pbs, args: &DeleteBackupGroup) -> ToolResult<Vec<Target>> {
    let group = Backup::Group(args.group.clone());
    Ok(vec![args.place().target_of(&group, None)])
}

async fn check_delete(
    _pbs: &Pbs,
    args: &DeleteBackupGroup,
    done: &DeletedGroup,
) -> ToolResult<Vec<Mismatch>> {
    let mismatch = (done.left > 0).then(|| Mismatch {
        field: "group",
        wanted: format!("no backup of `{}`", args.group),
        found: count(done.left, "backup"),
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_named_by_its_parts() {
        let args = DeleteBackupGroup {
            datastore: "main".parse().unwrap(),
            ns: Some("home".parse().unwrap()),
            group: "host/nas".parse().unwrap(),
            count: 3,
        };

        assert_eq!(
            delete_call(&args).line(),
            "DELETE /admin/datastore/main/groups?ns=home&backup-type=host&backup-id=nas"
        );
    }
}
