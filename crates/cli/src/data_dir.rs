//! The data directory: private to the user, written atomically, locked while in use.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::config::Config;
use crate::config::sections::Servers;
use crate::environment::Environment;
use crate::exit::Failure;

/// Name of the embedded database.
pub(crate) const DATABASE: &str = "homelab.db";
/// Name of the key that encrypts stored passwords.
pub(crate) const MASTER_KEY: &str = "master.key";
/// Name of the key of the audit's hash chain.
pub(crate) const AUDIT_KEY: &str = "audit.key";
/// Name of the key that signs the audit's checkpoints.
pub(crate) const AUDIT_SIGNING_KEY: &str = "audit-signing.key";
/// Name of the list of owner keys (ids and hashes) that were made here.
pub(crate) const OWNER_HASH: &str = "owner.key.hash";
/// While it exists, nothing can be changed; the kill switch for when the database is what is broken.
pub(crate) const KILL_FILE: &str = "kill-switch";
/// Keys of the SSH hosts that are trusted, as OpenSSH writes them.
pub(crate) const KNOWN_HOSTS: &str = "known_hosts";
/// Name of the directory of backups.
pub(crate) const BACKUPS: &str = "backups";
/// Name of the file that says that everything in here is made up.
const DEMO: &str = "demo";
/// Name of the file that says where the systems of a running demo are.
const DEMO_SERVERS: &str = "demo-servers.json";

const LOCK: &str = ".lock";

/// A directory that exists and belongs to us.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// Held while the database is open; a restore needs all of them gone.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl DataDir {
    /// Where it is: the option, the setting, systemd's state directory, or XDG's.
    pub(crate) fn locate(
        option: Option<&Path>,
        config: &Config,
        environment: &Environment,
    ) -> Result<PathBuf> {
        if let Some(path) = option.or(config.data_dir.as_deref()) {
            return Ok(environment.directory.join(path));
        }
        let systemd = environment
            .get("STATE_DIRECTORY")
            .and_then(|list| list.split(':').next())
            .map(PathBuf::from);
        systemd
            .or_else(|| Some(environment.data_home()?.join("homelab-mcp")))
            .ok_or_else(|| {
                Failure::usage(
                    "there is no place for the data: neither HOME nor XDG_DATA_HOME is set",
                )
                .hint("name a directory with `--data-dir` or `HOMELAB_DATA_DIR`")
                .into()
            })
    }

    /// Opens it, making it (0700) if it is not there.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        make_private_dir(&path).map_err(|error| {
            let path = path.display();
            elsewhere(format!("making the data directory `{path}`: {error}"))
        })?;
        Ok(Self { path })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a private file; `None` if there is none. One that others can read is refused.
    pub(crate) fn read_private(&self, name: &str) -> Result<Option<String>> {
        let path = self.file(name);
        let mode = match fs::metadata(&path) {
            Ok(metadata) => metadata.permissions().mode(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("reading `{}`", path.display()));
            }
        };
        if mode & 0o077 != 0 {
            let text = format!(
                "`{}` can be read by other users of this machine",
                path.display()
            );
            let fix = format!("run `chmod 600 {}`", path.display());
            return Err(Failure::new(text).hint(fix).into());
        }
        fs::read_to_string(&path)
            .map(Some)
            .with_context(|| format!("reading `{}`", path.display()))
    }

    /// Writes a private file (0600) so that it is either the old one or the new one, also after a
    /// power cut.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> Result<()> {
        let path = self.file(name);
        write_private(&path, text.as_bytes())
            .with_context(|| format!("writing `{}`", path.display()))
    }

    /// Writes a private file unless there is one already; returns what is in it afterwards, so
    /// that two processes that start together agree.
    pub(crate) fn write_private_once(&self, name: &str, text: &str) -> Result<String> {
        let path = self.file(name);
        let staged = staged_beside(&path);
        let write = || -> io::Result<()> {
            stage(&staged, text.as_bytes())?;
            // A link fails if the name is taken, and never shows a half-written file.
            let linked = fs::hard_link(&staged, &path);
            fs::remove_file(&staged)?;
            match linked {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked.and_then(|()| File::open(&self.path)?.sync_all()),
            }
        };
        write().with_context(|| format!("writing `{}`", path.display()))?;
        Ok(self.read_private(name)?.unwrap_or_default())
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        !self
            .path
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Whether everything in it is made up.
    pub(crate) fn is_demo(&self) -> bool {
        self.file(DEMO).exists()
    }

    /// Says that everything in it is made up.
    pub(crate) fn mark_as_demo(&self) -> Result<()> {
        self.write_private(
            DEMO,
            "Everything in this directory is made up by `serve --demo`.\n",
        )
    }

    /// Notes the servers of the demo that runs here, for commands that look at it.
    pub(crate) fn note_demo_servers(&self, servers: &Servers) -> Result<()> {
        self.write_private(DEMO_SERVERS, &serde_json::to_string_pretty(servers)?)
    }

    /// The servers of the demo that runs here; none where none were noted.
    pub(crate) fn demo_servers(&self) -> Result<Servers> {
        let Some(text) = self.read_private(DEMO_SERVERS)? else {
            return Ok(Servers::default());
        };
        serde_json::from_str(&text)
            .with_context(|| format!("reading `{}`", self.file(DEMO_SERVERS).display()))
    }

    /// Says that this process uses the data; several may.
    pub(crate) fn lock_shared(&self) -> Result<Lock> {
        let file = self.lock_file()?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Failure::new("a restore is running in this data directory")
                    .hint("wait until it is done")
                    .into())
            }
            Err(TryLockError::Error(error)) => Err(error).context("locking the data directory"),
        }
    }

    /// Makes sure that no other process uses the data.
    pub(crate) fn lock_exclusive(&self) -> Result<Lock> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                "another homelab-mcp uses this data directory",
            )
            .hint("stop it (`serve`, and clients that started `serve --stdio`), then try again")
            .into()),
            Err(TryLockError::Error(error)) => Err(error).context("locking the data directory"),
        }
    }

    fn lock_file(&self) -> Result<File> {
        let path = self.file(LOCK);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| elsewhere(format!("opening `{}`: {error}", path.display())).into())
    }
}

/// The data directory cannot be used by this user.
fn elsewhere(text: String) -> Failure {
    Failure::new(text).hint(
        "let this user write there, or name another directory with `--data-dir` or \
         `HOMELAB_DATA_DIR`",
    )
}

/// Where a demo keeps its data unless told otherwise.
pub(crate) fn demo_place(environment: &Environment) -> Option<PathBuf> {
    Some(environment.data_home()?.join("homelab-mcp-demo"))
}

/// The data of a demo that runs right now.
pub(crate) fn running_demo(environment: &Environment) -> Option<DataDir> {
    let path = demo_place(environment).filter(|path| path.is_dir())?;
    let data = DataDir { path };
    (data.is_demo() && data.lock_exclusive().is_err()).then_some(data)
}

/// Makes a directory, and those above it, for this user alone. One that exists is left as it is.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file (0600) so that it is either the old one or the new one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = staged_beside(path);
    stage(&staged, bytes)?;
    fs::rename(&staged, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a file (0600) unless there is one of this name; one that could not be completed is removed.
pub(crate) fn write_private_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // That it could not be removed adds nothing to the error at hand.
        fs::remove_file(path).unwrap_or_default();
    }
    written
}

fn staged_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn stage(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The user that runs this process: the owner of the process's own directory where the system has
/// one, else of a file that this process made.
pub(crate) fn uid(data: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self")
        .or_else(|_| fs::metadata(data))
        .map_or(0, |metadata| metadata.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, DataDir) {
        let temporary = tempfile::tempdir().unwrap();
        let data = DataDir::open(temporary.path().join("a/b")).unwrap();
        (temporary, data)
    }

    #[test]
    fn everything_in_it_is_private() {
        let (_temporary, data) = dir();

        data.write_private(MASTER_KEY, "k").unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(data.path()), 0o700);
        assert_eq!(mode(&data.file(MASTER_KEY)), 0o600);
        assert_eq!(data.read_private(MASTER_KEY).unwrap().unwrap(), "k");
    }

    #[test]
    fn a_file_that_is_there_is_not_written_to() {
        let (_temporary, data) = dir();
        let path = data.file("archive.zip");

        write_private_new(&path, b"one").unwrap();
        let error = write_private_new(&path, b"two").unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_fix() {
        let (_temporary, data) = dir();
        data.write_private(MASTER_KEY, "k").unwrap();
        fs::set_permissions(data.file(MASTER_KEY), fs::Permissions::from_mode(0o644)).unwrap();

        let error = data.read_private(MASTER_KEY).unwrap_err();

        let report = crate::exit::Report::of(&error);
        assert!(report.hint.unwrap().starts_with("run `chmod 600 "));
    }

    #[test]
    fn the_first_writer_of_a_key_wins() {
        let (_temporary, data) = dir();

        assert_eq!(
            data.write_private_once(AUDIT_KEY, "first").unwrap(),
            "first"
        );
        assert_eq!(
            data.write_private_once(AUDIT_KEY, "second").unwrap(),
            "first"
        );
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_restore_waits_for_nobody_and_disturbs_nobody() {
        let (_temporary, data) = dir();

        let (one, two) = (data.lock_shared().unwrap(), data.lock_shared().unwrap());
        assert!(data.lock_exclusive().is_err());
        drop((one, two));
        let _restore = data.lock_exclusive().unwrap();
        assert!(data.lock_shared().is_err());
    }
}
