//! Volumes: listing, making, removing.

use std::collections::BTreeMap;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Docker, Engine};
use crate::paging::page;
use crate::resolve;
use crate::secrets::masked;
use crate::types::{Summary, Texts, Volume};

/// Which volumes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListVolumes {
    /// Only those whose name contains this.
    #[schemars(length(max = 128))]
    name: Option<String>,
    /// Only those with this label: `name` or `name=value`.
    #[schemars(length(max = 256))]
    label: Option<String>,
    /// `true`: only those that no container uses; `false`: only those that one does.
    dangling: Option<bool>,
    /// Also measure them; slow.
    #[serde(default)]
    size: bool,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A volume.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VolumeRow {
    /// Name.
    name: String,
    /// `local`, or a plugin's.
    driver: String,
    /// Where its data is on the host.
    mountpoint: String,
    /// When it was made.
    created: Option<String>,
    /// Whether nobody gave it a name.
    anonymous: bool,
    /// Containers that use it, as `name:/path`.
    used_by: Vec<String>,
    /// Options of the driver.
    options: BTreeMap<String, String>,
    /// Bytes; only with `size`.
    size_bytes: Option<i64>,
}

/// List volumes with the containers that use them; `size` also measures them.
#[tool(
    read,
    open_world,
    permission = "docker:volume:read",
    timeout = 150,
    untrusted("items.name", "items.used_by")
)]
pub(crate) async fn list_volumes(
    docker: &Docker,
    args: ListVolumes,
) -> ToolResult<Page<VolumeRow>> {
    let engine = docker.engine(args.host.as_deref())?;
    let (volumes, containers) =
        futures_util::try_join!(engine.volumes(), engine.containers(false))?;
    let sizes: BTreeMap<String, i64> = if args.size {
        sizes(engine).await?
    } else {
        BTreeMap::new()
    };
    let label = |volume: &Volume, label: &str| match label.split_once('=') {
        Some((name, value)) => volume.labels.get(name).is_some_and(|found| found == value),
        None => volume.labels.contains_key(label),
    };
    let mut rows = Vec::new();
    for volume in volumes {
        let used_by = users(&volume.name, &containers);
        let fits = args
            .name
            .as_deref()
            .is_none_or(|name| volume.name.contains(name))
            && args
                .label
                .as_deref()
                .is_none_or(|wanted| label(&volume, wanted))
            && args
                .dangling
                .is_none_or(|dangling| dangling == used_by.is_empty());
        if fits {
            let masked = |(name, value): (String, String)| {
                // Network drives take their password in the middle of `o`.
                let value = if name == "o" {
                    without_passwords(&value)
                } else {
                    masked(&name, &value)
                };
                (name, value)
            };
            rows.push(VolumeRow {
                anonymous: volume.is_anonymous(),
                size_bytes: sizes.get(&volume.name).copied(),
                options: volume.options.into_iter().map(masked).collect(),
                name: volume.name,
                driver: volume.driver,
                mountpoint: volume.mountpoint,
                created: volume.created_at,
                used_by,
            });
        }
    }
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        row.name.clone()
    })
}

/// `user=x,password=y` without the password.
fn without_passwords(options: &str) -> String {
    let parts = options.split(',').map(|part| match part.split_once('=') {
        Some((name, value)) => format!("{name}={}", masked(name, value)),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

/// Bytes by name; engines write -1 where they did not measure.
pub(super) async fn sizes(engine: &Engine) -> ToolResult<BTreeMap<String, i64>> {
    let usage = engine.disk_usage().await?;
    let sizes = usage.volumes().iter().filter_map(|volume| {
        let size = volume.usage_data.as_ref()?.size;
        (size >= 0).then(|| (volume.name.clone(), size))
    });
    Ok(sizes.collect())
}

fn users(volume: &str, containers: &[Summary]) -> Vec<String> {
    let mut users = Vec::new();
    for container in containers {
        let mounts = container
            .mounts
            .iter()
            .filter(|mount| mount.name.as_deref() == Some(volume));
        users.extend(mounts.map(|mount| format!("{}:{}", container.name(), mount.destination)));
    }
    users
}

/// A volume to make.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateVolume {
    /// Name.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")
    )]
    name: String,
    /// Driver; default `local`.
    #[schemars(length(min = 1, max = 64))]
    driver: Option<String>,
    /// Options of the driver, such as `type`, `device` and `o` of `mount`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = { "type": "string", "maxLength": 1000 }))]
    options: Texts,
    /// Labels.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = { "type": "string", "maxLength": 1000 }))]
    labels: Texts,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A volume that is there now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CreatedVolume {
    /// Name.
    name: String,
    /// Where its data is on the host.
    mountpoint: String,
}

/// Make a volume; a name that is taken is refused, where the engine itself would answer with the old one.
#[tool(
    write,
    open_world,
    permission = "docker:volume:write",
    sensitive_args("options"),
    targets = create_targets,
    inverse = undo_create
)]
pub(crate) async fn create_volume(
    docker: &Docker,
    args: CreateVolume,
) -> ToolResult<CreatedVolume> {
    let engine = docker.writable(args.host.as_deref())?;
    if engine
        .volumes()
        .await?
        .iter()
        .any(|volume| volume.name == args.name)
    {
        let text = format!(
            "there is a volume `{}` on the Docker host `{}` already",
            args.name, engine.name
        );
        return Err(ToolError::new(Code::Conflict, text)
            .reason("name_in_use")
            .field("name"));
    }
    let driver = args.driver.as_deref().unwrap_or("local");
    let volume = engine
        .create_volume(&args.name, driver, &args.options, &args.labels)
        .await?;
    Ok(CreatedVolume {
        name: volume.name,
        mountpoint: volume.mountpoint,
    })
}

#[expect(clippy::unused_async, reason = "hooks are async")]
async fn create_targets(_: &Docker, args: &CreateVolume) -> ToolResult<Vec<Target>> {
    Ok(vec![resolve::target(
        "volume",
        &args.name,
        Some(&args.name),
        &args.labels,
    )])
}

#[expect(clippy::unused_async, reason = "hooks are async")]
async fn undo_create(docker: &Docker, args: &CreateVolume) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    Ok(Some(Inverse {
        tool: "remove_volume".to_owned(),
        arguments: json!({ "volume": args.name, "host": engine.name }),
    }))
}

/// Which volume.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneVolume {
    /// Name.
    #[schemars(length(min = 1, max = 255))]
    volume: String,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A volume that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RemovedVolume {
    /// Name it had.
    name: String,
}

/// Remove a volume and all data in it, for good.
#[tool(
    destructive,
    open_world,
    permission = "docker:volume:delete",
    timeout = 150,
    preview = preview_remove,
    targets = remove_targets,
    untrusted("name")
)]
pub(crate) async fn remove_volume(docker: &Docker, args: OneVolume) -> ToolResult<RemovedVolume> {
    let engine = docker.writable(args.host.as_deref())?;
    let volume = resolve::volume(engine, &args.volume).await?;
    match engine.remove_volume(&volume.name).await {
        Ok(_) => Ok(RemovedVolume { name: volume.name }),
        Err(error) if error.status() == Some(409) => {
            let users = users(&volume.name, &engine.containers(false).await?);
            Err(ToolError::new(
                Code::Conflict,
                format!("the volume `{}` is in use: {}", volume.name, error.said()),
            )
            .reason("volume_in_use")
            .hint(format!(
                "remove the containers that use it first: {}",
                users.join(", ")
            ))
            .upstream_status(409))
        }
        Err(error) => Err(error.into()),
    }
}

async fn preview_remove(docker: &Docker, args: &OneVolume) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let volume = resolve::volume(engine, &args.volume).await?;
    let mut impact = Vec::new();
    // Measuring may take long or fail; what it is for can be said without.
    let size = sizes(engine)
        .await
        .ok()
        .and_then(|sizes| sizes.get(&volume.name).copied());
    impact.push(match size {
        Some(bytes) => format!("loses {bytes} bytes of data for good"),
        None => "loses its data for good".to_owned(),
    });
    let users = users(&volume.name, &engine.containers(false).await?);
    if !users.is_empty() {
        impact.push(format!(
            "used by {}: the call will be refused",
            users.join(", ")
        ));
    }
    if let Some(project) = volume.labels.get("com.docker.compose.project") {
        impact.push(format!("belongs to the compose project `{project}`"));
    }
    Ok(Preview {
        summary: format!("remove the volume `{}` on `{}`", volume.name, engine.name),
        changes: Vec::new(),
        impact,
    })
}

async fn remove_targets(docker: &Docker, args: &OneVolume) -> ToolResult<Vec<Target>> {
    let engine = docker.engine(args.host.as_deref())?;
    let volume = resolve::volume(engine, &args.volume).await?;
    Ok(vec![resolve::target(
        "volume",
        &volume.name,
        Some(&volume.name),
        &volume.labels,
    )])
}

#[cfg(test)]
mod tests {
    use homelab_core::redact::MARK;

    use super::*;

    #[test]
    fn passwords_of_network_drives_are_not_shown() {
        assert_eq!(
            without_passwords("addr=nas,username=me,password=hunter2,rw"),
            format!("addr=nas,username=me,password={MARK},rw")
        );
    }
}
