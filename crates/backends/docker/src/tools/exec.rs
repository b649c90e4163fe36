//! Runs a command in a container.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Preview, Target, tool};
use homelab_ssh::{HeadTail, plain_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{OneContainer, lifecycle};
use crate::client::{Docker, ExecSpec, Output, Source};
use crate::types::Texts;
use crate::{resolve, secrets};

/// Bytes kept of each output: the beginning and the end.
const CAP: usize = 48 * 1024;
/// Seconds unless asked otherwise.
const DEFAULT_SECONDS: u32 = 60;
/// How long the exit code may take to appear after the output has ended.
const SETTLING: Duration = Duration::from_secs(5);

/// What to run where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecContainer {
    /// Name, id, or the beginning of an id of a running container.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Program and arguments, one each; no shell reads them. For one, write `["sh", "-c", "…"]`.
    #[schemars(length(min = 1, max = 64), inner(length(max = 8192)))]
    command: Vec<String>,
    /// More environment.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = { "type": "string", "maxLength": 8192 }))]
    env: Texts,
    /// User, such as `root` or `1000:1000`; the container's own if left out.
    #[schemars(length(max = 64))]
    user: Option<String>,
    /// Directory; the container's own if left out.
    #[schemars(length(max = 1024))]
    workdir: Option<String>,
    /// Seconds to wait for its end; default 60. There is no way to end it after that.
    #[schemars(range(min = 1, max = 600))]
    timeout_s: Option<u32>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// What a command did.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExecResult {
    /// Name of the container.
    container: String,
    /// Exit code; absent while it runs.
    exit_code: Option<i64>,
    /// Standard output; the middle of a long one is left out.
    stdout: String,
    /// Standard error; the middle of a long one is left out.
    stderr: String,
    /// Bytes that were left out.
    left_out_bytes: Option<u64>,
    /// Whether it still runs: `timeout` or `cancelled`.
    still_running: Option<&'static str>,
    /// Its process on the host, while it runs.
    pid: Option<i64>,
}

/// Run a command in a running container and return its output and exit code. Whatever it does there is not undone.
#[tool(
    critical,
    open_world,
    permission = "docker:container:exec",
    timeout = 660,
    sensitive_args("env"),
    preview = preview_exec,
    targets = exec_targets,
    untrusted("container", "stdout", "stderr")
)]
pub(crate) async fn exec_container(
    docker: &Docker,
    args: ExecContainer,
    ctx: &CallContext,
) -> ToolResult<ExecResult> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    if container.state != "running" {
        let text = format!(
            "the container `{}` is {}",
            container.name(),
            container.state
        );
        return Err(ToolError::new(Code::Conflict, text)
            .reason("container_not_running")
            .hint("commands need a running container"));
    }
    let spec = ExecSpec {
        command: args.command,
        env: args
            .env
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        user: args.user,
        workdir: args.workdir,
    };
    let exec = engine.exec_create(&container.id, &spec).await?;
    let mut output = engine.exec_start(&exec).await?;
    let mut kept = Kept {
        stdout: HeadTail::new(CAP),
        stderr: HeadTail::new(CAP),
    };
    let time = Duration::from_secs(args.timeout_s.unwrap_or(DEFAULT_SECONDS).into());
    let still_running = tokio::select! {
        ended = kept.fill(&mut output) => {
            ended.map_err(|fault| engine.error(fault, "exec_start", false))?;
            None
        }
        () = tokio::time::sleep(time) => Some("timeout"),
        () = ctx.cancel.cancelled() => Some("cancelled"),
    };
    // The output ends a moment before the engine knows the exit code.
    let deadline = Instant::now() + SETTLING;
    let mut state = engine.exec_state(&exec).await?;
    while still_running.is_none() && state.running && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
        state = engine.exec_state(&exec).await?;
    }
    let left_out = kept.stdout.dropped() + kept.stderr.dropped();
    Ok(ExecResult {
        container: container.name().to_owned(),
        exit_code: state.exit_code.filter(|_| !state.running),
        stdout: plain_text(&kept.stdout.into_bytes()),
        stderr: plain_text(&kept.stderr.into_bytes()),
        left_out_bytes: Some(left_out).filter(|bytes| *bytes > 0),
        still_running: still_running.filter(|_| state.running),
        pid: (state.running && state.pid > 0).then_some(state.pid),
    })
}

struct Kept {
    stdout: HeadTail,
    stderr: HeadTail,
}

impl Kept {
    async fn fill(&mut self, output: &mut Output) -> Result<(), crate::client::error::Fault> {
        while let Some(chunk) = output.next().await? {
            match chunk.source {
                Source::Stdout => self.stdout.push(&chunk.bytes),
                Source::Stderr => self.stderr.push(&chunk.bytes),
            }
        }
        Ok(())
    }
}

async fn preview_exec(docker: &Docker, args: &ExecContainer) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let details = engine.inspect(&container.id).await?;
    let mut impact = Vec::new();
    let own = if details.config.user.is_empty() {
        "root"
    } else {
        details.config.user.as_str()
    };
    impact.push(format!("runs as `{}`", args.user.as_deref().unwrap_or(own)));
    if !args.env.is_empty() {
        let names: Vec<&str> = args.env.keys().map(String::as_str).collect();
        impact.push(format!("with the variables {}", names.join(", ")));
    }
    impact.extend(
        super::inspect::risks(&details)
            .into_iter()
            .map(|risk| format!("the container may reach the host: {risk}")),
    );
    Ok(Preview {
        summary: format!(
            "run `{}` in the container `{}` of `{}`",
            secrets::command(&args.command).join(" "),
            container.name(),
            engine.name
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn exec_targets(docker: &Docker, args: &ExecContainer) -> ToolResult<Vec<Target>> {
    let one = OneContainer {
        container: args.container.clone(),
        host: args.host.clone(),
    };
    lifecycle::one_target(docker, &one).await
}
