//! Lists of domains that are fetched.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Change, Inverse, Preview, Target, tool};
use homelab_upstream::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rules::page;
use crate::call::Call;
use crate::client::{DEFAULT_GROUP, Pihole, named, not_taken};
use crate::each::{OnHosts, all_took, on_each, target};
use crate::host::Host;
use crate::times::time;
use crate::types::{GroupNames, ListRow, Processed};

/// What a list does with its domains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListType {
    #[default]
    Block,
    Allow,
}

impl ListType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Allow => "allow",
        }
    }
}

/// Which page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListBlocklists {
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

/// The list, and for whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddBlocklist {
    /// Where it is fetched: `https://…`, `http://…` or `file://…`.
    #[schemars(length(min = 8, max = 500))]
    address: String,
    /// Whether its domains are blocked or allowed; default `block`.
    #[serde(default, rename = "type")]
    of_type: ListType,
    /// What it is.
    #[schemars(length(max = 300))]
    comment: Option<String>,
    /// Names of groups whose clients it is for; default the group of everybody.
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 100)))]
    groups: Option<Vec<String>>,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Which list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveBlocklist {
    /// Its address.
    #[schemars(length(min = 8, max = 500))]
    address: String,
    /// Whether its domains are blocked or allowed; default `block`.
    #[serde(default, rename = "type")]
    of_type: ListType,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// A list that is fetched.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ListItem {
    address: String,
    /// `block` or `allow`.
    #[serde(rename = "type")]
    of_type: String,
    enabled: bool,
    comment: Option<String>,
    /// Names of the groups whose clients it is for.
    groups: Vec<String>,
    /// `never fetched`, `updated`, `unchanged`, `old copy used`, `nothing used`.
    status: String,
    domains: i64,
    invalid_domains: i64,
    /// RFC 3339.
    updated_at: Option<String>,
}

/// What became of a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ListAdded {
    list: ListItem,
    /// Its domains count after `update_pihole_gravity` alone.
    needs_gravity: bool,
}

/// What became of a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ListRemoved {
    /// False where there was none.
    removed: bool,
    /// Its domains go with `update_pihole_gravity` alone.
    needs_gravity: bool,
}

impl ListItem {
    fn of(row: ListRow, names: &GroupNames) -> Self {
        Self {
            groups: named(&row.groups, names),
            address: row.address,
            of_type: row.of_type,
            enabled: row.enabled,
            comment: row.comment.filter(|comment| !comment.is_empty()),
            status: match row.status {
                1 => "updated",
                2 => "unchanged",
                3 => "old copy used",
                4 => "nothing used",
                _ => "never fetched",
            }
            .to_owned(),
            domains: row.number,
            invalid_domains: row.invalid_domains,
            updated_at: time(row.date_updated),
        }
    }
}

/// List the lists of domains that are fetched, with their state and size.
#[tool(
    read,
    open_world,
    permission = "pihole:list:read",
    title = "List the lists of domains",
    timeout = 90,
    untrusted("items.comment")
)]
pub(crate) async fn list_blocklists(
    pihole: &Pihole,
    args: ListBlocklists,
) -> ToolResult<Page<ListItem>> {
    let host = pihole.host(args.host.as_deref())?;
    let rows = host.lists().await?;
    let names = host.group_names().await?;
    let key = |row: &ListRow| format!("{}\n{}", row.address, row.of_type);
    let page = page(rows, args.limit, args.cursor.as_deref(), key)?;
    Ok(page.map(|row| ListItem::of(row, &names)))
}

/// Add a list of domains, on all Pi-holes of the instance; it counts after `update_pihole_gravity`.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:list:add",
    title = "Add a list of domains",
    timeout = 120,
    untrusted("hosts.result.list.comment"),
    preview = preview_add,
    targets = add_targets,
    inverse = undo_add,
    read_back = all_took
)]
pub(crate) async fn add_blocklist(
    pihole: &Pihole,
    args: AddBlocklist,
) -> ToolResult<OnHosts<ListAdded>> {
    let address = clean_address(&args.address)?;
    let (address, args) = (address.as_str(), &args);
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| async move {
        let groups = match &args.groups {
            None => vec![DEFAULT_GROUP],
            Some(names) => host.group_ids(names).await?,
        };
        let body = json!({
            "address": address, "comment": args.comment, "groups": groups, "enabled": true,
        });
        let call = Call::post("add_list", "/api/lists", body).query("type", args.of_type.as_str());
        let done: Processed = host.json(&call).await?;
        let errors = done.processed.unwrap_or_default().errors;
        if let Some(error) = errors
            .iter()
            .find(|error| !error.error.starts_with("UNIQUE"))
        {
            return Err(not_taken(&host.name, address, &error.error));
        }
        let names = host.group_names().await?;
        let mut row = host.list(address, args.of_type).await?;
        if !row.enabled {
            row.enabled = true;
            host.done(&put_call(&row)).await?;
            row = host.list(address, args.of_type).await?;
        }
        Ok(ListAdded {
            needs_gravity: row.status == 0,
            list: ListItem::of(row, &names),
        })
    })
    .await
}

/// Remove a list of domains, on all Pi-holes of the instance; its domains go with `update_pihole_gravity`.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pihole:list:remove",
    title = "Remove a list of domains",
    timeout = 120,
    preview = preview_remove,
    targets = remove_targets,
    inverse = undo_remove,
    read_back = all_took
)]
pub(crate) async fn remove_blocklist(
    pihole: &Pihole,
    args: RemoveBlocklist,
) -> ToolResult<OnHosts<ListRemoved>> {
    let call = remove_call(args.address.trim(), args.of_type.as_str());
    let call = &call;
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| async move {
        let removed = host.removed(call).await?;
        Ok(ListRemoved {
            removed,
            needs_gravity: removed,
        })
    })
    .await
}

pub(super) fn remove_call(address: &str, of_type: &str) -> Call {
    Call::delete("remove_list", "/api/lists/{}", &[&address]).query("type", of_type)
}

/// A list as it is. What is not said again would be lost.
pub(super) fn put_call(row: &ListRow) -> Call {
    Call::put("set_list", "/api/lists/{}", &[&row.address])
        .query("type", &row.of_type)
        .body(json!({ "comment": row.comment, "groups": row.groups, "enabled": row.enabled }))
}

fn clean_address(text: &str) -> ToolResult<String> {
    let address = text.trim();
    let wrong = |what: &str| {
        ToolError::invalid("address", what.to_owned())
            .hint("write it like `https://lists.example/ads/hosts.txt`")
    };
    let url = Url::parse(address).map_err(|_| wrong("this is not an address"))?;
    if !matches!(url.scheme(), "http" | "https" | "file") {
        return Err(wrong("the address is none of https, http and file"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("the address holds a user or password"));
    }
    if address.contains(char::is_whitespace) {
        return Err(wrong("the address has spaces"));
    }
    Ok(address.to_owned())
}

impl Host {
    async fn list(&self, address: &str, of_type: ListType) -> ToolResult<ListRow> {
        let found = self.lists().await?.into_iter();
        let mut found =
            found.filter(|row| row.address == address && row.of_type == of_type.as_str());
        found.next().ok_or_else(|| {
            let message = format!("`{}` has no list `{address}` of this type", self.name);
            ToolError::new(Code::NotFound, message)
                .reason("list_not_found")
                .hint("see `list_blocklists`")
        })
    }
}

async fn preview_add(pihole: &Pihole, args: &AddBlocklist) -> ToolResult<Preview> {
    let address = clean_address(&args.address)?;
    let mut changes = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        if let Some(names) = &args.groups {
            host.group_ids(names).await?;
        }
        let there = host.list(&address, args.of_type).await.is_ok();
        changes.push(Change {
            field: format!("list on {}", host.name),
            from: there.then(|| address.clone()),
            to: Some(address.clone()),
        });
    }
    Ok(Preview {
        summary: format!("add the {} list `{address}`", args.of_type.as_str()),
        changes,
        impact: vec!["its domains count after `update_pihole_gravity`".to_owned()],
    })
}

async fn preview_remove(pihole: &Pihole, args: &RemoveBlocklist) -> ToolResult<Preview> {
    let mut impact = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        let row = host.list(args.address.trim(), args.of_type).await?;
        impact.push(format!("{}: {} domains go with it", host.name, row.number));
    }
    Ok(Preview {
        summary: format!(
            "remove the {} list `{}`",
            args.of_type.as_str(),
            args.address.trim()
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn add_targets(_pihole: &Pihole, args: &AddBlocklist) -> ToolResult<Vec<Target>> {
    Ok(vec![target("list", args.address.trim())])
}

async fn remove_targets(_pihole: &Pihole, args: &RemoveBlocklist) -> ToolResult<Vec<Target>> {
    Ok(vec![target("list", args.address.trim())])
}

async fn undo_add(pihole: &Pihole, args: &AddBlocklist) -> ToolResult<Option<Inverse>> {
    let host = pihole.host(args.host.as_deref())?;
    let there = host.list(args.address.trim(), args.of_type).await.is_ok();
    Ok((!there).then(|| Inverse {
        tool: "remove_blocklist".to_owned(),
        arguments: json!({
            "address": args.address.trim(), "type": args.of_type, "host": args.host,
        }),
    }))
}

async fn undo_remove(pihole: &Pihole, args: &RemoveBlocklist) -> ToolResult<Option<Inverse>> {
    let host = pihole.host(args.host.as_deref())?;
    let Ok(row) = host.list(args.address.trim(), args.of_type).await else {
        return Ok(None);
    };
    if !row.enabled || row.groups.is_empty() {
        return Ok(None);
    }
    let names = host.group_names().await?;
    Ok(Some(Inverse {
        tool: "add_blocklist".to_owned(),
        arguments: json!({
            "address": row.address,
            "type": args.of_type,
            "comment": row.comment,
            "groups": named(&row.groups, &names),
            "host": args.host,
        }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_fetched_from_addresses() {
        assert!(clean_address(" https://lists.example/ads.txt ").is_ok());
        assert!(clean_address("file:///etc/pihole/own.list").is_ok());
        for wrong in [
            "lists.example/ads.txt",
            "ftp://lists.example/",
            "https://a:b@lists.example/",
        ] {
            assert!(clean_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_is_named_by_address_and_type() {
        assert_eq!(
            remove_call("https://lists.example/a", "block").line(),
            "DELETE /api/lists/https://lists.example/a?type=block"
        );
    }
}
