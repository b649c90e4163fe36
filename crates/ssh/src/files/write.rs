//! Writes a file.

use homelab_core::error::{Code, ToolError, ToolResult};
use russh_sftp::protocol::FileAttributes;
use tokio_util::sync::CancellationToken;

use super::error::{not_found, wrong_kind};
use super::policy::Access;
use super::read::sha256;
use super::replace::Replacement;
use super::sftp::Sftp;
use super::stat::{FileInfo, FileKind, kind, kind_text};
use super::{Files, path};

/// Most bytes of one write.
pub const WRITE_CAP: usize = 1024 * 1024;
/// Old content up to this size is handed back, for undo.
const PREVIOUS_CAP: u64 = 1024 * 1024;
/// Old content is read up to this size, for its hash.
const COMPARED_UP_TO: u64 = 64 * 1024 * 1024;

/// How to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Permissions; those of the old file, or `0644`, if absent.
    pub mode: Option<u32>,
    /// Fail if the file is there.
    pub create_only: bool,
    /// Make missing directories.
    pub create_dirs: bool,
    /// Fail unless the file is there with this SHA-256, in hexadecimal.
    pub expected_sha256: Option<String>,
    /// Write over the old content where the server cannot replace a file in one step.
    pub allow_non_atomic: bool,
}

/// What was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// The content, unless it is larger than 1 MiB.
    pub content: Option<Vec<u8>>,
    /// Its SHA-256 in hexadecimal, unless it is larger than 64 MiB.
    pub sha256: Option<String>,
    /// The file.
    pub info: FileInfo,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file as it is now.
    pub info: FileInfo,
    /// Whether it is new.
    pub created: bool,
    /// SHA-256 of the content in hexadecimal.
    pub sha256: String,
    /// What was there before.
    pub previous: Option<Previous>,
    /// Whether it was replaced in one step.
    pub atomic: bool,
}

impl Files {
    /// Writes a file: the old content stays until the new one is on the disk as a whole. Owner,
    /// group and permissions of the old file are kept; links to it by other names are not.
    ///
    /// A caller that goes away before the last step changes nothing.
    ///
    /// # Errors
    /// `permission_denied` outside of the roots or for a file with secrets; `conflict` with reason
    /// `file_exists`, `file_changed`, or `file_kind` (links, directories, pipes and devices are not
    /// written to); `invalid_argument` for content that is too large; `upstream_rejected` with
    /// reason `sftp_not_atomic` or `file_owner`; and what connecting ends with.
    pub async fn write(
        &self,
        path: &str,
        content: Vec<u8>,
        options: WriteOptions,
    ) -> ToolResult<Written> {
        if content.len() > WRITE_CAP {
            let text = format!("the content is larger than {WRITE_CAP} bytes");
            return Err(ToolError::invalid("content", text));
        }
        self.check_write(path)?;
        let (files, path) = (self.clone(), path.to_owned());
        Self::to_its_end(move |cancel| async move {
            files.write_now(&path, &content, &options, &cancel).await
        })
        .await
    }

    async fn write_now(
        &self,
        path: &str,
        content: &[u8],
        options: &WriteOptions,
        cancel: &CancellationToken,
    ) -> ToolResult<Written> {
        let sftp = self.open().await?;
        let clean = path::absolute(path)?;
        let Some((parent, _)) = path::split(&clean) else {
            return Err(wrong_kind("/", "a directory"));
        };
        if options.create_dirs {
            sftp.make_directories(&self.roots, parent).await?;
        }
        let target = sftp.for_leaf(&self.roots, Access::Write, path).await?;
        let old = sftp.lstat(&target).await?;
        let previous = match &old {
            Some(old) => Some(sftp.previous(&target, path, old).await?),
            None => None,
        };
        refuse_conflicts(path, options, previous.as_ref(), &self.link.name)?;
        let kept = old.as_ref().and_then(|old| old.permissions);
        let random = self.link.parts.random();
        let replacement = Replacement {
            target: &target,
            content,
            mode: options.mode.or(kept).unwrap_or(0o644),
            old: old.as_ref(),
            random: &random,
            allow_non_atomic: options.allow_non_atomic,
        };
        let atomic = sftp.replace(&replacement, cancel).await?;
        let now = sftp.lstat(&target).await?;
        let now = now.ok_or_else(|| not_found(&self.link.name, path))?;
        Ok(Written {
            info: FileInfo::new(&clean, &now),
            created: old.is_none(),
            sha256: sha256(content),
            previous,
            atomic,
        })
    }
}

fn refuse_conflicts(
    path: &str,
    options: &WriteOptions,
    previous: Option<&Previous>,
    host: &str,
) -> ToolResult<()> {
    if options.create_only && previous.is_some() {
        return Err(ToolError::new(
            Code::Conflict,
            format!("`{path}` is there already on `{host}`"),
        )
        .reason("file_exists")
        .hint("leave `create_only` out to replace it, or choose another name"));
    }
    match &options.expected_sha256 {
        Some(expected) => refuse_change(path, expected, previous),
        None => Ok(()),
    }
}

/// Fails unless the file is as the caller has seen it.
pub(super) fn refuse_change(
    path: &str,
    expected: &str,
    previous: Option<&Previous>,
) -> ToolResult<()> {
    let found = previous.and_then(|previous| previous.sha256.as_deref());
    if found.is_some_and(|found| found.eq_ignore_ascii_case(expected)) {
        return Ok(());
    }
    let now = match (previous, found) {
        (None, _) => "it is not there".to_owned(),
        (Some(_), Some(found)) => format!("its SHA-256 is `{found}`"),
        (Some(_), None) => "it is too large to compare".to_owned(),
    };
    Err(ToolError::new(
        Code::Conflict,
        format!("`{path}` is not as expected: {now}"),
    )
    .reason("file_changed")
    .hint("read it again, and decide with what is there now"))
}

impl Sftp {
    /// What is at the path now; refused unless it is a regular file.
    pub(super) async fn previous(
        &self,
        target: &str,
        path: &str,
        attributes: &FileAttributes,
    ) -> ToolResult<Previous> {
        let found = kind(attributes);
        if found != FileKind::File {
            return Err(wrong_kind(path, kind_text(found))
                .hint("links are not followed when writing: name the file itself"));
        }
        let info = FileInfo::new(&path::absolute(path)?, attributes);
        if info.size > COMPARED_UP_TO {
            return Ok(Previous {
                content: None,
                sha256: None,
                info,
            });
        }
        let (handle, _) = self.open_regular(target, path).await?;
        let content = self
            .read_range(&handle, path, 0, COMPARED_UP_TO + 1)
            .await?;
        drop(self.raw.close(handle).await);
        let length = content.len() as u64;
        Ok(Previous {
            sha256: (length <= COMPARED_UP_TO).then(|| sha256(&content)),
            content: (length <= PREVIOUS_CAP).then_some(content),
            info,
        })
    }
}
