//! Everything about one environment: reading, adding, changing, refreshing, removing.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Change, Effect, Inverse, Preview, Target, tool};
use homelab_upstream::{Method, Request};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::endpoint_request::Action;
pub(crate) use super::endpoint_request::ManageEndpoints;
use super::endpoints::{EndpointRow, row};
use crate::client::Portainer;
use crate::multipart;
use crate::types::Endpoint;
use homelab_backend::page::page;

/// What was done.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct EndpointsManaged {
    /// The environment as Portainer has it now.
    endpoint: Option<EndpointRow>,
    /// One page of all (`list`).
    endpoints: Option<Vec<EndpointRow>>,
    /// How many there are (`list`).
    total: Option<u64>,
    /// Pass this as `cursor` for the next page (`list`).
    next_cursor: Option<String>,
    /// Whether anything was changed.
    changed: bool,
    /// What to know.
    note: Option<String>,
}

/// List, show, add, change or remove Portainer's environments, or have one looked at anew. Removing takes away the registration and its stacks' entries; what runs there goes on.
#[tool(
    destructive,
    open_world,
    permission = "portainer:endpoint:manage",
    title = "Manage environments",
    timeout = 120,
    effect = effect,
    preview = preview_manage,
    targets = manage_targets,
    inverse = undo_manage
)]
pub(crate) async fn manage_endpoints(
    portainer: &Portainer,
    args: ManageEndpoints,
) -> ToolResult<EndpointsManaged> {
    args.check()?;
    match args.action {
        Action::List => {
            let rows: Vec<EndpointRow> =
                portainer.endpoints().await?.into_iter().map(row).collect();
            let Page {
                items,
                total,
                next_cursor,
            } = page(rows, args.limit, args.cursor.as_deref(), |row| {
                format!("{:010}", row.id)
            })?;
            Ok(EndpointsManaged {
                endpoints: Some(items),
                total: Some(total),
                next_cursor,
                ..EndpointsManaged::default()
            })
        }
        Action::Get => Ok(EndpointsManaged {
            endpoint: Some(row(args.found(portainer).await?)),
            ..EndpointsManaged::default()
        }),
        Action::Create => create(portainer, &args).await,
        Action::Update => update(portainer, &args).await,
        Action::Snapshot => snapshot(portainer, &args).await,
        Action::Delete => delete(portainer, &args).await,
    }
}

/// Another address may lead to another machine.
fn effect(_portainer: &Portainer, args: &ManageEndpoints) -> Effect {
    match args.action {
        Action::List | Action::Get => Effect::Read,
        Action::Create | Action::Snapshot => Effect::Write,
        Action::Update if args.url.is_none() => Effect::Write,
        Action::Update | Action::Delete => Effect::Destructive,
    }
}

async fn create(portainer: &Portainer, args: &ManageEndpoints) -> ToolResult<EndpointsManaged> {
    refuse_same_name(portainer, args).await?;
    let Some(body) = multipart::body(&args.form()) else {
        let message = "a value cannot be part of a form";
        return Err(ToolError::invalid("name", message));
    };
    let request =
        Request::post("create_endpoint", "/endpoints", &[]).body(multipart::CONTENT_TYPE, body);
    let made: Endpoint = portainer.one(request).await?;
    let now = portainer.endpoint(made.id).await?.unwrap_or(made);
    Ok(EndpointsManaged {
        endpoint: Some(row(now)),
        changed: true,
        ..EndpointsManaged::default()
    })
}

async fn refuse_same_name(portainer: &Portainer, args: &ManageEndpoints) -> ToolResult<()> {
    let Some(name) = &args.name else {
        return Ok(());
    };
    let all = portainer.endpoints().await?;
    let Some(same) = all.iter().find(|one| one.name.eq_ignore_ascii_case(name)) else {
        return Ok(());
    };
    let message = format!(
        "there is an environment `{}` ({}) already",
        same.name, same.id
    );
    Err(ToolError::new(Code::Conflict, message)
        .reason("endpoint_exists")
        .field("name")
        .hint("choose another name"))
}

async fn update(portainer: &Portainer, args: &ManageEndpoints) -> ToolResult<EndpointsManaged> {
    let now = args.found(portainer).await?;
    let changes = args.changes(&now);
    if changes.iter().any(|(key, ..)| *key == "Name") {
        refuse_same_name(portainer, args).await?;
    }
    if !changes.is_empty() {
        let body: Map<String, Value> = changes
            .iter()
            .map(|(key, _, _, to)| ((*key).to_owned(), to.clone()))
            .collect();
        let request = Request::new("update_endpoint", Method::PUT, "/endpoints/{}", &[&now.id]);
        portainer.send(request.json(&body)).await?;
    }
    let after = portainer.endpoint(now.id).await?.unwrap_or_default();
    let left = args.changes(&after);
    if let Some((_, argument, from, to)) = left.first() {
        let message = format!("`{argument}` is {from}, not {to}");
        return Err(ToolError::new(Code::Conflict, message)
            .reason("not_applied")
            .field(*argument)
            .hint("read it again before you change it once more"));
    }
    Ok(EndpointsManaged {
        endpoint: Some(row(after)),
        changed: !changes.is_empty(),
        ..EndpointsManaged::default()
    })
}

async fn snapshot(portainer: &Portainer, args: &ManageEndpoints) -> ToolResult<EndpointsManaged> {
    let found = args.found(portainer).await?;
    let request = Request::post("take_snapshot", "/endpoints/{}/snapshot", &[&found.id]);
    portainer.send(request).await?;
    let now = portainer.endpoint(found.id).await?.unwrap_or(found);
    Ok(EndpointsManaged {
        endpoint: Some(row(now)),
        changed: true,
        note: Some("`get_resource_usage` shows what was seen".to_owned()),
        ..EndpointsManaged::default()
    })
}

async fn delete(portainer: &Portainer, args: &ManageEndpoints) -> ToolResult<EndpointsManaged> {
    let found = args.found(portainer).await?;
    let request = Request::delete("delete_endpoint", "/endpoints/{}", &[&found.id]);
    portainer.send(request).await?;
    if portainer.endpoint(found.id).await?.is_some() {
        let message = format!("the environment `{}` is still there", found.name);
        return Err(ToolError::new(Code::Conflict, message)
            .reason("not_applied")
            .hint("look at it again"));
    }
    Ok(EndpointsManaged {
        endpoint: Some(row(found)),
        changed: true,
        note: Some("it is gone from Portainer; what runs there goes on".to_owned()),
        ..EndpointsManaged::default()
    })
}

async fn preview_manage(portainer: &Portainer, args: &ManageEndpoints) -> ToolResult<Preview> {
    args.check()?;
    let plain = |summary: String| Preview {
        summary,
        changes: Vec::new(),
        impact: Vec::new(),
    };
    let named = |verb: &str, endpoint: &Endpoint| {
        format!(
            "{verb} the environment `{}` ({})",
            endpoint.name, endpoint.id
        )
    };
    Ok(match args.action {
        Action::List => plain("list the environments".to_owned()),
        Action::Get => plain(named("show", &args.found(portainer).await?)),
        Action::Snapshot => plain(named("look anew at", &args.found(portainer).await?)),
        Action::Create => {
            refuse_same_name(portainer, args).await?;
            let name = args.name.clone().unwrap_or_default();
            Preview {
                changes: args
                    .form()
                    .into_iter()
                    .map(|(field, value)| Change {
                        field: field.to_owned(),
                        from: None,
                        to: Some(value),
                    })
                    .collect(),
                ..plain(format!("add the environment `{name}`"))
            }
        }
        Action::Update => {
            let now = args.found(portainer).await?;
            Preview {
                changes: args
                    .changes(&now)
                    .into_iter()
                    .map(|(_, field, from, to)| Change {
                        field: field.to_owned(),
                        from: Some(from.to_string()),
                        to: Some(to.to_string()),
                    })
                    .collect(),
                ..plain(named("change", &now))
            }
        }
        Action::Delete => {
            let now = args.found(portainer).await?;
            let stacks = portainer.stacks(Some(now.id)).await?;
            Preview {
                impact: vec![format!(
                    "{} stacks can no longer be changed through Portainer; their containers go on",
                    stacks.len()
                )],
                ..plain(named("remove", &now))
            }
        }
    })
}

async fn manage_targets(portainer: &Portainer, args: &ManageEndpoints) -> ToolResult<Vec<Target>> {
    if matches!(args.action, Action::List) {
        return Ok(Vec::new());
    }
    let (id, name) = if args.action == Action::Create {
        (String::new(), args.name.clone())
    } else {
        let found = args.found(portainer).await?;
        (found.id.to_string(), Some(found.name))
    };
    Ok(vec![Target {
        kind: "endpoint".to_owned(),
        id,
        name,
        tags: Vec::new(),
    }])
}

/// A registration that was removed had credentials that nobody can read.
async fn undo_manage(portainer: &Portainer, args: &ManageEndpoints) -> ToolResult<Option<Inverse>> {
    let call = |arguments: Value| {
        Ok(Some(Inverse {
            tool: "manage_endpoints".to_owned(),
            arguments,
        }))
    };
    match args.action {
        Action::Create => call(json!({ "action": "delete", "endpoint": args.name })),
        Action::Update => {
            let now = args.found(portainer).await?;
            let changes = args.changes(&now);
            // What was empty cannot be made empty again.
            let fits = |value: &Value| !value.is_null() && value.as_str() != Some("");
            if changes.is_empty() || !changes.iter().all(|(_, _, from, _)| fits(from)) {
                return Ok(None);
            }
            let mut arguments = json!({ "action": "update", "endpoint": now.id.to_string() });
            for (_, argument, from, _) in changes {
                arguments[argument] = from;
            }
            call(arguments)
        }
        Action::List | Action::Get | Action::Snapshot | Action::Delete => Ok(None),
    }
}
