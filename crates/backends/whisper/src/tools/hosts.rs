//! The hosts, and how one of them is.

use futures_util::StreamExt as _;
use futures_util::stream;
use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::{Page, PageRequest};
use homelab_core::tool::tool;
use homelab_ssh::Host;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Whisper, greet, run, said};
use crate::host::status::{self, Status};

/// Which hosts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListHosts {
    /// Also connect to each, to see whether it can be used.
    #[serde(default)]
    check: bool,
    /// Most hosts to return.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(min = 1, max = 1024))]
    cursor: Option<String>,
}

/// A host of the configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HostRow {
    /// What calls name it by.
    name: String,
    /// User and address.
    destination: String,
    /// Whether calls mean it that name no host.
    default: bool,
    /// Whether commands may be run as root.
    sudo: bool,
    /// Below these, files may be read.
    read_roots: Vec<String>,
    /// Below these, files may be read and written.
    write_roots: Vec<String>,
    /// Whether it can be used, where that was asked for.
    reachable: Option<bool>,
    /// How long connecting took.
    latency_ms: Option<u64>,
    /// Why it cannot be used.
    problem: Option<String>,
}

/// List the SSH hosts that commands and files can be on, with what may be done there; with `check` also whether each can be reached.
#[tool(
    read,
    open_world,
    permission = "whisper:host:read",
    title = "List SSH hosts",
    timeout = 300
)]
pub(crate) async fn whisper_list_hosts(
    whisper: &Whisper,
    args: ListHosts,
) -> ToolResult<Page<HostRow>> {
    let hosts = whisper.hosts()?;
    let request = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let total = hosts.names().count() as u64;
    let names: Vec<String> = hosts
        .names()
        .filter(|name| request.after.as_deref().is_none_or(|after| *name > after))
        .take(request.limit as usize + 1)
        .map(str::to_owned)
        .collect();
    let mut rows = Vec::with_capacity(names.len());
    for name in names {
        let host = hosts.host(Some(&name))?;
        let default = hosts.default_host() == Some(name.as_str());
        rows.push(row(host, default, args.check));
    }
    let rows: Vec<HostRow> = stream::iter(rows)
        .buffered(whisper.fleet_concurrency)
        .collect()
        .await;
    Ok(Page::from_rows(rows, &request, total, |row| {
        row.name.clone()
    }))
}

async fn row(host: Host, default: bool, check: bool) -> HostRow {
    let greeting = if check {
        Some(greet(&host).await)
    } else {
        None
    };
    let settings = host.settings();
    let took = greeting.as_ref().and_then(|one| one.as_ref().ok());
    HostRow {
        name: host.name().to_owned(),
        destination: host.destination(),
        default,
        sudo: settings.sudo,
        read_roots: settings.read_roots.clone(),
        write_roots: settings.write_roots.clone(),
        reachable: greeting.as_ref().map(Result::is_ok),
        latency_ms: took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        problem: greeting
            .and_then(Result::err)
            .map(|error| error.envelope().message.clone()),
    }
}

/// Which host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneHost {
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
}

/// How a host is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HostStatus {
    /// Its name in the configuration.
    host: String,
    #[serde(flatten)]
    status: Status,
}

/// Show how a remote host is: uptime, load, memory, disks, temperatures, failed systemd units, pending updates, and what deserves attention.
#[tool(
    read,
    open_world,
    permission = "whisper:host:read",
    title = "Status of a host",
    timeout = 60,
    untrusted(
        "hostname",
        "os",
        "kernel",
        "disks.*.mount",
        "disks.*.device",
        "temperatures.*.sensor",
        "failed_units",
        "updates.packages",
        "warnings"
    )
)]
pub(crate) async fn host_status(
    whisper: &Whisper,
    args: OneHost,
    ctx: &CallContext,
) -> ToolResult<HostStatus> {
    let host = whisper.host(args.host.as_deref())?;
    let output = run(&host, &["sh", "-c", status::SCRIPT], false, &ctx.cancel).await?;
    let Some(status) = status::read(&output.stdout.text()) else {
        let message = format!(
            "`{}` did not tell its status: {}",
            host.name(),
            said(&output)
        );
        return Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("host_status_unreadable")
            .hint("it needs a POSIX shell, and the account the right to run commands"));
    };
    Ok(HostStatus {
        host: host.name().to_owned(),
        status,
    })
}
