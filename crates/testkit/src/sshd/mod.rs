//! An OpenSSH server of the tests' own, and an agent.

mod agent;
mod keys;
mod tree;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::getuid;
use tempfile::TempDir;

use crate::error::Context;
use crate::process::{Proc, command, watch_folder};
use crate::{Error, Peer, Result, free_port};

pub use agent::SshAgent;
pub use keys::KeyType;

/// For a start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server's own words.
const READY: &str = "Server listening on 127.0.0.1";

/// Another program may take the port between finding and using it.
const PORT_ATTEMPTS: u32 = 5;

/// What every server here is told. Only key logins; nothing of the machine's own configuration is read.
const SETTINGS: &str = "\
ListenAddress 127.0.0.1
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
LogLevel VERBOSE
MaxStartups 200
";

/// Newer servers lock out an address after failed logins; older ones do not know the word.
const NO_PENALTIES: &str = "PerSourcePenalties no\n";

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct SshdSetup {
    /// Its host keys; it must have one.
    pub host_keys: Vec<KeyType>,
    /// More lines for its configuration, such as `MaxSessions 1`, `ForceCommand …`, `SetEnv PATH=…`.
    pub lines: Vec<String>,
}

impl Default for SshdSetup {
    fn default() -> Self {
        Self {
            host_keys: vec![KeyType::Ed25519],
            lines: Vec::new(),
        }
    }
}

/// A running OpenSSH server in a temporary folder, on a port of 127.0.0.1, with keys made for it.
///
/// Only the user that runs the tests can sign in, with [`Sshd::key`] or a key that was given to
/// [`Sshd::authorize`]; commands really run as that user. When the guard is dropped, or the test process dies, the
/// server is ended and its folder removed.
#[derive(Debug)]
pub struct Sshd {
    // Declared before the folder, which must not vanish under a running server.
    server: Mutex<Option<Proc>>,
    program: PathBuf,
    setup: SshdSetup,
    added: Mutex<Vec<String>>,
    user: String,
    port: u16,
    folder: TempDir,
}

impl Sshd {
    /// Starts a server with an Ed25519 host key and nothing special. See [`Sshd::start_with`].
    pub fn start() -> Result<Option<Self>> {
        Self::start_with(SshdSetup::default())
    }

    /// Starts a server.
    ///
    /// Nothing where OpenSSH's server is not installed; the test is then skipped as [`crate::skip`] does it.
    pub fn start_with(setup: SshdSetup) -> Result<Option<Self>> {
        let Some(program) = Peer::Sshd.require() else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("homelab-sshd-")
            .tempdir()
            .context(|| "cannot make a folder for sshd".to_owned())?;
        watch_folder(folder.path());
        if getuid().is_root() {
            // Without it the server ends at once; a package's service would make it.
            fs::create_dir_all("/run/sshd").context(|| "cannot make `/run/sshd`".to_owned())?;
        }
        let mut sshd = Self {
            server: Mutex::default(),
            program,
            setup,
            added: Mutex::default(),
            user: user()?,
            port: 0,
            folder,
        };
        sshd.make_keys()?;
        for attempt in 1..=PORT_ATTEMPTS {
            sshd.port = free_port().context(|| "cannot find a free port".to_owned())?;
            match sshd.restart() {
                Err(error)
                    if attempt < PORT_ATTEMPTS && error.to_string().contains("Bind to port") => {}
                result => return result.map(|()| Some(sshd)),
            }
        }
        Err(Error::new("sshd found no port"))
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user who can sign in: the one that runs the tests.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A folder for the test's files; it goes with the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The private key that opens.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("id")
    }

    /// A host key's public part, as `known_hosts` has it: kind and key.
    pub fn host_key(&self, kind: KeyType) -> Result<String> {
        let file = self.host_key_file(kind).with_extension("pub");
        let text =
            fs::read_to_string(&file).context(|| format!("cannot read {}", file.display()))?;
        let mut words = text.split_whitespace();
        match (words.next(), words.next()) {
            (Some(kind), Some(key)) => Ok(format!("{kind} {key}")),
            _ => Err(Error::new(format!("no key in {}", file.display()))),
        }
    }

    /// The line of `known_hosts` for this server's host key of a kind.
    pub fn known_hosts_line(&self, kind: KeyType) -> Result<String> {
        let key = self.host_key(kind)?;
        Ok(format!("[127.0.0.1]:{} {key}\n", self.port))
    }

    /// Where a host key lies; its public part is beside it, with `.pub`.
    pub fn host_key_file(&self, kind: KeyType) -> PathBuf {
        self.folder.path().join(format!("host_{}", kind.name()))
    }

    /// Lets the owner of a key sign in: a line as in a `.pub` file, possibly with options before it.
    pub fn authorize(&self, line: &str) -> Result<()> {
        let path = self.folder.path().join("authorized_keys");
        let mut keys = fs::read_to_string(&path).unwrap_or_default();
        // Writing to a text cannot fail.
        writeln!(keys, "{}", line.trim_end()).unwrap_or_default();
        fs::write(&path, keys).context(|| format!("cannot write {}", path.display()))
    }

    /// Gives the host new keys, as after it was installed anew; takes effect with [`Sshd::restart`].
    pub fn new_host_keys(&self) -> Result<()> {
        for kind in &self.setup.host_keys {
            let file = self.host_key_file(*kind);
            for old in [file.clone(), file.with_extension("pub")] {
                fs::remove_file(&old).context(|| format!("cannot remove {}", old.display()))?;
            }
            keys::generate(&file, *kind, "")?;
        }
        Ok(())
    }

    /// Adds a line to its configuration; takes effect with [`Sshd::restart`].
    pub fn add_line(&self, line: &str) {
        let mut lines = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.to_owned());
    }

    /// What the server has logged since it was started last.
    pub fn log(&self) -> String {
        self.lock().as_ref().map(Proc::stderr).unwrap_or_default()
    }

    /// Kills the processes that serve connections; the commands they have started live on, and new connections are
    /// taken. As if the network broke.
    pub fn sever(&self) -> Result<()> {
        match self.lock().as_ref() {
            Some(server) => tree::kill_below(server.id(), "sshd"),
            None => Ok(()),
        }
    }

    /// Kills the server with all its connections, as if the host lost power; the commands live on.
    pub fn kill(&self) -> Result<()> {
        let Some(mut server) = self.lock().take() else {
            return Ok(());
        };
        tree::kill_below(server.id(), "sshd")?;
        server.kill().map(drop)
    }

    /// Kills the server, if it runs, and starts it again on the same port.
    pub fn restart(&self) -> Result<()> {
        self.kill()?;
        let config = self.write_config()?;
        let server = Proc::spawn(command(&self.program).args(["-D", "-e", "-f"]).arg(&config))?;
        server.wait_for_line(READY, PATIENCE)?;
        *self.lock() = Some(server);
        Ok(())
    }

    fn make_keys(&self) -> Result<()> {
        for kind in &self.setup.host_keys {
            keys::generate(&self.host_key_file(*kind), *kind, "")?;
        }
        let public = keys::generate(&self.key(), KeyType::Ed25519, "")?;
        self.authorize(&public)
    }

    fn write_config(&self) -> Result<PathBuf> {
        let folder = self.folder.path().display();
        let mut text = SETTINGS.to_owned();
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        line(format!("Port {}", self.port));
        line(format!("PidFile {folder}/pid"));
        line(format!("AuthorizedKeysFile {folder}/authorized_keys"));
        for kind in &self.setup.host_keys {
            line(format!("HostKey {}", self.host_key_file(*kind).display()));
        }
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        self.setup
            .lines
            .iter()
            .chain(added.iter())
            .cloned()
            .for_each(line);
        let path = self.folder.path().join("sshd_config");
        let write = |text: &str| {
            fs::write(&path, text).context(|| format!("cannot write {}", path.display()))
        };
        // Before a `Match` block that the test's own lines may begin.
        write(&format!("{NO_PENALTIES}{text}"))?;
        let mut check = Proc::spawn(command(&self.program).args(["-t", "-f"]).arg(&path))?;
        if !check.wait(PATIENCE)?.success() {
            write(&text)?;
        }
        Ok(path)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Proc>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // There is nobody left to tell.
        self.kill().unwrap_or_default();
    }
}

/// The name of the user that runs the tests.
fn user() -> Result<String> {
    let mut id = Proc::spawn(command("id").arg("-un"))?;
    id.wait(PATIENCE)?;
    id.wait_for_line("", PATIENCE)
}
