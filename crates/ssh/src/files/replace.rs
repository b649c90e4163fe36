//! Puts new content in the place of a file in one step: whoever reads it sees the old or the new one,
//! also after a crash.

use homelab_core::error::{Code, ToolError, ToolResult};
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, StatusCode};
use tokio_util::sync::CancellationToken;

use super::path::{join, split};
use super::sftp::{FSYNC, POSIX_RENAME, Sftp};

/// Bytes sent at once; every server takes that much.
const CHUNK: usize = 32 * 1024;

/// What to put where.
pub(super) struct Replacement<'a> {
    /// The file, links of its directory resolved.
    pub(super) target: &'a str,
    pub(super) content: &'a [u8],
    /// Permissions of the new file.
    pub(super) mode: u32,
    /// What is there now.
    pub(super) old: Option<&'a FileAttributes>,
    /// Goes into the name of the temporary file.
    pub(super) random: &'a str,
    /// Whether a server that cannot replace in one step may write over the old content.
    pub(super) allow_non_atomic: bool,
}

impl Sftp {
    /// Replaces or makes the file; `false` if that was not in one step.
    pub(super) async fn replace(
        &self,
        new: &Replacement<'_>,
        cancel: &CancellationToken,
    ) -> ToolResult<bool> {
        if new.old.is_some() && !self.has(POSIX_RENAME) {
            if !new.allow_non_atomic {
                return Err(ToolError::new(
                    Code::UpstreamRejected,
                    format!(
                        "the SFTP server of `{}` cannot replace a file in one step",
                        self.link.name
                    ),
                )
                .reason("sftp_not_atomic")
                .hint(
                    "a crash would leave half a file: allow that explicitly, or use another server",
                ));
            }
            self.overwrite(new).await?;
            return Ok(false);
        }
        let temporary = temporary(new.target, new.random);
        let result = async {
            self.write_temporary(&temporary, new).await?;
            if cancel.is_cancelled() {
                return Err(ToolError::new(
                    Code::Timeout,
                    "the write was cancelled; nothing changed",
                )
                .reason("cancelled"));
            }
            match new.old {
                Some(_) => self.posix_rename(&temporary, new.target).await,
                // Fails where somebody made the file meanwhile.
                None => {
                    let renamed = self.raw.rename(temporary.as_str(), new.target).await;
                    renamed
                        .map(drop)
                        .map_err(|error| self.not_renamed(error, new.target))
                }
            }
        }
        .await;
        if result.is_err() {
            self.remove_temporary(&temporary).await;
        }
        result.map(|()| true)
    }

    async fn write_temporary(&self, temporary: &str, new: &Replacement<'_>) -> ToolResult<()> {
        // Nobody else may read it before it has its permissions.
        let private = FileAttributes {
            permissions: Some(0o600),
            ..FileAttributes::default()
        };
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUDE;
        let handle = self.raw.open(temporary, flags, private).await;
        let handle = self
            .answer(handle, "make a file beside", new.target)?
            .handle;
        self.write_all(&handle, new).await?;
        self.set_owner(&handle, new).await?;
        let mode = FileAttributes {
            permissions: Some(new.mode & 0o7777),
            ..FileAttributes::default()
        };
        let set = self.raw.fsetstat(handle.as_str(), mode).await;
        self.answer(set, "set the permissions of", new.target)?;
        self.sync(&handle, new.target).await?;
        let closed = self.raw.close(handle).await;
        self.answer(closed, "close", new.target).map(drop)
    }

    async fn write_all(&self, handle: &str, new: &Replacement<'_>) -> ToolResult<()> {
        let mut offset = 0_u64;
        for chunk in new.content.chunks(CHUNK) {
            let written = self.raw.write(handle, offset, chunk.to_vec()).await;
            self.answer(written, "write", new.target)?;
            offset += chunk.len() as u64;
        }
        Ok(())
    }

    /// The new file belongs to whom the old one belonged to.
    async fn set_owner(&self, handle: &str, new: &Replacement<'_>) -> ToolResult<()> {
        let Some(old) = new.old else {
            return Ok(());
        };
        let made = self.raw.fstat(handle).await;
        let made = self.answer(made, "look at", new.target)?.attrs;
        if (made.uid, made.gid) == (old.uid, old.gid) {
            return Ok(());
        }
        let owner = FileAttributes {
            uid: old.uid,
            gid: old.gid,
            ..FileAttributes::default()
        };
        match self.raw.fsetstat(handle, owner).await {
            Ok(_) => Ok(()),
            Err(Error::Status(_)) => Err(ToolError::new(
                Code::UpstreamRejected,
                format!(
                    "`{}` belongs to another user or group on `{}`, and the account `{}` cannot \
                     keep it so",
                    new.target, self.link.name, self.link.config.user
                ),
            )
            .reason("file_owner")
            .hint("write it as its owner, or give the account the right to change owners")),
            Err(error) => self.answer(Err(error), "set the owner of", new.target),
        }
    }

    async fn sync(&self, handle: &str, target: &str) -> ToolResult<()> {
        if !self.has(FSYNC) {
            return Ok(());
        }
        let synced = self.raw.fsync(handle).await;
        self.answer(synced, "write to the disk", target).map(drop)
    }

    async fn posix_rename(&self, from: &str, to: &str) -> ToolResult<()> {
        let mut data = Vec::with_capacity(8 + from.len() + to.len());
        for path in [from, to] {
            let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(path.as_bytes());
        }
        let answer = match self.raw.extended(POSIX_RENAME, data).await {
            Ok(Packet::Status(status)) if status.status_code == StatusCode::Ok => return Ok(()),
            Ok(Packet::Status(status)) => Error::Status(status),
            Ok(_) => Error::UnexpectedPacket,
            Err(error) => error,
        };
        self.answer(Err(answer), "replace", to)
    }

    /// A plain rename says `Failure` where the target is there.
    fn not_renamed(&self, error: Error, target: &str) -> ToolError {
        match error {
            Error::Status(status) if status.status_code == StatusCode::Failure => ToolError::new(
                Code::Conflict,
                format!("`{target}` could not be made: most likely it was made meanwhile"),
            )
            .reason("file_exists")
            .hint("look at it, and write it with its hash as it is now"),
            error => super::error::of(&self.link, error, "make", target),
        }
    }

    /// For servers without the extension: over the old content, so a crash leaves a part.
    async fn overwrite(&self, new: &Replacement<'_>) -> ToolResult<()> {
        let flags = OpenFlags::WRITE | OpenFlags::TRUNCATE;
        let none = FileAttributes::default();
        let handle = self.raw.open(new.target, flags, none).await;
        let handle = self.answer(handle, "open", new.target)?.handle;
        self.write_all(&handle, new).await?;
        self.sync(&handle, new.target).await?;
        let closed = self.raw.close(handle).await;
        self.answer(closed, "close", new.target).map(drop)
    }

    /// The temporary file must not stay; where the connection is gone, a new one is made for it.
    async fn remove_temporary(&self, temporary: &str) {
        let removed = self.raw.remove(temporary).await;
        let left = match removed {
            Ok(_) => false,
            Err(error) if super::error::is_missing(&error) => false,
            Err(Error::Status(_)) => true,
            Err(_) => match Box::pin(Self::open(&self.link)).await {
                Ok(again) => match again.raw.remove(temporary).await {
                    Ok(_) => false,
                    Err(error) => !super::error::is_missing(&error),
                },
                Err(_) => true,
            },
        };
        if left {
            tracing::warn!(
                ssh.host = self.link.name,
                "a temporary file is left on `{}`: `{temporary}`",
                self.link.name
            );
        }
    }
}

/// A name beside the target that nobody else uses; names are at most 255 bytes long.
fn temporary(target: &str, random: &str) -> String {
    let (parent, name) = split(target).unwrap_or(("/", "file"));
    let mut short = name;
    while short.len() > 200 {
        let mut letters = short.chars();
        letters.next_back();
        short = letters.as_str();
    }
    join(parent, &format!(".{short}.{random}.tmp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_file_is_hidden_beside_its_target_and_its_name_is_not_too_long() {
        assert_eq!(temporary("/srv/a.txt", "r1"), "/srv/.a.txt.r1.tmp");
        let long = format!("/srv/{}", "ä".repeat(127));
        let name = temporary(&long, "0123456789abcdef");
        assert!(name.len() - "/srv/".len() <= 255, "{}", name.len());
    }
}
