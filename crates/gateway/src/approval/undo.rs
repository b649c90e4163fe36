//! Taking a change back: the call that the tool named as its inverse, through the same policy.

use homelab_core::audit::{AuditEntry, EntryKind};
use homelab_core::call::{CallContext, CredentialKind, Format, ToolCall};
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::{MAX_LIMIT, PageRequest};
use homelab_core::policy::Role;
use homelab_core::server::Endpoint;
use homelab_core::store::AuditFilter;
use homelab_core::tool::{Inverse, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::control::Desk;

/// How far a row's time may be from that in its id, which is made a moment earlier.
const SKEW: i64 = 2_000_000;
/// Pages of rows of that time that are looked through.
const MOST_PAGES: usize = 50;

/// Which change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Undo {
    /// `audit_id` from the answer of the change.
    #[schemars(length(min = 36, max = 36))]
    audit_id: String,
}

/// What took the change back.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Undone {
    /// The tool that was called.
    tool: String,
    /// At this instance.
    instance: String,
    /// With these arguments.
    arguments: Map<String, Value>,
    /// What it answered.
    result: Map<String, Value>,
}

/// Undo a change made earlier: runs the opposite call, which may need approval like any other.
#[tool(
    write,
    permission = "control:call:undo",
    aggregated = "undo",
    title = "Undo a change",
    timeout = 1800
)]
pub(super) async fn undo(desk: &Desk, args: Undo, ctx: &CallContext) -> ToolResult<Undone> {
    let row = find(desk, &args.audit_id, ctx).await?;
    let inverse = inverse(&row)?;
    let Value::Object(arguments) = inverse.arguments else {
        return Err(ToolError::internal("the kept arguments are no object"));
    };
    let call = ToolCall {
        endpoint: Endpoint::Server(row.target_id.as_str().into()),
        name: inverse.tool.clone(),
        arguments: arguments.clone(),
        format: Format::Json,
        context: CallContext {
            deadline: None,
            ..ctx.clone()
        },
    };
    let reply = desk.caller()?.call(call).await?;
    let Value::Object(result) = reply.structured else {
        return Err(ToolError::internal("the result is no object"));
    };
    Ok(Undone {
        tool: inverse.tool,
        instance: row.target_id,
        arguments,
        result,
    })
}

/// The row of a change that this caller made; admins and owners take back anybody's.
async fn find(desk: &Desk, id: &str, ctx: &CallContext) -> ToolResult<AuditEntry> {
    let made = made_at(id).ok_or_else(|| {
        ToolError::invalid("audit_id", "this is no id of an audit row")
            .hint("pass the `audit_id` that the change answered with")
    })?;
    let filter = AuditFilter {
        since: Some(Micros(made.saturating_sub(SKEW))),
        until: Some(Micros(made.saturating_add(SKEW))),
        ..AuditFilter::default()
    };
    let mut page = PageRequest::first(MAX_LIMIT);
    for _ in 0..MOST_PAGES {
        let rows = desk.log.show(&filter, &page).await?;
        let found = rows.items.into_iter().find(|row| row.entry.id == id);
        if let Some(row) = found.filter(|row| may_undo(ctx, &row.entry)) {
            return Ok(row.entry);
        }
        let Some(cursor) = rows.next_cursor else {
            break;
        };
        page = PageRequest::from_args(Some(MAX_LIMIT), Some(&cursor))?;
    }
    Err(
        ToolError::not_found(format!("no change of yours has the audit id `{id}`"))
            .field("audit_id"),
    )
}

fn may_undo(ctx: &CallContext, row: &AuditEntry) -> bool {
    let caller = &ctx.principal;
    row.kind == EntryKind::Outcome
        && (row.credential == caller.credential
            || caller.kind == CredentialKind::Owner
            || caller.role == Role::Admin)
}

fn inverse(row: &AuditEntry) -> ToolResult<Inverse> {
    let details: Value = row
        .details
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let Some(kept) = details.get("inverse") else {
        return Err(ToolError::new(
            Code::Conflict,
            format!("`{}` cannot be undone: it has no opposite", row.action),
        )
        .reason("no_inverse")
        .hint("read the object and change it back by hand"));
    };
    if kept.get("incomplete") == Some(&Value::Bool(true)) {
        return Err(ToolError::new(
            Code::Conflict,
            format!("`{}` cannot be undone by itself: its earlier state held a secret, which the audit does not keep", row.action),
        )
        .reason("inverse_incomplete")
        .hint("change it back by hand, with the secret"));
    }
    serde_json::from_value(kept.clone())
        .map_err(|_| ToolError::internal("the kept inverse cannot be read"))
}

/// When a UUIDv7 was made, microseconds (RFC 9562 §5.7: 48 bits of milliseconds come first).
fn made_at(id: &str) -> Option<i64> {
    let parsed = uuid::Uuid::try_parse(id).ok()?;
    if parsed.get_version_num() != 7 {
        return None;
    }
    let millis = u64::try_from(parsed.as_u128() >> 80).ok()?;
    i64::try_from(millis).ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_read_from_the_id() {
        // RFC 9562 appendix A.6: Tuesday, February 22, 2022 2:22:22 PM GMT-05:00.
        let made = made_at("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");

        assert_eq!(made, Some(1_645_557_742_000_000));
        assert_eq!(made_at("919108f7-52d1-4320-9bac-f847db4148a8"), None);
        assert_eq!(made_at("nonsense"), None);
    }
}
