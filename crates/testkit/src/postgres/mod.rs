//! A PostgreSQL server of the tests' own.

mod account;
mod cluster;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::process::{Proc, command};
use crate::skip::skip;
use crate::{Error, Result};
use cluster::{Cluster, Programs};

/// A running PostgreSQL server with an empty cluster in a temporary folder.
///
/// It listens on a port of 127.0.0.1 and on a socket in that folder, and asks for a password on both. Its single
/// role is a superuser. It promises nothing beyond the life of its machine (`fsync` is off), but a transaction it
/// has committed survives [`Postgres::kill`]. Text sorts by the rules of English, as on many real servers, so that a
/// query that relies on the order of bytes is found out.
///
/// When the guard is dropped, or the test process dies, the server is stopped and its folder removed.
#[derive(Debug)]
pub struct Postgres {
    // Declared before the cluster, whose folder must not vanish under a running server.
    server: Mutex<Option<Proc>>,
    cluster: Cluster,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server for one test, which may stop, kill and restart it at will. Takes about two seconds.
    ///
    /// Nothing where no server is installed; the test is then skipped as [`crate::skip`] does it.
    pub fn start() -> Result<Option<Self>> {
        let Some(programs) = find_programs() else {
            skip(
                "no PostgreSQL server (`initdb`, `postgres`) is installed; run scripts/install-peers",
            );
            return Ok(None);
        };
        Self::with(Programs::Installed(programs)).map(Some)
    }

    fn with(programs: Programs) -> Result<Self> {
        let (cluster, server) = Cluster::create(programs)?;
        Ok(Self {
            server: Mutex::new(Some(server)),
            cluster,
            databases: AtomicU32::new(0),
        })
    }

    /// Like [`Postgres::shared`], but a server that has the extension pgvector, which the distribution's has not. Its
    /// text sorts by bytes: it is built without ICU.
    ///
    /// # Panics
    /// When the server does not start.
    pub fn shared_with_vector() -> Option<&'static Self> {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        let Some(folder) = find_vector() else {
            skip("no PostgreSQL server with pgvector is installed; run scripts/install-peers");
            return None;
        };
        let start =
            || Self::with(Programs::WithVector(folder)).unwrap_or_else(|error| panic!("{error}"));
        Some(SHARED.get_or_init(start))
    }

    /// The server that all tests of this process share, started by the first that asks.
    ///
    /// For tests that only need [`Postgres::fresh_database`]: never stop it. Nothing where no server is installed.
    ///
    /// # Panics
    /// When the server does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        if find_programs().is_none() {
            // Says so for each test, not only for the first.
            skip(
                "no PostgreSQL server (`initdb`, `postgres`) is installed; run scripts/install-peers",
            );
            return None;
        }
        SHARED
            .get_or_init(|| Self::start().unwrap_or_else(|error| panic!("{error}")))
            .as_ref()
    }

    /// Makes an empty database and returns its URL, `postgres://user:password@127.0.0.1:port/name`.
    pub fn fresh_database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(&name))
    }

    /// The URL of a database by name, whether it exists or not. `postgres` always exists.
    pub fn url(&self, database: &str) -> String {
        let Cluster { password, port, .. } = &self.cluster;
        format!(
            "postgres://{}:{password}@127.0.0.1:{port}/{database}",
            cluster::ROLE
        )
    }

    /// The port on 127.0.0.1; it stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.cluster.port
    }

    /// The folder with the Unix socket `.s.PGSQL.<port>`.
    pub fn socket_folder(&self) -> PathBuf {
        self.cluster.folder.path().to_owned()
    }

    /// The password of the only role, to check that nothing prints it.
    pub fn password(&self) -> &str {
        &self.cluster.password
    }

    /// Runs SQL through `psql`, a client that shares no code with ours; returns rows as unaligned text, columns
    /// separated by `|`. The first error ends it.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        self.run(
            self.program("psql")
                .env("PGPASSWORD", &self.cluster.password)
                .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
                .args(["--set", "ON_ERROR_STOP=1", "--command", sql])
                .args(self.connection())
                .args(["--dbname", database]),
        )
    }

    /// Stops the server in good order: sessions are ended, committed data is kept. Does nothing when it is stopped.
    pub fn stop(&self) -> Result<()> {
        let server = self.server().take();
        server.map_or(Ok(()), Cluster::stop)
    }

    /// Kills every process of the server at once, as a power cut would. Does nothing when it is stopped.
    pub fn kill(&self) -> Result<()> {
        let server = self.server().take();
        server.map_or(Ok(()), Cluster::kill)
    }

    /// Starts the server again on the same port with the same data, after stopping it if it runs.
    ///
    /// After [`Postgres::kill`] this includes the server's recovery.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        *self.server() = Some(self.cluster.serve()?);
        Ok(())
    }

    /// What the server has logged since it was last started; empty when it is stopped.
    pub fn log(&self) -> String {
        self.server().as_ref().map(Proc::stderr).unwrap_or_default()
    }

    fn connection(&self) -> [String; 6] {
        let port = self.cluster.port.to_string();
        [
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "--username",
            cluster::ROLE,
        ]
        .map(str::to_owned)
    }

    fn program(&self, name: &str) -> Command {
        command(self.cluster.programs.join(name))
    }

    fn run(&self, command: &mut Command) -> Result<String> {
        cluster::run(command).map_err(|error| Error::new(format!("{error}\n{}", self.log())))
    }

    fn server(&self) -> MutexGuard<'_, Option<Proc>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Killing would leave a shared memory segment with the system. What this cannot stop, `Proc` kills.
        self.stop().unwrap_or_default();
    }
}

/// The folder with the server that has pgvector, as its wheel is laid out.
fn find_vector() -> Option<PathBuf> {
    let folder = crate::peers::peers_dir()?.join("pgserver");
    crate::peers::is_program(&folder.join(cluster::IN_WHEEL).join("postgres")).then_some(folder)
}

/// The folder with the newest installed server's programs. Debian keeps one folder per major version out of `PATH`.
fn find_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut numbered: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    numbered.sort();
    let in_path = crate::peers::find_program("initdb", &[])
        .and_then(|initdb| Some(initdb.canonicalize().ok()?.parent()?.to_owned()));
    numbered
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .chain(in_path)
        .find(|folder| {
            ["initdb", "postgres", "psql"]
                .iter()
                .all(|name| crate::peers::is_program(&folder.join(name)))
        })
}
