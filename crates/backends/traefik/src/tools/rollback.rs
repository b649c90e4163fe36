//! Bringing back the version before the last change.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::changes::{between, target};
use super::create::{RouterWritten, shown};
use super::routers::router_row;
use crate::apply::{Change, Version};
use crate::client::Traefik;
use crate::ids::Name;
use crate::managed::{Kind, Object};
use crate::protocol::Protocol;

/// Which router.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackRouter {
    /// The name of a router made here, without a provider; it may have been deleted.
    name: Name,
    /// Only if the kept version is this one: its SHA-256.
    #[schemars(length(min = 64, max = 64), regex(pattern = "^[0-9a-f]{64}$"))]
    to_sha256: Option<String>,
}

/// Bring back the version of a router before its last change or deletion, and keep the present one in its stead.
#[tool(
    destructive,
    open_world,
    permission = "traefik:router:write",
    title = "Roll a router back",
    timeout = 150,
    preview = preview_rollback,
    targets = rollback_targets,
    inverse = undo_rollback
)]
pub(crate) async fn rollback_router(
    traefik: &Traefik,
    args: RollbackRouter,
) -> ToolResult<RouterWritten> {
    let object = Object::router(&args.name);
    let step = Step::of(traefik, &object, args.to_sha256.as_deref()).await?;
    let (created, document) = (step.current.is_none(), step.previous.document.clone());
    step.take(traefik, object.clone()).await?;
    let router = traefik
        .router(Protocol::Http, &args.name.qualified())
        .await?;
    Ok(RouterWritten {
        router: router.map(|router| router_row(Protocol::Http, router)),
        changed: true,
        created,
        file: traefik.files()?.place(&object.file()),
        config: shown(&document),
        warnings: Vec::new(),
    })
}

/// From the present version to the kept one.
pub(super) struct Step {
    pub(super) current: Option<Version>,
    pub(super) previous: Version,
}

impl Step {
    /// # Errors
    /// `conflict` with reason `no_previous` or `config_changed`.
    pub(super) async fn of(
        traefik: &Traefik,
        object: &Object,
        to_sha256: Option<&str>,
    ) -> ToolResult<Self> {
        traefik.writable().await?;
        let current = traefik.current(object).await?;
        let Some(previous) = traefik.previous(object).await? else {
            let message = format!("no earlier version of the {} is kept", object.described());
            return Err(ToolError::new(Code::Conflict, message)
                .reason("no_previous")
                .field("name")
                .hint("one that was just made can be deleted instead"));
        };
        if to_sha256.is_some_and(|wanted| wanted != previous.sha256()) {
            let message = format!(
                "the {} was changed again since: the kept version is another one",
                object.described()
            );
            return Err(ToolError::new(Code::Conflict, message)
                .reason("config_changed")
                .field("to_sha256")
                .hint("look at it as it is now and decide again"));
        }
        Ok(Self { current, previous })
    }

    pub(super) async fn take(self, traefik: &Traefik, object: Object) -> ToolResult<()> {
        let change = Change {
            object,
            from: self.current,
            to: Some(self.previous.document),
        };
        traefik.apply(change).await
    }

    pub(super) fn preview(&self, object: &Object) -> Preview {
        Preview {
            summary: format!("bring back the kept version of the {}", object.described()),
            changes: between(
                self.current.as_ref().map(|current| &current.document),
                Some(&self.previous.document),
            ),
            impact: Vec::new(),
        }
    }

    /// The call that undoes it.
    pub(super) fn inverse(&self, object: &Object) -> Inverse {
        let name = &object.name;
        let sha256 = self.current.as_ref().map(Version::sha256);
        let call = |tool: &str, arguments: Value| Inverse {
            tool: tool.to_owned(),
            arguments,
        };
        match (object.kind, sha256) {
            (Kind::Router, Some(sha256)) => call(
                "rollback_router",
                json!({ "name": name, "to_sha256": sha256 }),
            ),
            (Kind::Router, None) => call("delete_router", json!({ "name": name })),
            (Kind::Middleware, Some(sha256)) => call(
                "manage_middleware",
                json!({ "action": "rollback", "name": name, "to_sha256": sha256 }),
            ),
            (Kind::Middleware, None) => call(
                "manage_middleware",
                json!({ "action": "delete", "name": name }),
            ),
        }
    }
}

async fn preview_rollback(traefik: &Traefik, args: &RollbackRouter) -> ToolResult<Preview> {
    let object = Object::router(&args.name);
    let step = Step::of(traefik, &object, args.to_sha256.as_deref()).await?;
    Ok(step.preview(&object))
}

async fn rollback_targets(_traefik: &Traefik, args: &RollbackRouter) -> ToolResult<Vec<Target>> {
    Ok(vec![target(&Object::router(&args.name))])
}

async fn undo_rollback(traefik: &Traefik, args: &RollbackRouter) -> ToolResult<Option<Inverse>> {
    let object = Object::router(&args.name);
    let step = Step::of(traefik, &object, args.to_sha256.as_deref()).await?;
    Ok(Some(step.inverse(&object)))
}
