//! The tailnet as a whole: settings, users, what was changed.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::{NoArgs, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::Call;
use crate::client::Tailscale;
use crate::page::page;
use crate::types::{AuditLog, AuditRow, Settings, User, Users, given};

/// Characters of an old or new value in the log.
const LONGEST_VALUE: usize = 200;

/// Settings of the tailnet.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TailnetSettings {
    /// Whether new devices wait to be authorized.
    devices_approval_on: Option<bool>,
    /// Whether new users wait to be approved.
    users_approval_on: Option<bool>,
    /// Days after which keys of devices end.
    devices_key_duration_days: Option<u32>,
    devices_auto_updates_on: Option<bool>,
    /// Whether the policy is kept in a repository, which overwrites changes made here.
    acls_externally_managed_on: Option<bool>,
    /// Where it is kept.
    acls_external_link: Option<String>,
    /// Who may join other tailnets.
    users_role_allowed_to_join_external_tailnets: Option<String>,
    network_flow_logging_on: Option<bool>,
    regional_routing_on: Option<bool>,
    posture_identity_collection_on: Option<bool>,
    https_enabled: Option<bool>,
}

/// Get the settings of the tailnet: approval of devices and users, key duration, where the policy is managed.
#[tool(
    read,
    open_world,
    permission = "tailscale:settings:read",
    title = "Get tailnet settings",
    timeout = 60
)]
pub(crate) async fn get_tailnet_settings(
    tailscale: &Tailscale,
    _args: NoArgs,
) -> ToolResult<TailnetSettings> {
    let found: Settings = tailscale.settings().await?;
    Ok(TailnetSettings {
        devices_approval_on: found.devices_approval_on,
        users_approval_on: found.users_approval_on,
        devices_key_duration_days: found.devices_key_duration_days,
        devices_auto_updates_on: found.devices_auto_updates_on,
        acls_externally_managed_on: found.acls_externally_managed_on,
        acls_external_link: given(found.acls_external_link),
        users_role_allowed_to_join_external_tailnets: found
            .users_role_allowed_to_join_external_tailnets,
        network_flow_logging_on: found.network_flow_logging_on,
        regional_routing_on: found.regional_routing_on,
        posture_identity_collection_on: found.posture_identity_collection_on,
        https_enabled: found.https_enabled,
    })
}

/// Which users.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListUsers {
    /// Only those with this status: `active`, `idle`, `suspended`, `needs-approval`, …
    #[schemars(length(max = 40))]
    status: Option<String>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A user.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UserItem {
    user_id: String,
    login_name: String,
    /// What the user calls itself.
    display_name: String,
    role: String,
    status: String,
    /// `member`, or `shared` for somebody of another tailnet.
    #[serde(rename = "type")]
    kind: String,
    device_count: u32,
    online: Option<bool>,
    last_seen: Option<String>,
}

/// List the users of the tailnet with role, status and number of devices.
#[tool(
    read,
    open_world,
    permission = "tailscale:user:read",
    title = "List users",
    timeout = 60,
    untrusted("items.*.display_name")
)]
pub(crate) async fn list_tailscale_users(
    tailscale: &Tailscale,
    args: ListUsers,
) -> ToolResult<Page<UserItem>> {
    let call = Call::get("users", "/tailnet/{}/users", &[&tailscale.tailnet]).scope("users:read");
    let found: Users = tailscale.api.data(&call).await?;
    let wanted = |user: &User| {
        args.status
            .as_ref()
            .is_none_or(|status| user.status == *status)
    };
    let rows: Vec<UserItem> = found
        .users
        .into_iter()
        .filter(wanted)
        .map(|user| UserItem {
            user_id: user.id,
            login_name: user.login_name,
            display_name: user.display_name,
            role: user.role,
            status: user.status,
            kind: user.kind,
            device_count: user.device_count,
            online: user.currently_connected,
            last_seen: given(user.last_seen),
        })
        .collect();
    let key = |row: &UserItem| format!("{} {}", row.login_name, row.user_id);
    page(rows, args.limit, args.cursor.as_deref(), key)
}

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
