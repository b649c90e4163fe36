//! What happened on an engine.

use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::client::Docker;
use crate::client::call::Filters;
use crate::types::{Event, shown};
use crate::{resolve, times};

/// Events of one call unless asked otherwise.
const DEFAULT_LIMIT: u32 = 100;
/// How long reading may take; engines keep the last 256 events or so.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which events.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetEvents {
    /// From then on: `2026-01-02T03:04:05Z`, or how long ago (`15m`).
    #[schemars(length(min = 1, max = 40))]
    since: String,
    /// Until then; now if left out.
    #[schemars(length(max = 40))]
    until: Option<String>,
    /// Only those of this kind of thing.
    kind: Option<Kind>,
    /// Only these actions, such as `die`, `oom`, `start`, `health_status`.
    #[serde(default)]
    #[schemars(length(max = 16), inner(length(min = 1, max = 64)))]
    actions: Vec<String>,
    /// Only those of this container, also one that is gone: name or id.
    #[schemars(length(min = 1, max = 128))]
    container: Option<String>,
    /// Events at most, the latest; default 100.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A kind of thing that events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Container,
    Image,
    Network,
    Volume,
    Daemon,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Daemon => "daemon",
        }
    }
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Events {
    /// The events, oldest first.
    items: Vec<EventRow>,
    /// Earlier ones that were left out.
    left_out: Option<usize>,
}

/// Something that happened.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventRow {
    /// When.
    #[schemars(with = "String")]
    time: Micros,
    /// What kind of thing it happened to.
    kind: String,
    /// What, such as `die` or `health_status: unhealthy`.
    action: String,
    /// Name of the thing.
    name: Option<String>,
    /// Beginning of its id.
    id: String,
    /// Image, for containers.
    image: Option<String>,
    /// Exit code, where one ended.
    exit_code: Option<String>,
}

/// List what happened on the engine in a stretch of time: containers that died, were started, ran out of memory or became unhealthy, images pulled, networks joined.
#[tool(
    read,
    open_world,
    permission = "docker:system:read",
    timeout = 60,
    untrusted("items.name", "items.image", "items.action")
)]
pub(crate) async fn get_events(docker: &Docker, args: GetEvents) -> ToolResult<Events> {
    let now = docker.env.clock.now();
    let since = times::parse("since", &args.since, now)?;
    let until = times::maybe("until", args.until.as_deref(), now)?
        .unwrap_or(now)
        .min(now);
    if since > until {
        return Err(ToolError::invalid("since", "`since` is after `until`"));
    }
    let engine = docker.engine(args.host.as_deref())?;
    let mut filters = Filters::default()
        .maybe("type", args.kind.map(Kind::as_str))
        .maybe("container", args.container.as_deref());
    for action in &args.actions {
        filters = filters.and("event", action.as_str());
    }
    if let Some(label) = &engine.only_label {
        filters = filters
            .and("label", label.as_str())
            .and("type", "container");
    }
    let mut lines = engine
        .events(&times::epoch(since), &times::epoch(until), &filters)
        .await?;
    let limit = args.limit.unwrap_or(DEFAULT_LIMIT) as usize;
    let mut items = std::collections::VecDeque::new();
    let mut left_out = 0;
    let deadline = Instant::now() + PATIENCE;
    // An engine whose clock is behind ours waits for `until`; what came until then is the answer.
    while let Ok(next) = tokio::time::timeout_at(deadline, lines.next::<Event>()).await {
        let Some(event) = next.map_err(|fault| engine.error(fault, "events", true))? else {
            break;
        };
        items.push_back(row(event));
        if items.len() > limit {
            items.pop_front();
            left_out += 1;
        }
    }
    Ok(Events {
        items: items.into(),
        left_out: Some(left_out).filter(|left| *left > 0),
    })
}

fn row(event: Event) -> EventRow {
    let attribute = |name: &str| {
        event
            .actor
            .attributes
            .get(name)
            .map(shown)
            .filter(|text| !text.is_empty())
    };
    let time = if event.time_nano > 0 {
        Micros(event.time_nano / 1000)
    } else {
        Micros(0).plus_seconds(event.time)
    };
    EventRow {
        time,
        name: attribute("name"),
        image: attribute("image"),
        exit_code: attribute("exitCode"),
        id: resolve::short(&event.actor.id),
        kind: event.kind,
        action: action(&event.action),
    }
}

/// Health checks and commands put their whole command line behind the word.
fn action(text: &str) -> String {
    match text.split_once(": ") {
        Some((word, _)) if word.starts_with("exec_") => word.to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_stay_out_of_events() {
        assert_eq!(
            action("exec_start: sh -c mysqladmin -phunter2 ping"),
            "exec_start"
        );
        assert_eq!(
            action("health_status: unhealthy"),
            "health_status: unhealthy"
        );
    }
}
