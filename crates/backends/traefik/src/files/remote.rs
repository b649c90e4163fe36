//! The directory on a host over SSH.

use homelab_backend::Env;
use homelab_core::error::{ToolError, ToolResult};
use homelab_ssh::{FileKind, Host, READ_CAP, Roots, WriteOptions};

use super::{DEEPEST, Expected, LARGEST, LARGEST_ACME, MOST_FILES, host, is_read, too_large};

/// Entries of a directory asked for at a time.
const PER_PAGE: usize = 1000;

/// A directory of a host. That it is set for this server is the owner's permission: the host's own
/// roots for other uses do not count here.
pub(crate) struct Remote {
    directory: String,
    host: Host,
    files: homelab_ssh::Files,
}

impl Remote {
    pub(super) fn new(directory: String, name: &str, env: &Env) -> ToolResult<Self> {
        let host = host(name, env)?;
        let files = host.files_in(Roots {
            write: vec![directory.clone()],
            ..Roots::default()
        });
        Ok(Self {
            directory,
            host,
            files,
        })
    }

    pub(super) fn host(&self) -> &str {
        self.host.name()
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    pub(super) async fn list(&self) -> ToolResult<Vec<String>> {
        let mut found = Vec::new();
        let mut waiting = vec![(String::new(), 0)];
        while let Some((prefix, depth)) = waiting.pop() {
            let path = self.path(&prefix);
            let listing = self.files.list(&path, None, PER_PAGE).await?;
            for entry in listing.entries {
                let full = format!("{prefix}{}", entry.name);
                match entry.info.kind {
                    FileKind::Directory if depth < DEEPEST => {
                        waiting.push((format!("{full}/"), depth + 1));
                    }
                    FileKind::File if is_read(&entry.name) => found.push(full),
                    _ => {}
                }
            }
            if found.len() > MOST_FILES {
                break;
            }
        }
        Ok(found)
    }

    pub(super) async fn read(&self, name: &str) -> ToolResult<Option<Vec<u8>>> {
        read(&self.files, &self.path(name), LARGEST).await
    }

    pub(super) async fn write(
        &self,
        name: &str,
        content: Vec<u8>,
        expected: Expected,
    ) -> ToolResult<()> {
        let options = match expected {
            Expected::Absent => WriteOptions {
                create_only: true,
                ..WriteOptions::default()
            },
            Expected::Sha256(sha256) => WriteOptions {
                expected_sha256: Some(sha256),
                ..WriteOptions::default()
            },
        };
        let written = self.files.write(&self.path(name), content, options).await;
        written.map(drop)
    }

    pub(super) async fn remove(&self, name: &str, sha256: &str) -> ToolResult<()> {
        let removed = self.files.remove(&self.path(name), Some(sha256)).await;
        removed.map(drop)
    }
}

/// A file whose name speaks of secrets, which the owner has set by its path.
pub(super) async fn read_secret(path: &str, name: &str, env: &Env) -> ToolResult<Option<Vec<u8>>> {
    let directory = path
        .rsplit_once('/')
        .map_or("/", |(directory, _)| directory);
    let roots = Roots {
        read: vec![if directory.is_empty() { "/" } else { directory }.to_owned()],
        permitted: vec![path.to_owned()],
        ..Roots::default()
    };
    let files = host(name, env)?.files_in(roots);
    read(&files, path, LARGEST_ACME).await
}

async fn read(files: &homelab_ssh::Files, path: &str, cap: usize) -> ToolResult<Option<Vec<u8>>> {
    let mut content = Vec::new();
    loop {
        let offset = content.len() as u64;
        let part = match files.read(path, offset, READ_CAP).await {
            Ok(part) => part,
            Err(error) if is_missing(&error) && content.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        };
        content.extend(part.bytes);
        if content.len() > cap {
            return Err(too_large(path, cap));
        }
        if !part.more {
            return Ok(Some(content));
        }
    }
}

fn is_missing(error: &ToolError) -> bool {
    error.envelope().reason.as_deref() == Some("file_missing")
}
