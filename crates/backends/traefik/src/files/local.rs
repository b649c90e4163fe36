//! The directory on this machine.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homelab_backend::Env;
use homelab_core::clock::Entropy;
use homelab_core::error::{Code, ToolError, ToolResult};

use super::{DEEPEST, Expected, LARGEST, MOST_FILES, is_read, sha256, too_large};

/// Held while a file is changed: daemon, stdio servers and commands are processes of their own.
const LOCK: &str = ".homelab-mcp.lock";

/// A directory of this machine; clones are the same one.
#[derive(Clone)]
pub(crate) struct Local {
    directory: PathBuf,
    entropy: Arc<dyn Entropy>,
}

impl Local {
    pub(super) fn new(directory: String, env: &Env) -> Self {
        Self {
            directory: directory.into(),
            entropy: Arc::clone(&env.entropy),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) async fn list(&self) -> ToolResult<Vec<String>> {
        let directory = self.directory.clone();
        blocking(move || {
            let mut found = Vec::new();
            walk(&directory, "", 0, &mut found)?;
            Ok(found)
        })
        .await
    }

    pub(super) async fn read(&self, name: &str) -> ToolResult<Option<Vec<u8>>> {
        read_file(self.path(name), LARGEST).await
    }

    pub(super) async fn write(
        &self,
        name: &str,
        content: Vec<u8>,
        expected: Expected,
    ) -> ToolResult<()> {
        let (local, name) = (self.clone(), name.to_owned());
        blocking(move || local.write_now(&name, &content, &expected)).await
    }

    pub(super) async fn remove(&self, name: &str, sha256: String) -> ToolResult<()> {
        let (local, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let path = local.path(&name);
            let _lock = local.lock()?;
            check(&path, &Expected::Sha256(sha256))?;
            fs::remove_file(&path).map_err(|error| failed("remove", &path, &error))?;
            local.sync()
        })
        .await
    }

    fn write_now(&self, name: &str, content: &[u8], expected: &Expected) -> ToolResult<()> {
        let path = self.path(name);
        let mut random = [0; 8];
        self.entropy.fill(&mut random);
        let temporary = self.path(&format!(".{name}.{}.tmp", hex::encode(random)));
        let _lock = self.lock()?;
        check(&path, expected)?;
        let written = write_new(&temporary, content)
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(|error| failed("write", &path, &error));
        if written.is_err() {
            // Nobody reads it; what cannot be removed here is for the owner to see.
            fs::remove_file(&temporary).unwrap_or_default();
        }
        written?;
        self.sync()
    }

    /// A rename is on the disk when its directory is.
    fn sync(&self) -> ToolResult<()> {
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| failed("write", &self.directory, &error))
    }

    fn lock(&self) -> ToolResult<File> {
        let path = self.path(LOCK);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed("write", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(ToolError::new(
                Code::Conflict,
                "another process is changing a file of this directory",
            )
            .reason("busy_upstream")
            .hint("try again in a moment")
            .retryable(true)),
            Err(TryLockError::Error(error)) => Err(failed("lock", &path, &error)),
        }
    }
}

/// The content of a file of at most `cap` bytes; `None` if there is none.
pub(super) async fn read_file(path: PathBuf, cap: usize) -> ToolResult<Option<Vec<u8>>> {
    blocking(move || read_now(&path, cap)).await
}

fn read_now(path: &Path, cap: usize) -> ToolResult<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, &error)),
    };
    let mut content = Vec::new();
    file.take(cap as u64 + 1)
        .read_to_end(&mut content)
        .map_err(|error| failed("read", path, &error))?;
    if content.len() > cap {
        return Err(too_large(&path.display().to_string(), cap));
    }
    Ok(Some(content))
}

fn write_new(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Refuses to go on unless the file is as it was read.
fn check(path: &Path, expected: &Expected) -> ToolResult<()> {
    let found = read_now(path, LARGEST)?;
    match (expected, found) {
        (Expected::Absent, None) => Ok(()),
        (Expected::Absent, Some(_)) => Err(ToolError::new(
            Code::Conflict,
            format!("`{}` is there already", path.display()),
        )
        .reason("file_exists")),
        (Expected::Sha256(expected), Some(found)) if sha256(&found) == *expected => Ok(()),
        (Expected::Sha256(_), _) => Err(ToolError::new(
            Code::Conflict,
            format!("`{}` was changed meanwhile", path.display()),
        )
        .reason("file_changed")
        .hint("look at it again and decide with what is there now")),
    }
}

fn walk(directory: &Path, prefix: &str, depth: usize, found: &mut Vec<String>) -> ToolResult<()> {
    let entries = fs::read_dir(directory).map_err(|error| failed("list", directory, &error))?;
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let full = format!("{prefix}{name}");
        let path = entry.path();
        // Links are followed, as Traefik does.
        if path.is_dir() {
            if depth < DEEPEST {
                walk(&path, &format!("{full}/"), depth + 1, found)?;
            }
        } else if is_read(&name) && path.is_file() {
            found.push(full);
        }
        if found.len() > MOST_FILES {
            break;
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> ToolResult<T> + Send + 'static,
) -> ToolResult<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ToolError::internal("work with a file ended early"))?
}

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> ToolError {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => ToolError::new(
            Code::NotConfigured,
            format!("the directory of `{path}` is not there"),
        )
        .reason("directory_missing")
        .field("directory")
        .hint("make it, or set `directory` to what this program sees of the file provider's directory"),
        ErrorKind::PermissionDenied => ToolError::new(
            Code::UpstreamUnauthorized,
            format!("this program may not {verb} `{path}`"),
        )
        .reason("file_permission")
        .hint("give the account that it runs as the right to the directory"),
        _ => ToolError::new(
            Code::UpstreamRejected,
            format!("cannot {verb} `{path}`: {}", error.kind()),
        )
        .reason("file_failed"),
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::clock::SeededEntropy;

    use super::*;

    fn local(folder: &Path) -> Local {
        Local {
            directory: folder.to_owned(),
            entropy: Arc::new(SeededEntropy::new(1)),
        }
    }

    #[tokio::test]
    async fn a_file_is_replaced_only_as_it_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let local = local(folder.path());

        local
            .write("a.yml", b"one".to_vec(), Expected::Absent)
            .await
            .unwrap();
        let again = local
            .write("a.yml", b"two".to_vec(), Expected::Absent)
            .await;
        let stale = local
            .write("a.yml", b"two".to_vec(), Expected::Sha256("00".into()))
            .await;
        local
            .write("a.yml", b"two".to_vec(), Expected::of(Some(b"one")))
            .await
            .unwrap();

        let reason =
            |result: ToolResult<()>| result.unwrap_err().envelope().reason.clone().unwrap();
        assert_eq!(reason(again), "file_exists");
        assert_eq!(reason(stale), "file_changed");
        assert_eq!(local.read("a.yml").await.unwrap().unwrap(), b"two");
        assert!(local.remove("a.yml", sha256(b"one")).await.is_err());
        local.remove("a.yml", sha256(b"two")).await.unwrap();
        assert_eq!(local.read("a.yml").await.unwrap(), None);
    }

    #[tokio::test]
    async fn only_what_traefik_reads_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["b.yml", "a.toml", "sub/c.yaml", ".x.tmp", "a.yml.previous"] {
            fs::write(folder.path().join(name), "").unwrap();
        }

        let mut found = local(folder.path()).list().await.unwrap();
        found.sort();

        assert_eq!(found, ["a.toml", "b.yml", "sub/c.yaml"]);
    }

    #[tokio::test]
    async fn two_processes_do_not_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let local = local(folder.path());
        let held = local.lock().unwrap();

        let error = local
            .write("a.yml", Vec::new(), Expected::Absent)
            .await
            .unwrap_err();
        drop(held);
        let after = local.write("a.yml", Vec::new(), Expected::Absent).await;

        assert_eq!(error.envelope().reason.as_deref(), Some("busy_upstream"));
        assert!(error.envelope().retryable && after.is_ok());
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let local = local(&folder.path().join("gone"));

        let error = local
            .write("a.yml", Vec::new(), Expected::Absent)
            .await
            .unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("directory"));
        assert!(local.list().await.is_err());
    }
}
