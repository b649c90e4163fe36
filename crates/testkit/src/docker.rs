//! A Docker engine of the tests' own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::error::Context as _;
use crate::peers::{find_program, is_program};
use crate::process::{Proc, command, watch_folder};
use crate::skip::skip;
use crate::{Error, Result};

/// For a start on a busy machine; usually three seconds.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks whether it answers.
const POLL: Duration = Duration::from_millis(50);
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
    pub const IMAGE: &'static str = "lab/busybox:1";
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
        engine.import_image()?;
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
        let host = format!("unix://{}", self.socket().display());
        run(command("/usr/bin/docker")
            .args(["--host", &host])
            .args(arguments))
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
        server.wait_for_line("API listen on", PATIENCE)?;
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.cli(&["version"]) {
            if Instant::now() > deadline {
                return Err(error);
            }
            std::thread::sleep(POLL);
        }
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

    /// A file system with one program under many names.
    fn import_image(&self) -> Result<()> {
        let root = self.folder.path().join("image");
        let write = || -> std::io::Result<()> {
            for folder in ["bin", "etc", "tmp", "proc", "sys", "dev", "data"] {
                fs::create_dir_all(root.join(folder))?;
            }
            fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
            fs::copy(busybox().unwrap_or_default(), root.join("bin/busybox")).map(drop)
        };
        write().context(|| "cannot make the image".to_owned())?;
        let archive = self.folder.path().join("image.tar");
        let pack = "for name in $(\"$1/bin/busybox\" --list); do [ \"$name\" = busybox ] || ln -sf busybox \"$1/bin/$name\"; done
            tar -C \"$1\" -cf \"$2\" .";
        run(command("sh")
            .args(["-c", pack, "image"])
            .arg(&root)
            .arg(&archive))?;
        let archive = archive.to_string_lossy();
        let changes = ["--change", "CMD [\"/bin/sh\"]", "--change", "ENV PATH=/bin"];
        let mut import = vec!["import"];
        import.extend(changes);
        import.extend([archive.as_ref(), Self::IMAGE]);
        self.cli(&import).map(drop)
    }

    fn server(&self) -> MutexGuard<'_, Option<Proc>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for DockerEngine {
    fn drop(&mut self) {
        // What this cannot stop, `Proc` kills.
        self.stop().unwrap_or_default();
        for hierarchy in fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten()
        {
            remove_groups(&hierarchy.path().join(&self.cgroup));
        }
        remove_groups(&Path::new("/sys/fs/cgroup").join(&self.cgroup));
    }
}

/// Runs a program to its end and returns its stdout; a failure shows both streams.
fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .context(|| format!("cannot start {command:?}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!(
        "{command:?}: {}\n{stdout}{stderr}",
        output.status
    )))
}

/// Removes control groups, the innermost first; nobody is in them any more.
fn remove_groups(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_groups(&entry.path());
        }
    }
    fs::remove_dir(group).unwrap_or_default();
}

fn busybox() -> Option<PathBuf> {
    find_program("busybox", &["/bin", "/usr/bin"])
}

/// Why there can be no engine here.
fn missing() -> Option<String> {
    if !geteuid().is_root() {
        return Some("a Docker engine needs root".to_owned());
    }
    if !is_program(Path::new("/usr/bin/docker")) {
        return Some("`docker` is not installed; run scripts/install-peers".to_owned());
    }
    PROGRAMS
        .iter()
        .find(|(program, _)| find_program(program, &["/usr/sbin", "/sbin"]).is_none())
        .map(|(program, package)| {
            format!("`{program}` (package {package}) is not installed; run scripts/install-peers")
        })
}
