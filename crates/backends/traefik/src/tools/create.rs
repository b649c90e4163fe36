//! Making and replacing routers.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::changes::{between, target};
use super::list::MARK;
use super::middlewares::no_middleware;
pub(crate) use super::router_document::CreateRouter;
use super::routers::{RouterRow, router_row};
use crate::apply::{Change, Version};
use crate::client::{Search, Traefik};
use crate::fields::without_secrets;
use crate::managed::Object;
use crate::protocol::Protocol;

/// A router that was written.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RouterWritten {
    /// As Traefik serves it; absent in a dry run of a new one.
    pub(super) router: Option<RouterRow>,
    /// Whether anything was written.
    pub(super) changed: bool,
    /// Whether it is new.
    pub(super) created: bool,
    /// The file it is in.
    pub(super) file: String,
    /// What the file holds, or would hold.
    pub(super) config: Map<String, Value>,
    /// What may surprise.
    pub(super) warnings: Vec<String>,
}

/// Create an HTTP router with its servers as a file for Traefik, and wait until Traefik serves it; what it refuses is taken back. With `overwrite`, replaces one made here.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "traefik:router:write",
    title = "Create a router",
    timeout = 150,
    effect = effect,
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_router(
    traefik: &Traefik,
    args: CreateRouter,
) -> ToolResult<RouterWritten> {
    let plan = args.plan(traefik).await?;
    let name = args.name.qualified();
    let object = Object::router(&args.name);
    let changed = plan.changes();
    if changed && !args.dry_run {
        let change = Change {
            object: object.clone(),
            from: plan.current.clone(),
            to: Some(plan.document.clone()),
        };
        traefik.apply(change).await?;
    }
    let router = traefik.router(Protocol::Http, &name).await?;
    Ok(RouterWritten {
        router: router.map(|router| router_row(Protocol::Http, router)),
        changed: changed && !args.dry_run,
        created: plan.current.is_none() && !args.dry_run,
        file: traefik.files()?.place(&object.file()),
        config: shown(&plan.document),
        warnings: plan.warnings,
    })
}

/// A document as it may be shown.
pub(super) fn shown(document: &Value) -> Map<String, Value> {
    match without_secrets("Root", document, MARK) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A dry run only looks; a new router takes requests from nobody, as a rule.
fn effect(_traefik: &Traefik, args: &CreateRouter) -> Effect {
    match (args.dry_run, args.overwrite) {
        (true, _) => Effect::Read,
        (false, false) => Effect::Write,
        (false, true) => Effect::Destructive,
    }
}

/// What a call would write over what.
struct Plan {
    document: Value,
    current: Option<Version>,
    warnings: Vec<String>,
}

impl Plan {
    fn changes(&self) -> bool {
        self.current.as_ref().map(|current| &current.document) != Some(&self.document)
    }
}

impl CreateRouter {
    async fn plan(&self, traefik: &Traefik) -> ToolResult<Plan> {
        let document = self.document()?;
        traefik.writable().await?;
        let current = traefik.current(&Object::router(&self.name)).await?;
        let plan = Plan {
            warnings: self.check_against(traefik, current.is_some()).await?,
            document,
            current,
        };
        if plan.current.is_some() && plan.changes() && !self.overwrite {
            let message = format!("there is a router `{}` already", self.name);
            return Err(ToolError::new(Code::Conflict, message)
                .reason("router_exists")
                .field("name")
                .hint("call it with `overwrite`, or choose another name"));
        }
        Ok(plan)
    }

    /// Asks Traefik for all that the router refers to.
    async fn check_against(&self, traefik: &Traefik, ours: bool) -> ToolResult<Vec<String>> {
        let name = self.name.qualified();
        if !ours && traefik.router(Protocol::Http, &name).await?.is_some() {
            let message = format!("a file that was not written here defines the router `{name}`");
            return Err(ToolError::new(Code::Conflict, message)
                .reason("name_taken")
                .field("name")
                .hint("choose another name; only routers made here are changed"));
        }
        let known: Vec<String> = traefik
            .entry_points()
            .await?
            .into_iter()
            .map(|one| one.name)
            .collect();
        for (index, wanted) in self.entry_points.iter().enumerate() {
            if !known.contains(wanted) {
                let message = format!("Traefik has no entry point `{wanted}`");
                return Err(
                    ToolError::invalid(format!("entry_points[{index}]"), message)
                        .reason("entry_point_unknown")
                        .hint(format!("there are {}", known.join(", "))),
                );
            }
        }
        for (index, middleware) in self.middlewares.iter().enumerate() {
            let name = middleware.qualified();
            if traefik.middleware(&name).await?.is_none() {
                return Err(no_middleware(&name).field(format!("middlewares[{index}]")));
            }
        }
        if let Some(service) = &self.service {
            let name = service.qualified();
            if traefik.service(Protocol::Http, &name).await?.is_none() {
                return Err(
                    ToolError::not_found(format!("there is no service `{name}`"))
                        .reason("service_not_found")
                        .field("service")
                        .hint(
                            "call `list_services`; a name has its provider, such as `app@docker`",
                        ),
                );
            }
        }
        self.warnings(traefik).await
    }

    async fn warnings(&self, traefik: &Traefik) -> ToolResult<Vec<String>> {
        let (rule, name) = (self.rule()?, self.name.qualified());
        let mut warnings = Vec::new();
        let all = traefik.routers(Protocol::Http, &Search::default()).await?;
        for other in all
            .iter()
            .filter(|other| other.name != name && other.rule == rule)
        {
            warnings.push(format!(
                "`{}` has the same rule: which of them wins is decided by `priority`, or by chance",
                other.name
            ));
        }
        let resolver = self.cert_resolver.as_deref();
        let known = all.iter().any(|other| {
            let tls = other.tls.as_ref();
            resolver.is_some() && tls.and_then(|tls| tls.cert_resolver.as_deref()) == resolver
        });
        if let (Some(resolver), false) = (resolver, known) {
            warnings.push(format!(
                "no other router uses the certificate resolver `{resolver}`: whether it exists cannot be told, and without it Traefik shows its default certificate"
            ));
        }
        if self.insecure_skip_verify {
            warnings.push("certificates of the servers are not verified".to_owned());
        }
        warnings.truncate(10);
        Ok(warnings)
    }
}

async fn preview_create(traefik: &Traefik, args: &CreateRouter) -> ToolResult<Preview> {
    let plan = args.plan(traefik).await?;
    let verb = if plan.current.is_some() {
        "replace"
    } else {
        "create"
    };
    let mut impact = plan.warnings.clone();
    if !plan.changes() {
        impact.push("nothing changes".to_owned());
    }
    Ok(Preview {
        summary: format!("{verb} the router `{}`: {}", args.name, args.rule()?),
        changes: between(
            plan.current.as_ref().map(|current| &current.document),
            Some(&plan.document),
        ),
        impact,
    })
}

async fn create_targets(_traefik: &Traefik, args: &CreateRouter) -> ToolResult<Vec<Target>> {
    Ok(vec![target(&Object::router(&args.name))])
}

async fn undo_create(traefik: &Traefik, args: &CreateRouter) -> ToolResult<Option<Inverse>> {
    let plan = args.plan(traefik).await?;
    if !plan.changes() || args.dry_run {
        return Ok(None);
    }
    Ok(Some(match plan.current {
        None => Inverse {
            tool: "delete_router".to_owned(),
            arguments: json!({ "name": args.name }),
        },
        Some(current) => Inverse {
            tool: "rollback_router".to_owned(),
            arguments: json!({ "name": args.name, "to_sha256": current.sha256() }),
        },
    }))
}

async fn check_create(
    _traefik: &Traefik,
    args: &CreateRouter,
    done: &RouterWritten,
) -> ToolResult<Vec<Mismatch>> {
    if args.dry_run {
        return Ok(Vec::new());
    }
    let wanted = args.rule()?;
    let found = done.router.as_ref().and_then(|router| router.rule.clone());
    let mismatch = (found.as_ref() != Some(&wanted)).then(|| Mismatch {
        field: "rule",
        wanted,
        found: found.unwrap_or_default(),
    });
    Ok(mismatch.into_iter().collect())
}
