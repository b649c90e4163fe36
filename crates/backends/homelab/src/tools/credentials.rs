//! Stored credentials.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Homelab;

/// Whose credentials.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetCredentials {
    /// Name of a device, service, virtual machine or host, or a credential's id.
    #[schemars(length(min = 1, max = 255))]
    target: String,
}

/// The credentials of a target.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Logins {
    credentials: Vec<Login>,
}

/// One credential.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Login {
    id: String,
    target: String,
    target_type: String,
    /// `password`, `ssh_key`, `api_token`, …
    auth_type: String,
    username: Option<String>,
    /// Password, token or passphrase.
    password: Option<String>,
    /// Private key on the server's machine.
    ssh_key_path: Option<String>,
    notes: Option<String>,
    /// Why the password is missing.
    problem: Option<String>,
}

/// Get login credentials (user name, password, API token, SSH key path) of a device, service or virtual machine. Every call is audited.
#[tool(
    read,
    secret,
    permission = "homelab:credential:read",
    title = "Get credentials",
    sensitive_output("credentials.password")
)]
pub(crate) async fn homelab_get_credentials(
    lab: &Homelab,
    args: GetCredentials,
) -> ToolResult<Logins> {
    let found = lab.credentials(&args.target).await?;
    if found.is_empty() {
        let message = format!("no credentials are stored for `{}`", args.target);
        return Err(ToolError::not_found(message)
            .field("target")
            .hint("check the name with `homelab_search`; credentials are stored with `homelab-mcp credentials set`"));
    }
    let mut failed = None;
    let mut credentials = Vec::with_capacity(found.len());
    for credential in found {
        let (password, problem) = match lab.env.decrypt(&credential) {
            Ok(secret) => (secret.map(|secret| secret.expose().to_owned()), None),
            Err(error) => {
                let problem = error.envelope().message.clone();
                failed = Some(error);
                (None, Some(problem))
            }
        };
        credentials.push(Login {
            id: credential.id,
            target: credential.target_id,
            target_type: credential.target_type,
            auth_type: credential.auth_type,
            username: credential.username,
            password,
            ssh_key_path: credential.ssh_key_path,
            notes: credential.notes,
            problem,
        });
    }
    match failed {
        // Nothing at all could be read: the key is wrong, and that is the answer.
        Some(error) if credentials.iter().all(|login| login.problem.is_some()) => Err(error),
        _ => Ok(Logins { credentials }),
    }
}
