//! Removes a file.

use homelab_core::error::ToolResult;

use super::Files;
use super::error::not_found;
use super::policy::Access;
use super::write::{Previous, refuse_change};

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The file as it was.
    pub previous: Previous,
}

impl Files {
    /// Removes a regular file, only with this SHA-256 if one is given.
    ///
    /// # Errors
    /// `permission_denied` outside of the roots or for a file with secrets; `not_found`; `conflict`
    /// with reason `file_changed` or `file_kind`; and what connecting ends with.
    pub async fn remove(&self, path: &str, expected_sha256: Option<&str>) -> ToolResult<Removed> {
        self.check_write(path)?;
        let sftp = self.open().await?;
        let target = sftp.for_leaf(&self.roots, Access::Write, path).await?;
        let Some(attributes) = sftp.lstat(&target).await? else {
            return Err(not_found(&self.link.name, path));
        };
        let previous = sftp.previous(&target, path, &attributes).await?;
        if let Some(expected) = expected_sha256 {
            refuse_change(path, expected, Some(&previous))?;
        }
        let removed = sftp.raw.remove(target.as_str()).await;
        sftp.answer(removed, "remove", path)?;
        Ok(Removed { previous })
    }
}
