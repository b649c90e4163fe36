//! Everything about one middleware: reading, making, changing, and which routers use it.

use homelab_backend::page::page;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::Secret;
use homelab_core::tool::{Effect, Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::attach;
use super::changes::{between, target};
use super::middleware_document::{MiddlewareType, check_names, document, hashed};
use super::middlewares::{MiddlewareRow, no_middleware, row};
use super::rollback::Step;
use super::routers::RouterRow;
use crate::apply::{Change, Version};
use crate::client::{Search, Traefik};
use crate::ids::{Name, Ref};
use crate::managed::Object;
use crate::protocol::Protocol;

/// What to do with which middleware.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManageMiddleware {
    /// What to do.
    pub(super) action: Action,
    /// Its name; for `get`, `attach` and `detach` with its provider if that is not `file`. All but
    /// `list` need it.
    pub(super) name: Option<Ref>,
    /// Its type, for `create` and `update`.
    #[serde(rename = "type")]
    kind: Option<MiddlewareType>,
    /// What it is set to, for `create` and `update`: the fields of its type as Traefik documents them
    /// for files, such as `{"average": 10, "burst": 20}` for `rateLimit`.
    config: Option<Map<String, Value>>,
    /// Users of a `basicAuth` with their passwords, which are written as bcrypt hashes; instead of
    /// `users` in `config`.
    #[serde(default)]
    #[schemars(length(max = 50))]
    users: Vec<User>,
    /// The router made here that `attach` and `detach` are about.
    pub(super) router: Option<Name>,
    /// Where `attach` puts it among the router's middlewares, 0 being first; default last.
    #[schemars(range(min = 0, max = 100))]
    pub(super) position: Option<u32>,
    /// For `rollback`: only if the kept version is this one, by its SHA-256.
    #[schemars(length(min = 64, max = 64), regex(pattern = "^[0-9a-f]{64}$"))]
    to_sha256: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    pub(super) dry_run: bool,
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
    /// All HTTP middlewares.
    List,
    /// One, with what it is set to.
    Get,
    /// Make it.
    Create,
    /// Replace what it is set to.
    Update,
    /// Remove it; no router may use it.
    Delete,
    /// Let a router's requests pass it.
    Attach,
    /// Let them no longer pass it.
    Detach,
    /// Bring back the version before its last change.
    Rollback,
}

/// A user of a `basicAuth`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    /// Name to sign in with.
    #[schemars(length(min = 1, max = 100))]
    pub(super) name: String,
    /// Password to sign in with.
    #[schemars(length(min = 1, max = 72))]
    pub(super) password: Secret,
}

/// What was done.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct MiddlewareManaged {
    /// The middleware as Traefik has it now.
    pub(super) middleware: Option<MiddlewareRow>,
    /// One page of all, by name (`list`).
    pub(super) middlewares: Option<Vec<MiddlewareRow>>,
    /// How many there are (`list`).
    pub(super) total: Option<u64>,
    /// Pass this as `cursor` for the next page (`list`).
    pub(super) next_cursor: Option<String>,
    /// The router as Traefik serves it now (`attach`, `detach`).
    pub(super) router: Option<RouterRow>,
    /// Whether anything was written.
    pub(super) changed: bool,
    /// The file that was, or would be, written.
    pub(super) file: Option<String>,
    /// What to know.
    pub(super) note: Option<String>,
}

/// List, show, create, update, delete or roll back an HTTP middleware, or attach it to and detach it from a router made here; waits until Traefik serves the change. Passwords are hashed and never shown.
#[tool(
    destructive,
    open_world,
    permission = "traefik:middleware:manage",
    title = "Manage middlewares",
    timeout = 150,
    sensitive_args("config", "users.*.password"),
    effect = effect,
    preview = preview_manage,
    targets = manage_targets,
    inverse = undo_manage
)]
pub(crate) async fn manage_middleware(
    traefik: &Traefik,
    args: ManageMiddleware,
) -> ToolResult<MiddlewareManaged> {
    args.refuse_surplus()?;
    match args.action {
        Action::List => list(traefik, &args).await,
        Action::Get => {
            let name = args.reference()?.qualified();
            Ok(MiddlewareManaged {
                middleware: Some(get(traefik, &name).await?),
                ..MiddlewareManaged::default()
            })
        }
        Action::Create | Action::Update => write(traefik, &args).await,
        Action::Delete => delete(traefik, &args).await,
        Action::Attach | Action::Detach => attach::change(traefik, &args).await,
        Action::Rollback => rollback(traefik, &args).await,
    }
}

fn effect(_traefik: &Traefik, args: &ManageMiddleware) -> Effect {
    match args.action {
        Action::List | Action::Get => Effect::Read,
        _ if args.dry_run => Effect::Read,
        Action::Create => Effect::Write,
        _ => Effect::Destructive,
    }
}

impl ManageMiddleware {
    pub(super) fn reference(&self) -> ToolResult<&Ref> {
        self.name
            .as_ref()
            .ok_or_else(|| ToolError::invalid("name", "this action needs a `name`"))
    }

    /// The name of one that is ours to change.
    fn own(&self) -> ToolResult<Name> {
        let reference = self.reference()?;
        reference.own().ok_or_else(|| {
            let message = format!("`{reference}` cannot be the name of one that is made here");
            ToolError::invalid("name", message)
                .hint("small letters, digits and `-`, without a provider; those of other providers are changed where they were made")
        })
    }

    fn object(&self) -> ToolResult<Object> {
        self.own().map(|name| Object::middleware(&name))
    }

    /// An argument that the action does not look at would be a misunderstanding.
    fn refuse_surplus(&self) -> ToolResult<()> {
        use Action::{Attach, Create, Detach, List, Rollback, Update};
        let given: [(&str, bool, &[Action]); 8] = [
            ("type", self.kind.is_some(), &[Create, Update]),
            ("config", self.config.is_some(), &[Create, Update]),
            ("users", !self.users.is_empty(), &[Create, Update]),
            ("router", self.router.is_some(), &[Attach, Detach]),
            ("position", self.position.is_some(), &[Attach]),
            ("to_sha256", self.to_sha256.is_some(), &[Rollback]),
            ("limit", self.limit.is_some(), &[List]),
            ("cursor", self.cursor.is_some(), &[List]),
        ];
        for (field, is_given, actions) in given {
            if is_given && !actions.contains(&self.action) {
                let message = format!("this action does not take `{field}`");
                return Err(ToolError::invalid(field, message));
            }
        }
        Ok(())
    }

    /// The file that is wanted, with these hashes for the users.
    fn document(&self, name: &Name, hashes: &[String]) -> ToolResult<Value> {
        let Some(kind) = self.kind else {
            return Err(ToolError::invalid("type", "this action needs the `type`"));
        };
        let config = self.config.clone().unwrap_or_default();
        document(name, kind, config, hashes)
    }

    /// As [`Self::document`] without the work of hashing: for what is only looked at.
    fn sketch(&self, name: &Name) -> ToolResult<Value> {
        check_names(&self.users)?;
        let users: Vec<String> = self
            .users
            .iter()
            .map(|user| format!("{}:-", user.name))
            .collect();
        self.document(name, &users)
    }

    /// What `create` and `update` would replace.
    async fn replaced(&self, traefik: &Traefik) -> ToolResult<Option<Version>> {
        traefik.writable().await?;
        let object = self.object()?;
        let name = object.name.qualified();
        let current = traefik.current(&object).await?;
        let known = traefik.middleware(&name).await?.is_some();
        match (self.action, &current, known) {
            (Action::Create, Some(_), _) => {
                let message = format!("there is a middleware `{name}` already");
                Err(ToolError::new(Code::Conflict, message)
                    .reason("middleware_exists")
                    .field("name")
                    .hint("use `update`, or choose another name"))
            }
            (_, None, true) => {
                let message = format!("`{name}` is in a file that was not written here");
                Err(ToolError::new(Code::Conflict, message)
                    .reason("not_managed")
                    .field("name")
                    .hint("change it where it was made, or choose another name"))
            }
            (Action::Update | Action::Delete, None, false) => Err(no_middleware(&name)),
            _ => Ok(current),
        }
    }

    /// Our file of it, if no router uses it.
    async fn deletable(&self, traefik: &Traefik) -> ToolResult<Version> {
        let name = self.own()?.qualified();
        let Some(current) = self.replaced(traefik).await? else {
            return Err(no_middleware(&name));
        };
        let found = traefik.middleware(&name).await?.unwrap_or_default();
        if found.used_by.is_empty() {
            return Ok(current);
        }
        let message = format!("routers use it: {}", found.used_by.join(", "));
        Err(ToolError::new(Code::Conflict, message)
            .reason("in_use")
            .hint("detach it from those first"))
    }
}

async fn list(traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<MiddlewareManaged> {
    let found = traefik
        .middlewares(Protocol::Http, &Search::default())
        .await?;
    let rows: Vec<MiddlewareRow> = found
        .into_iter()
        .map(|one| row(Protocol::Http, one, false))
        .collect();
    let page = page(rows, args.limit, args.cursor.as_deref(), |row| {
        row.name.clone()
    })?;
    Ok(MiddlewareManaged {
        middlewares: Some(page.items),
        total: Some(page.total),
        next_cursor: page.next_cursor,
        ..MiddlewareManaged::default()
    })
}

async fn get(traefik: &Traefik, name: &str) -> ToolResult<MiddlewareRow> {
    match traefik.middleware(name).await? {
        Some(found) => Ok(row(Protocol::Http, found, true)),
        None => Err(no_middleware(name)),
    }
}

async fn write(traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<MiddlewareManaged> {
    let object = args.object()?;
    // Before any hashing: what would be refused is refused at once.
    args.sketch(&object.name)?;
    let current = args.replaced(traefik).await?;
    let file = traefik.files()?.place(&object.file());
    if args.dry_run {
        return Ok(MiddlewareManaged {
            file: Some(file),
            note: Some("nothing was written".to_owned()),
            ..MiddlewareManaged::default()
        });
    }
    let hashes = hashed(&args.users, &traefik.env).await?;
    let document = args.document(&object.name, &hashes)?;
    let changed = current.as_ref().map(|current| &current.document) != Some(&document);
    if changed {
        let change = Change {
            object: object.clone(),
            from: current,
            to: Some(document),
        };
        traefik.apply(change).await?;
    }
    let middleware = get(traefik, &object.name.qualified()).await?;
    let note = middleware.used_by.is_empty().then(|| {
        "no router uses it yet: values such as regular expressions are checked by Traefik when one does".to_owned()
    });
    Ok(MiddlewareManaged {
        middleware: Some(middleware),
        changed,
        file: Some(file),
        note,
        ..MiddlewareManaged::default()
    })
}

async fn delete(traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<MiddlewareManaged> {
    let object = args.object()?;
    let current = args.deletable(traefik).await?;
    let mut done = MiddlewareManaged {
        file: Some(traefik.files()?.place(&object.file())),
        ..MiddlewareManaged::default()
    };
    if args.dry_run {
        done.note = Some("nothing was removed".to_owned());
        return Ok(done);
    }
    let change = Change {
        object,
        from: Some(current),
        to: None,
    };
    traefik.apply(change).await?;
    done.changed = true;
    done.note = Some("the file is kept: `rollback` brings it back".to_owned());
    Ok(done)
}

async fn rollback(traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<MiddlewareManaged> {
    let object = args.object()?;
    let step = Step::of(traefik, &object, args.to_sha256.as_deref()).await?;
    let file = traefik.files()?.place(&object.file());
    if !args.dry_run {
        step.take(traefik, object.clone()).await?;
    }
    let name = object.name.qualified();
    let found = traefik.middleware(&name).await?;
    Ok(MiddlewareManaged {
        middleware: found.map(|found| row(Protocol::Http, found, true)),
        changed: !args.dry_run,
        file: Some(file),
        ..MiddlewareManaged::default()
    })
}

async fn preview_manage(traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<Preview> {
    args.refuse_surplus()?;
    let plain = |summary: String| Preview {
        summary,
        changes: Vec::new(),
        impact: Vec::new(),
    };
    match args.action {
        Action::List => Ok(plain("list the middlewares".to_owned())),
        Action::Get => Ok(plain(format!("show `{}`", args.reference()?.qualified()))),
        Action::Create | Action::Update => {
            let object = args.object()?;
            let document = args.sketch(&object.name)?;
            let current = args.replaced(traefik).await?;
            let users = traefik.middleware(&object.name.qualified()).await?;
            let users = users.map(|found| found.used_by).unwrap_or_default();
            Ok(Preview {
                changes: between(current.as_ref().map(|one| &one.document), Some(&document)),
                impact: users
                    .iter()
                    .take(20)
                    .map(|router| format!("requests of `{router}` pass it"))
                    .collect(),
                ..plain(format!("write the {}", object.described()))
            })
        }
        Action::Delete => {
            let current = args.deletable(traefik).await?;
            Ok(Preview {
                changes: between(Some(&current.document), None),
                ..plain(format!("delete the {}", args.object()?.described()))
            })
        }
        Action::Attach | Action::Detach => attach::preview(traefik, args).await,
        Action::Rollback => {
            let object = args.object()?;
            let step = Step::of(traefik, &object, args.to_sha256.as_deref()).await?;
            Ok(step.preview(&object))
        }
    }
}

async fn manage_targets(_traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<Vec<Target>> {
    Ok(match args.action {
        Action::List => Vec::new(),
        Action::Get => vec![Target {
            kind: "middleware".to_owned(),
            id: args.reference()?.qualified(),
            name: None,
            tags: Vec::new(),
        }],
        Action::Attach | Action::Detach => vec![target(&attach::object(args)?)],
        _ => vec![target(&args.object()?)],
    })
}

async fn undo_manage(traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<Option<Inverse>> {
    if effect(traefik, args) == Effect::Read {
        return Ok(None);
    }
    let call = |arguments: Value| {
        Ok(Some(Inverse {
            tool: "manage_middleware".to_owned(),
            arguments,
        }))
    };
    let back = |name: &Name, version: &Version| json!({ "action": "rollback", "name": name, "to_sha256": version.sha256() });
    match args.action {
        Action::List | Action::Get => Ok(None),
        Action::Create | Action::Update => {
            let name = args.own()?;
            match args.replaced(traefik).await? {
                None => call(json!({ "action": "delete", "name": name })),
                Some(current) => call(back(&name, &current)),
            }
        }
        Action::Delete => call(back(&args.own()?, &args.deletable(traefik).await?)),
        Action::Attach | Action::Detach => attach::undo(traefik, args).await,
        Action::Rollback => {
            let object = args.object()?;
            let step = Step::of(traefik, &object, args.to_sha256.as_deref()).await?;
            Ok(Some(step.inverse(&object)))
        }
    }
}
