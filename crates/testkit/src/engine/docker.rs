//! A Docker engine of the tests' own.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tempfile::TempDir;

use super::{cli, import_image, lacks, remove_groups, settled};
use crate::Result;
use crate::error::Context as _;
use crate::process::{Proc, command, watch_folder};
use crate::skip::skip;

/// What it needs besides itself: `(program, package)`.
const PROGRAMS: [(&str, &str); 6] = [
    ("dockerd", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("busybox", "busybox-static"),
    ("iptables", "iptables"),
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
];
/// Runs inside of the namespaces; the folder is its only argument.
const SCRIPT: &str = r#"
ip link set lo up
docker-registry serve "$1/registry.yml" >"$1/registry.log" 2>&1 &
exec dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" --cgroup-parent "$2" --host "unix://$1/docker.sock"
"#;

/// A running engine with no images but [`DockerEngine::IMAGE`], and a registry that only it reaches, at
/// [`DockerEngine::REGISTRY`].
///
/// Both live in namespaces of their own (network, mounts, processes): nothing of the machine's network or
/// firewall changes, and when the guard is dropped, or the test process dies, everything in there ends at
/// once. So its published ports are not reachable from the test: ask from inside of a container.
#[derive(Debug)]
pub struct DockerEngine {
    // Declared before the folder, which must not vanish under a running engine.
    server: Mutex<Option<Proc>>,
    folder: TempDir,
    cgroup: String,
}

impl DockerEngine {
    /// An image of two megabytes with a shell and the usual programs, made from nothing.
    pub const IMAGE: &'static str = super::IMAGE;
    /// Name of the registry, as images of it begin.
    pub const REGISTRY: &'static str = "127.0.0.1:5000";

    /// Starts an engine for one test, which may stop and restart it at will. Takes about four seconds.
    ///
    /// Nothing where a program is missing or the tests do not run as root; the test is then skipped as
    /// [`crate::skip`] does it.
    pub fn start() -> Result<Option<Self>> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if let Some(why) = missing() {
            skip(&why);
            return Ok(None);
        }
        let folder = tempfile::Builder::new()
            .prefix("homelab-docker-")
            .tempdir()
            .context(|| "cannot make a folder for Docker".to_owned())?;
        watch_folder(folder.path());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let engine = Self {
            server: Mutex::new(None),
            cgroup: format!("homelab-testkit-{}-{number}", std::process::id()),
            folder,
        };
        engine.configure_registry()?;
        engine.restart()?;
        import_image(&|arguments| engine.cli(arguments), engine.folder.path())?;
        Ok(Some(engine))
    }

    /// The engine that all tests of this process share, started by the first that asks. Never stop it;
    /// use names that no other test uses.
    ///
    /// # Panics
    /// When the engine does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<DockerEngine>> = OnceLock::new();
        if let Some(why) = missing() {
            // Says so for each test, not only for the first.
            skip(&why);
            return None;
        }
        SHARED
            .get_or_init(|| Self::start().unwrap_or_else(|error| panic!("{error}")))
            .as_ref()
    }

    /// The engine's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Runs the engine's own command line, a client that shares no code with ours, and returns what it prints.
    pub fn cli(&self, arguments: &[&str]) -> Result<String> {
        cli(&self.socket(), arguments)
    }

    /// Kills the engine, its registry and all containers at once, as a power cut would.
    pub fn stop(&self) -> Result<()> {
        match self.server().take() {
            Some(mut server) => server.kill().map(drop),
            None => Ok(()),
        }
    }

    /// Starts it again with the same data, after stopping it if it runs.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        let mut unshare = command("unshare");
        unshare
            .args([
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args(["sh", "-c", SCRIPT, "homelab-docker"])
            .arg(self.folder.path())
            .arg(format!("/{}", self.cgroup))
            // Debian keeps it beside the other servers' programs.
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            );
        // What a killed one left would keep the next from starting.
        for stale in ["pid", "docker.sock", "exec"] {
            let path = self.folder.path().join(stale);
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            // Usually there is none.
            removed.unwrap_or_default();
        }
        let server = Proc::spawn(&mut unshare)?;
        server.wait_for_line("API listen on", super::PATIENCE)?;
        settled(&self.socket())?;
        *self.server() = Some(server);
        Ok(())
    }

    /// What the engine has logged since it was last started; empty when it is stopped.
    pub fn log(&self) -> String {
        self.server().as_ref().map(Proc::stderr).unwrap_or_default()
    }

    fn configure_registry(&self) -> Result<()> {
        let folder = self.folder.path();
        let settings = format!(
            "version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {}/registry}}\n  delete: {{enabled: true}}\nhttp: {{addr: {}}}\n",
            folder.display(),
            Self::REGISTRY
        );
        fs::write(folder.join("registry.yml"), settings)
            .context(|| "cannot write the registry's settings".to_owned())
    }

    fn server(&self) -> MutexGuard<'_, Option<Proc>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for DockerEngine {
    fn drop(&mut self) {
        // What this cannot stop, `Proc` kills.
        self.stop().unwrap_or_default();
        remove_groups(&self.cgroup);
    }
}

/// Why there can be no engine here.
fn missing() -> Option<String> {
    lacks(&PROGRAMS)
}
