//! Groups of clients.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Change, Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rules::page;
use crate::call::Call;
use crate::client::{DEFAULT_GROUP, Pihole, not_taken};
use crate::each::{OnHosts, all_took, on_each, target};
use crate::host::Host;
use crate::types::{GroupRow, Processed};

/// Which page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListGroups {
    /// The Pi-hole to ask; default the first of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 600))]
    cursor: Option<String>,
}

/// The new group.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateGroup {
    /// Its name.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// What it is for.
    #[schemars(length(max = 300))]
    comment: Option<String>,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// What changes of a group.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateGroup {
    /// Its name.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Its name from now on.
    #[schemars(length(min = 1, max = 100))]
    new_name: Option<String>,
    /// What it is for.
    #[schemars(length(max = 300))]
    comment: Option<String>,
    /// Whether its rules and lists are in force.
    enabled: Option<bool>,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Which group.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteGroup {
    /// Its name.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// A group of clients.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct GroupItem {
    name: String,
    comment: Option<String>,
    /// Whether its rules and lists are in force.
    enabled: bool,
    /// Number on this Pi-hole; it differs between Pi-holes.
    id: i64,
}

/// What became of a group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct GroupDeleted {
    /// False where there was none.
    removed: bool,
}

impl From<GroupRow> for GroupItem {
    fn from(row: GroupRow) -> Self {
        Self {
            name: row.name,
            comment: row.comment.filter(|comment| !comment.is_empty()),
            enabled: row.enabled,
            id: row.id,
        }
    }
}

/// List the groups, by which rules and lists hold for some clients alone.
#[tool(
    read,
    open_world,
    permission = "pihole:group:read",
    title = "List groups",
    timeout = 90,
    untrusted("items.comment")
)]
pub(crate) async fn list_groups(pihole: &Pihole, args: ListGroups) -> ToolResult<Page<GroupItem>> {
    let rows = pihole.host(args.host.as_deref())?.groups().await?;
    let page = page(rows, args.limit, args.cursor.as_deref(), |row| {
        row.name.clone()
    })?;
    Ok(page.map(GroupItem::from))
}

/// Make a group of clients, on all Pi-holes of the instance.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:group:create",
    title = "Make a group",
    timeout = 120,
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    read_back = all_took
)]
pub(crate) async fn create_group(
    pihole: &Pihole,
    args: CreateGroup,
) -> ToolResult<OnHosts<GroupItem>> {
    let name = group_name("name", &args.name)?;
    let (name, comment) = (name.as_str(), args.comment.as_deref());
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| async move {
        let body = json!({ "name": name, "comment": comment, "enabled": true });
        let done: Processed = host
            .json(&Call::post("add_group", "/api/groups", body))
            .await?;
        let errors = done.processed.unwrap_or_default().errors;
        if let Some(error) = errors
            .iter()
            .find(|error| !error.error.starts_with("UNIQUE"))
        {
            return Err(not_taken(&host.name, name, &error.error));
        }
        host.group(name).await.map(GroupItem::from)
    })
    .await
}

/// Rename a group, switch it on or off, or change its comment, on all Pi-holes of the instance.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:group:update",
    title = "Change a group",
    timeout = 120,
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = all_took
)]
pub(crate) async fn update_group(
    pihole: &Pihole,
    args: UpdateGroup,
) -> ToolResult<OnHosts<GroupItem>> {
    args.check()?;
    let hosts = pihole.chosen(args.host.as_deref())?;
    let args = &args;
    on_each(hosts, |host| async move {
        let before = host.group(&args.name).await?;
        if args.new_name.is_some() && before.id == DEFAULT_GROUP {
            return Err(is_default("new_name"));
        }
        let name = args.new_name.as_deref().unwrap_or(&args.name);
        // What is not said again would be lost.
        let body = json!({
            "name": name,
            "comment": args.comment.as_ref().or(before.comment.as_ref()),
            "enabled": args.enabled.unwrap_or(before.enabled),
        });
        let call = Call::put("set_group", "/api/groups/{}", &[&args.name]).body(body);
        let done: Processed = host.json(&call).await?;
        if let Some(error) = done.processed.unwrap_or_default().errors.first() {
            return Err(not_taken(&host.name, name, &error.error));
        }
        // After a rename the answer shows nothing: it is read under its new name.
        host.group(name).await.map(GroupItem::from)
    })
    .await
}

/// Delete a group, on all Pi-holes of the instance; what was in it alone has no effect any more.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pihole:group:delete",
    title = "Delete a group",
    timeout = 120,
    preview = preview_delete,
    targets = delete_targets,
    read_back = all_took
)]
pub(crate) async fn delete_group(
    pihole: &Pihole,
    args: DeleteGroup,
) -> ToolResult<OnHosts<GroupDeleted>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    let name = args.name.as_str();
    on_each(hosts, |host| async move {
        let found = host.groups().await?;
        match found.iter().find(|group| group.name == name) {
            None => Ok(GroupDeleted { removed: false }),
            // It comes back by itself, and what was in it would have lost it.
            Some(group) if group.id == DEFAULT_GROUP => Err(is_default("name")),
            Some(_) => {
                let call = Call::delete("remove_group", "/api/groups/{}", &[&name]);
                let removed = host.removed(&call).await?;
                Ok(GroupDeleted { removed })
            }
        }
    })
    .await
}

fn is_default(field: &str) -> ToolError {
    ToolError::invalid(
        field,
        "this is the group of everybody, which must stay as it is",
    )
    .reason("default_group")
    .hint("make a group of your own with `create_group`")
}

impl Host {
    async fn group(&self, name: &str) -> ToolResult<GroupRow> {
        let found = self.groups().await?;
        found
            .into_iter()
            .find(|group| group.name == name)
            .ok_or_else(|| {
                let message = format!("`{}` has no group `{name}`", self.name);
                ToolError::new(Code::NotFound, message)
                    .reason("group_not_found")
                    .field("name")
                    .hint("see `list_groups`")
            })
    }
}

/// Pi-hole takes spaces for the end of a name unless they are quoted, so there are none at the ends.
fn group_name(field: &str, text: &str) -> ToolResult<String> {
    let name = text.trim();
    if name.is_empty() || name.contains(char::is_control) {
        return Err(ToolError::invalid(field, "a group has a name on one line"));
    }
    Ok(name.to_owned())
}

impl UpdateGroup {
    fn check(&self) -> ToolResult<()> {
        if let Some(name) = &self.new_name {
            group_name("new_name", name)?;
        }
        if self.new_name.is_none() && self.comment.is_none() && self.enabled.is_none() {
            let message = "nothing is to be changed";
            return Err(ToolError::invalid("enabled", message)
                .hint("give `new_name`, `comment` or `enabled`"));
        }
        Ok(())
    }
}

async fn preview_create(pihole: &Pihole, args: &CreateGroup) -> ToolResult<Preview> {
    let name = group_name("name", &args.name)?;
    let mut changes = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        let there = host.groups().await?.iter().any(|group| group.name == name);
        changes.push(Change {
            field: format!("group on {}", host.name),
            from: there.then(|| name.clone()),
            to: Some(name.clone()),
        });
    }
    Ok(Preview {
        summary: format!("make the group `{name}`"),
        changes,
        impact: Vec::new(),
    })
}

async fn preview_update(pihole: &Pihole, args: &UpdateGroup) -> ToolResult<Preview> {
    args.check()?;
    let before = pihole.host(args.host.as_deref())?.group(&args.name).await?;
    let mut changes = Vec::new();
    let mut change = |field: &str, from: String, to: Option<String>| {
        changes.extend(to.filter(|to| *to != from).map(|to| Change {
            field: field.to_owned(),
            from: Some(from),
            to: Some(to),
        }));
    };
    change("name", before.name, args.new_name.clone());
    change(
        "comment",
        before.comment.unwrap_or_default(),
        args.comment.clone(),
    );
    change(
        "enabled",
        before.enabled.to_string(),
        args.enabled.map(|on| on.to_string()),
    );
    Ok(Preview {
        summary: format!("change the group `{}`", args.name),
        changes,
        impact: Vec::new(),
    })
}

async fn preview_delete(pihole: &Pihole, args: &DeleteGroup) -> ToolResult<Preview> {
    let mut impact = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        let id = host.group(&args.name).await?.id;
        let rules = host.rules().await?;
        let clients = host.clients().await?;
        let rules = rules.iter().filter(|row| row.groups.contains(&id)).count();
        let clients = clients
            .iter()
            .filter(|row| row.groups.contains(&id))
            .count();
        impact.push(format!(
            "{}: {rules} rules and {clients} clients lose it",
            host.name
        ));
    }
    Ok(Preview {
        summary: format!("delete the group `{}`", args.name),
        changes: Vec::new(),
        impact,
    })
}

async fn create_targets(_pihole: &Pihole, args: &CreateGroup) -> ToolResult<Vec<Target>> {
    Ok(vec![target("group", &args.name)])
}

async fn update_targets(_pihole: &Pihole, args: &UpdateGroup) -> ToolResult<Vec<Target>> {
    Ok(vec![target("group", &args.name)])
}

async fn delete_targets(_pihole: &Pihole, args: &DeleteGroup) -> ToolResult<Vec<Target>> {
    Ok(vec![target("group", &args.name)])
}

async fn undo_create(pihole: &Pihole, args: &CreateGroup) -> ToolResult<Option<Inverse>> {
    let groups = pihole.host(args.host.as_deref())?.groups().await?;
    let there = groups.iter().any(|group| group.name == args.name.trim());
    Ok((!there).then(|| Inverse {
        tool: "delete_group".to_owned(),
        arguments: json!({ "name": args.name.trim(), "host": args.host }),
    }))
}

async fn undo_update(pihole: &Pihole, args: &UpdateGroup) -> ToolResult<Option<Inverse>> {
    let before = pihole.host(args.host.as_deref())?.group(&args.name).await?;
    let name = args.new_name.as_deref().unwrap_or(&args.name);
    Ok(Some(Inverse {
        tool: "update_group".to_owned(),
        arguments: json!({
            "name": name,
            "new_name": (name != before.name).then_some(&before.name),
            "comment": before.comment.unwrap_or_default(),
            "enabled": before.enabled,
            "host": args.host,
        }),
    }))
}
