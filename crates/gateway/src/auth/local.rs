//! The local user of stdio and the command line, who has no key.

use std::sync::Arc;

use homelab_core::call::{CredentialKind, Principal, Transport};
use homelab_core::policy::Role;

/// The principal `<transport>:<uid>`, such as `stdio:1000` or `cli:0`. Whoever can start the
/// program with this data directory is trusted with `role`; the settings under `[local]` say which.
pub fn local(transport: Transport, uid: u32, role: Role) -> Arc<Principal> {
    let name = format!("{}:{uid}", transport.as_str());
    Arc::new(Principal {
        // Whoever types a command has chosen it; a model behind stdio may have been talked into it.
        taintable: transport != Transport::Cli,
        ..Principal::new(name.clone(), name, CredentialKind::Local, role)
    })
}

/// The caller of an HTTP server that asks for no key (`[auth] enabled = false`).
pub(super) fn anonymous(role: Role) -> Arc<Principal> {
    Arc::new(Principal::new(
        "anonymous",
        "anonymous",
        CredentialKind::Local,
        role,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types_needs_no_approval_for_what_was_read_before() {
        assert!(!local(Transport::Cli, 1000, Role::Admin).taintable);
        assert!(local(Transport::Stdio, 1000, Role::Admin).taintable);
    }
}
