//! NetBox's change log.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::search::Kind;
use crate::call::Call;
use crate::choices::{ChangeAction, word};
use crate::client::NetBox;
use crate::ids::{Key, Named, When, Words};
use crate::kinds::OBJECT_CHANGE;
use crate::types::{ObjectChange, chosen, filled};

/// Characters of a value that are told.
const LONGEST: usize = 200;
/// What changes with every change.
const NOISE: [&str; 2] = ["last_updated", "created"];

/// Which changes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetChangelog {
    /// Text in the names of objects and users.
    q: Option<Words>,
    /// Of objects of this kind.
    object_kind: Option<Kind>,
    /// Of this object, by name, slug or id; with `object_kind`. One that is deleted goes by its id
    /// in `object_id`.
    object: Option<Named>,
    /// Of the object of this id, deleted ones too; with `object_kind`.
    #[schemars(range(min = 1, max = 999_999_999_999_u64))]
    object_id: Option<u64>,
    /// What was done.
    action: Option<ChangeAction>,
    /// By the user of this name.
    user: Option<Words>,
    /// In one request, by the id that a change answered with.
    request_id: Option<Key>,
    /// Not before this time, RFC 3339.
    since: Option<When>,
    /// Not after this time.
    until: Option<When>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ChangeRow {
    id: u64,
    time: Option<String>,
    user: Option<String>,
    /// `create`, `update` or `delete`.
    action: Option<String>,
    /// Such as `ipam.ipaddress`.
    object_type: Option<String>,
    object_id: Option<u64>,
    object: Option<String>,
    /// Why, as who changed it said.
    message: Option<String>,
    request_id: Option<String>,
    /// Of an update: what it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<FieldChange>,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct FieldChange {
    field: String,
    from: Option<String>,
    to: Option<String>,
}

/// Show what was changed in NetBox, when, by whom and why, newest first.
#[tool(
    read,
    open_world,
    permission = "netbox:changelog:read",
    title = "Show the change log",
    timeout = 60,
    untrusted(
        "items.*.object",
        "items.*.message",
        "items.*.changes.*.from",
        "items.*.changes.*.to"
    )
)]
pub(crate) async fn get_changelog(
    netbox: &NetBox,
    args: GetChangelog,
) -> ToolResult<Page<ChangeRow>> {
    if args.object_kind.is_none() && (args.object.is_some() || args.object_id.is_some()) {
        let message = "the kind of the object is needed";
        return Err(ToolError::invalid("object_kind", message));
    }
    let mut call = Call::list(&OBJECT_CHANGE).with("ordering", "-time");
    if let Some(kind) = args.object_kind {
        let of = kind.endpoint();
        let named = netbox.maybe(of, "object", args.object.as_ref()).await?;
        call = call
            .with("changed_object_type", of.model)
            .with_opt("changed_object_id", args.object_id.or(named));
    }
    let call = call
        .with_opt("q", args.q)
        .with_opt("action", args.action.map(word))
        .with_opt("user", args.user)
        .with_opt("request_id", args.request_id)
        .with_opt("time_after", args.since)
        .with_opt("time_before", args.until);
    let page = netbox
        .page::<ObjectChange>(&call, args.limit, args.cursor.as_deref())
        .await?;
    Ok(page.map(|row| ChangeRow {
        changes: changes(row.prechange_data.as_ref(), row.postchange_data.as_ref()),
        id: row.id,
        time: row.time,
        user: filled(row.user_name),
        action: chosen(row.action.as_ref()),
        object_type: row.changed_object_type,
        object_id: row.changed_object_id,
        object: filled(row.object_repr),
        message: filled(row.message),
        request_id: row.request_id,
    }))
}

/// The fields in which the two differ; none where something was made or deleted.
fn changes(
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
) -> Vec<FieldChange> {
    let (Some(before), Some(after)) = (before, after) else {
        return Vec::new();
    };
    after
        .iter()
        .filter(|(field, value)| {
            !NOISE.contains(&field.as_str()) && before.get(*field) != Some(value)
        })
        .map(|(field, value)| FieldChange {
            field: field.clone(),
            from: before.get(field).and_then(shown),
            to: shown(value),
        })
        .collect()
}

fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_fields_that_differ_are_told() {
        let before = json!({ "status": "active", "vlan": null, "last_updated": "a" });
        let after = json!({ "status": "reserved", "vlan": null, "last_updated": "b" });

        let told = changes(before.as_object(), after.as_object());

        let status = FieldChange {
            field: "status".into(),
            from: Some("active".into()),
            to: Some("reserved".into()),
        };
        assert_eq!(told, [status]);
        assert_eq!(changes(None, after.as_object()), []);
    }
}
