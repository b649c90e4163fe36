//! Journal entries: what people noted about objects.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::search::Kind;
use crate::call::Call;
use crate::choices::{JournalKind, word};
use crate::client::NetBox;
use crate::ids::{Named, Words};
use crate::kinds::JOURNAL_ENTRY;
use crate::types::{JournalEntry, chosen, filled, label};

/// Which entries.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListJournalEntries {
    /// Text in the entry.
    q: Option<Words>,
    /// About objects of this kind.
    object_kind: Option<Kind>,
    /// About this object, by name, slug or id; with `object_kind`.
    object: Option<Named>,
    /// Of this gravity.
    kind: Option<JournalKind>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// An entry.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JournalRow {
    pub(super) id: u64,
    pub(super) created: Option<String>,
    /// `info`, `success`, `warning` or `danger`.
    pub(super) kind: Option<String>,
    /// Such as `dcim.device`.
    pub(super) object_type: Option<String>,
    pub(super) object_id: Option<u64>,
    pub(super) object: Option<String>,
    /// Id or name of who wrote it.
    pub(super) by: Option<String>,
    pub(super) comments: String,
}

impl JournalRow {
    pub(super) fn of(row: JournalEntry) -> Self {
        let by = |by: &Value| match by {
            Value::Object(user) => user
                .get("username")
                .or_else(|| user.get("display"))
                .and_then(Value::as_str)
                .map(str::to_owned),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        };
        Self {
            id: row.id,
            created: row.created,
            kind: chosen(row.kind.as_ref()),
            object_type: row.assigned_object_type,
            object_id: row.assigned_object_id,
            object: filled(label(row.assigned_object.as_ref())),
            by: row.created_by.as_ref().and_then(by),
            comments: row.comments.unwrap_or_default(),
        }
    }
}

/// List journal entries: what was noted about an object, or everywhere, newest first.
#[tool(
    read,
    open_world,
    permission = "netbox:journal:read",
    title = "List journal entries",
    timeout = 60,
    untrusted("items.*.comments")
)]
pub(crate) async fn list_journal_entries(
    netbox: &NetBox,
    args: ListJournalEntries,
) -> ToolResult<Page<JournalRow>> {
    if args.object.is_some() && args.object_kind.is_none() {
        let message = "the kind of the object is needed";
        return Err(ToolError::invalid("object_kind", message));
    }
    let mut call = Call::list(&JOURNAL_ENTRY).with("ordering", "-created");
    if let Some(kind) = args.object_kind {
        let of = kind.endpoint();
        call = call.with("assigned_object_type", of.model).with_opt(
            "assigned_object_id",
            netbox.maybe(of, "object", args.object.as_ref()).await?,
        );
    }
    let call = call
        .with_opt("q", args.q)
        .with_opt("kind", args.kind.map(word));
    let page = netbox
        .page::<JournalEntry>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(JournalRow::of))
}
