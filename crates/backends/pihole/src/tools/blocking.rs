//! Blocking, on and off.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::client::Pihole;
use crate::each::{OnHosts, all_took, on_each, targets_of};
use crate::host::Host;
use crate::times::whole;
use crate::types::Blocking;

/// Seconds that blocking stays off unless said otherwise.
const USUAL_S: u32 = 300;

/// Where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnableBlocking {
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// For how long, and where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisableBlocking {
    /// Seconds until it is on again by itself; default 300.
    #[schemars(range(min = 1, max = 86_400))]
    seconds: Option<u32>,
    /// Until somebody switches it on again, instead of `seconds`; default false.
    #[serde(default)]
    permanent: bool,
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Whether a Pi-hole blocks, as read afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct BlockingState {
    /// `enabled`, `disabled`, `failed` or `unknown`.
    blocking: String,
    /// When it changes by itself (RFC 3339).
    changes_at: Option<String>,
    /// Seconds until then.
    changes_in_s: Option<u64>,
}

impl BlockingState {
    pub(crate) fn of(host: &Host, found: &Blocking) -> Self {
        let seconds = found.timer.map(whole).filter(|seconds| *seconds > 0);
        let at = seconds.and_then(|seconds| i64::try_from(seconds).ok());
        Self {
            blocking: found.blocking.clone(),
            changes_at: at.map(|seconds| host.env.clock.now().plus_seconds(seconds).to_rfc3339()),
            changes_in_s: seconds,
        }
    }
}

/// Switch blocking on, on all Pi-holes of the instance.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:blocking:enable",
    title = "Switch blocking on",
    timeout = 90,
    preview = preview_enable,
    targets = enable_targets,
    inverse = undo_enable,
    read_back = all_took
)]
pub(crate) async fn enable_pihole_blocking(
    pihole: &Pihole,
    args: EnableBlocking,
) -> ToolResult<OnHosts<BlockingState>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| switch(host, true, None)).await
}

/// Switch blocking off for some minutes, on all Pi-holes of the instance; it comes back by itself unless `permanent` is set.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pihole:blocking:disable",
    title = "Switch blocking off",
    timeout = 90,
    effect = effect,
    preview = preview_disable,
    targets = disable_targets,
    inverse = undo_disable,
    read_back = all_took
)]
pub(crate) async fn disable_pihole_blocking(
    pihole: &Pihole,
    args: DisableBlocking,
) -> ToolResult<OnHosts<BlockingState>> {
    let timer = args.timer()?;
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| switch(host, false, timer)).await
}

impl DisableBlocking {
    fn timer(&self) -> ToolResult<Option<u32>> {
        match (self.permanent, self.seconds) {
            (true, Some(_)) => {
                let message = "`seconds` and `permanent` contradict each other";
                Err(ToolError::invalid("seconds", message).hint("leave one of them out"))
            }
            (true, None) => Ok(None),
            (false, Some(seconds)) if (1..=86_400).contains(&seconds) => Ok(Some(seconds)),
            // Zero would be for ever, and unnoticed.
            (false, Some(seconds)) => {
                let message = format!("`{seconds}` is not 1 to 86400 seconds");
                Err(ToolError::invalid("seconds", message))
            }
            (false, None) => Ok(Some(USUAL_S)),
        }
    }
}

/// What comes back by itself takes nothing from anybody.
fn effect(_pihole: &Pihole, args: &DisableBlocking) -> Effect {
    if args.permanent {
        Effect::Destructive
    } else {
        Effect::Write
    }
}

/// A timer must be a number: any other is taken for none.
fn switch_call(on: bool, timer: Option<u32>) -> Call {
    let body = json!({ "blocking": on, "timer": timer.map_or(Value::Null, Value::from) });
    Call::post("set_blocking", "/api/dns/blocking", body)
}

async fn switch(host: &Host, on: bool, timer: Option<u32>) -> ToolResult<BlockingState> {
    host.done(&switch_call(on, timer)).await?;
    let found = host.blocking().await?;
    let wanted = if on { "enabled" } else { "disabled" };
    if found.blocking != wanted || found.timer.is_some() != timer.is_some() {
        let timer = if found.timer.is_some() {
            "with"
        } else {
            "without"
        };
        let message = format!(
            "`{}` accepted it, and its blocking is `{}` {timer} a timer",
            host.name, found.blocking
        );
        return Err(ToolError::new(Code::Conflict, message)
            .reason("not_applied")
            .hint("somebody else may have switched it: look with `get_pihole_summary`"));
    }
    Ok(BlockingState::of(host, &found))
}

/// The blocking of the first of these Pi-holes.
async fn before(pihole: &Pihole, host: Option<&str>) -> ToolResult<Blocking> {
    pihole.host(host)?.blocking().await
}

async fn changes(pihole: &Pihole, host: Option<&str>, to: String) -> ToolResult<Vec<Change>> {
    let mut changes = Vec::new();
    for host in pihole.chosen(host)? {
        changes.push(Change {
            field: format!("blocking on {}", host.name),
            from: Some(host.blocking().await?.blocking),
            to: Some(to.clone()),
        });
    }
    Ok(changes)
}

async fn preview_enable(pihole: &Pihole, args: &EnableBlocking) -> ToolResult<Preview> {
    Ok(Preview {
        summary: "switch blocking on".to_owned(),
        changes: changes(pihole, args.host.as_deref(), "enabled".to_owned()).await?,
        impact: Vec::new(),
    })
}

async fn preview_disable(pihole: &Pihole, args: &DisableBlocking) -> ToolResult<Preview> {
    let (how_long, impact) = match args.timer()? {
        Some(seconds) => (format!("for {seconds} s"), "it comes back by itself"),
        None => (
            "until further notice".to_owned(),
            "nothing switches it on again by itself",
        ),
    };
    Ok(Preview {
        summary: format!("switch blocking off {how_long}"),
        changes: changes(pihole, args.host.as_deref(), format!("disabled {how_long}")).await?,
        impact: vec![
            "advertisements and trackers are resolved meanwhile, for everybody".to_owned(),
            impact.to_owned(),
        ],
    })
}

fn targets(pihole: &Pihole, host: Option<&str>) -> ToolResult<Vec<Target>> {
    let hosts = pihole.chosen(host)?;
    Ok(targets_of(&hosts))
}

async fn enable_targets(pihole: &Pihole, args: &EnableBlocking) -> ToolResult<Vec<Target>> {
    targets(pihole, args.host.as_deref())
}

async fn disable_targets(pihole: &Pihole, args: &DisableBlocking) -> ToolResult<Vec<Target>> {
    targets(pihole, args.host.as_deref())
}

async fn undo_enable(pihole: &Pihole, args: &EnableBlocking) -> ToolResult<Option<Inverse>> {
    let before = before(pihole, args.host.as_deref()).await?;
    if before.blocking != "disabled" {
        return Ok(None);
    }
    let arguments = match before.timer.map(whole).filter(|seconds| *seconds > 0) {
        Some(seconds) => json!({ "seconds": seconds, "host": args.host }),
        None => json!({ "permanent": true, "host": args.host }),
    };
    Ok(Some(Inverse {
        tool: "disable_pihole_blocking".to_owned(),
        arguments,
    }))
}

async fn undo_disable(pihole: &Pihole, args: &DisableBlocking) -> ToolResult<Option<Inverse>> {
    let before = before(pihole, args.host.as_deref()).await?;
    Ok((before.blocking == "enabled").then(|| Inverse {
        tool: "enable_pihole_blocking".to_owned(),
        arguments: json!({ "host": args.host }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_a_number() {
        assert_eq!(
            switch_call(false, Some(300)).line(),
            r#"POST /api/dns/blocking {"blocking":false,"timer":300}"#
        );
        assert_eq!(
            switch_call(true, None).line(),
            r#"POST /api/dns/blocking {"blocking":true,"timer":null}"#
        );
    }

    #[test]
    fn it_is_off_for_five_minutes_unless_said_otherwise() {
        let args = |seconds, permanent| DisableBlocking {
            seconds,
            permanent,
            host: None,
        };

        assert_eq!(args(None, false).timer().unwrap(), Some(300));
        assert_eq!(args(Some(60), false).timer().unwrap(), Some(60));
        assert_eq!(args(None, true).timer().unwrap(), None);
        assert!(args(Some(60), true).timer().is_err());
        assert!(args(Some(0), false).timer().is_err());
    }
}
