//! The content of a file.

use homelab_core::error::{ToolError, ToolResult};
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use sha2::{Digest as _, Sha256};

use super::Files;
use super::error::wrong_kind;
use super::sftp::Sftp;
use super::stat::{FileInfo, FileKind, kind_text};
use super::{path, stat};

/// Most bytes of one read.
pub const READ_CAP: u64 = 256 * 1024;
/// Files up to this size are read as a whole, for their hash.
const HASHED_UP_TO: u64 = 8 * 1024 * 1024;
/// Bytes asked for at once; every server takes that much.
const CHUNK: u32 = 32 * 1024;

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// The file.
    pub info: FileInfo,
    /// The bytes from `offset` on.
    pub bytes: Vec<u8>,
    /// Where they begin.
    pub offset: u64,
    /// Whether there is more behind them.
    pub more: bool,
    /// SHA-256 of the whole file in hexadecimal, unless it is larger than 8 MiB.
    pub sha256: Option<String>,
}

impl Files {
    /// Reads at most `limit` bytes (up to [`READ_CAP`]) of a regular file.
    ///
    /// # Errors
    /// `permission_denied` outside of the roots or for a file with secrets, `not_found`, `conflict`
    /// with reason `file_kind` if it is no regular file, and what connecting ends with.
    pub async fn read(&self, path: &str, offset: u64, limit: u64) -> ToolResult<FileContent> {
        if limit == 0 || limit > READ_CAP {
            let text = format!("at most {READ_CAP} bytes are read at once, and at least one");
            return Err(ToolError::invalid("limit", text));
        }
        self.check_read(path)?;
        let sftp = self.open().await?;
        let real = sftp.for_reading(&self.roots, path).await?;
        let (handle, attributes) = sftp.open_regular(&real, path).await?;
        let size = attributes.size.unwrap_or_default();
        // Files of /proc have no size and content all the same.
        let whole = size <= HASHED_UP_TO;
        let part = if whole {
            let all = sftp.read_range(&handle, path, 0, HASHED_UP_TO + 1).await?;
            Part::of(&all, offset, limit)
        } else {
            let bytes = sftp.read_range(&handle, path, offset, limit + 1).await?;
            Part {
                sha256: None,
                ..Part::of(&bytes, 0, limit)
            }
        };
        drop(sftp.raw.close(handle).await);
        self.roots.check_content(&real, &part.bytes)?;
        Ok(FileContent {
            info: FileInfo::new(&path::absolute(path)?, &attributes),
            bytes: part.bytes,
            offset,
            more: part.more,
            sha256: part.sha256,
        })
    }
}

struct Part {
    bytes: Vec<u8>,
    more: bool,
    sha256: Option<String>,
}

impl Part {
    fn of(all: &[u8], offset: u64, limit: u64) -> Self {
        let length = all.len() as u64;
        let from = usize::try_from(offset.min(length)).unwrap_or(all.len());
        let to = usize::try_from(offset.saturating_add(limit).min(length)).unwrap_or(all.len());
        Self {
            bytes: all.get(from..to).unwrap_or_default().to_vec(),
            more: to < all.len(),
            sha256: (length <= HASHED_UP_TO).then(|| sha256(all)),
        }
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Sftp {
    /// Opens a regular file for reading. Anything else could block, or answer without end.
    pub(super) async fn open_regular(
        &self,
        real: &str,
        path: &str,
    ) -> ToolResult<(String, FileAttributes)> {
        let attributes = self.raw.stat(real).await;
        let attributes = self.answer(attributes, "look at", path)?.attrs;
        let kind = stat::kind(&attributes);
        if kind != FileKind::File {
            return Err(wrong_kind(path, kind_text(kind)));
        }
        let none = FileAttributes::default();
        let handle = self.raw.open(real, OpenFlags::READ, none).await;
        let handle = self.answer(handle, "open", path)?.handle;
        // What was opened, in case somebody swapped it since.
        let attributes = self.raw.fstat(handle.as_str()).await;
        let attributes = self.answer(attributes, "look at", path)?.attrs;
        let kind = stat::kind(&attributes);
        if kind != FileKind::File {
            return Err(wrong_kind(path, kind_text(kind)));
        }
        Ok((handle, attributes))
    }

    /// At most `most` bytes from `offset` on.
    pub(super) async fn read_range(
        &self,
        handle: &str,
        path: &str,
        offset: u64,
        most: u64,
    ) -> ToolResult<Vec<u8>> {
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let have = bytes.len() as u64;
            let want = u32::try_from(most - have).unwrap_or(CHUNK).min(CHUNK);
            if want == 0 {
                return Ok(bytes);
            }
            match self
                .raw
                .read(handle, offset.saturating_add(have), want)
                .await
            {
                Ok(data) if data.data.is_empty() => return Ok(bytes),
                // A server that sends more than was asked for does not get around the cap.
                Ok(data) => bytes.extend(data.data.into_iter().take(want as usize)),
                Err(Error::Status(status)) if status.status_code == StatusCode::Eof => {
                    return Ok(bytes);
                }
                Err(error) => return self.answer(Err(error), "read", path),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_whether_there_is_more_and_hashes_the_whole() {
        let part = Part::of(b"0123456789", 2, 3);

        assert_eq!(part.bytes, b"234");
        assert!(part.more);
        assert_eq!(part.sha256, Some(sha256(b"0123456789")));
    }

    #[test]
    fn a_part_behind_the_end_is_empty() {
        let part = Part::of(b"0123", 9, 3);

        assert!(part.bytes.is_empty() && !part.more);
        assert_eq!(Part::of(b"0123", 1, 3).bytes, b"123");
        assert!(!Part::of(b"0123", u64::MAX, 3).more);
    }
}
