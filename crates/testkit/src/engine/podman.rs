//! A Podman service of the tests' own: another engine behind Docker's API, with other habits.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{cli, import_image, lacks, remove_groups, settled};
use crate::Result;
use crate::error::Context as _;
use crate::process::{Proc, command, watch_folder};
use crate::skip::skip;

/// What it needs besides itself: `(program, package)`.
const PROGRAMS: [(&str, &str); 5] = [
    ("podman", "podman"),
    ("runc", "runc"),
    ("busybox", "busybox-static"),
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
];
/// Control group of its containers.
const GROUP: &str = "libpod_parent";
/// The usual runtime refuses control groups of both versions beside each other; no systemd is asked.
const SETTINGS: &str =
    "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n";
/// Runs inside of the namespaces; the folder is its only argument.
const SCRIPT: &str = r#"
ip link set lo up
exec podman --root "$1/data" --runroot "$1/run" --storage-driver overlay system service --time=0 "unix://$1/podman.sock"
"#;

/// A running service with no images but [`PodmanEngine::IMAGE`], in namespaces of its own like
/// [`DockerEngine`](super::DockerEngine).
#[derive(Debug)]
pub struct PodmanEngine {
    // Declared before the folder, which must not vanish under a running service.
    _server: Proc,
    folder: TempDir,
}

impl PodmanEngine {
    /// The same image as Docker's engine has; Podman shows it with `docker.io/` before it.
    pub const IMAGE: &'static str = super::IMAGE;

    fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("homelab-podman-")
            .tempdir()
            .context(|| "cannot make a folder for Podman".to_owned())?;
        watch_folder(folder.path());
        let settings = folder.path().join("containers.conf");
        fs::write(&settings, SETTINGS).context(|| "cannot write Podman's settings".to_owned())?;
        let server = Proc::spawn(
            command("unshare")
                .args([
                    "--net",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--mount-proc",
                ])
                .args(["sh", "-c", SCRIPT, "homelab-podman"])
                .arg(folder.path())
                .env("CONTAINERS_CONF", &settings)
                .env(
                    "PATH",
                    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                ),
        )?;
        let engine = Self {
            _server: server,
            folder,
        };
        settled(&engine.socket())?;
        import_image(&|arguments| engine.cli(arguments), engine.folder.path())?;
        Ok(engine)
    }

    /// The service that all tests of this process share, started by the first that asks. Use names that no
    /// other test uses.
    ///
    /// # Panics
    /// When the service does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<PodmanEngine> = OnceLock::new();
        if let Some(why) = lacks(&PROGRAMS) {
            skip(&why);
            return None;
        }
        Some(SHARED.get_or_init(|| Self::start().unwrap_or_else(|error| panic!("{error}"))))
    }

    /// The service's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("podman.sock")
    }

    /// Runs Docker's command line against it and returns what it prints.
    pub fn cli(&self, arguments: &[&str]) -> Result<String> {
        cli(&self.socket(), arguments)
    }
}

impl Drop for PodmanEngine {
    fn drop(&mut self) {
        remove_groups(GROUP);
    }
}
