//! Entry points: the ports that Traefik listens on.

use homelab_core::error::ToolResult;
use homelab_core::tool::{NoArgs, tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::client::Traefik;
use crate::types::EntryPoint;

/// An entry point.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntryPointRow {
    /// What routers name.
    name: String,
    /// Where it listens: `:443`.
    address: String,
    port: Option<u16>,
    /// `tcp` or `udp`.
    protocol: String,
    /// Routers without entry points of their own are on it.
    default: bool,
    /// Its routers speak TLS unless they say otherwise.
    tls: bool,
    /// Middlewares that requests pass before those of their router.
    middlewares: Vec<String>,
    /// Entry point that requests are redirected to.
    redirects_to: Option<String>,
}

/// Entry points.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntryPoints {
    entry_points: Vec<EntryPointRow>,
}

/// List the ports that Traefik listens on, by the names that routers use for them.
#[tool(
    read,
    open_world,
    permission = "traefik:entrypoint:read",
    title = "List entry points"
)]
pub(crate) async fn list_entrypoints(traefik: &Traefik, _args: NoArgs) -> ToolResult<EntryPoints> {
    let found = traefik.entry_points().await?;
    // Where none is marked, every one but the API's own is a default.
    let marked = found.iter().any(|one| one.as_default);
    let entry_points = found.into_iter().map(|one| row(one, marked)).collect();
    Ok(EntryPoints { entry_points })
}

fn row(one: EntryPoint, marked: bool) -> EntryPointRow {
    let redirects_to = one.http.redirections.as_ref().and_then(|value| {
        let to = value.get("entryPoint")?.get("to")?;
        to.as_str().map(str::to_owned)
    });
    EntryPointRow {
        port: one.port(),
        protocol: one.protocol().to_owned(),
        default: if marked {
            one.as_default
        } else {
            one.name != "traefik" && one.protocol() != "udp"
        },
        tls: one
            .http
            .tls
            .as_ref()
            .is_some_and(|tls| !matches!(tls, Value::Null)),
        middlewares: one.http.middlewares,
        redirects_to,
        name: one.name,
        address: one.address,
    }
}
