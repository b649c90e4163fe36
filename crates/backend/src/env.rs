//! What a backend is given: stores, keys, clock, randomness, redaction, outbound HTTP.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use homelab_core::clock::{Clock, Entropy};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::keyring::Keyring;
use homelab_core::observe::Observer;
use homelab_core::redact::Redactor;
use homelab_core::secret::{Secret, SecretRef, SecretSource};
use homelab_core::store::{Credential, Stores};
use homelab_upstream::{Client, ClientConfig};

/// What a backend is given when it is made; clones share everything.
#[derive(Clone)]
pub struct Env {
    /// Our database.
    pub stores: Stores,
    /// Keys of the stored credentials and archives.
    pub keyring: Arc<Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Learns every secret that is read, so that none leaves the process by accident.
    pub redactor: Redactor,
    /// Counts the requests to upstreams.
    pub observer: Arc<dyn Observer>,
    /// What several backends use and most do not need, such as the hosts behind SSH.
    pub shared: Shared,
}

/// Values by their type, put in where the program is put together: so a heavy dependency is built
/// into the backends that use it, not into all.
#[derive(Clone, Default)]
pub struct Shared(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Shared {
    /// Adds a value; the last one of a type wins.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: Arc<T>) -> Self {
        self.0.insert(TypeId::of::<T>(), value);
        self
    }

    /// The value of this type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.get(&TypeId::of::<T>())?).downcast().ok()
    }
}

impl Env {
    /// An HTTP client whose requests are counted and whose errors hold no secret; how a backend
    /// makes each of its own. Nothing is asked yet.
    ///
    /// # Errors
    /// `not_configured` if a setting cannot be used; the error names it.
    pub fn client(&self, config: ClientConfig) -> ToolResult<Client> {
        let observer = self.observer.clone();
        let config = ClientConfig { observer, ..config };
        Client::new(&config, self.redactor.clone())
    }

    /// The secret that a setting names; `credential:` references are looked up now, so that a
    /// rotated credential needs no restart. The redactor learns it.
    ///
    /// # Errors
    /// `not_configured` if there is no such credential, several, or none that can be decrypted.
    pub async fn secret(&self, reference: &SecretRef) -> ToolResult<Secret> {
        let secret = match reference {
            SecretRef::Plain(secret) => secret.clone(),
            SecretRef::Credential(target) => return self.stored_secret(target).await,
            // The configuration resolves these two when it is read.
            SecretRef::Env(name) => return Err(unresolved(&format!("env:{name}"))),
            SecretRef::File(path) => return Err(unresolved(&format!("file:{path}"))),
        };
        self.redactor.learn(&secret);
        Ok(secret)
    }

    /// The decrypted password of a stored credential, `None` where it has none (a key file on
    /// disk). The redactor learns it.
    ///
    /// # Errors
    /// `not_configured` with reason `credential_undecryptable` if no known key fits.
    pub fn decrypt(&self, credential: &Credential) -> ToolResult<Option<Secret>> {
        let Some(token) = &credential.password_encrypted else {
            return Ok(None);
        };
        let secret = self.keyring.decrypt(token).map_err(|error| {
            let target = &credential.target_id;
            ToolError::new(
                Code::NotConfigured,
                format!("the credential of `{target}` cannot be decrypted: {error}"),
            )
            .reason("credential_undecryptable")
            .hint("add the key it was stored with to `HOMELAB_DB_KEY`, or set it again with `homelab-mcp credentials set`")
        })?;
        self.redactor.learn(&secret);
        Ok(Some(secret))
    }

    async fn stored_secret(&self, target: &str) -> ToolResult<Secret> {
        let found = self.stores.credentials.find(target).await?;
        let mut with_password = found
            .iter()
            .filter(|credential| credential.password_encrypted.is_some());
        let (first, second) = (with_password.next(), with_password.next());
        let problem = match (first, second) {
            (Some(credential), None) => match self.decrypt(credential)? {
                Some(secret) => return Ok(secret),
                None => "no password is stored for it",
            },
            (Some(_), Some(_)) => "several passwords are stored for it: name the credential's id",
            (None, _) => "no password is stored for it",
        };
        Err(ToolError::new(
            Code::NotConfigured,
            format!("the setting `credential:{target}` cannot be used: {problem}"),
        )
        .reason("credential_missing")
        .hint("see `homelab-mcp credentials list`, or store it with `homelab-mcp credentials set`"))
    }
}

#[async_trait]
impl SecretSource for Env {
    async fn secret(&self, reference: &SecretRef) -> ToolResult<Secret> {
        self.secret(reference).await
    }
}

fn unresolved(reference: &str) -> ToolError {
    ToolError::internal(format!("the reference `{reference}` was not resolved"))
}
