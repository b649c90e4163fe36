//! What was changed in the tailnet.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::Call;
use crate::client::Tailscale;
use crate::types::{AuditLog, AuditRow, given};
use homelab_backend::page::page;

/// Characters of an old or new value in the log.
const LONGEST_VALUE: usize = 200;

/// Which changes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetAuditLog {
    /// Hours back from now; default 24.
    #[schemars(range(min = 1, max = 720))]
    since_hours: Option<u32>,
    /// Rows of a page, newest first; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditItem {
    time: String,
    /// Who.
    actor: String,
    /// From where: `ADMIN_CONSOLE`, `CONFIG_API`, `NODE`, …
    origin: String,
    /// `CREATE`, `UPDATE`, `DELETE`, …
    action: String,
    /// To what.
    target: String,
    /// Which property of it.
    property: Option<String>,
    old: Option<String>,
    new: Option<String>,
    error: Option<String>,
    #[serde(skip)]
    key: String,
}

impl AuditItem {
    fn of(index: usize, row: AuditRow) -> Self {
        let text = |value: &Value, name: &str| {
            value[name]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let actor = ["loginName", "displayName", "id"]
            .iter()
            .find_map(|name| text(&row.actor, name))
            .unwrap_or_default();
        let kind = text(&row.target, "type").unwrap_or_default();
        let name = text(&row.target, "name").or_else(|| text(&row.target, "id"));
        // Newest first: the digits of its time, turned round.
        let turned: String = row
            .event_time
            .chars()
            .map(|letter| match letter.to_digit(10) {
                Some(digit) => char::from_digit(9 - digit, 10).unwrap_or(letter),
                None => letter,
            })
            .collect();
        Self {
            key: format!("{turned} {} {index:06}", row.event_group_id),
            time: row.event_time,
            actor,
            origin: row.origin,
            action: row.action,
            target: format!("{kind} {}", name.unwrap_or_default())
                .trim()
                .to_owned(),
            property: text(&row.target, "property"),
            old: row.old.as_ref().map(short),
            new: row.new.as_ref().map(short),
            error: given(row.error),
        }
    }
}

/// A value in few words.
fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text,
    }
}

/// Get what was changed in the tailnet's configuration, by whom and from where, newest first.
#[tool(
    read,
    open_world,
    permission = "tailscale:audit:read",
    title = "Get the configuration log",
    timeout = 90,
    untrusted("items.*.actor", "items.*.target", "items.*.old", "items.*.new")
)]
pub(crate) async fn get_audit_log(
    tailscale: &Tailscale,
    args: GetAuditLog,
) -> ToolResult<Page<AuditItem>> {
    let now = tailscale.now();
    let start = now.plus_seconds(-3600 * i64::from(args.since_hours.unwrap_or(24)));
    let call = Call::get(
        "audit_log",
        "/tailnet/{}/logging/configuration",
        &[&tailscale.tailnet],
    )
    .with("start", start.to_rfc3339())
    .with("end", now.to_rfc3339())
    .scope("logs:configuration:read")
    .vendor_only();
    let found: AuditLog = tailscale.api.data(&call).await?;
    let rows: Vec<AuditItem> = found
        .logs
        .into_iter()
        .enumerate()
        .map(|(index, row)| AuditItem::of(index, row))
        .collect();
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        row.key.clone()
    })
}
