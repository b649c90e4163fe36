//! A container's output.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::client::error::ApiError;
use crate::client::{Docker, Engine, LogQuery, Output};
use crate::lines::{Lines, OutputLine};
use crate::{resolve, times};

/// Lines unless asked otherwise.
const DEFAULT_TAIL: u32 = 100;
/// Bytes of the answer's lines.
const CAP: usize = 96 * 1024;
/// Bytes that are looked through for `grep`.
const SCAN_CAP: u64 = 256 * 1024 * 1024;
/// How long that may take, and how long reading the end of a log may.
const PATIENCE: Duration = Duration::from_mins(2);

/// Which lines.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetLogs {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Last lines at most; default 100. With `grep`, of those that contain it.
    #[schemars(range(min = 1, max = 2000))]
    tail: Option<u32>,
    /// From then on: `2026-01-02T03:04:05Z`, or how long ago (`15m`).
    #[schemars(length(max = 40))]
    since: Option<String>,
    /// Until then.
    #[schemars(length(max = 40))]
    until: Option<String>,
    /// Only lines that contain this, in any case of letters; the whole log is looked through.
    #[schemars(length(min = 1, max = 200))]
    grep: Option<String>,
    /// Which output; both if left out.
    stream: Option<Stream>,
    /// Begin each line with its time.
    #[serde(default)]
    timestamps: bool,
    /// Then wait this many seconds for new lines; each is reported as progress.
    #[schemars(range(min = 1, max = 300))]
    follow_s: Option<u32>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// One of a container's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Lines of a container's output.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Logs {
    /// Name of the container.
    container: String,
    /// Its state.
    state: String,
    /// The lines, oldest first.
    lines: Vec<OutputLine>,
    /// How many earlier lines fitted what was asked for, and were left out to keep this short.
    earlier_lines: Option<u64>,
    /// Bytes that were looked through.
    scanned_bytes: u64,
    /// Why reading ended early: `scan_limit`, `time_limit`.
    cut: Option<&'static str>,
    /// Why waiting for new lines ended: `time`, `container_stopped`, `cancelled`.
    follow_ended: Option<&'static str>,
}

/// Read the last lines of a container's output, by time or by text; `follow_s` waits for new ones. Colours are taken out, long output is cut at its beginning.
#[tool(
    read,
    open_world,
    permission = "docker:container:logs",
    title = "Get container logs",
    timeout = 400,
    untrusted("container", "lines.text")
)]
pub(crate) async fn get_container_logs(
    docker: &Docker,
    args: GetLogs,
    ctx: &CallContext,
) -> ToolResult<Logs> {
    let now = docker.env.clock.now();
    let since = times::maybe("since", args.since.as_deref(), now)?;
    let until = times::maybe("until", args.until.as_deref(), now)?;
    if args.follow_s.is_some() && args.until.is_some() {
        return Err(ToolError::invalid(
            "until",
            "`until` and `follow_s` contradict each other",
        ));
    }
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let tty = engine.inspect(&container.id).await?.config.tty;
    let tail = args.tail.unwrap_or(DEFAULT_TAIL);
    let query = LogQuery {
        stdout: args.stream != Some(Stream::Stderr),
        stderr: args.stream != Some(Stream::Stdout),
        since: since.map(times::epoch),
        until: until.map(times::epoch),
        timestamps: args.timestamps,
        // The text is looked for here, so all lines are needed.
        tail: args.grep.is_none().then_some(tail),
        follow: args.follow_s.is_some(),
    };
    let output = engine
        .logs(&container.id, &query, tty)
        .await
        .map_err(unreadable)?;
    let mut reading = Reading {
        engine,
        output,
        lines: Lines::new(tail as usize, CAP, args.grep.as_deref()),
        ctx,
        reported: 0,
    };
    let ended = match args.follow_s {
        Some(seconds) => reading.follow(Duration::from_secs(seconds.into())).await?,
        None => reading.read().await?,
    };
    let Reading { mut lines, .. } = reading;
    let is_following = args.follow_s.is_some();
    let kept = lines.finish();
    Ok(Logs {
        container: container.name().to_owned(),
        state: container.state,
        lines: kept,
        earlier_lines: Some(lines.dropped).filter(|dropped| *dropped > 0),
        scanned_bytes: lines.scanned,
        cut: ended.filter(|_| !is_following),
        follow_ended: ended.filter(|_| is_following),
    })
}

/// Output on its way.
struct Reading<'a> {
    engine: &'a Engine,
    output: Output,
    lines: Lines,
    ctx: &'a CallContext,
    reported: u64,
}

impl Reading<'_> {
    /// Reads to the end; says why it did not get there.
    async fn read(&mut self) -> ToolResult<Option<&'static str>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match tokio::time::timeout_at(deadline, self.step(false)).await {
                Err(_) => return Ok(Some("time_limit")),
                Ok(step) => {
                    if !step? {
                        return Ok(None);
                    }
                }
            }
            if self.lines.scanned > SCAN_CAP {
                return Ok(Some("scan_limit"));
            }
        }
    }

    /// Reads what there is and what comes, for so long; says why it ended.
    async fn follow(&mut self, time: Duration) -> ToolResult<Option<&'static str>> {
        let deadline = Instant::now() + time;
        let cancel = self.ctx.cancel.clone();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(Some("cancelled")),
                () = tokio::time::sleep_until(deadline) => return Ok(Some("time")),
                step = self.step(true) => {
                    if !step? {
                        return Ok(Some("container_stopped"));
                    }
                }
            }
        }
    }

    /// Takes the next piece; `false` at the end.
    async fn step(&mut self, report: bool) -> ToolResult<bool> {
        let next = self.output.next().await;
        let chunk = next.map_err(|fault| self.engine.error(fault, "container_logs", true))?;
        let Some(chunk) = chunk else {
            return Ok(false);
        };
        let line = self.lines.push(chunk.source, &chunk.bytes);
        if let Some(line) = line.filter(|_| report) {
            self.reported += 1;
            let number = f64::from(u32::try_from(self.reported).unwrap_or(u32::MAX));
            self.ctx.progress.report(number, None, line.text.clone());
        }
        Ok(true)
    }
}

/// Some drivers send output away and cannot read it back.
fn unreadable(error: ApiError) -> ToolError {
    if error.said().contains("does not support reading") {
        return ToolError::new(
            Code::Conflict,
            "the container's logging driver does not keep its output",
        )
        .reason("logs_not_kept")
        .hint("look where the driver sends it; `json-file`, `local` and `journald` keep it")
        .upstream_status(error.status().unwrap_or(500));
    }
    error.into()
}
