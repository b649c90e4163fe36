//! What a path names.

use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use russh_sftp::protocol::FileAttributes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::not_found;
use super::policy::Access;
use super::{Files, path};

/// Kind of what a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe, socket or device.
    Special,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileInfo {
    /// The path that was asked for, cleaned.
    pub path: String,
    /// Kind.
    pub kind: FileKind,
    /// Size in bytes.
    pub size: u64,
    /// Permissions in octal, such as `0644`.
    pub mode: String,
    /// Number of the owner.
    pub uid: Option<u32>,
    /// Number of the group.
    pub gid: Option<u32>,
    /// When the content last changed.
    pub modified: Option<Micros>,
    /// Where a link leads, as it is written there.
    pub target: Option<String>,
}

impl FileInfo {
    pub(super) fn new(path: &str, attributes: &FileAttributes) -> Self {
        Self {
            path: path.to_owned(),
            kind: kind(attributes),
            size: attributes.size.unwrap_or_default(),
            mode: mode_text(attributes),
            uid: attributes.uid,
            gid: attributes.gid,
            modified: modified(attributes),
            target: None,
        }
    }
}

/// The bits that say what something is.
const KIND_BITS: u32 = 0o170_000;

pub(super) fn kind(attributes: &FileAttributes) -> FileKind {
    match attributes.permissions.unwrap_or_default() & KIND_BITS {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Directory,
        0o120_000 => FileKind::Symlink,
        _ => FileKind::Special,
    }
}

/// How a kind is called in errors.
pub(super) fn kind_text(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "a regular file",
        FileKind::Directory => "a directory",
        FileKind::Symlink => "a symbolic link",
        FileKind::Special => "a pipe, socket or device",
    }
}

pub(super) fn mode_text(attributes: &FileAttributes) -> String {
    format!(
        "{:04o}",
        attributes.permissions.unwrap_or_default() & 0o7777
    )
}

pub(super) fn modified(attributes: &FileAttributes) -> Option<Micros> {
    attributes
        .mtime
        .map(|seconds| Micros(i64::from(seconds) * 1_000_000))
}

impl Files {
    /// What a path names; a link is not followed.
    ///
    /// # Errors
    /// `permission_denied` outside of the roots, `not_found`, and what connecting ends with.
    pub async fn stat(&self, path: &str) -> ToolResult<FileInfo> {
        self.check_read(path)?;
        let sftp = self.open().await?;
        let real = sftp.for_leaf(&self.roots, Access::Read, path).await?;
        let Some(attributes) = sftp.lstat(&real).await? else {
            return Err(not_found(&self.link.name, path));
        };
        let mut info = FileInfo::new(&path::absolute(path)?, &attributes);
        if info.kind == FileKind::Symlink {
            let target = sftp.raw.readlink(real.as_str()).await;
            let target = sftp.answer(target, "read the link", path)?;
            info.target = target.files.into_iter().next().map(|file| file.filename);
        }
        Ok(info)
    }
}
