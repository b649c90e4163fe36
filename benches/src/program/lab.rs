//! The program under measurement, its data folder with 100,000 devices, and its key.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::page::PageRequest;
use homelab_core::store::AuditFilter;
use homelab_store::{Database, Target};
use homelab_testkit::{Proc, command, free_port, wait_for_port};
use serde_json::Value;
use tempfile::TempDir;

/// How many devices the inventory holds.
pub(crate) const DEVICES: u32 = 100_000;

/// A data folder and the release build that works on it.
pub(crate) struct Lab {
    folder: TempDir,
    /// The release build.
    pub(crate) program: PathBuf,
    /// An agent key of role operator.
    pub(crate) key: String,
    /// The owner's key.
    owner: String,
}

/// The name of the device with this number.
pub(crate) fn device_name(number: u32) -> String {
    format!("bench-{number:06}")
}

/// The address of the device with this number, in 198.18.0.0/15, which is set aside for benchmarks
/// (RFC 2544).
pub(crate) fn device_address(number: u32) -> String {
    let [_, b, c, d] = number.to_be_bytes();
    format!("198.{}.{c}.{d}", 18 + u16::from(b))
}

impl Lab {
    /// A new data folder with keys and nothing else.
    pub(crate) fn new(program: &Path) -> anyhow::Result<Self> {
        let lab = Self {
            folder: tempfile::tempdir()?,
            program: program.canonicalize().context("the release build")?,
            key: String::new(),
            owner: String::new(),
        };
        let printed = lab.run(&["keys", "init", "--json"])?;
        let keys: Value = serde_json::from_str(&printed)?;
        let key = |kind: &str| keys[kind]["key"].as_str().map(str::to_owned);
        Ok(Self {
            key: key("agent").context("an agent key")?,
            owner: key("owner").context("an owner key")?,
            ..lab
        })
    }

    /// Makes an agent key of this role.
    pub(crate) fn create_key(&self, name: &str, role: &str) -> anyhow::Result<String> {
        let arguments = ["keys", "create", "--name", name, "--role", role, "--json"];
        let mut command = self.command(&arguments);
        let output = command.env("HOMELAB_OWNER_KEY", &self.owner).output()?;
        let made: Value = serde_json::from_slice(&output.stdout)?;
        Ok(made["key"].as_str().context("a key")?.to_owned())
    }

    /// How many rows the audit has.
    pub(crate) fn audit_rows(&self) -> anyhow::Result<usize> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let target = Target::Sqlite {
                path: self.database(),
            };
            let database =
                Database::open(&target, Arc::new(SystemClock), Arc::new(OsEntropy)).await?;
            let audit = database.stores().audit;
            let shown = audit
                .show(&AuditFilter::default(), &PageRequest::first(1))
                .await?;
            database.close().await;
            Ok(usize::try_from(shown.total)?)
        })
    }

    /// A file with all devices, as a person would export them from a spreadsheet.
    pub(crate) fn write_devices(&self) -> anyhow::Result<PathBuf> {
        let mut rows = String::from("name,category,type,status,hostname,ip,mac,model,notes\n");
        for number in 0..DEVICES {
            let name = device_name(number);
            let ip = device_address(number);
            let [_, b, c, d] = number.to_be_bytes();
            writeln!(
                rows,
                "{name},compute,server,online,{name}.example,{ip},02:00:00:{b:02x}:{c:02x}:{d:02x},\
                 Model {d},Rack {c}"
            )?;
        }
        let path = self.folder.path().join("devices.csv");
        std::fs::write(&path, rows)?;
        Ok(path)
    }

    /// The embedded database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("data/homelab.db")
    }

    /// The program with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.program);
        command
            .arg("--data-dir")
            .arg(self.folder.path().join("data"))
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("HOMELAB__LOG__LEVEL", "warn")
            .current_dir(self.folder.path());
        command
    }

    /// Runs the program to its end and returns what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments).output()?;
        ensure!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts the server; it ends with the returned value. Its port comes with it.
    pub(crate) fn serve(&self) -> anyhow::Result<(Proc, u16)> {
        self.serve_with(|_| {})
    }

    /// The same, to be held against a yardstick: a read of a device also looks for what is remembered
    /// of it, which no yardstick does.
    pub(crate) fn serve_alike(&self, rules: Option<&Value>) -> anyhow::Result<(Proc, u16)> {
        self.serve_with(|command| {
            command.env("HOMELAB__SERVERS__MEMORY__ENABLED", "false");
            if let Some(rules) = rules {
                command.env("HOMELAB__POLICY__RULES", rules.to_string());
            }
        })
    }

    fn serve_with(&self, set: impl FnOnce(&mut Command)) -> anyhow::Result<(Proc, u16)> {
        let port = free_port()?;
        let listen = format!("127.0.0.1:{port}");
        let mut command = self.command(&["serve", "--listen", &listen]);
        set(&mut command);
        start(&mut command, port)
    }
}

/// Starts a server and waits until it listens.
pub(crate) fn start(command: &mut Command, port: u16) -> anyhow::Result<(Proc, u16)> {
    let mut process = Proc::spawn(command)?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while wait_for_port(port, Duration::from_millis(50)).is_err() {
        ensure!(
            process.is_running()? && Instant::now() < deadline,
            "the server does not start: {}",
            process.stderr()
        );
    }
    Ok((process, port))
}

/// Resident memory of a process, bytes.
pub(crate) fn resident_bytes(process: &Proc) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let kibibytes: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .context("a line VmRSS")?
        .parse()?;
    Ok(kibibytes * 1024)
}
