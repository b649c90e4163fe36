//! The tools, one file per subject.

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) mod attach;
pub(crate) mod change;
pub(crate) mod changes;
pub(crate) mod compose;
pub(crate) mod create;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod history;
pub(crate) mod images;
pub(crate) mod inspect;
pub(crate) mod lifecycle;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod networks;
pub(crate) mod prune;
pub(crate) mod push;
pub(crate) mod recreate;
pub(crate) mod remove;
pub(crate) mod stats;
pub(crate) mod system;
pub(crate) mod transfer;
pub(crate) mod updates;
pub(crate) mod volumes;
pub(crate) mod wait;

/// Which container.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) container: String,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    pub(crate) host: Option<String>,
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use homelab_core::call::{
        CallContext, Confirmer, CredentialKind, Principal, Progress, Transport,
    };
    use homelab_core::id::RequestId;
    use homelab_core::policy::Role;
    use tokio_util::sync::CancellationToken;

    /// A call by the local user.
    pub(crate) fn context() -> CallContext {
        CallContext {
            principal: Arc::new(Principal::new(
                "cli:0",
                "cli:0",
                CredentialKind::Local,
                Role::Admin,
            )),
            request_id: RequestId::new("r"),
            transport: Transport::Cli,
            session: None,
            peer: None,
            deadline: None,
            cancel: CancellationToken::new(),
            progress: Progress::default(),
            confirm: Confirmer::default(),
        }
    }
}
