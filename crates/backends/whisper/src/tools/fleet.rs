//! Running one command on many hosts.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Effect, Preview, Target, tool};
use homelab_ssh::{Exec, Host, STDERR_CAP};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::commands::{CommandResult, as_sent, effect, impact, seconds};
use super::targets;
use crate::client::Whisper;

/// Bytes of output of each host unless asked otherwise.
const OUTPUT: usize = 2048;
/// Stands for every host.
const ALL: &str = "*";

/// What to run where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunOnHosts {
    /// Command line for the shell of each host.
    #[schemars(length(min = 1, max = 8192))]
    command: String,
    /// Names of the hosts; `*` for all of them.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 64)))]
    hosts: Vec<String>,
    /// Seconds it may run on each host; then it is killed there.
    #[schemars(range(min = 1, max = 600))]
    #[serde(default = "seconds")]
    timeout_seconds: u64,
    /// Run it as root through `sudo -n`, where a host's settings allow that.
    #[serde(default)]
    sudo: bool,
    /// Bytes of output of each host to return; of longer output its beginning and end.
    #[schemars(range(min = 256, max = 65_536))]
    #[serde(default = "output")]
    max_output_bytes: usize,
}

const fn output() -> usize {
    OUTPUT
}

/// What came of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FleetResult {
    /// Hosts on which the command ended with exit code 0.
    succeeded: usize,
    /// All others.
    failed: usize,
    /// One row for each host, in the order asked for.
    items: Vec<FleetRow>,
}

/// What came of it on one host.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FleetRow {
    /// How the command ended there; without an exit code and with `problem` where it never ran.
    #[serde(flatten)]
    result: CommandResult,
    /// Why it did not run, or why that is not known.
    problem: Option<String>,
    /// What to do about it.
    hint: Option<String>,
}

/// Run one shell command on several SSH hosts at a time and return a row for each; a host that is down does not stop the others. Commands that only look run at once, all others count as destructive.
#[tool(
    destructive,
    open_world,
    permission = "whisper:command:run",
    title = "Run a command on several hosts",
    timeout = 3600,
    untrusted("items.*.stdout", "items.*.stderr"),
    effect = fleet_effect,
    preview = preview_fleet,
    targets = fleet_targets
)]
pub(crate) async fn whisper_run_on_hosts(
    whisper: &Whisper,
    args: RunOnHosts,
    ctx: &CallContext,
) -> ToolResult<FleetResult> {
    let hosts = chosen(whisper, &args.hosts)?;
    let command = as_sent(whisper, &args.command);
    let count = hosts.len();
    let runs = hosts.into_iter().enumerate().map(|(place, host)| {
        let exec = Exec {
            sudo: args.sudo,
            ..Exec::new(command.clone())
                .timeout(Duration::from_secs(args.timeout_seconds))
                .caps(args.max_output_bytes, args.max_output_bytes.min(STDERR_CAP))
        };
        async move { (place, run(host, exec, ctx).await) }
    });
    let mut running = stream::iter(runs).buffer_unordered(whisper.fleet_concurrency);
    let mut rows = Vec::with_capacity(count);
    while let Some(row) = running.next().await {
        rows.push(row);
        report(ctx, rows.len(), count);
    }
    rows.sort_by_key(|(place, _)| *place);
    let items: Vec<FleetRow> = rows.into_iter().map(|(_, row)| row).collect();
    let succeeded = items.iter().filter(|row| row.result.ok).count();
    Ok(FleetResult {
        succeeded,
        failed: count - succeeded,
        items,
    })
}

async fn run(host: Host, exec: Exec, ctx: &CallContext) -> FleetRow {
    match host.exec(exec, &ctx.cancel).await {
        Ok(output) => FleetRow {
            result: CommandResult::new(&host, &output),
            problem: None,
            hint: None,
        },
        Err(error) => FleetRow {
            result: CommandResult {
                host: host.name().to_owned(),
                ..CommandResult::default()
            },
            problem: Some(error.envelope().message.clone()),
            hint: error.envelope().hint.clone(),
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most a few dozen hosts")]
fn report(ctx: &CallContext, done: usize, count: usize) {
    let message = format!("{done} of {count} hosts");
    ctx.progress
        .report(done as f64, Some(count as f64), Some(message));
}

/// The hosts, each once; a name that is not known is an error before anything runs.
fn chosen(whisper: &Whisper, names: &[String]) -> ToolResult<Vec<Host>> {
    let hosts = whisper.hosts()?;
    if names.iter().any(|name| name == ALL) {
        if names.len() > 1 {
            let message = "`*` stands for all hosts, so it stands alone";
            return Err(ToolError::invalid("hosts", message));
        }
        return hosts.names().map(|name| hosts.host(Some(name))).collect();
    }
    let mut chosen: Vec<Host> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let host = hosts
            .host(Some(name))
            .map_err(|error| error.field(format!("hosts[{index}]")))?;
        if !chosen.iter().any(|known| known.name() == host.name()) {
            chosen.push(host);
        }
    }
    Ok(chosen)
}

fn fleet_effect(whisper: &Whisper, args: &RunOnHosts) -> Effect {
    effect(whisper, &args.command, !args.sudo)
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn preview_fleet(whisper: &Whisper, args: &RunOnHosts) -> ToolResult<Preview> {
    let hosts = chosen(whisper, &args.hosts)?;
    let mut impact = impact(whisper, &args.command, args.sudo);
    let places = hosts.iter();
    impact.extend(places.map(|host| format!("on `{}` ({})", host.name(), host.destination())));
    Ok(Preview {
        summary: format!("run `{}` on {} hosts", args.command, hosts.len()),
        changes: Vec::new(),
        impact,
    })
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn fleet_targets(whisper: &Whisper, args: &RunOnHosts) -> ToolResult<Vec<Target>> {
    let hosts = chosen(whisper, &args.hosts)?;
    Ok(hosts.iter().map(targets::host).collect())
}
