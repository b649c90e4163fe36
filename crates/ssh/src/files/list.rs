//! What a directory holds.

use homelab_core::error::{Code, ToolError, ToolResult};
use russh_sftp::client::error::Error;
use russh_sftp::protocol::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stat::{FileInfo, FileKind, kind_text};
use super::{Files, path, stat};

/// Most entries of a directory that are looked at.
const MOST: usize = 20_000;

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it is; a link is not followed.
    #[serde(flatten)]
    pub info: FileInfo,
}

/// A page of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The entries, by name.
    pub entries: Vec<Listed>,
    /// How many entries the directory has in all.
    pub total: usize,
    /// Pass this as `after` for the next page; absent on the last.
    pub next: Option<String>,
    /// The directory has more entries than are looked at; the rest is missing.
    pub truncated: bool,
}

impl Files {
    /// The entries of a directory, sorted by name: at most `limit` of those behind the name `after`.
    ///
    /// # Errors
    /// `permission_denied` outside of the roots, `not_found`, `conflict` with reason `file_kind` if
    /// it is no directory, and what connecting ends with.
    pub async fn list(&self, path: &str, after: Option<&str>, limit: usize) -> ToolResult<Listing> {
        self.check_read(path)?;
        let sftp = self.open().await?;
        let real = sftp.for_reading(&self.roots, path).await?;
        let attributes = sftp.raw.stat(real.as_str()).await;
        let attributes = sftp.answer(attributes, "look at", path)?.attrs;
        let kind = stat::kind(&attributes);
        if kind != FileKind::Directory {
            let text = format!("`{path}` is {}, not a directory", kind_text(kind));
            return Err(ToolError::new(Code::Conflict, text).reason("file_kind"));
        }
        let handle = sftp.raw.opendir(real.as_str()).await;
        let handle = sftp.answer(handle, "open the directory", path)?.handle;
        let mut found = Vec::new();
        let truncated = loop {
            match sftp.raw.readdir(handle.as_str()).await {
                Ok(name) => found.extend(name.files),
                Err(Error::Status(status)) if status.status_code == StatusCode::Eof => break false,
                Err(error) => return sftp.answer(Err(error), "read the directory", path),
            }
            if found.len() > MOST {
                break true;
            }
        };
        // The session ends with the call, and the handle with it.
        drop(sftp.raw.close(handle).await);
        let path = path::absolute(path)?;
        found.retain(|file| !matches!(file.filename.as_str(), "." | ".."));
        found.truncate(MOST);
        found.sort_by(|one, other| one.filename.cmp(&other.filename));
        let total = found.len();
        let behind = |name: &str| after.is_none_or(|after| name > after);
        let mut entries: Vec<Listed> = found
            .into_iter()
            .filter(|file| behind(&file.filename))
            .take(limit + 1)
            .map(|file| Listed {
                info: FileInfo::new(&path::join(&path, &file.filename), &file.attrs),
                name: file.filename,
            })
            .collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more);
        Ok(Listing {
            next: last.map(|last| last.name.clone()),
            entries,
            total,
            truncated,
        })
    }
}
