//! Notes of backups and groups.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Call, Naming as _};
use crate::client::Pbs;
use crate::ids::{Backup, Datastore, Namespace};
use crate::walk::{Place, nothing_of};

/// Which notes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetBackupNotes {
    /// The datastore.
    datastore: Datastore,
    /// The namespace; default the root.
    ns: Option<Namespace>,
    /// A group (`vm/100`) or one backup (`vm/100/2026-11-20T02:00:00Z`).
    backup: Backup,
    /// The notes that take the place of those there; may have several lines, or be empty.
    #[schemars(length(max = 4000))]
    notes: String,
}

/// Notes after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct NotesSet {
    datastore: Datastore,
    ns: Option<String>,
    backup: Backup,
    /// As read afterwards.
    notes: String,
}

/// Set the notes of a backup or of a whole group.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pbs:backup:notes",
    title = "Set notes of a backup",
    timeout = 90,
    untrusted("notes"),
    preview = preview_notes,
    targets = notes_targets,
    inverse = undo_notes,
    read_back = check_notes
)]
pub(crate) async fn set_backup_notes(pbs: &Pbs, args: SetBackupNotes) -> ToolResult<NotesSet> {
    let place = args.place();
    if pbs
        .found(&place.store, &place.ns, &args.backup)
        .await?
        .is_empty()
    {
        return Err(nothing_of(&place, &args.backup));
    }
    pbs.api.done(&set_call(&args)).await?;
    Ok(NotesSet {
        notes: read(pbs, &args).await?,
        ns: place.ns.given().map(str::to_owned),
        datastore: args.datastore,
        backup: args.backup,
    })
}

fn template(backup: &Backup) -> &'static str {
    match backup {
        Backup::Group(_) => "/admin/datastore/{}/group-notes",
        Backup::Snapshot(_) => "/admin/datastore/{}/notes",
    }
}

fn named(call: Call, args: &SetBackupNotes) -> Call {
    let call = call.ns(&args.place().ns);
    match &args.backup {
        Backup::Group(group) => call.group(group),
        Backup::Snapshot(snapshot) => call.snapshot(snapshot),
    }
}

fn set_call(args: &SetBackupNotes) -> Call {
    let call = Call::put("notes_set", template(&args.backup), &[&args.datastore]);
    named(call, args)
        .with("notes", args.notes.as_str())
        .idempotent()
}

async fn read(pbs: &Pbs, args: &SetBackupNotes) -> ToolResult<String> {
    let call = Call::get("notes", template(&args.backup), &[&args.datastore]);
    let notes: Option<String> = pbs.api.data(&named(call, args)).await?;
    Ok(notes.unwrap_or_default())
}

impl SetBackupNotes {
    fn place(&self) -> Place {
        Place {
            store: self.datastore.clone(),
            ns: self.ns.clone().unwrap_or_else(Namespace::root),
        }
    }
}

async fn preview_notes(pbs: &Pbs, args: &SetBackupNotes) -> ToolResult<Preview> {
    let before = read(pbs, args).await?;
    let place = args.place().described();
    Ok(Preview {
        summary: format!("set the notes of `{}` in `{place}`", args.backup),
        changes: vec![Change {
            field: "notes".to_owned(),
            from: Some(before),
            to: Some(args.notes.clone()),
        }],
        impact: Vec::new(),
    })
}

async fn notes_targets(_pbs: &Pbs, args: &SetBackupNotes) -> ToolResult<Vec<Target>> {
    Ok(vec![args.place().target_of(&args.backup, None)])
}

async fn undo_notes(pbs: &Pbs, args: &SetBackupNotes) -> ToolResult<Option<Inverse>> {
    let before = read(pbs, args).await?;
    Ok((before != args.notes).then(|| Inverse {
        tool: "set_backup_notes".to_owned(),
        arguments: json!({
            "datastore": args.datastore,
            "ns": args.place().ns,
            "backup": args.backup,
            "notes": before,
        }),
    }))
}

async fn check_notes(
    _pbs: &Pbs,
    args: &SetBackupNotes,
    done: &NotesSet,
) -> ToolResult<Vec<Mismatch>> {
    // The server ends a text with or without a line break as it likes.
    let same = done.notes.trim_end() == args.notes.trim_end();
    let mismatch = (!same).then(|| Mismatch {
        field: "notes",
        wanted: args.notes.clone(),
        found: done.notes.clone(),
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_backups_have_notes_of_their_own() {
        let args = |backup: &str| SetBackupNotes {
            datastore: "main".parse().unwrap(),
            ns: None,
            backup: backup.parse().unwrap(),
            notes: "kept".into(),
        };

        assert_eq!(
            set_call(&args("vm/100")).line(),
            "PUT /admin/datastore/main/group-notes?backup-type=vm&backup-id=100&notes=kept"
        );
        assert_eq!(
            set_call(&args("vm/100/2026-11-20T02:00:00Z")).line(),
            "PUT /admin/datastore/main/notes?backup-type=vm&backup-id=100&backup-time=1795140000&notes=kept"
        );
    }
}
