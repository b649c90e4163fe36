//! Clients and their groups.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rules::page;
use crate::call::Call;
use crate::client::{Pihole, named, not_taken};
use crate::each::{OnHosts, failures, on_each, target};
use crate::host::Host;
use crate::types::{ClientRow, GroupNames, Processed};

/// Which page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListClients {
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

/// Which client, and into which groups.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignClientGroups {
    /// IP address, network (CIDR), MAC address, host name, or `:` with an interface.
    #[schemars(length(min = 1, max = 253))]
    client: String,
    /// Names of all its groups from now on; with none, nothing is blocked for it.
    #[schemars(length(max = 20), inner(length(min = 1, max = 100)))]
    groups: Vec<String>,
    /// What it is; kept as it is unless given.
    #[schemars(length(max = 300))]
    comment: Option<String>,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// A client with groups of its own.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ClientItem {
    /// IP address, network, MAC address, host name or interface.
    client: String,
    /// Its host name, where Pi-hole knows it.
    name: Option<String>,
    comment: Option<String>,
    /// Names of its groups.
    groups: Vec<String>,
}

impl ClientItem {
    fn of(row: ClientRow, names: &GroupNames) -> Self {
        Self {
            groups: named(&row.groups, names),
            client: row.client,
            name: row.name.filter(|name| !name.is_empty()),
            comment: row.comment.filter(|comment| !comment.is_empty()),
        }
    }
}

/// List the clients that have groups of their own; all others are in the group of everybody.
#[tool(
    read,
    open_world,
    permission = "pihole:client:read",
    title = "List clients with groups",
    timeout = 90,
    untrusted("items.name", "items.comment")
)]
pub(crate) async fn list_clients(
    pihole: &Pihole,
    args: ListClients,
) -> ToolResult<Page<ClientItem>> {
    let host = pihole.host(args.host.as_deref())?;
    let rows = host.clients().await?;
    let names = host.group_names().await?;
    let page = page(rows, args.limit, args.cursor.as_deref(), |row| {
        row.client.clone()
    })?;
    Ok(page.map(|row| ClientItem::of(row, &names)))
}

/// Put a client into groups, instead of those it is in, on all Pi-holes of the instance.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:client:assign",
    title = "Put a client into groups",
    timeout = 120,
    untrusted("hosts.result.name", "hosts.result.comment"),
    preview = preview_assign,
    targets = assign_targets,
    inverse = undo_assign,
    read_back = check_assign
)]
pub(crate) async fn assign_client_groups(
    pihole: &Pihole,
    args: AssignClientGroups,
) -> ToolResult<OnHosts<ClientItem>> {
    let client = args.client()?;
    let client = client.as_str();
    let hosts = pihole.chosen(args.host.as_deref())?;
    let args = &args;
    on_each(hosts, |host| async move {
        let groups = host.group_ids(&args.groups).await?;
        let before = host.client(client).await?;
        let comment = args
            .comment
            .as_deref()
            .or(before.as_ref().and_then(|row| row.comment.as_deref()));
        let call = match &before {
            Some(row) => Call::put("set_client", "/api/clients/{}", &[&row.client])
                .body(json!({ "comment": comment, "groups": groups })),
            None => Call::post(
                "add_client",
                "/api/clients",
                json!({ "client": client, "comment": comment, "groups": groups }),
            ),
        };
        let done: Processed = host.json(&call).await?;
        if let Some(error) = done.processed.unwrap_or_default().errors.first() {
            return Err(not_taken(&host.name, client, &error.error));
        }
        let names = host.group_names().await?;
        let after = host.client(client).await?;
        let after =
            after.ok_or_else(|| not_taken(&host.name, client, "it is not there afterwards"))?;
        Ok(ClientItem::of(after, &names))
    })
    .await
}

impl AssignClientGroups {
    fn client(&self) -> ToolResult<String> {
        let client = self.client.trim();
        if client.is_empty() || client.contains(char::is_whitespace) {
            return Err(ToolError::invalid("client", "a client is one word")
                .hint("an IP address, a network, a MAC address, a host name, or `:eth0`"));
        }
        Ok(client.to_owned())
    }
}

impl Host {
    /// The client of this name; MAC addresses are kept in upper case.
    async fn client(&self, client: &str) -> ToolResult<Option<ClientRow>> {
        let rows = self.clients().await?;
        Ok(rows
            .into_iter()
            .find(|row| row.client.eq_ignore_ascii_case(client)))
    }
}

fn in_order(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

async fn check_assign(
    _pihole: &Pihole,
    args: &AssignClientGroups,
    done: &OnHosts<ClientItem>,
) -> ToolResult<Vec<Mismatch>> {
    let wanted = in_order(args.groups.clone());
    let mut mismatches = failures(done);
    let rows = done.hosts.iter().filter_map(|host| host.result.as_ref());
    let differing = rows.filter(|row| in_order(row.groups.clone()) != wanted);
    mismatches.extend(differing.map(|row| Mismatch {
        field: "groups",
        wanted: wanted.join(", "),
        found: row.groups.join(", "),
    }));
    Ok(mismatches)
}

async fn preview_assign(pihole: &Pihole, args: &AssignClientGroups) -> ToolResult<Preview> {
    let client = args.client()?;
    let mut changes = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        host.group_ids(&args.groups).await?;
        let names = host.group_names().await?;
        let before = host.client(&client).await?;
        changes.push(Change {
            field: format!("groups on {}", host.name),
            from: before.map(|row| named(&row.groups, &names).join(", ")),
            to: Some(args.groups.join(", ")),
        });
    }
    Ok(Preview {
        summary: format!("put `{client}` into other groups"),
        changes,
        impact: if args.groups.is_empty() {
            vec!["nothing is blocked for it then".to_owned()]
        } else {
            Vec::new()
        },
    })
}

async fn assign_targets(_pihole: &Pihole, args: &AssignClientGroups) -> ToolResult<Vec<Target>> {
    Ok(vec![target("client", &args.client()?)])
}

async fn undo_assign(pihole: &Pihole, args: &AssignClientGroups) -> ToolResult<Option<Inverse>> {
    let host = pihole.host(args.host.as_deref())?;
    let Some(before) = host.client(&args.client()?).await? else {
        return Ok(None);
    };
    let names = host.group_names().await?;
    Ok(Some(Inverse {
        tool: "assign_client_groups".to_owned(),
        arguments: json!({
            "client": before.client,
            "groups": named(&before.groups, &names),
            "comment": before.comment.unwrap_or_default(),
            "host": args.host,
        }),
    }))
}
