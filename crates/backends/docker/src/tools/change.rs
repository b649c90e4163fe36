//! Names and limits of containers.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::inspect::Limits;
use super::{OneContainer, lifecycle};
use crate::client::Docker;
use crate::resolve;
use crate::types::positive;

/// Which container, and what to call it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// New name.
    #[schemars(
        length(min = 2, max = 128),
        regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$")
    )]
    name: String,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A container under its new name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Renamed {
    /// Name now.
    name: String,
    /// Name before.
    previous: String,
    /// Beginning of the id.
    id: String,
}

/// Give a container another name.
#[tool(
    write,
    open_world,
    permission = "docker:container:write",
    targets = rename_targets,
    inverse = undo_rename,
    untrusted("previous")
)]
pub(crate) async fn rename_container(
    docker: &Docker,
    args: RenameContainer,
) -> ToolResult<Renamed> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    if container.name() != args.name
        && let Err(error) = engine.rename(&container.id, &args.name).await
    {
        if error.status() == Some(409) {
            let text = format!(
                "the name `{}` is taken on `{}`: {}",
                args.name,
                engine.name,
                error.said()
            );
            return Err(ToolError::new(Code::Conflict, text)
                .reason("name_in_use")
                .field("name")
                .upstream_status(409));
        }
        return Err(error.into());
    }
    Ok(Renamed {
        name: args.name,
        previous: container.name().to_owned(),
        id: resolve::short(&container.id),
    })
}

async fn rename_targets(docker: &Docker, args: &RenameContainer) -> ToolResult<Vec<Target>> {
    let one = OneContainer {
        container: args.container.clone(),
        host: args.host.clone(),
    };
    lifecycle::one_target(docker, &one).await
}

async fn undo_rename(docker: &Docker, args: &RenameContainer) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    Ok((container.name() != args.name).then(|| Inverse {
        tool: "rename_container".to_owned(),
        arguments: json!({ "container": container.id, "name": container.name(), "host": engine.name }),
    }))
}

/// Limits of a container; those left out stay as they are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// `no`, `always`, `unless-stopped` or `on-failure` with or without a number: `on-failure:5`.
    #[schemars(
        length(max = 20),
        regex(pattern = r"^(no|always|unless-stopped|on-failure(:[0-9]{1,3})?)$")
    )]
    restart_policy: Option<String>,
    /// Bytes of memory; swap is limited to the same, unless it is limited already. Engines cannot take limits of memory and processors away: give all that the host has instead.
    #[schemars(range(min = 6_291_456, max = 1_125_899_906_842_624_i64))]
    memory_bytes: Option<i64>,
    /// Processors, such as 1.5.
    #[schemars(range(min = 0.01, max = 4096.0))]
    cpus: Option<f64>,
    /// Processes, 0 for no limit.
    #[schemars(range(min = 0, max = 4_194_304))]
    pids: Option<i64>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A container and its limits.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Updated {
    /// Name.
    name: String,
    /// Limits now.
    limits: Limits,
    /// What the engine warns of.
    warnings: Vec<String>,
}

/// Change a container's restart policy and limits of memory, processors and processes, while it runs.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "docker:container:write",
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update,
    untrusted("name", "warnings")
)]
pub(crate) async fn update_container(
    docker: &Docker,
    args: UpdateContainer,
) -> ToolResult<Updated> {
    let engine = docker.writable(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let before = engine.inspect(&container.id).await?.host_config;
    let mut changes = Map::new();
    if let Some(policy) = &args.restart_policy {
        changes.insert("RestartPolicy".to_owned(), policy_value(policy));
    }
    if let Some(memory) = args.memory_bytes {
        changes.insert("Memory".to_owned(), memory.into());
        // Engines refuse a limit above that of memory and swap together.
        let swap = before.memory_swap;
        if swap == 0 || swap > 0 && swap < memory || swap == before.memory {
            changes.insert("MemorySwap".to_owned(), memory.into());
        }
    }
    if let Some(cpus) = args.cpus {
        changes.insert("NanoCpus".to_owned(), nano(cpus).into());
    }
    if let Some(pids) = args.pids {
        changes.insert(
            "PidsLimit".to_owned(),
            if pids == 0 { -1 } else { pids }.into(),
        );
    }
    if changes.is_empty() {
        return Err(
            ToolError::invalid("restart_policy", "nothing is to be changed")
                .hint("give `restart_policy`, `memory_bytes`, `cpus` or `pids`"),
        );
    }
    let changed = engine.update(&container.id, Value::Object(changes)).await?;
    let now = engine.inspect(&container.id).await?;
    Ok(Updated {
        name: container.name().to_owned(),
        limits: Limits::of(&now.host_config),
        warnings: changed
            .warnings
            .iter()
            .map(|warning| engine.clean(warning))
            .collect(),
    })
}

/// As engines take it.
pub(super) fn policy_value(text: &str) -> Value {
    let (name, retries) = text.split_once(':').unwrap_or((text, "0"));
    json!({ "Name": name, "MaximumRetryCount": retries.parse::<u32>().unwrap_or(0) })
}

/// Billionths of processors.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the schema")]
pub(super) fn nano(cpus: f64) -> i64 {
    (cpus * 1e9).round() as i64
}

async fn preview_update(docker: &Docker, args: &UpdateContainer) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let now = Limits::of(&engine.inspect(&container.id).await?.host_config);
    let mut changes = Vec::new();
    let mut add = |field: &str, from: Option<String>, to: Option<String>| {
        if to.is_some() && from != to {
            changes.push(Change {
                field: field.to_owned(),
                from,
                to,
            });
        }
    };
    add(
        "restart_policy",
        Some(now.restart_policy),
        args.restart_policy.clone(),
    );
    add(
        "memory_bytes",
        now.memory_bytes.map(|value| value.to_string()),
        args.memory_bytes.map(|value| value.to_string()),
    );
    add(
        "cpus",
        now.cpus.map(|value| value.to_string()),
        args.cpus.map(|value| value.to_string()),
    );
    add(
        "pids",
        now.pids.map(|value| value.to_string()),
        args.pids.map(|value| value.to_string()),
    );
    Ok(Preview {
        summary: format!(
            "change limits of the container `{}` on `{}`",
            container.name(),
            engine.name
        ),
        changes,
        impact: Vec::new(),
    })
}

async fn update_targets(docker: &Docker, args: &UpdateContainer) -> ToolResult<Vec<Target>> {
    let one = OneContainer {
        container: args.container.clone(),
        host: args.host.clone(),
    };
    lifecycle::one_target(docker, &one).await
}

async fn undo_update(docker: &Docker, args: &UpdateContainer) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let before = Limits::of(&engine.inspect(&container.id).await?.host_config);
    let mut arguments = json!({ "container": container.id, "host": engine.name });
    if args.restart_policy.is_some() {
        arguments["restart_policy"] = before.restart_policy.into();
    }
    // Without a limit it may use all there is.
    let host = engine.info().await?;
    if args.memory_bytes.is_some() {
        let all = positive(host.memory);
        arguments["memory_bytes"] = before.memory_bytes.or(all).into();
    }
    if args.cpus.is_some() {
        let all = u32::try_from(host.cpus).unwrap_or(1);
        arguments["cpus"] = before.cpus.unwrap_or_else(|| all.into()).into();
    }
    if args.pids.is_some() {
        arguments["pids"] = before.pids.unwrap_or(0).into();
    }
    Ok(Some(Inverse {
        tool: "update_container".to_owned(),
        arguments,
    }))
}

/// Engines take some limits and drop them with a warning, where the kernel lacks them.
#[expect(clippy::unused_async, reason = "hooks are async")]
async fn check_update(
    _: &Docker,
    args: &UpdateContainer,
    done: &Updated,
) -> ToolResult<Vec<Mismatch>> {
    let limits = &done.limits;
    let mut mismatches = Vec::new();
    let mut compare = |field: &'static str, wanted: Option<String>, found: String| {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            mismatches.push(Mismatch {
                field,
                wanted,
                found,
            });
        }
    };
    let policy = args
        .restart_policy
        .clone()
        .map(|policy| policy.trim_end_matches(":0").to_owned());
    compare("restart_policy", policy, limits.restart_policy.clone());
    compare(
        "memory_bytes",
        args.memory_bytes.map(|value| value.to_string()),
        limits.memory_bytes.unwrap_or(0).to_string(),
    );
    compare(
        "cpus",
        args.cpus.map(|value| nano(value).to_string()),
        nano(limits.cpus.unwrap_or(0.0)).to_string(),
    );
    compare(
        "pids",
        args.pids.map(|value| value.to_string()),
        limits.pids.unwrap_or(0).to_string(),
    );
    Ok(mismatches)
}
