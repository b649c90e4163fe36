//! The program as a person runs it: a folder that is home, working directory and data in one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use homelab_testkit::{Proc, command, free_port};
use serde_json::Value;
use tempfile::TempDir;

use crate::clients_support::program;

/// Longest wait for something that a debug build on a busy machine does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with nothing in it yet.
pub(crate) struct Place {
    folder: TempDir,
}

/// A run that ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.path(".local/share/homelab-mcp").join(name)
    }

    /// Writes a file below the folder, for this user alone.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("our file");
        path
    }

    /// The program, with its home and working directory here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(program());
        command
            .args(arguments)
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// The same with variables.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Ran::of(command)
    }

    /// Runs it, which must succeed, and reads its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).ok().json()
    }

    /// Makes the first keys: agent, owner.
    pub(crate) fn init(&self) -> (String, String) {
        let keys = self.json(&["keys", "init"]);
        let key = |kind: &str| keys[kind]["key"].as_str().expect("a key").to_owned();
        (key("agent"), key("owner"))
    }

    /// Starts the server on a free port and waits until it serves.
    pub(crate) fn serve(&self, more: &[&str], variables: &[(&str, &str)]) -> (Proc, u16) {
        let port = free_port().expect("a free port");
        let listen = format!("127.0.0.1:{port}");
        let mut command = self.command(&[&["serve", "--listen", &listen], more].concat());
        command.envs(variables.iter().copied());
        let process = Proc::spawn(&mut command).expect("the server starts");
        process
            .wait_for_line("serving HTTP", PATIENCE)
            .expect("the server serves");
        (process, port)
    }

    /// A text without this folder's name in it.
    pub(crate) fn without_path(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "HERE")
    }
}

impl Ran {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code().expect("an exit code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The same, which must have succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// The same, which must have failed with this code.
    pub(crate) fn failed(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    let metadata =
        std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o777
}
