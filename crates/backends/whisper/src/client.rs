//! The handle behind the tools: Ollama, the SSH hosts, and how commands are run on them.

use std::sync::Arc;
use std::time::Duration;

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::server::Health;
use homelab_ssh::{Ended, Exec, Host, Hosts, Output, quote};
use tokio_util::sync::CancellationToken;

use crate::command;
use crate::config::Config;
use crate::gpu::{Printed, Runner};
use crate::ollama::Ollama;

/// How long a host is waited for when only its state is asked.
const GREETING: Duration = Duration::from_secs(4);

/// Remote hosts and Ollama.
pub(crate) struct Whisper {
    pub(crate) ollama: Ollama,
    hosts: Option<Arc<Hosts>>,
    /// Whether commands of the curated list run as reads.
    inspection: bool,
    /// Hosts of one call that are worked on at a time.
    pub(crate) fleet_concurrency: usize,
}

impl Whisper {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        Ok(Self {
            ollama: Ollama::new(instance, &config.ollama, env)?,
            hosts: env.shared.get::<Hosts>(),
            inspection: config.inspection_commands,
            fleet_concurrency: config.fleet_concurrency,
        })
    }

    /// The hosts of the configuration; none is an error that names the setting.
    pub(crate) fn hosts(&self) -> ToolResult<&Hosts> {
        match self.hosts.as_deref() {
            Some(hosts) if !hosts.is_empty() => Ok(hosts),
            _ => Err(
                ToolError::new(Code::NotConfigured, "no SSH host is configured")
                    .reason("setting_missing")
                    .field("ssh.hosts")
                    .hint("add one: `[ssh.hosts.NAME]` with `host`, `user` and `key_file`"),
            ),
        }
    }

    /// The host of that name, or the default one.
    pub(crate) fn host(&self, name: Option<&str>) -> ToolResult<Host> {
        self.hosts()?.host(name)
    }

    /// The words of a command that only looks; `None` for any other, and where the settings want
    /// none to run as a read.
    pub(crate) fn inspection(&self, command: &str) -> Option<Vec<String>> {
        self.inspection.then(|| command::inspection(command))?
    }

    /// One line: the version of Ollama, the hosts that answer and those that do not.
    pub(crate) async fn greet(&self) -> Health {
        let (ollama, hosts) = tokio::join!(self.ollama.version(), self.greet_all());
        let (up, down): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|(_, up)| *up);
        let mut parts = Vec::new();
        match &ollama {
            Ok(version) => parts.push(format!("Ollama {version}")),
            Err(error) => parts.push(error.envelope().message.clone()),
        }
        if up.is_empty() && down.is_empty() {
            parts.push("no SSH hosts".to_owned());
        } else {
            parts.push(format!(
                "{} of {} SSH hosts answer",
                up.len(),
                up.len() + down.len()
            ));
        }
        let message = parts.join("; ");
        let lost: Vec<String> = down.iter().map(|(name, _)| format!("`{name}`")).collect();
        let hint = match &ollama {
            Err(error) => error.envelope().hint.clone().unwrap_or_default(),
            Ok(_) => format!("see `[ssh.hosts]`: {}", lost.join(", ")),
        };
        match (&ollama, up.is_empty(), down.is_empty()) {
            (Ok(_), _, true) => Health::ok(message),
            (Err(_), true, _) => Health::down(message, hint),
            _ => Health::degraded(message, hint),
        }
    }

    async fn greet_all(&self) -> Vec<(String, bool)> {
        let Ok(hosts) = self.hosts() else {
            return Vec::new();
        };
        let greetings = hosts.names().map(|name| async move {
            let up = match hosts.host(Some(name)) {
                Ok(host) => greet(&host).await.is_ok(),
                Err(_) => false,
            };
            (name.to_owned(), up)
        });
        futures_util::future::join_all(greetings).await
    }
}

/// Whether a host can be used, and how long that took.
pub(crate) async fn greet(host: &Host) -> ToolResult<Duration> {
    let probe = tokio::time::timeout(GREETING, host.probe()).await;
    let probe = probe.unwrap_or_else(|_| {
        let message = format!("`{}` did not answer within {GREETING:?}", host.name());
        Err(ToolError::new(Code::UpstreamUnreachable, message).reason("connect_timeout"))
    })?;
    Ok(probe.took)
}

/// A line in which every word is one word for the shell, whatever is in it.
pub(crate) fn line<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
    words.join(" ")
}

/// Runs fixed words on a host; a time-out is an error here.
pub(crate) async fn run<T: AsRef<str>>(
    host: &Host,
    words: &[T],
    sudo: bool,
    cancel: &CancellationToken,
) -> ToolResult<Output> {
    let mut exec = Exec::new(line(words));
    exec.sudo = sudo;
    let output = host.exec(exec, cancel).await?;
    if output.ended == Ended::TimedOut {
        let program = words.first().map_or("", AsRef::as_ref);
        let message = format!("`{program}` did not end in time on `{}`", host.name());
        return Err(ToolError::new(Code::Timeout, message).reason("command_timeout"));
    }
    Ok(output)
}

/// Runs the tools of a card's vendor on a host.
pub(crate) struct HostRunner<'a> {
    pub(crate) host: &'a Host,
    pub(crate) cancel: &'a CancellationToken,
}

impl Runner for HostRunner<'_> {
    async fn run(&self, words: &[&str]) -> ToolResult<Printed> {
        let output = run(self.host, words, false, self.cancel).await?;
        Ok(Printed {
            status: output.exit_code(),
            stdout: output.stdout.text(),
            stderr: output.stderr.text(),
        })
    }
}

/// The end of what a failed program complained of, for an error. Not its beginning: a login shell's
/// own files may write there first.
pub(crate) fn said(output: &Output) -> String {
    const LINES: usize = 3;
    const LONGEST: usize = 200;
    let end = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim);
        let mut last: Vec<String> = lines
            .filter(|line| !line.is_empty())
            .rev()
            .take(LINES)
            .map(|line| line.chars().take(LONGEST).collect())
            .collect();
        last.reverse();
        last
    };
    let mut lines = end(&output.stderr.text());
    if lines.is_empty() {
        lines = end(&output.stdout.text());
    }
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    lines.join(" | ")
}
