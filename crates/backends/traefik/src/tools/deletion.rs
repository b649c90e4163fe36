//! Removing routers that were made here.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::changes::{between, target};
use super::routers::no_router;
use crate::apply::{Change, Version};
use crate::client::{Search, Traefik};
use crate::ids::Name;
use crate::managed::Object;
use crate::protocol::Protocol;

/// Which router.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteRouter {
    /// The name of a router made here, without a provider.
    name: Name,
}

/// A router that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RouterDeleted {
    /// As Traefik called it.
    name: String,
    /// The file that is gone.
    file: String,
    /// SHA-256 of the version that is kept: `rollback_router` brings it back.
    kept_sha256: String,
}

/// Delete a router that was made here, with its service, and wait until Traefik has let go of it; its file is kept for `rollback_router`.
#[tool(
    destructive,
    open_world,
    permission = "traefik:router:delete",
    title = "Delete a router",
    timeout = 150,
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete
)]
pub(crate) async fn delete_router(
    traefik: &Traefik,
    args: DeleteRouter,
) -> ToolResult<RouterDeleted> {
    traefik.writable().await?;
    let current = args.found(traefik).await?;
    let object = Object::router(&args.name);
    let deleted = RouterDeleted {
        name: args.name.qualified(),
        file: traefik.files()?.place(&object.file()),
        kept_sha256: current.sha256(),
    };
    let change = Change {
        object,
        from: Some(current),
        to: None,
    };
    traefik.apply(change).await?;
    Ok(deleted)
}

impl DeleteRouter {
    /// Our file of it, if nobody else needs what it defines.
    async fn found(&self, traefik: &Traefik) -> ToolResult<Version> {
        let name = self.name.qualified();
        let Some(current) = traefik.current(&Object::router(&self.name)).await? else {
            if traefik.router(Protocol::Http, &name).await?.is_some() {
                let message = format!("`{name}` is in a file that was not written here");
                return Err(ToolError::new(Code::Conflict, message)
                    .reason("not_managed")
                    .field("name")
                    .hint("remove it where it was made"));
            }
            return Err(no_router(&name));
        };
        let all = traefik.routers(Protocol::Http, &Search::default()).await?;
        let others: Vec<&str> = all
            .iter()
            .filter(|other| other.name != name && other.qualified_service() == name)
            .map(|other| other.name.as_str())
            .collect();
        if others.is_empty() {
            return Ok(current);
        }
        let message = format!(
            "its service `{name}` is used by other routers: {}",
            others.join(", ")
        );
        Err(ToolError::new(Code::Conflict, message)
            .reason("in_use")
            .hint("give those another service, or delete them first"))
    }
}

async fn preview_delete(traefik: &Traefik, args: &DeleteRouter) -> ToolResult<Preview> {
    let current = args.found(traefik).await?;
    Ok(Preview {
        summary: format!("delete the router `{}`", args.name.qualified()),
        changes: between(Some(&current.document), None),
        impact: vec![
            "requests for it are answered with 404, or by a router with a wider rule".to_owned(),
        ],
    })
}

async fn delete_targets(_traefik: &Traefik, args: &DeleteRouter) -> ToolResult<Vec<Target>> {
    Ok(vec![target(&Object::router(&args.name))])
}

async fn undo_delete(traefik: &Traefik, args: &DeleteRouter) -> ToolResult<Option<Inverse>> {
    let current = args.found(traefik).await?;
    Ok(Some(Inverse {
        tool: "rollback_router".to_owned(),
        arguments: json!({ "name": args.name, "to_sha256": current.sha256() }),
    }))
}
