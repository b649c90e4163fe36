//! Writing journal entries.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::{Change, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::journal::JournalRow;
use super::search::Kind;
use crate::call::Call;
use crate::choices::{JournalKind, word};
use crate::client::{NetBox, by, target};
use crate::ids::Named;
use crate::kinds::JOURNAL_ENTRY;
use crate::types::JournalEntry;

/// What to note about which object.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddJournalEntry {
    /// The kind of the object.
    object_kind: Kind,
    /// The object, by name, slug or id.
    object: Named,
    /// What to note; Markdown.
    #[schemars(length(min = 1, max = 10_000))]
    comments: String,
    /// How grave it is; default info.
    kind: Option<JournalKind>,
}

/// An entry that was written.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JournalWritten {
    entry: JournalRow,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Note something in the journal of an object, such as what was done to a device and why.
#[tool(
    write,
    open_world,
    permission = "netbox:journal:create",
    title = "Add a journal entry",
    timeout = 60,
    untrusted("entry.comments"),
    preview = preview_add,
    targets = add_targets,
    read_back = check_add
)]
pub(crate) async fn add_journal_entry(
    netbox: &NetBox,
    args: AddJournalEntry,
    ctx: &CallContext,
) -> ToolResult<JournalWritten> {
    let of = args.object_kind.endpoint();
    let object = netbox.resolve(of, "object", &args.object).await?;
    let call = Call::create(
        &JOURNAL_ENTRY,
        json!({
            "assigned_object_type": of.model,
            "assigned_object_id": object.id,
            "kind": word(args.kind.unwrap_or(JournalKind::Info)),
            "comments": args.comments,
        }),
    );
    let made = netbox
        .api
        .tagged::<JournalEntry>(&call, Some(&by("add_journal_entry", ctx)))
        .await?;
    let entry = netbox
        .api
        .read(&Call::one(&JOURNAL_ENTRY, made.value.id))
        .await?;
    Ok(JournalWritten {
        entry: JournalRow::of(entry),
        request_id: made.request_id,
    })
}

async fn preview_add(netbox: &NetBox, args: &AddJournalEntry) -> ToolResult<Preview> {
    let of = args.object_kind.endpoint();
    let object = netbox.resolve(of, "object", &args.object).await?;
    Ok(Preview {
        summary: format!(
            "note something in the journal of the {} `{}`",
            of.noun,
            object.label()
        ),
        changes: vec![Change {
            field: "comments".to_owned(),
            from: None,
            to: Some(args.comments.clone()),
        }],
        impact: Vec::new(),
    })
}

async fn add_targets(netbox: &NetBox, args: &AddJournalEntry) -> ToolResult<Vec<Target>> {
    let of = args.object_kind.endpoint();
    let object = netbox.resolve(of, "object", &args.object).await?;
    Ok(vec![target(of, object.id, object.label(), &[])])
}

async fn check_add(
    _netbox: &NetBox,
    args: &AddJournalEntry,
    done: &JournalWritten,
) -> ToolResult<Vec<Mismatch>> {
    // NetBox trims what is written.
    let same = args.comments.trim() == done.entry.comments.trim();
    let mismatch = (!same).then(|| Mismatch {
        field: "comments",
        wanted: args.comments.clone(),
        found: done.entry.comments.clone(),
    });
    Ok(mismatch.into_iter().collect())
}
