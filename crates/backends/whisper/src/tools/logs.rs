//! The journal of a host.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Whisper, run, said};
use crate::host::logs::{self, Priority, Wanted};

/// Which entries of which log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostLogs {
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
    /// Only entries of this systemd unit.
    #[schemars(length(min = 1, max = 255))]
    unit: Option<String>,
    /// Only entries from then on: `2026-01-31 10:00:00`, `yesterday`, `1 hour ago`, `-1h`.
    #[schemars(length(min = 1, max = 64))]
    since: Option<String>,
    /// Only entries until then.
    #[schemars(length(min = 1, max = 64))]
    until: Option<String>,
    /// Only entries that are at least this grave.
    priority: Option<Priority>,
    /// Most entries; the newest are returned.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default = "lines")]
    lines: u32,
}

const fn lines() -> u32 {
    100
}

/// Entries of a log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LogLines {
    /// Where they are from.
    host: String,
    /// The entries, the oldest first.
    lines: Vec<String>,
    /// Whether some in the middle are missing because all were too long.
    truncated: bool,
    /// What journalctl says besides, such as that the account may not see all.
    note: Option<String>,
}

/// Read the newest entries of a remote host's systemd journal, by unit, time and priority.
#[tool(
    read,
    open_world,
    permission = "whisper:log:read",
    title = "Logs of a host",
    timeout = 60,
    untrusted("lines", "note")
)]
pub(crate) async fn host_logs(
    whisper: &Whisper,
    args: HostLogs,
    ctx: &CallContext,
) -> ToolResult<LogLines> {
    let words = logs::words(&Wanted {
        unit: args.unit.as_deref(),
        since: args.since.as_deref(),
        until: args.until.as_deref(),
        priority: args.priority,
        lines: args.lines,
    })?;
    let host = whisper.host(args.host.as_deref())?;
    let output = run(&host, &words, false, &ctx.cancel).await?;
    match output.exit_code() {
        Some(0) => {}
        Some(127) => return Err(no_systemd(host.name())),
        _ => {
            let said = said(&output);
            let message = format!("journalctl failed on `{}`: {said}", host.name());
            return Err(ToolError::new(Code::UpstreamRejected, message)
                .reason("journal_failed")
                .hint("check `since` and `until`, and whether the account may read the journal (group `systemd-journal`)"));
        }
    }
    let note = output.stderr.text().trim().to_owned();
    Ok(LogLines {
        host: host.name().to_owned(),
        lines: output.stdout.text().lines().map(str::to_owned).collect(),
        truncated: output.stdout.dropped > 0,
        note: (!note.is_empty()).then_some(note),
    })
}

/// A host without systemd's programs.
pub(super) fn no_systemd(host: &str) -> ToolError {
    ToolError::not_found(format!("`{host}` has no systemd"))
        .reason("no_systemd")
        .hint(
            "use `whisper_read_file` for its log files, and `whisper_ssh_command` for its services",
        )
}
