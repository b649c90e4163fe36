//! The engine itself.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::types::{DiskUsage, Summary, filled, positive};

/// Which engine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetSystemInfo {
    /// Also measure disk use; default true. Slow where volumes are large.
    disk: Option<bool>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// An engine.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SystemInfo {
    /// The host's name in our settings.
    host: String,
    /// Where it listens.
    address: String,
    /// `Docker` or `Podman`.
    engine: &'static str,
    /// Version.
    version: String,
    /// Newest version of the API that it speaks.
    api_version: String,
    /// Oldest.
    api_min_version: Option<String>,
    /// Version of the API that is used.
    api_used: String,
    /// The machine's own name.
    name: String,
    /// Operating system.
    os: String,
    /// Kernel.
    kernel: String,
    /// Processor family.
    architecture: String,
    /// Processors.
    cpus: i64,
    /// Bytes of memory.
    memory_bytes: Option<u64>,
    /// Containers by state.
    containers: ContainerCount,
    /// Images.
    images: i64,
    /// How images are stored.
    storage_driver: String,
    /// Where output of containers goes unless they say otherwise.
    logging_driver: String,
    /// Version of the kernel's control groups.
    cgroup_version: Option<String>,
    /// Where the engine keeps its data.
    data_root: String,
    /// `active` where it is part of a swarm.
    swarm: Option<String>,
    /// Whether it runs without root.
    rootless: bool,
    /// What the engine warns of.
    warnings: Vec<String>,
    /// Disk use.
    disk: Option<Disk>,
    /// The hosts that calls can name.
    hosts: Vec<String>,
}

/// Containers by state.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ContainerCount {
    /// All.
    total: i64,
    /// Running.
    running: i64,
    /// Paused.
    paused: i64,
    /// Stopped.
    stopped: i64,
}

/// Bytes on disk, and those that pruning everything would free at most.
#[expect(clippy::struct_field_names, reason = "a unit belongs in a name")]
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Disk {
    /// All images, shared layers once.
    images_bytes: i64,
    /// Of images that no container uses.
    images_unused_bytes: i64,
    /// What containers have written.
    containers_bytes: i64,
    /// Of containers that do not run.
    containers_stopped_bytes: i64,
    /// All volumes.
    volumes_bytes: i64,
    /// Of volumes that no container uses.
    volumes_unused_bytes: i64,
    /// What builds left behind.
    build_cache_bytes: i64,
}

impl Disk {
    fn of(usage: &DiskUsage) -> Self {
        let containers = usage.containers();
        let uses_image = |id: &str| containers.iter().any(|one| one.image_id == id);
        let uses_volume = |name: &str| {
            containers.iter().any(|one| {
                one.mounts
                    .iter()
                    .any(|mount| mount.name.as_deref() == Some(name))
            })
        };
        let written = |only: fn(&Summary) -> bool| {
            containers
                .iter()
                .filter(|one| only(one))
                .filter_map(|one| one.size_rw)
                .sum()
        };
        let volume_bytes = |volume: &crate::types::Volume| {
            volume
                .usage_data
                .as_ref()
                .map_or(0, |data| data.size.max(0))
        };
        let unused = usage.images().iter().filter(|image| !uses_image(&image.id));
        Self {
            images_bytes: usage.layers(),
            images_unused_bytes: unused
                .map(|image| image.size - image.shared_size.max(0))
                .sum(),
            containers_bytes: written(|_| true),
            containers_stopped_bytes: written(|one| !one.is_running()),
            volumes_bytes: usage.volumes().iter().map(volume_bytes).sum(),
            volumes_unused_bytes: usage
                .volumes()
                .iter()
                .filter(|one| !uses_volume(&one.name))
                .map(volume_bytes)
                .sum(),
            build_cache_bytes: usage
                .build_cache()
                .iter()
                .filter(|one| !one.shared)
                .map(|one| one.size)
                .sum(),
        }
    }
}

/// Describe an engine: version, machine, numbers of containers and images, warnings, disk use and what pruning would free; also names all Docker hosts.
#[tool(
    read,
    open_world,
    permission = "docker:system:read",
    title = "Get system info",
    timeout = 150
)]
pub(crate) async fn get_system_info(
    docker: &Docker,
    args: GetSystemInfo,
) -> ToolResult<SystemInfo> {
    let engine = docker.engine(args.host.as_deref())?;
    let used = engine.version().await?;
    let (version, info) = futures_util::try_join!(engine.engine_version(), engine.info())?;
    let disk = match args.disk {
        Some(false) => None,
        _ => Some(Disk::of(&engine.disk_usage().await.map_err(|error| {
            ToolError::from(error).hint("pass `disk: false` to leave out what takes long")
        })?)),
    };
    let clean = |text: &String| engine.clean(text);
    Ok(SystemInfo {
        host: engine.name.clone(),
        address: engine.address(),
        engine: version.engine(),
        version: clean(&version.version),
        api_version: clean(&version.api_version),
        api_min_version: filled(&version.min_api_version).as_ref().map(clean),
        api_used: used.to_string(),
        name: clean(&info.name),
        os: clean(&info.operating_system),
        kernel: clean(&info.kernel_version),
        architecture: clean(&info.architecture),
        cpus: info.cpus,
        memory_bytes: positive(info.memory),
        containers: ContainerCount {
            total: info.containers,
            running: info.containers_running,
            paused: info.containers_paused,
            stopped: info.containers_stopped,
        },
        images: info.images,
        storage_driver: clean(&info.driver),
        logging_driver: clean(&info.logging_driver),
        cgroup_version: filled(&info.cgroup_version),
        data_root: clean(&info.docker_root_dir),
        swarm: filled(&info.swarm.local_node_state).filter(|state| state != "inactive"),
        rootless: info
            .security_options
            .iter()
            .any(|option| option.contains("rootless")),
        warnings: info.warnings.iter().map(clean).collect(),
        disk,
        hosts: docker.engines().map(|engine| engine.name.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// source: recorded (dockerd 20.10.24), trimmed; sizes by hand.
    #[test]
    fn what_pruning_would_free_is_reckoned_from_what_is_in_use() {
        let usage: DiskUsage = serde_json::from_value(json!({
            "LayersSize": 300,
            "Images": [
                { "Id": "sha256:a", "Size": 200, "SharedSize": 0 },
                { "Id": "sha256:b", "Size": 150, "SharedSize": 50 },
                { "Id": "sha256:c", "Size": 10, "SharedSize": -1 },
            ],
            "Containers": [
                { "Id": "1", "ImageID": "sha256:a", "State": "running", "SizeRw": 5,
                  "Mounts": [{ "Type": "volume", "Name": "used", "Source": "", "Destination": "/d", "RW": true }] },
                { "Id": "2", "ImageID": "sha256:a", "State": "exited", "SizeRw": 7, "Mounts": [] },
            ],
            "Volumes": [
                { "Name": "used", "UsageData": { "RefCount": 1, "Size": 6 } },
                { "Name": "free", "UsageData": { "RefCount": 0, "Size": 60 } },
                { "Name": "unmeasured", "UsageData": { "RefCount": 0, "Size": -1 } },
            ],
            "BuildCache": [{ "ID": "x", "Size": 9, "InUse": false, "Shared": false }],
        }))
        .unwrap();

        assert_eq!(
            Disk::of(&usage),
            Disk {
                images_bytes: 300,
                images_unused_bytes: 110,
                containers_bytes: 12,
                containers_stopped_bytes: 7,
                volumes_bytes: 66,
                volumes_unused_bytes: 60,
                build_cache_bytes: 9,
            }
        );
    }
}
