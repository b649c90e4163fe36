//! Archives that upstreams give out of themselves. They hold passwords or their hashes, so they are
//! encrypted before they are stored, and what is told of them is their size and their hash alone.

use std::sync::Arc;

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::keyring::KeyError;
use homelab_core::secret::SecretBytes;
use homelab_core::store::{Archive, Keep, Kept};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use crate::Env;

/// An archive that is to be kept; see [`Archive`] for the members.
#[derive(Debug, Clone)]
pub struct NewArchive {
    /// The id it is to have; a new one where it is empty.
    pub id: String,
    /// The instance.
    pub server: String,
    /// The machine of the instance.
    pub source: String,
    /// What it is.
    pub kind: &'static str,
    /// Its file's name.
    pub name: String,
    /// Why it was made.
    pub note: Option<String>,
}

impl Env {
    /// Encrypts and stores an archive.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep_archive(
        &self,
        archive: NewArchive,
        content: SecretBytes,
        keep: Keep<'_>,
    ) -> ToolResult<Kept> {
        let size = content.expose().len() as u64;
        let keyring = Arc::clone(&self.keyring);
        let (sha256, token) =
            busy(move || (digest(&content), keyring.encrypt_bytes(&content))).await?;
        let archive = Archive {
            id: archive.id,
            server: archive.server,
            source: archive.source,
            kind: archive.kind.to_owned(),
            name: archive.name,
            note: archive.note,
            size,
            sha256,
            // The store's to say.
            created_at: Micros(0),
        };
        Ok(self.stores.archives.insert(archive, &token, keep).await?)
    }

    /// The content of a stored archive, decrypted and compared with its hash.
    ///
    /// # Errors
    /// `not_found` with reason `archive_not_found` if it was removed meanwhile; `not_configured`
    /// with reason `archive_undecryptable` if no known key fits; `internal` with reason
    /// `archive_damaged` if it is not what was stored.
    pub async fn archive_content(&self, archive: &Archive) -> ToolResult<SecretBytes> {
        let id = &archive.id;
        let token = self.stores.archives.content(id).await?;
        let token = token.ok_or_else(|| {
            ToolError::not_found(format!("there is no archive `{id}` any more"))
                .reason("archive_not_found")
                .hint("list the archives again")
        })?;
        let keyring = Arc::clone(&self.keyring);
        let opened = busy(move || {
            let content = keyring.decrypt_bytes(&token)?;
            let sha256 = digest(&content);
            Ok((content, sha256))
        });
        let (content, sha256) = opened.await?.map_err(|error: KeyError| {
            let message = format!("the archive `{id}` cannot be decrypted: {error}");
            ToolError::new(Code::NotConfigured, message)
                .reason("archive_undecryptable")
                .hint("add the key it was stored with to `HOMELAB_DB_KEY`")
        })?;
        if sha256 != archive.sha256 {
            let message = format!("the archive `{id}` is not what was stored");
            return Err(ToolError::internal(message)
                .reason("archive_damaged")
                .hint("use another one, or one from a backup of the database"));
        }
        Ok(content)
    }
}

/// Work that takes its time with large archives, which must not hold up other calls.
async fn busy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> ToolResult<T> {
    let worked = spawn_blocking(work).await;
    worked.map_err(|_| ToolError::internal("the archive could not be worked on"))
}

fn digest(content: &SecretBytes) -> String {
    hex::encode(Sha256::digest(content.expose()))
}
