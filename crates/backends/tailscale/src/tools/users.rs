//! Users: listing, approving, suspending.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::Call;
use crate::client::Tailscale;
use crate::ids::UserRef;
use crate::types::{User, Users, given};
use homelab_backend::page::page;

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
    let found = tailscale.users().await?;
    let wanted = |user: &User| {
        args.status
            .as_ref()
            .is_none_or(|status| user.status == *status)
    };
    let rows: Vec<UserItem> = found.into_iter().filter(wanted).map(UserItem::of).collect();
    let key = |row: &UserItem| format!("{} {}", row.login_name, row.user_id);
    page(rows, args.limit, args.cursor.as_deref(), key)
}

impl UserItem {
    fn of(user: User) -> Self {
        Self {
            user_id: user.id,
            login_name: user.login_name,
            display_name: user.display_name,
            role: user.role,
            status: user.status,
            kind: user.kind,
            device_count: user.device_count,
            online: user.currently_connected,
            last_seen: given(user.last_seen),
        }
    }
}

impl Tailscale {
    /// `GET /tailnet/{tailnet}/users`.
    async fn users(&self) -> ToolResult<Vec<User>> {
        let call = Call::get("users", "/tailnet/{}/users", &[&self.tailnet]).scope("users:read");
        Ok(self.api.data::<Users>(&call).await?.users)
    }

    /// The user that a caller names.
    async fn user(&self, which: &UserRef) -> ToolResult<User> {
        let name = which.as_ref();
        let is = |user: &User| user.id == name || user.login_name.eq_ignore_ascii_case(name);
        self.users().await?.into_iter().find(is).ok_or_else(|| {
            ToolError::not_found(format!("no user `{name}` in the tailnet"))
                .reason("user_not_found")
                .field("user")
                .hint("call `list_tailscale_users`")
        })
    }

    /// `POST /users/{id}/{approve,suspend,restore}`.
    async fn set_user(&self, user: &User, template: &'static str) -> ToolResult<UserChanged> {
        let call = Call::post("user_set", template, &[&user.id])
            .scope("users")
            .vendor_only()
            .idempotent();
        self.api.done(&call).await?;
        let id = user.id.parse().map_err(|_| {
            let message = "the user has no id that we can read";
            ToolError::new(Code::UpstreamRejected, message).reason("unexpected_answer")
        })?;
        Ok(UserChanged {
            user: UserItem::of(self.user(&id).await?),
        })
    }
}

fn target_of(user: &User) -> Target {
    Target {
        kind: "user".to_owned(),
        id: user.id.clone(),
        name: Some(user.login_name.clone()),
        tags: Vec::new(),
    }
}

/// A user after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UserChanged {
    /// As read afterwards.
    user: UserItem,
}

/// Which user.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveUser {
    /// The user: id or login name.
    user: UserRef,
}

/// Approve a user who waits to join the tailnet.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "tailscale:user:approve",
    title = "Approve a user",
    timeout = 60,
    untrusted("user.display_name"),
    preview = preview_approve,
    targets = approve_targets,
    inverse = undo_approve,
    read_back = check_approve
)]
pub(crate) async fn approve_user(
    tailscale: &Tailscale,
    args: ApproveUser,
) -> ToolResult<UserChanged> {
    let user = tailscale.user(&args.user).await?;
    if user.status != WAITING {
        let message = format!(
            "`{}` does not wait to be approved: {}",
            user.login_name, user.status
        );
        return Err(ToolError::new(Code::Conflict, message)
            .reason("user_status")
            .hint("`suspend_user` with `suspended: false` brings a suspended user back"));
    }
    tailscale.set_user(&user, "/users/{}/approve").await
}

const WAITING: &str = "needs-approval";
const SUSPENDED: &str = "suspended";

async fn preview_approve(tailscale: &Tailscale, args: &ApproveUser) -> ToolResult<Preview> {
    let user = tailscale.user(&args.user).await?;
    Ok(preview_of(&user, "approve", "active"))
}

fn preview_of(user: &User, verb: &str, to: &str) -> Preview {
    Preview {
        summary: format!("{verb} the user `{}`", user.login_name),
        changes: vec![Change {
            field: "status".to_owned(),
            from: Some(user.status.clone()),
            to: Some(to.to_owned()),
        }],
        impact: vec![format!("role {}, {} devices", user.role, user.device_count)],
    }
}

async fn approve_targets(tailscale: &Tailscale, args: &ApproveUser) -> ToolResult<Vec<Target>> {
    Ok(vec![target_of(&tailscale.user(&args.user).await?)])
}

/// Nobody waits again; suspending keeps out likewise.
async fn undo_approve(tailscale: &Tailscale, args: &ApproveUser) -> ToolResult<Option<Inverse>> {
    let user = tailscale.user(&args.user).await?;
    Ok((user.status == WAITING).then(|| Inverse {
        tool: "suspend_user".to_owned(),
        arguments: json!({ "user": user.id, "suspended": true }),
    }))
}

async fn check_approve(
    _: &Tailscale,
    _: &ApproveUser,
    done: &UserChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(mismatch(done, done.user.status != WAITING, "active"))
}

fn mismatch(done: &UserChanged, right: bool, wanted: &str) -> Vec<Mismatch> {
    let mismatch = (!right).then(|| Mismatch {
        field: "user",
        wanted: wanted.to_owned(),
        found: done.user.status.clone(),
    });
    mismatch.into_iter().collect()
}

/// Which user, and whether.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuspendUser {
    /// The user: id or login name.
    user: UserRef,
    /// Keep the user and all of its devices out, or with `false` no longer; default true.
    #[serde(default = "yes")]
    suspended: bool,
}

fn yes() -> bool {
    true
}

/// Suspend a user, whose devices all lose their connection, or with `suspended: false` bring one back.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:user:suspend",
    title = "Suspend a user",
    timeout = 60,
    untrusted("user.display_name"),
    effect = suspend_effect,
    preview = preview_suspend,
    targets = suspend_targets,
    inverse = undo_suspend,
    read_back = check_suspend
)]
pub(crate) async fn suspend_user(
    tailscale: &Tailscale,
    args: SuspendUser,
) -> ToolResult<UserChanged> {
    let user = tailscale.user(&args.user).await?;
    if (user.status == SUSPENDED) == args.suspended {
        return Ok(UserChanged {
            user: UserItem::of(user),
        });
    }
    let template = if args.suspended {
        "/users/{}/suspend"
    } else {
        "/users/{}/restore"
    };
    tailscale.set_user(&user, template).await
}

/// Bringing back takes nothing from anybody.
fn suspend_effect(_: &Tailscale, args: &SuspendUser) -> Effect {
    if args.suspended {
        Effect::Destructive
    } else {
        Effect::Write
    }
}

async fn preview_suspend(tailscale: &Tailscale, args: &SuspendUser) -> ToolResult<Preview> {
    let user = tailscale.user(&args.user).await?;
    let (verb, to) = if args.suspended {
        ("suspend", SUSPENDED)
    } else {
        ("bring back", "active")
    };
    Ok(preview_of(&user, verb, to))
}

async fn suspend_targets(tailscale: &Tailscale, args: &SuspendUser) -> ToolResult<Vec<Target>> {
    Ok(vec![target_of(&tailscale.user(&args.user).await?)])
}

async fn undo_suspend(tailscale: &Tailscale, args: &SuspendUser) -> ToolResult<Option<Inverse>> {
    let user = tailscale.user(&args.user).await?;
    let before = user.status == SUSPENDED;
    Ok((before != args.suspended).then(|| Inverse {
        tool: "suspend_user".to_owned(),
        arguments: json!({ "user": user.id, "suspended": before }),
    }))
}

async fn check_suspend(
    _: &Tailscale,
    args: &SuspendUser,
    done: &UserChanged,
) -> ToolResult<Vec<Mismatch>> {
    let right = (done.user.status == SUSPENDED) == args.suspended;
    Ok(mismatch(
        done,
        right,
        if args.suspended { SUSPENDED } else { "active" },
    ))
}
