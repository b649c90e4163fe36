//! Everything about one environment: reading, adding, changing, refreshing, removing.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Change, Effect, Inverse, Preview, Target, tool};
use homelab_upstream::{Method, Request, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::endpoints::{EndpointRow, row};
use super::page::page;
use crate::client::Portainer;
use crate::multipart;
use crate::types::Endpoint;

/// What to do with which environment.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManageEndpoints {
    /// What to do.
    action: Action,
    /// Its name or id; all but `list` and `create` need it.
    #[schemars(length(min = 1, max = 100))]
    endpoint: Option<String>,
    /// Its name, for `create` and `update`.
    #[schemars(length(min = 1, max = 100))]
    name: Option<String>,
    /// What it is, for `create`.
    #[serde(rename = "type")]
    kind: Option<CreationType>,
    /// Where Portainer reaches it, for `create` and `update`: `tcp://192.0.2.10:9001` for an agent,
    /// `tcp://192.0.2.10:2376` for an engine's API.
    #[schemars(length(min = 1, max = 300))]
    url: Option<String>,
    /// Host under which its published ports are reached, for `create` and `update`.
    #[schemars(length(min = 1, max = 300))]
    public_url: Option<String>,
    /// Id of its group, for `create` and `update`.
    #[schemars(range(min = 1, max = 1_000_000))]
    group_id: Option<u64>,
    /// Ids of its tags, for `create` and `update`.
    #[schemars(length(max = 50), inner(range(min = 1, max = 1_000_000)))]
    tag_ids: Option<Vec<u64>>,
    /// Most rows of `list`; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page of `list` before.
    #[schemars(length(max = 400))]
    cursor: Option<String>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// All of them.
    List,
    /// One.
    Get,
    /// Add it.
    Create,
    /// Change how it is called, reached and grouped.
    Update,
    /// Look at it anew, so that what `get_resource_usage` shows is fresh.
    Snapshot,
    /// Remove it from Portainer; what runs there goes on.
    Delete,
}

/// What an environment is that is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CreationType {
    /// The engine that Portainer itself runs on, by its socket.
    LocalDocker,
    /// An engine whose API listens on a port, with TLS that is not verified.
    DockerApi,
    /// Portainer's agent on a Docker host or Kubernetes cluster.
    Agent,
    /// An edge agent that calls in by itself.
    Edge,
    /// The cluster that Portainer itself runs in.
    LocalKubernetes,
}

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

impl ManageEndpoints {
    /// Refuses what is missing, surplus or not of its form.
    fn check(&self) -> ToolResult<()> {
        use Action::{Create, List, Update};
        let given: [(&str, bool, &[Action]); 8] = [
            ("name", self.name.is_some(), &[Create, Update]),
            ("type", self.kind.is_some(), &[Create]),
            ("url", self.url.is_some(), &[Create, Update]),
            ("public_url", self.public_url.is_some(), &[Create, Update]),
            ("group_id", self.group_id.is_some(), &[Create, Update]),
            ("tag_ids", self.tag_ids.is_some(), &[Create, Update]),
            ("limit", self.limit.is_some(), &[List]),
            ("cursor", self.cursor.is_some(), &[List]),
        ];
        for (field, is_given, actions) in given {
            if is_given && !actions.contains(&self.action) {
                let message = format!("this action does not take `{field}`");
                return Err(ToolError::invalid(field, message));
            }
        }
        let needs = !matches!(self.action, List | Create);
        if needs && self.endpoint.is_none() {
            return Err(ToolError::invalid(
                "endpoint",
                "this action needs an `endpoint`",
            ));
        }
        if !needs && self.endpoint.is_some() {
            let message = "this action does not take `endpoint`";
            return Err(ToolError::invalid("endpoint", message));
        }
        if let Some(url) = &self.url {
            check_url(url)?;
        }
        if self.action == Create {
            self.check_new()?;
        }
        Ok(())
    }

    fn check_new(&self) -> ToolResult<()> {
        if self.name.is_none() {
            return Err(ToolError::invalid(
                "name",
                "a new environment needs a `name`",
            ));
        }
        let Some(kind) = self.kind else {
            return Err(ToolError::invalid(
                "type",
                "a new environment needs a `type`",
            ));
        };
        let local = matches!(
            kind,
            CreationType::LocalDocker | CreationType::LocalKubernetes
        );
        match (local, &self.url) {
            (true, Some(_)) => {
                let message = "one that Portainer itself runs on has no `url`";
                Err(ToolError::invalid("url", message))
            }
            (false, None) => {
                let hint = if kind == CreationType::Edge {
                    "the address at which its agent finds Portainer: `https://portainer.example.test:9443`"
                } else {
                    "such as `tcp://192.0.2.10:9001` for an agent"
                };
                Err(ToolError::invalid("url", "this type needs a `url`").hint(hint))
            }
            _ => Ok(()),
        }
    }

    async fn found(&self, portainer: &Portainer) -> ToolResult<Endpoint> {
        portainer.find_endpoint(self.endpoint.as_deref()).await
    }

    /// The form that adds it.
    fn form(&self) -> Vec<(&'static str, String)> {
        let (number, tls) = match self.kind {
            Some(CreationType::DockerApi) => (1, true),
            Some(CreationType::Agent) => (2, true),
            Some(CreationType::Edge) => (4, false),
            Some(CreationType::LocalKubernetes) => (5, false),
            Some(CreationType::LocalDocker) | None => (1, false),
        };
        let mut form = vec![
            ("Name", self.name.clone().unwrap_or_default()),
            ("EndpointCreationType", number.to_string()),
        ];
        if let Some(url) = &self.url {
            form.push(("URL", url.clone()));
        }
        if let Some(url) = &self.public_url {
            form.push(("PublicURL", url.clone()));
        }
        if tls {
            // An agent makes itself a certificate at each start: the key that both share protects.
            for name in ["TLS", "TLSSkipVerify", "TLSSkipClientVerify"] {
                form.push((name, "true".to_owned()));
            }
        }
        if let Some(group) = self.group_id {
            form.push(("GroupID", group.to_string()));
        }
        if let Some(tags) = &self.tag_ids {
            form.push(("TagIds", json!(tags).to_string()));
        }
        form
    }

    /// What `update` would change: the API's name, the argument's, from and to.
    fn changes(&self, now: &Endpoint) -> Vec<(&'static str, &'static str, Value, Value)> {
        let text = |value: &Option<String>| value.as_ref().map(|text| json!(text));
        [
            ("Name", "name", json!(now.name), text(&self.name)),
            ("URL", "url", json!(now.url), text(&self.url)),
            (
                "PublicURL",
                "public_url",
                json!(now.public_url),
                text(&self.public_url),
            ),
            (
                "GroupID",
                "group_id",
                json!(now.group_id),
                self.group_id.map(|id| json!(id)),
            ),
            (
                "TagIDs",
                "tag_ids",
                json!(now.tag_ids),
                self.tag_ids.as_ref().map(|ids| json!(ids)),
            ),
        ]
        .into_iter()
        .filter_map(|(key, argument, from, to)| Some((key, argument, from, to?)))
        .filter(|(_, _, from, to)| from != to)
        .collect()
    }
}

fn check_url(text: &str) -> ToolResult<()> {
    let wrong = |message: String| {
        Err(ToolError::invalid("url", message)
            .hint("write it like `tcp://192.0.2.10:9001`, or `https://…` for an edge agent"))
    };
    let Ok(url) = Url::parse(text) else {
        return wrong(format!("`{}` is not an address", text.escape_debug()));
    };
    if !matches!(url.scheme(), "tcp" | "http" | "https") || url.host_str().is_none() {
        return wrong(format!(
            "`{}` is not reached by tcp, http or https",
            text.escape_debug()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("the address holds a user or password".to_owned());
    }
    Ok(())
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
