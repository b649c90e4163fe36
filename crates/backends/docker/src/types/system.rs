//! The engine itself, its networks, volumes and disk.

use serde::Deserialize;
use serde_json::Value;

use super::{ImageSummary, Summary, Texts, nullable};

/// `/version`.
#[expect(clippy::struct_field_names, reason = "so engines call them")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Version {
    pub(crate) version: String,
    pub(crate) api_version: String,
    #[serde(rename = "MinAPIVersion")]
    pub(crate) min_api_version: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) components: Vec<Component>,
}

/// A part of the engine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Component {
    pub(crate) name: String,
}

impl Version {
    /// What kind of engine it is.
    pub(crate) fn engine(&self) -> &'static str {
        let podman = |component: &Component| component.name.to_ascii_lowercase().contains("podman");
        if self.components.iter().any(podman) {
            "Podman"
        } else {
            "Docker"
        }
    }
}

/// `/info`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Info {
    pub(crate) name: String,
    pub(crate) containers: i64,
    pub(crate) containers_running: i64,
    pub(crate) containers_paused: i64,
    pub(crate) containers_stopped: i64,
    pub(crate) images: i64,
    pub(crate) driver: String,
    pub(crate) logging_driver: String,
    pub(crate) cgroup_version: String,
    pub(crate) kernel_version: String,
    pub(crate) operating_system: String,
    pub(crate) architecture: String,
    #[serde(rename = "NCPU")]
    pub(crate) cpus: i64,
    #[serde(rename = "MemTotal")]
    pub(crate) memory: i64,
    pub(crate) docker_root_dir: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) security_options: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) warnings: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) swarm: Swarm,
}

/// Whether the engine is part of a swarm.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Swarm {
    pub(crate) local_node_state: String,
}

/// A network.
#[expect(clippy::struct_excessive_bools, reason = "so engines write them")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Network {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: String,
    pub(crate) driver: String,
    pub(crate) scope: String,
    pub(crate) internal: bool,
    pub(crate) attachable: bool,
    pub(crate) ingress: bool,
    #[serde(rename = "EnableIPv6")]
    pub(crate) ipv6: bool,
    #[serde(rename = "IPAM", deserialize_with = "nullable")]
    pub(crate) ipam: Ipam,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Texts,
    #[serde(deserialize_with = "nullable")]
    pub(crate) options: Texts,
}

impl Network {
    /// Whether every engine has it and none lets it go.
    pub(crate) fn is_predefined(&self) -> bool {
        matches!(self.name.as_str(), "bridge" | "host" | "none" | "podman") || self.ingress
    }
}

/// Addresses of a network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Ipam {
    #[serde(deserialize_with = "nullable")]
    pub(crate) config: Vec<Subnet>,
}

/// One range of addresses.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Subnet {
    pub(crate) subnet: String,
    pub(crate) gateway: String,
}

/// `/volumes`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct VolumeList {
    #[serde(deserialize_with = "nullable")]
    pub(crate) volumes: Vec<Volume>,
}

/// A volume.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) mountpoint: String,
    pub(crate) created_at: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Texts,
    #[serde(deserialize_with = "nullable")]
    pub(crate) options: Texts,
    pub(crate) usage_data: Option<Usage>,
}

impl Volume {
    /// Whether nobody gave it a name: the engine makes up 64 hexadecimal digits.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.name.len() == 64 && self.name.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// How large a volume is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Usage {
    pub(crate) size: i64,
}

/// `/system/df`, as engines before API 1.52 write it, after 1.52, and those that write both.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct DiskUsage {
    layers_size: Option<i64>,
    images: Option<Vec<ImageSummary>>,
    containers: Option<Vec<Summary>>,
    volumes: Option<Vec<Volume>>,
    build_cache: Option<Vec<BuildCache>>,
    #[serde(alias = "ImagesUsage")]
    image_usage: Option<Kind<ImageSummary>>,
    #[serde(alias = "ContainersUsage")]
    container_usage: Option<Kind<Summary>>,
    #[serde(alias = "VolumesUsage")]
    volume_usage: Option<Kind<Volume>>,
    build_cache_usage: Option<Kind<BuildCache>>,
}

/// One kind of thing since API 1.52.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "PascalCase", bound = "T: Deserialize<'de>")]
struct Kind<T> {
    #[serde(deserialize_with = "nullable")]
    items: Vec<T>,
    total_size: Option<i64>,
}

impl<T> Default for Kind<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            total_size: None,
        }
    }
}

impl DiskUsage {
    /// Bytes of all layers, each counted once.
    pub(crate) fn layers(&self) -> i64 {
        let newer = self.image_usage.as_ref().and_then(|usage| usage.total_size);
        newer.or(self.layers_size).unwrap_or_default()
    }

    /// Images with what they share.
    pub(crate) fn images(&self) -> &[ImageSummary] {
        either(self.images.as_ref(), self.image_usage.as_ref())
    }

    /// Containers with what they wrote.
    pub(crate) fn containers(&self) -> &[Summary] {
        either(self.containers.as_ref(), self.container_usage.as_ref())
    }

    /// Volumes with their size.
    pub(crate) fn volumes(&self) -> &[Volume] {
        either(self.volumes.as_ref(), self.volume_usage.as_ref())
    }

    /// What builds left behind.
    pub(crate) fn build_cache(&self) -> &[BuildCache] {
        either(self.build_cache.as_ref(), self.build_cache_usage.as_ref())
    }
}

fn either<'a, T>(old: Option<&'a Vec<T>>, new: Option<&'a Kind<T>>) -> &'a [T] {
    match (new, old) {
        (Some(new), _) if !new.items.is_empty() => &new.items,
        (_, Some(old)) => old,
        (_, None) => &[],
    }
}

/// A piece of what builds left behind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct BuildCache {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) in_use: bool,
    pub(crate) shared: bool,
    pub(crate) size: i64,
}

/// Something that happened.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    #[serde(rename = "Action")]
    pub(crate) action: String,
    #[serde(rename = "Actor", deserialize_with = "nullable")]
    pub(crate) actor: Actor,
    #[serde(rename = "timeNano")]
    pub(crate) time_nano: i64,
    pub(crate) time: i64,
}

/// What it happened to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Actor {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    #[serde(rename = "Attributes", deserialize_with = "nullable")]
    pub(crate) attributes: std::collections::BTreeMap<String, Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// source: reference (engine API 1.52 and 1.53 of the specification), trimmed by hand.
    #[test]
    fn disk_usage_is_read_in_its_old_and_its_new_form() {
        let old: DiskUsage = serde_json::from_value(json!({
            "LayersSize": 100,
            "Images": [{ "Id": "sha256:a", "RepoTags": null, "SharedSize": 0, "Size": 100 }],
            "Containers": null, "Volumes": [{ "Name": "v", "UsageData": { "RefCount": 1, "Size": 6 } }],
            "BuildCache": null,
        }))
        .unwrap();
        let new: DiskUsage = serde_json::from_value(json!({
            "ImageUsage": {
                "ActiveCount": 0, "TotalCount": 1, "Reclaimable": 100, "TotalSize": 100,
                "Items": [{ "Id": "sha256:a", "RepoTags": [], "SharedSize": 0, "Size": 100 }],
            },
            "VolumeUsage": { "TotalSize": 6, "Items": [{ "Name": "v", "UsageData": { "RefCount": 1, "Size": 6 } }] },
            "BuildCacheUsage": { "TotalSize": 0, "Items": null },
        }))
        .unwrap();

        for usage in [old, new] {
            assert_eq!(usage.layers(), 100);
            assert_eq!(usage.images()[0].id, "sha256:a");
            assert_eq!(usage.volumes()[0].usage_data.as_ref().unwrap().size, 6);
            assert!(usage.build_cache().is_empty() && usage.containers().is_empty());
        }
    }
}
