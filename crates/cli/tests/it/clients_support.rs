//! The program under test: a data folder of its own, its keys, and a running server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use homelab_testkit::{Postgres, Proc, Signal, command};
use serde_json::Value;
use tempfile::TempDir;

use crate::clients_http::Connection;

/// How long the program may take to be ready, or to end; a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A key as the program prints it once.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) key: String,
}

impl Key {
    fn read(value: &Value) -> Self {
        let part = |name: &str| {
            value[name]
                .as_str()
                .expect("a key has id and key")
                .to_owned()
        };
        Self {
            id: part("id"),
            key: part("key"),
        }
    }
}

/// A data folder of its own.
pub(crate) struct Home {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
    owner_key: String,
    agent_key: String,
}

impl Home {
    /// An empty folder: what a person has who starts the program for the first time.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            environment: Vec::new(),
            owner_key: String::new(),
            agent_key: String::new(),
        }
    }

    /// With keys, on SQLite.
    pub(crate) fn new() -> Self {
        Self::empty().with_keys()
    }

    /// With keys, on a fresh database of a real PostgreSQL server.
    pub(crate) fn on_postgres(server: &Postgres) -> Self {
        let url = server.fresh_database().expect("a fresh database");
        Self::empty()
            .setting("HOMELAB__DATABASE__URL", url)
            .with_keys()
    }

    fn with_keys(mut self) -> Self {
        let keys = self.json(&["keys", "init"]);
        self.agent_key = Key::read(&keys["agent"]).key;
        self.owner_key = Key::read(&keys["owner"]).key;
        self
    }

    /// Sets a variable for every later run.
    pub(crate) fn setting(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside the data folder.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("a writable temporary folder");
        path
    }

    /// The arguments that every run of the program needs here, for clients that start it themselves.
    pub(crate) fn arguments(&self, more: &[&str]) -> Vec<String> {
        let mut arguments = vec![
            "--data-dir".to_owned(),
            self.data_dir().display().to_string(),
        ];
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        arguments
    }

    /// The environment that every run of the program needs here.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = self.environment.clone();
        // Nothing of the tester's own configuration may be found.
        environment.push(("HOME", self.folder.path().display().to_string()));
        environment
    }

    /// The program with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(program());
        command
            .args(self.arguments(arguments))
            .envs(self.environment())
            .current_dir(self.folder.path());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .env("HOMELAB_OWNER_KEY", &self.owner_key)
            .output()
            .expect("the program runs")
    }

    /// Runs the program, which must succeed, and returns what it prints.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8 on stdout")
    }

    /// Runs the program with `--json` and reads what it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.succeed(&[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// Makes an agent key of this role.
    pub(crate) fn create_key(&self, name: &str, role: &str) -> Key {
        Key::read(&self.json(&["keys", "create", "--name", name, "--role", role]))
    }

    /// Starts the server on a free port and waits until it is ready.
    pub(crate) fn serve(&self, more: &[&str]) -> Gateway {
        self.serve_on(0, more)
    }

    /// Starts the server on this port and waits until it is ready.
    pub(crate) fn serve_on(&self, port: u16, more: &[&str]) -> Gateway {
        self.started(port, more, &[])
    }

    /// Starts the server with variables of its own, and waits until it is ready.
    pub(crate) fn serve_with(&self, more: &[&str], environment: &[(&str, &str)]) -> Gateway {
        self.started(0, more, environment)
    }

    /// The owner's key.
    pub(crate) fn owner_key(&self) -> &str {
        &self.owner_key
    }

    fn started(&self, port: u16, more: &[&str], environment: &[(&str, &str)]) -> Gateway {
        let listen = format!("127.0.0.1:{port}");
        let arguments = [&["--json", "serve", "--listen", &listen], more].concat();
        let mut command = self.command(&arguments);
        command.envs(environment.iter().copied());
        let process = Proc::spawn(&mut command).expect("the server starts");
        let welcome = process
            .wait_for_line("\"endpoint\"", PATIENCE)
            .expect("it says where it is");
        let welcome: Value = serde_json::from_str(&welcome).expect("one line of JSON");
        let (base, _) = welcome["endpoint"]
            .as_str()
            .and_then(|endpoint| endpoint.rsplit_once('/'))
            .expect("a URL");
        let (_, port) = base.rsplit_once(':').expect("a port");
        let port = port.parse().expect("a port");
        let health = Connection::open(port)
            .and_then(|mut connection| connection.request("GET", "/readyz", &[], b""))
            .expect("it answers");
        assert_eq!(health.status, 200, "{}", health.text());
        Gateway {
            port,
            // It makes and shows keys where there are none yet.
            key: welcome["keys"]["agent"]["key"]
                .as_str()
                .unwrap_or(&self.agent_key)
                .to_owned(),
            process,
        }
    }
}

/// The program under test.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_homelab-mcp")
}

/// A client script of this folder.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// The output of a client that must succeed.
pub(crate) fn succeeded(mut client: Command) -> String {
    let output = client.output().expect("the client runs");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{client:?}\n{stdout}\n{stderr}");
    stdout
}

/// A running server; it ends with this value.
pub(crate) struct Gateway {
    process: Proc,
    pub(crate) port: u16,
    /// An agent key of role operator.
    pub(crate) key: String,
}

impl Gateway {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Ends it without warning, as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("a child of ours");
    }

    /// Ends it as a service manager does; it must say goodbye with success.
    pub(crate) fn stop(mut self) {
        self.process.signal(Signal::TERM).expect("a child of ours");
        let status = self.process.wait(PATIENCE).expect("it ends");
        assert!(status.success(), "{status}: {}", self.process.stderr());
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        self.process.stderr()
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .expect("the server runs");
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|number| number.parse::<u64>().ok())
            .expect("a line VmRSS");
        kibibytes * 1024
    }
}
