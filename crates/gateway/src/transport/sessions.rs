//! Sessions of the older protocol revisions on one endpoint: whose they are, how many, how long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use homelab_core::call::Transport;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager,
};

use crate::metrics::{Counted, Metrics};

/// A session that nobody used for this long is closed. Few clients ever close theirs.
const IDLE: Duration = Duration::from_mins(30);

/// The SDK's sessions with an owner each.
///
/// A session's id is not enough to use it: it must come with the credential that opened it. To
/// everybody else it does not exist.
pub(crate) struct Sessions {
    inner: LocalSessionManager,
    owners: Mutex<Owners>,
    metrics: Arc<Metrics>,
    /// Most sessions of one credential; one more closes the one that was not used for longest.
    most: usize,
}

#[derive(Default)]
struct Owners {
    by_session: HashMap<SessionId, Owner>,
    /// Rises with each use of any session.
    uses: u64,
}

struct Owner {
    /// None until the answer that tells the client of it.
    credential: Option<String>,
    used: u64,
    _open: Counted,
}

impl Sessions {
    /// None yet.
    pub(crate) fn new(metrics: Arc<Metrics>, most: usize) -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(IDLE);
        Self {
            inner,
            owners: Mutex::default(),
            metrics,
            most: most.max(1),
        }
    }

    /// Whether the session exists and is this credential's; notes the use.
    pub(crate) fn belongs(&self, id: &str, credential: &str) -> bool {
        let mut owners = self.lock();
        owners.uses += 1;
        let uses = owners.uses;
        match owners.by_session.get_mut(id) {
            Some(owner) if owner.credential.as_deref() == Some(credential) => {
                owner.used = uses;
                true
            }
            _ => false,
        }
    }

    /// Makes a new session this credential's, and closes its oldest one if that is too many.
    pub(crate) async fn bind(&self, id: &str, credential: &str) {
        let surplus = {
            let mut owners = self.lock();
            owners.uses += 1;
            let uses = owners.uses;
            if let Some(owner) = owners.by_session.get_mut(id) {
                owner.credential = Some(credential.to_owned());
                owner.used = uses;
            }
            owners.surplus(credential, self.most)
        };
        if let Some(surplus) = surplus {
            tracing::debug!("a credential has too many sessions; its oldest is closed");
            // An error says that it was closed already.
            self.close_session(&surplus).await.ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owners {
    fn surplus(&self, credential: &str, most: usize) -> Option<SessionId> {
        let own = || {
            self.by_session
                .iter()
                .filter(|(_, owner)| owner.credential.as_deref() == Some(credential))
        };
        if own().count() <= most {
            return None;
        }
        own()
            .min_by_key(|(_, owner)| owner.used)
            .map(|(id, _)| id.clone())
    }
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let (id, transport) = self.inner.create_session().await?;
        let owner = Owner {
            credential: None,
            used: 0,
            _open: self.metrics.session(Transport::Http),
        };
        self.lock().by_session.insert(id.clone(), owner);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.lock().by_session.remove(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_stream(id, message).await
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.resume(id, last_event_id).await
    }
}
