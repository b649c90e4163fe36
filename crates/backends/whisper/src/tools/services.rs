//! Services of a host: how one is, and starting, stopping, restarting, reloading it.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use homelab_ssh::{Host, Output};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::logs::no_systemd;
use super::targets;
use crate::client::{Whisper, run, said};
use crate::host::service::{self, Action, Unit};

/// Which service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceOf {
    /// Name of the systemd unit, such as `nginx` or `backup.timer`.
    #[schemars(length(min = 1, max = 255))]
    unit: String,
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
}

/// A service on a host.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ServiceState {
    /// Where it is.
    host: String,
    #[serde(flatten)]
    unit: Unit,
}

/// Show one systemd unit of a remote host: whether it runs, since when, how often it was restarted, and what depends on it.
#[tool(
    read,
    open_world,
    permission = "whisper:service:read",
    title = "Status of a service",
    untrusted("description")
)]
pub(crate) async fn service_status(
    whisper: &Whisper,
    args: ServiceOf,
    ctx: &CallContext,
) -> ToolResult<ServiceState> {
    let host = whisper.host(args.host.as_deref())?;
    let unit = existing(&host, &args.unit, &ctx.cancel).await?;
    Ok(ServiceState {
        host: host.name().to_owned(),
        unit,
    })
}

/// What to do to which service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceControl {
    /// Name of the systemd unit, such as `nginx` or `backup.timer`.
    #[schemars(length(min = 1, max = 255))]
    unit: String,
    /// What to do.
    action: Action,
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
}

/// Start, stop, restart or reload a systemd unit of a remote host, and show how it is afterwards.
#[tool(
    destructive,
    open_world,
    permission = "whisper:service:control",
    title = "Control a service",
    timeout = 120,
    untrusted("description"),
    preview = preview_control,
    targets = control_targets,
    inverse = undo_control,
    read_back = check_control
)]
pub(crate) async fn service_control(
    whisper: &Whisper,
    args: ServiceControl,
    ctx: &CallContext,
) -> ToolResult<ServiceState> {
    let host = whisper.host(args.host.as_deref())?;
    let name = service::unit(&args.unit)?;
    let words = service::words(args.action, name);
    let sudo = host.settings().sudo;
    let output = run(&host, &words, sudo, &ctx.cancel).await?;
    if !output.ok() {
        return Err(failure(&host, &args, &output));
    }
    Ok(ServiceState {
        host: host.name().to_owned(),
        unit: existing(&host, name, &ctx.cancel).await?,
    })
}

/// The unit as systemd shows it; one that is not there is an error.
async fn existing(host: &Host, name: &str, cancel: &CancellationToken) -> ToolResult<Unit> {
    let name = service::unit(name)?;
    let output = run(host, &service::show_words(name), false, cancel).await?;
    match output.exit_code() {
        Some(0) => {}
        Some(127) => return Err(no_systemd(host.name())),
        _ => {
            let message = format!("systemctl failed on `{}`: {}", host.name(), said(&output));
            return Err(ToolError::new(Code::UpstreamRejected, message).reason("systemctl_failed"));
        }
    }
    let unit = service::read(&output.stdout.text());
    if unit.exists() {
        Ok(unit)
    } else {
        Err(no_unit(host, name))
    }
}

fn no_unit(host: &Host, name: &str) -> ToolError {
    ToolError::not_found(format!("`{}` has no unit `{name}`", host.name()))
        .reason("unit_not_found")
        .hint("see `systemctl list-unit-files` there")
}

/// Why systemctl did not do it, by its exit code and the words of its refusals.
fn failure(host: &Host, args: &ServiceControl, output: &Output) -> ToolError {
    /// systemctl's code for a unit that is not loaded.
    const NOT_LOADED: u32 = 5;
    let stderr = output.stderr.text();
    let refused = [
        "Access denied",
        "authentication required",
        "Permission denied",
    ];
    match output.exit_code() {
        Some(127) => return no_systemd(host.name()),
        Some(NOT_LOADED) => return no_unit(host, &args.unit),
        _ => {}
    }
    let (action, unit) = (args.action.as_str(), &args.unit);
    let message = format!(
        "`{}` did not {action} `{unit}`: {}",
        host.name(),
        said(output)
    );
    if refused.iter().any(|words| stderr.contains(words)) {
        return ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("unit_not_permitted")
            .hint("the account needs the right to it: `sudo = true` in `[ssh.hosts]` with a rule in sudoers, or a polkit rule");
    }
    ToolError::new(Code::UpstreamRejected, message)
        .reason("unit_action_failed")
        .hint("read the unit's log with `host_logs`")
}

async fn preview_control(whisper: &Whisper, args: &ServiceControl) -> ToolResult<Preview> {
    let host = whisper.host(args.host.as_deref())?;
    let unit = existing(&host, &args.unit, &CancellationToken::new()).await?;
    let action = args.action;
    let mut impact: Vec<String> = Vec::new();
    if matches!(action, Action::Stop | Action::Restart) {
        let with = unit.required_by.iter();
        impact.extend(with.map(|other| format!("`{other}` stops with it")));
        if is_the_way_in(&unit.id) {
            impact.push("it is what this host is reached through".to_owned());
        }
    }
    if action == Action::Reload && !unit.can_reload {
        impact.push("this unit cannot reload: it will be refused".to_owned());
    }
    let wanted = action.wanted();
    let changes = (unit.active_state != wanted).then(|| Change {
        field: "active_state".to_owned(),
        from: Some(unit.active_state.clone()),
        to: Some(wanted.to_owned()),
    });
    Ok(Preview {
        summary: format!(
            "{} `{}` ({}) on `{}`",
            action.as_str(),
            unit.id,
            unit.active_state,
            host.name()
        ),
        changes: changes.into_iter().collect(),
        impact,
    })
}

fn is_the_way_in(id: &str) -> bool {
    let name = id.split_once('.').map_or(id, |(name, _)| name);
    matches!(
        name,
        "ssh" | "sshd" | "dropbear" | "systemd-networkd" | "NetworkManager" | "networking"
    )
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn control_targets(whisper: &Whisper, args: &ServiceControl) -> ToolResult<Vec<Target>> {
    let host = whisper.host(args.host.as_deref())?;
    let name = service::unit(&args.unit)?;
    Ok(vec![targets::unit(&host, name), targets::host(&host)])
}

/// Only what changes between running and stopped can be taken back.
async fn undo_control(whisper: &Whisper, args: &ServiceControl) -> ToolResult<Option<Inverse>> {
    let host = whisper.host(args.host.as_deref())?;
    let unit = existing(&host, &args.unit, &CancellationToken::new()).await?;
    let back = match (args.action, unit.active_state.as_str()) {
        (Action::Start | Action::Restart, "inactive" | "failed") => Action::Stop,
        (Action::Stop, "active") => Action::Start,
        _ => return Ok(None),
    };
    Ok(Some(Inverse {
        tool: "service_control".to_owned(),
        arguments: json!({ "unit": args.unit, "action": back, "host": host.name() }),
    }))
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn check_control(
    _whisper: &Whisper,
    args: &ServiceControl,
    done: &ServiceState,
) -> ToolResult<Vec<Mismatch>> {
    let found = done.unit.active_state.as_str();
    let wanted = args.action.wanted();
    // A unit that runs once is inactive again when it has done its work.
    let on_its_way = matches!(found, "activating" | "reloading" | "deactivating");
    let done_already = done.unit.kind.as_deref() == Some("oneshot") && found == "inactive";
    // `failed` is how a program that does not end well when told to is left.
    let stopped = wanted == "inactive" && found == "failed";
    if found == wanted || on_its_way || done_already || stopped {
        return Ok(Vec::new());
    }
    Ok(vec![Mismatch {
        field: "active_state",
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    }])
}
