//! Waits until a container is as it should be.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::client::{Docker, Engine};
use crate::resolve;
use crate::types::State;

/// How often the container is looked at.
const EVERY: Duration = Duration::from_millis(400);
/// How long unless asked otherwise.
const DEFAULT_SECONDS: u32 = 60;

/// What to wait for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// What to wait for.
    until: Until,
    /// Seconds at most; default 60.
    #[schemars(range(min = 1, max = 600))]
    timeout_s: Option<u32>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// How a container should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// Its processes run.
    Running,
    /// Its health check says that it is well.
    Healthy,
    /// It has ended.
    Stopped,
    /// It is gone.
    Removed,
}

/// How a container is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WaitResult {
    /// Name.
    name: String,
    /// Whether it is as it should be; if not, the time is up or it cannot get there.
    reached: bool,
    /// State; absent once it is gone.
    state: Option<String>,
    /// What its health check says: `starting`, `healthy` or `unhealthy`.
    health: Option<String>,
    /// Last output of a health check that failed.
    health_output: Option<String>,
    /// Exit code, once it has ended.
    exit_code: Option<i64>,
    /// Whether it was ended for lack of memory.
    out_of_memory: Option<bool>,
    /// How long it took.
    waited_ms: u64,
}

/// Wait until a container runs, is healthy, has stopped or is gone; answers at once when it cannot get there any more.
#[tool(
    read,
    open_world,
    permission = "docker:container:read",
    title = "Wait for a container",
    timeout = 660,
    untrusted("name", "health_output")
)]
pub(crate) async fn wait_container(
    docker: &Docker,
    args: WaitContainer,
    ctx: &CallContext,
) -> ToolResult<WaitResult> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let time = Duration::from_secs(args.timeout_s.unwrap_or(DEFAULT_SECONDS).into());
    let started = Instant::now();
    let (reached, state) =
        until(engine, &container.id, args.until, started + time, Some(ctx)).await?;
    let waited_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if args.until == Until::Healthy
        && state.as_ref().is_some_and(|state| state.health.is_none())
        && !reached
    {
        let text = format!("the container `{}` has no health check", container.name());
        return Err(ToolError::new(Code::Conflict, text)
            .reason("no_health_check")
            .hint("wait until it is `running`"));
    }
    let health = state.as_ref().and_then(|state| state.health.as_ref());
    let failed = health
        .filter(|health| health.status != "healthy")
        .and_then(|health| health.log.last());
    Ok(WaitResult {
        name: container.name().to_owned(),
        reached,
        health: health.map(|health| health.status.clone()),
        health_output: failed
            .filter(|probe| probe.exit_code != 0)
            .map(|probe| engine.clean(&probe.output)),
        exit_code: state
            .as_ref()
            .filter(|state| !state.running)
            .map(|state| state.exit_code),
        out_of_memory: state
            .as_ref()
            .map(|state| state.oom_killed)
            .filter(|killed| *killed),
        state: state.map(|state| state.status),
        waited_ms,
    })
}

/// Looks at the container until it is so, or cannot become so, or the time is up.
pub(super) async fn until(
    engine: &Engine,
    id: &str,
    wanted: Until,
    deadline: Instant,
    ctx: Option<&CallContext>,
) -> ToolResult<(bool, Option<State>)> {
    let mut looks = 0_u32;
    loop {
        let state = match engine.inspect(id).await {
            Ok(details) => Some(details.state),
            Err(error) if error.status() == Some(404) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(reached) = verdict(wanted, state.as_ref()) {
            return Ok((reached, state));
        }
        if Instant::now() + EVERY > deadline || ctx.is_some_and(|ctx| ctx.cancel.is_cancelled()) {
            return Ok((false, state));
        }
        looks += 1;
        if let Some(ctx) = ctx {
            let text = state.as_ref().map(|state| match &state.health {
                Some(health) => format!("{}, {}", state.status, health.status),
                None => state.status.clone(),
            });
            ctx.progress.report(looks.into(), None, text);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Whether it is so (`true`) or will not become so by waiting (`false`).
fn verdict(wanted: Until, state: Option<&State>) -> Option<bool> {
    let Some(state) = state else {
        return Some(matches!(wanted, Until::Removed | Until::Stopped));
    };
    let ended = matches!(state.status.as_str(), "exited" | "dead");
    match wanted {
        Until::Running if state.status == "running" => Some(true),
        Until::Running if ended => Some(false),
        Until::Healthy => match &state.health {
            Some(health) if health.status == "healthy" && state.running => Some(true),
            Some(_) if ended => Some(false),
            Some(_) => None,
            // There is no check, or none yet: engines show it once the container runs.
            None => (state.running || ended).then_some(false),
        },
        Until::Stopped if ended || state.status == "created" => Some(true),
        Until::Running | Until::Stopped | Until::Removed => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::types::Health;

    fn state(status: &str, health: Option<&str>) -> State {
        State {
            status: status.to_owned(),
            running: status == "running",
            health: health.map(|status| Health {
                status: status.to_owned(),
                ..Health::default()
            }),
            ..State::default()
        }
    }

    #[rstest]
    #[case(Until::Running, state("running", None), Some(true))]
    #[case(Until::Running, state("created", None), None)]
    #[case(Until::Running, state("exited", None), Some(false))]
    #[case(Until::Healthy, state("running", Some("starting")), None)]
    #[case(Until::Healthy, state("running", Some("unhealthy")), None)]
    #[case(Until::Healthy, state("running", Some("healthy")), Some(true))]
    #[case(Until::Healthy, state("exited", Some("unhealthy")), Some(false))]
    #[case(Until::Healthy, state("running", None), Some(false))]
    #[case(Until::Stopped, state("running", None), None)]
    #[case(Until::Stopped, state("dead", None), Some(true))]
    #[case(Until::Removed, state("exited", None), None)]
    fn waiting_ends_when_it_is_so_or_cannot_become_so(
        #[case] wanted: Until,
        #[case] state: State,
        #[case] expected: Option<bool>,
    ) {
        assert_eq!(verdict(wanted, Some(&state)), expected);
    }

    #[test]
    fn what_is_gone_has_stopped_and_runs_no_more() {
        assert_eq!(verdict(Until::Removed, None), Some(true));
        assert_eq!(verdict(Until::Stopped, None), Some(true));
        assert_eq!(verdict(Until::Running, None), Some(false));
    }
}
