//! In what calls of tests run.

use std::sync::{Arc, Mutex};

use homelab_core::call::{CallContext, Confirmer, CredentialKind, Principal, Progress, Transport};
use homelab_core::id::RequestId;
use homelab_core::policy::Role;
use tokio_util::sync::CancellationToken;

/// An administrator's call on the command line.
pub fn context() -> CallContext {
    context_with(Progress::default())
}

/// The same, with its progress going somewhere.
pub fn context_with(progress: Progress) -> CallContext {
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
        progress,
        confirm: Confirmer::default(),
    }
}

/// A call over HTTP with an agent's key of this name and role.
pub fn context_of(who: &str, role: Role) -> CallContext {
    CallContext {
        principal: Arc::new(Principal::new(who, who, CredentialKind::Agent, role)),
        transport: Transport::Http,
        ..context()
    }
}

/// Reports of progress as they came: value, total, message.
pub type Reports = Arc<Mutex<Vec<(f64, Option<f64>, String)>>>;

/// A context that keeps its progress.
pub fn reporting() -> (CallContext, Reports) {
    let reports = Reports::default();
    let sink = Arc::clone(&reports);
    let progress = Progress::to(move |update| {
        sink.lock().expect("no panic").push((
            update.progress,
            update.total,
            update.message.unwrap_or_default(),
        ));
    });
    (context_with(progress), reports)
}
