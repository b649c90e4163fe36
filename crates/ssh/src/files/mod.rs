//! Files on a host, over SFTP.
//!
//! Every path is judged twice: as it is written, and as the host resolves it, so that a link inside
//! a permitted directory leads nowhere else. Between the second look and the use somebody with an
//! account on the host could still swap a directory for a link: an account that is chrooted
//! (`ChrootDirectory` with `internal-sftp`) closes that gap.

mod error;
mod list;
pub(crate) mod path;
mod policy;
mod read;
mod remove;
mod replace;
mod sftp;
mod stat;
mod write;

use std::sync::Arc;

use homelab_core::error::{ToolError, ToolResult};
use tokio_util::sync::CancellationToken;

pub use list::{Listed, Listing};
pub use policy::Roots;
pub use read::{FileContent, READ_CAP};
pub use remove::Removed;
pub use stat::{FileInfo, FileKind};
pub use write::{Previous, WRITE_CAP, WriteOptions, Written};

use crate::connection::Link;
use policy::Access;
use sftp::Sftp;

/// The files of one host, below some roots; clones share everything.
#[derive(Clone)]
pub struct Files {
    link: Arc<Link>,
    roots: Arc<Roots>,
}

impl Files {
    pub(crate) fn new(link: Arc<Link>, roots: Roots) -> Self {
        Self {
            link,
            roots: Arc::new(roots),
        }
    }

    /// The roots that paths are judged by.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Refuses a path that is not even permitted as it is written; no I/O.
    ///
    /// # Errors
    /// `invalid_argument` or `permission_denied`, as the calls below.
    pub fn check_read(&self, path: &str) -> ToolResult<()> {
        self.roots.check(Access::Read, &path::absolute(path)?)
    }

    /// The same for writing.
    ///
    /// # Errors
    /// `invalid_argument` or `permission_denied`, as the calls below.
    pub fn check_write(&self, path: &str) -> ToolResult<()> {
        self.roots.check(Access::Write, &path::absolute(path)?)
    }

    async fn open(&self) -> ToolResult<Sftp> {
        Sftp::open(&self.link).await
    }

    /// Runs something that must be finished or taken back even if the caller goes away: the task
    /// sees the token and cleans up.
    async fn to_its_end<T: Send + 'static, F>(
        work: impl FnOnce(CancellationToken) -> F,
    ) -> ToolResult<T>
    where
        F: Future<Output = ToolResult<T>> + Send + 'static,
    {
        let token = CancellationToken::new();
        let guard = token.clone().drop_guard();
        let result = tokio::spawn(work(token)).await;
        drop(guard.disarm());
        result.map_err(|_| ToolError::internal("the task that changed a file ended early"))?
    }
}
