//! Other servers that backups are copied to or from.

use futures_util::{StreamExt as _, stream};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Pbs;
use crate::ids::RemoteName;
use crate::types::Remote;

/// Remotes that are asked at a time.
const AT_A_TIME: usize = 4;

/// Which remotes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListRemotes {
    /// Only this one; default all.
    remote: Option<RemoteName>,
    /// Ask each for its datastores, which also tells whether it answers.
    scan: bool,
}

/// Another server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RemoteRow {
    /// What `sync_to_remote` takes.
    remote: String,
    host: String,
    port: Option<u16>,
    /// As whom it is asked.
    auth_id: Option<String>,
    /// Of the certificate that is trusted.
    fingerprint: Option<String>,
    comment: Option<String>,
    /// Its datastores, if it was asked and answered.
    datastores: Option<Vec<String>>,
    /// Why it could not be asked.
    problem: Option<String>,
}

/// Other servers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Remotes {
    remotes: Vec<RemoteRow>,
}

/// List the other backup servers that backups can be copied to, and with `scan` whether they answer and which datastores they have.
#[tool(
    read,
    open_world,
    permission = "pbs:remote:read",
    title = "List remotes",
    timeout = 180,
    untrusted("remotes.*.comment")
)]
pub(crate) async fn list_remotes(pbs: &Pbs, args: ListRemotes) -> ToolResult<Remotes> {
    let mut found = pbs.remotes().await?;
    if let Some(only) = &args.remote {
        found.retain(|remote| remote.name == only.as_str());
        if found.is_empty() {
            let message = format!("no remote `{only}` that our credentials can read");
            return Err(ToolError::not_found(message)
                .reason("remote_not_found")
                .field("remote")
                .hint(
                    "call `list_remotes` without arguments; a token needs `RemoteAudit` on each",
                ));
        }
    }
    let scan = args.scan;
    let remotes = stream::iter(found)
        .map(|remote| async move {
            let scanned = match remote.name.parse() {
                Ok(name) if scan => Some(pbs.remote_stores(&name).await),
                _ => None,
            };
            row(remote, scanned)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    Ok(Remotes { remotes })
}

fn row(remote: Remote, scanned: Option<ToolResult<Vec<crate::types::StoreRow>>>) -> RemoteRow {
    let (datastores, problem) = match scanned {
        None => (None, None),
        Some(Ok(rows)) => (Some(rows.into_iter().map(|row| row.store).collect()), None),
        Some(Err(error)) => (None, Some(error.envelope().message.clone())),
    };
    RemoteRow {
        remote: remote.name,
        host: remote.host,
        port: remote.port,
        auth_id: remote.auth_id,
        fingerprint: remote.fingerprint,
        comment: remote.comment.filter(|text| !text.is_empty()),
        datastores,
        problem,
    }
}
