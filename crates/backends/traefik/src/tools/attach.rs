//! Which middlewares the requests of a router pass.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Inverse, Preview};
use serde_json::{Value, json};

use super::changes::between;
use super::middleware_change::{Action, ManageMiddleware, MiddlewareManaged};
use super::middlewares::no_middleware;
use super::routers::{no_router, router_row};
use crate::apply::{Change, Version};
use crate::client::Traefik;
use crate::managed::Object;
use crate::protocol::Protocol;
use crate::types::qualified;

/// The router that is changed.
pub(super) fn object(args: &ManageMiddleware) -> ToolResult<Object> {
    match &args.router {
        Some(name) => Ok(Object::router(name)),
        None => Err(ToolError::invalid("router", "this action needs a `router`")),
    }
}

/// The router's file as it is and as it would be.
struct Plan {
    object: Object,
    current: Version,
    wanted: Value,
}

impl Plan {
    async fn of(traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<Self> {
        traefik.writable().await?;
        let object = object(args)?;
        let middleware = args.reference()?.qualified();
        let Some(current) = traefik.current(&object).await? else {
            return Err(no_router(&object.name.qualified()).field("router").hint(
                "only routers made by `create_router` can be changed; those of other providers are changed where they were made",
            ));
        };
        let attach = args.action == Action::Attach;
        if attach && traefik.middleware(&middleware).await?.is_none() {
            return Err(no_middleware(&middleware));
        }
        let mut wanted = current.document.clone();
        let router = &mut wanted["http"]["routers"][object.name.as_str()];
        let list = router["middlewares"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let is_it = |one: &Value| {
            one.as_str()
                .is_some_and(|one| qualified(one, "file") == middleware)
        };
        let has = list.iter().any(is_it);
        let mut list = list;
        match (attach, has) {
            (true, true) => {}
            (true, false) => {
                let last = list.len();
                let at = args
                    .position
                    .map_or(last, |at| usize::try_from(at).unwrap_or(last));
                list.insert(at.min(last), json!(args.reference()?));
            }
            (false, true) => list.retain(|one| !is_it(one)),
            (false, false) => {
                let message = format!("`{middleware}` is not attached to `{}`", object.name);
                return Err(ToolError::not_found(message)
                    .reason("not_attached")
                    .field("name"));
            }
        }
        if let Value::Object(router) = router {
            if list.is_empty() {
                router.shift_remove("middlewares");
            } else {
                router.insert("middlewares".into(), list.into());
            }
        }
        Ok(Self {
            object,
            current,
            wanted,
        })
    }

    fn changes(&self) -> bool {
        self.current.document != self.wanted
    }
}

pub(super) async fn change(
    traefik: &Traefik,
    args: &ManageMiddleware,
) -> ToolResult<MiddlewareManaged> {
    let plan = Plan::of(traefik, args).await?;
    let changed = plan.changes() && !args.dry_run;
    let (object, file) = (plan.object.clone(), plan.object.file());
    if changed {
        let change = Change {
            object: plan.object,
            from: Some(plan.current),
            to: Some(plan.wanted),
        };
        traefik.apply(change).await?;
    }
    let router = traefik
        .router(Protocol::Http, &object.name.qualified())
        .await?;
    Ok(MiddlewareManaged {
        router: router.map(|router| router_row(Protocol::Http, router)),
        changed,
        file: Some(traefik.files()?.place(&file)),
        ..MiddlewareManaged::default()
    })
}

pub(super) async fn preview(traefik: &Traefik, args: &ManageMiddleware) -> ToolResult<Preview> {
    let plan = Plan::of(traefik, args).await?;
    let (verb, to) = if args.action == Action::Attach {
        ("attach", "to")
    } else {
        ("detach", "from")
    };
    Ok(Preview {
        summary: format!(
            "{verb} `{}` {to} the router `{}`",
            args.reference()?.qualified(),
            plan.object.name
        ),
        changes: between(Some(&plan.current.document), Some(&plan.wanted)),
        impact: if args.action == Action::Detach {
            vec!["requests of the router no longer pass it: if it guards something, that is open then".to_owned()]
        } else {
            Vec::new()
        },
    })
}

pub(super) async fn undo(
    traefik: &Traefik,
    args: &ManageMiddleware,
) -> ToolResult<Option<Inverse>> {
    let plan = Plan::of(traefik, args).await?;
    Ok(plan.changes().then(|| Inverse {
        tool: "rollback_router".to_owned(),
        arguments: json!({ "name": plan.object.name, "to_sha256": plan.current.sha256() }),
    }))
}
