//! One SFTP session, and the looks at paths that every call begins with.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::error::{Code, ToolError, ToolResult};
use russh::ChannelMsg;
use russh_sftp::client::error::Error;
use russh_sftp::client::{Config, RawSftpSession};
use russh_sftp::protocol::{FileAttributes, Version};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::path::{is_below, join, split};
use super::policy::{Access, Roots};
use super::{error, path};
use crate::connection::{Connection, Link};

/// Replaces a file in one step; a plain rename refuses where there is one.
pub(super) const POSIX_RENAME: &str = "posix-rename@openssh.com";
/// Writes a file to the disk.
pub(super) const FSYNC: &str = "fsync@openssh.com";

/// Seconds that one answer may take.
const ANSWER_S: u64 = 20;

/// One SFTP session. It takes one of the host's sessions, so it lives for one call only.
pub(super) struct Sftp {
    pub(super) raw: RawSftpSession,
    pub(super) link: Arc<Link>,
    version: Version,
    _connection: Arc<Connection>,
    _permit: OwnedSemaphorePermit,
}

impl Sftp {
    pub(super) async fn open(link: &Arc<Link>) -> ToolResult<Self> {
        let mut session = link.session("a file transfer").await?;
        let lost = || link.about().lost("a file transfer began");
        let asked = session.channel.request_subsystem(true, "sftp").await;
        asked.map_err(|_| lost())?;
        let answer = async {
            loop {
                match session.channel.wait().await {
                    Some(ChannelMsg::Success) => return Ok(()),
                    Some(ChannelMsg::Failure) => return Err(unavailable(link)),
                    None | Some(ChannelMsg::Close) => return Err(lost()),
                    Some(_) => {}
                }
            }
        };
        timeout(Duration::from_secs(ANSWER_S), answer)
            .await
            .map_err(|_| unavailable(link))??;
        let config = Config {
            request_timeout_secs: ANSWER_S,
            ..Config::default()
        };
        let raw = RawSftpSession::new_with_config(session.channel.into_stream(), config);
        // A forced command or a shell that prints something on login speaks no SFTP.
        let version = raw.init().await.map_err(|_| unavailable(link))?;
        Ok(Self {
            raw,
            link: link.clone(),
            version,
            _connection: session.connection,
            _permit: session.permit,
        })
    }

    /// Whether the server has an extension.
    pub(super) fn has(&self, extension: &str) -> bool {
        self.version.extensions.contains_key(extension)
    }

    /// An answer about a path, its failure as tools report it.
    pub(super) fn answer<T>(
        &self,
        answer: Result<T, Error>,
        doing: &str,
        path: &str,
    ) -> ToolResult<T> {
        answer.map_err(|error| error::of(&self.link, error, doing, path))
    }

    /// What the host makes of a path: absolute, without links.
    pub(super) async fn real(&self, path: &str) -> ToolResult<String> {
        let name = self.raw.realpath(path).await;
        let mut name = self.answer(name, "resolve", path)?;
        let real = name.files.pop().map(|file| file.filename);
        real.and_then(|real| path::absolute(&real).ok())
            .ok_or_else(|| {
                ToolError::new(
                    Code::UpstreamRejected,
                    format!(
                        "the SFTP server of `{}` does not resolve `{path}`",
                        self.link.name
                    ),
                )
                .reason("sftp_failure")
            })
    }

    /// The roots as the host sees them. One that is not there permits nothing.
    async fn real_roots(&self, roots: &Roots, access: Access) -> ToolResult<Vec<String>> {
        let mut real = Vec::new();
        for root in roots.allowed(access) {
            match self.raw.realpath(root.as_str()).await {
                Ok(mut name) => real.extend(name.files.pop().map(|file| file.filename)),
                Err(error) if error::is_missing(&error) => {}
                Err(error) => return Err(error::of(&self.link, error, "resolve", &root)),
            }
        }
        Ok(real)
    }

    /// Where a path that is to be read leads, all links followed; refused if that is outside.
    pub(super) async fn for_reading(&self, roots: &Roots, path: &str) -> ToolResult<String> {
        let path = path::absolute(path)?;
        roots.check(Access::Read, &path)?;
        let real = self.real(&path).await?;
        let real_roots = self.real_roots(roots, Access::Read).await?;
        roots.check_real(Access::Read, &path, &real, &real_roots)?;
        Ok(real)
    }

    /// Where a path leads whose own name is not followed if it is a link: the directory is
    /// resolved, the name stays.
    pub(super) async fn for_leaf(
        &self,
        roots: &Roots,
        access: Access,
        path: &str,
    ) -> ToolResult<String> {
        let path = path::absolute(path)?;
        roots.check(access, &path)?;
        let Some((parent, name)) = split(&path) else {
            return Ok(path);
        };
        let real_roots = self.real_roots(roots, access).await?;
        // A root itself: its own directory lies outside.
        if roots.allowed(access).any(|root| root == path) && access == Access::Read {
            return self.real(&path).await;
        }
        let real = join(&self.real(parent).await?, name);
        roots.check_real(access, &path, &real, &real_roots)?;
        Ok(real)
    }

    /// Attributes of what a path names, a link's own if it is one; `None` if there is nothing.
    pub(super) async fn lstat(&self, path: &str) -> ToolResult<Option<FileAttributes>> {
        match self.raw.lstat(path).await {
            Ok(answer) => Ok(Some(answer.attrs)),
            Err(error) if error::is_missing(&error) => Ok(None),
            Err(error) => Err(error::of(&self.link, error, "look at", path)),
        }
    }

    /// Makes the directories of a path that are missing. What is there already is followed and
    /// judged; what is made new cannot be a link.
    pub(super) async fn make_directories(&self, roots: &Roots, directory: &str) -> ToolResult<()> {
        let real_roots = self.real_roots(roots, Access::Write).await?;
        let mut missing = Vec::new();
        let mut at = directory;
        while self.lstat(at).await?.is_none() {
            let Some((parent, name)) = split(at) else {
                break;
            };
            missing.push(name);
            at = parent;
        }
        if missing.is_empty() {
            return Ok(());
        }
        let mut real = self.real(at).await?;
        while let Some(name) = missing.pop() {
            real = join(&real, name);
            if !real_roots.iter().any(|root| is_below(&real, root)) {
                return roots.check_real(Access::Write, directory, &real, &real_roots);
            }
            let attributes = FileAttributes {
                permissions: Some(0o755),
                ..FileAttributes::default()
            };
            let made = self.raw.mkdir(real.as_str(), attributes).await;
            self.answer(made, "make the directory", &real)?;
        }
        Ok(())
    }
}

fn unavailable(link: &Link) -> ToolError {
    let name = &link.name;
    ToolError::new(
        Code::UpstreamRejected,
        format!(
            "the SSH host `{name}` transfers no files for `{}`",
            link.config.user
        ),
    )
    .reason("sftp_unavailable")
    .hint(
        "its `sshd_config` needs `Subsystem sftp internal-sftp`, and the account no forced command",
    )
}
