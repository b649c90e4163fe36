//! What is done with the audit as a whole: signing, verifying, exporting, archiving.

use std::fmt;
use std::sync::Arc;

use homelab_core::audit::{AuditKey, Checkpoint, SigningKey, Verification};
use homelab_core::store::StoreResult;

use super::checkpoints;
use super::verify::verify;
use crate::db::Lock;
use crate::shared::Shared;

/// The two keys of the audit.
#[derive(Clone)]
pub struct AuditKeys {
    /// Chains the rows and seals the heads.
    pub chain: AuditKey,
    /// Signs the checkpoints.
    pub signing: Arc<SigningKey>,
}

impl fmt::Debug for AuditKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AuditKeys")
            .field("chain", &self.chain.fingerprint())
            .field("signing", &self.signing)
            .finish()
    }
}

/// The audit as a whole; clones share the database.
#[derive(Clone)]
pub struct AuditTrail {
    pub(super) shared: Shared,
    pub(super) keys: AuditKeys,
}

impl AuditTrail {
    pub(crate) fn new(shared: Shared, keys: AuditKeys) -> Self {
        Self { shared, keys }
    }

    /// The keys.
    pub fn keys(&self) -> &AuditKeys {
        &self.keys
    }

    /// Signs where a chain stands; nothing if its newest row was signed already.
    ///
    /// Fails with [`Corrupt`](homelab_core::store::StoreError::Corrupt) if the chain's head or the
    /// list of checkpoints was altered.
    pub async fn checkpoint(&self, chain: &str) -> StoreResult<Option<Checkpoint>> {
        let mut tx = self.shared.db.write(Lock::Checkpoints).await?;
        let now = self.shared.now();
        let made = checkpoints::sign_head(&mut tx.conn(), chain, now, &self.keys).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Signs where every chain stands, also those whose writer was killed; how many were made.
    pub async fn checkpoint_all(&self) -> StoreResult<u64> {
        let chains = {
            let mut session = self.shared.db.read().await?;
            checkpoints::chains(&mut session.conn()).await?
        };
        let mut made = 0;
        // One transaction each: a writer waits for one signature, not for thousands.
        for chain in chains {
            made += u64::from(self.checkpoint(&chain).await?.is_some());
        }
        Ok(made)
    }

    /// The newest checkpoint.
    pub async fn newest(&self) -> StoreResult<Option<Checkpoint>> {
        let mut session = self.shared.db.read().await?;
        checkpoints::newest(&mut session.conn()).await
    }

    /// Verifies everything as of one moment, and that each of the `pinned` checkpoints, which were
    /// kept elsewhere, is still among those that are here.
    pub async fn verify(&self, pinned: &[Checkpoint]) -> StoreResult<Verification> {
        let public = self.keys.signing.public();
        verify(&self.shared, self.keys.chain.clone(), Some(&public), pinned).await
    }
}
