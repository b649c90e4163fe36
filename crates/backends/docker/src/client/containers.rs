//! Containers, their output, and commands in them.

use std::time::Duration;

use serde_json::{Value, json};

use super::call::{Call, Filters};
use super::engine::Engine;
use super::error::ApiError;
use super::{Api, Output};
use crate::types::{
    Changed, Created, ExecCreated, ExecState, FileChange, Inspect, Stats, Summary, Top,
};

/// What a call adds to the time that an engine gives a container to stop.
const AFTER_STOP: Duration = Duration::from_secs(30);

/// Which output of a container.
#[expect(clippy::struct_excessive_bools, reason = "so engines take them")]
#[derive(Debug, Clone, Default)]
pub(crate) struct LogQuery {
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
    /// Seconds and nanoseconds since the epoch, as `1.2`.
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) timestamps: bool,
    /// Lines; `None` is all.
    pub(crate) tail: Option<u32>,
    pub(crate) follow: bool,
}

/// A command in a container.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExecSpec {
    pub(crate) command: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) workdir: Option<String>,
}

impl Engine {
    /// All containers that callers may know of.
    pub(crate) async fn containers(&self, size: bool) -> Result<Vec<Summary>, ApiError> {
        let filters = Filters::default().maybe("label", self.only_label.as_deref());
        let call = Call::get("container_list", "/containers/json", &[])
            .with("all", true)
            .maybe("size", size.then_some(true))
            .filtered(&filters);
        self.json(call).await
    }

    pub(crate) async fn inspect(&self, id: &str) -> Result<Inspect, ApiError> {
        self.json(Call::get("container_inspect", "/containers/{}/json", &[id]))
            .await
    }

    /// A container as the engine describes it, to make another one like it.
    pub(crate) async fn inspect_raw(&self, id: &str) -> Result<Value, ApiError> {
        self.json(Call::get("container_inspect", "/containers/{}/json", &[id]))
            .await
    }

    /// `false`: it ran already.
    pub(crate) async fn start(&self, id: &str) -> Result<bool, ApiError> {
        self.done(Call::post("container_start", "/containers/{}/start", &[id]))
            .await
    }

    /// `false`: it did not run.
    pub(crate) async fn stop(
        &self,
        id: &str,
        seconds: Option<u32>,
        signal: Option<&str>,
    ) -> Result<bool, ApiError> {
        let signal = match signal {
            Some(signal) if self.version().await? >= Api::CAREFUL_PRUNE => Some(signal),
            _ => None,
        };
        let call = Call::post("container_stop", "/containers/{}/stop", &[id])
            .maybe("t", seconds)
            .maybe("signal", signal);
        self.done(call.timeout(patience(seconds))).await
    }

    pub(crate) async fn restart(&self, id: &str, seconds: Option<u32>) -> Result<bool, ApiError> {
        let call =
            Call::post("container_restart", "/containers/{}/restart", &[id]).maybe("t", seconds);
        self.done(call.timeout(patience(seconds))).await
    }

    pub(crate) async fn pause(&self, id: &str) -> Result<bool, ApiError> {
        self.done(Call::post("container_pause", "/containers/{}/pause", &[id]))
            .await
    }

    pub(crate) async fn unpause(&self, id: &str) -> Result<bool, ApiError> {
        self.done(Call::post(
            "container_unpause",
            "/containers/{}/unpause",
            &[id],
        ))
        .await
    }

    pub(crate) async fn rename(&self, id: &str, name: &str) -> Result<bool, ApiError> {
        self.done(Call::post("container_rename", "/containers/{}/rename", &[id]).with("name", name))
            .await
    }

    pub(crate) async fn update(&self, id: &str, changes: Value) -> Result<Changed, ApiError> {
        self.json(Call::post("container_update", "/containers/{}/update", &[id]).json(changes))
            .await
    }

    pub(crate) async fn remove(
        &self,
        id: &str,
        force: bool,
        volumes: bool,
    ) -> Result<bool, ApiError> {
        let call = Call::delete("container_remove", "/containers/{}", &[id])
            .with("force", force)
            .with("v", volumes);
        self.done(call.timeout(patience(None))).await
    }

    pub(crate) async fn create(
        &self,
        name: Option<&str>,
        platform: Option<&str>,
        body: Value,
    ) -> Result<Created, ApiError> {
        let call = Call::post("container_create", "/containers/create", &[])
            .maybe("name", name)
            .maybe("platform", platform);
        self.json(call.json(body)).await
    }

    pub(crate) async fn top(&self, id: &str) -> Result<Top, ApiError> {
        self.json(Call::get("container_top", "/containers/{}/top", &[id]))
            .await
    }

    /// What its file system has otherwise than its image; engines say nothing where that is nothing.
    pub(crate) async fn changes(&self, id: &str) -> Result<Vec<FileChange>, ApiError> {
        let call = Call::get("container_changes", "/containers/{}/changes", &[id]);
        let changes: Option<Vec<FileChange>> = self.json(call).await?;
        Ok(changes.unwrap_or_default())
    }

    /// One sample; the engine waits a second for a second one to compare with.
    pub(crate) async fn stats(&self, id: &str) -> Result<Stats, ApiError> {
        self.json(Call::get("container_stats", "/containers/{}/stats", &[id]).with("stream", false))
            .await
    }

    /// A container's output; `tty` says whether it is raw.
    pub(crate) async fn logs(
        &self,
        id: &str,
        query: &LogQuery,
        tty: bool,
    ) -> Result<Output, ApiError> {
        let tail = query
            .tail
            .map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let call = Call::get("container_logs", "/containers/{}/logs", &[id])
            .with("stdout", query.stdout)
            .with("stderr", query.stderr)
            .with("timestamps", query.timestamps)
            .with("tail", tail)
            .maybe("since", query.since.as_deref())
            .maybe("until", query.until.as_deref())
            .maybe("follow", query.follow.then_some(true));
        Ok(Output::new(self.open(call).await?, tty))
    }

    /// Prepares a command.
    pub(crate) async fn exec_create(&self, id: &str, spec: &ExecSpec) -> Result<String, ApiError> {
        let body = json!({
            "Cmd": spec.command,
            "Env": spec.env,
            "User": spec.user.as_deref().unwrap_or_default(),
            "WorkingDir": spec.workdir.as_deref().unwrap_or_default(),
            "AttachStdout": true,
            "AttachStderr": true,
            "AttachStdin": false,
            "Tty": false,
        });
        let call = Call::post("exec_create", "/containers/{}/exec", &[id]).json(body);
        Ok(self.json::<ExecCreated>(call).await?.id)
    }

    /// Runs a prepared command; its output ends with it.
    pub(crate) async fn exec_start(&self, exec: &str) -> Result<Output, ApiError> {
        let body = json!({ "Detach": false, "Tty": false });
        let call = Call::post("exec_start", "/exec/{}/start", &[exec]).json(body);
        Ok(Output::new(self.open(call).await?, false))
    }

    pub(crate) async fn exec_state(&self, exec: &str) -> Result<ExecState, ApiError> {
        self.json(Call::get("exec_inspect", "/exec/{}/json", &[exec]))
            .await
    }
}

fn patience(seconds: Option<u32>) -> Duration {
    // Engines wait ten seconds unless told otherwise, or longer where the container says so.
    Duration::from_secs(seconds.unwrap_or(60).into()) + AFTER_STOP
}
