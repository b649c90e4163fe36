//! What nothing uses: worked out from lists, because engines have no dry run.

use std::collections::BTreeSet;

use homelab_core::error::ToolResult;
use homelab_core::tool::Target;

use super::{Images, Thing, Volumes, Wanted};
use crate::client::Engine;
use crate::types::{DiskUsage, ImageSummary, Network, Summary, Volume};
use crate::{resolve, times};

/// Lines of one kind in a preview.
const MOST_LINES: usize = 30;

/// What would be removed.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) containers: Vec<Thing>,
    pub(super) networks: Vec<Thing>,
    pub(super) images: Vec<Thing>,
    pub(super) volumes: Vec<Thing>,
    pub(super) build_cache: u64,
    build_cache_bytes: u64,
    pub(super) targets: Vec<Target>,
}

impl Plan {
    /// Asks the engine for what there is, and works out what nothing uses.
    pub(super) async fn make(engine: &Engine, wanted: &Wanted) -> ToolResult<Self> {
        let (usage, networks, visible, volumes) = futures_util::try_join!(
            engine.disk_usage(),
            engine.idle_networks(),
            engine.containers(false),
            engine.volumes()
        )?;
        Ok(Self::of(wanted, &usage, &networks, &visible, &volumes))
    }

    /// `visible` are the containers that callers may know of; what any other one uses is in use.
    fn of(
        wanted: &Wanted,
        usage: &DiskUsage,
        networks: &[Network],
        visible: &[Summary],
        volumes: &[Volume],
    ) -> Self {
        let mut plan = Self::default();
        let mut gone = BTreeSet::new();
        if wanted.containers {
            for container in visible.iter().filter(|one| is_stopped(one)) {
                if !wanted.fits(times::from_seconds(container.created), &container.labels) {
                    continue;
                }
                let measured = usage.containers().iter().find(|one| one.id == container.id);
                plan.containers.push(Thing {
                    name: container.name().to_owned(),
                    bytes: measured
                        .and_then(|one| one.size_rw)
                        .and_then(|bytes| u64::try_from(bytes).ok()),
                    detail: Some(format!(
                        "{} {} ({})",
                        resolve::short(&container.id),
                        container.image,
                        container.status
                    )),
                });
                plan.targets.push(resolve::container_target(container));
                gone.insert(container.id.clone());
            }
        }
        let all = if usage.containers().is_empty() {
            visible
        } else {
            usage.containers()
        };
        let left: Vec<&Summary> = all.iter().filter(|one| !gone.contains(&one.id)).collect();
        if wanted.networks {
            plan.networks(wanted, networks);
        }
        plan.images(wanted, usage.images(), &left);
        plan.volumes(wanted, usage, volumes, &left);
        if wanted.build_cache {
            let free = usage
                .build_cache()
                .iter()
                .filter(|one| !one.in_use && !one.id.is_empty());
            let free: Vec<_> = free.collect();
            plan.build_cache = free.len() as u64;
            let own = free
                .iter()
                .filter(|one| !one.shared)
                .filter_map(|one| u64::try_from(one.size).ok());
            plan.build_cache_bytes = own.sum();
        }
        for things in [
            &mut plan.containers,
            &mut plan.networks,
            &mut plan.images,
            &mut plan.volumes,
        ] {
            things.sort_by(|one, other| one.name.cmp(&other.name));
        }
        plan
    }

    fn networks(&mut self, wanted: &Wanted, networks: &[Network]) {
        for network in networks {
            // Networks of a swarm belong to its managers.
            if network.is_predefined() || network.scope == "swarm" {
                continue;
            }
            if wanted.fits(times::engine_time(&network.created), &network.labels) {
                self.networks.push(Thing {
                    name: network.name.clone(),
                    bytes: None,
                    detail: None,
                });
                self.targets.push(resolve::target(
                    "network",
                    &network.id,
                    Some(&network.name),
                    &network.labels,
                ));
            }
        }
    }

    fn images(&mut self, wanted: &Wanted, images: &[ImageSummary], left: &[&Summary]) {
        if wanted.images == Images::None {
            return;
        }
        let parents: BTreeSet<&str> = images
            .iter()
            .map(|image| image.parent_id.as_str())
            .collect();
        for image in images {
            let tags = image.tags();
            let used = left.iter().any(|container| container.image_id == image.id);
            // Steps of a build are no images of their own.
            let is_step = tags.is_empty() && parents.contains(image.id.as_str());
            let meant = wanted.images == Images::All || tags.is_empty() && !is_step;
            if used
                || is_step
                || !meant
                || !wanted.fits(times::from_seconds(image.created), &image.labels)
            {
                continue;
            }
            let own = image.size.saturating_sub(image.shared_size.max(0));
            let short = resolve::short(&image.id);
            self.targets.push(resolve::target(
                "image",
                &image.id,
                tags.first().map(String::as_str),
                &image.labels,
            ));
            self.images.push(Thing {
                name: if tags.is_empty() {
                    short.clone()
                } else {
                    tags.join(", ")
                },
                bytes: u64::try_from(own).ok(),
                detail: (!tags.is_empty()).then_some(short),
            });
        }
    }

    fn volumes(
        &mut self,
        wanted: &Wanted,
        usage: &DiskUsage,
        volumes: &[Volume],
        left: &[&Summary],
    ) {
        for volume in volumes {
            let meant = match wanted.volumes {
                Volumes::None => false,
                Volumes::Anonymous => volume.is_anonymous(),
                Volumes::All => true,
            };
            let used = left.iter().any(|one| {
                one.mounts
                    .iter()
                    .any(|mount| mount.name.as_deref() == Some(&volume.name))
            });
            let created = volume.created_at.as_deref().and_then(times::engine_time);
            if !meant || used || !wanted.fits(created, &volume.labels) {
                continue;
            }
            let measured = usage.volumes().iter().find(|one| one.name == volume.name);
            let size = measured
                .and_then(|one| one.usage_data.as_ref())
                .map(|data| data.size);
            self.targets.push(resolve::target(
                "volume",
                &volume.name,
                Some(&volume.name),
                &volume.labels,
            ));
            self.volumes.push(Thing {
                name: volume.name.clone(),
                bytes: size.and_then(|bytes| u64::try_from(bytes).ok()),
                detail: None,
            });
        }
    }

    /// About how much that frees.
    pub(super) fn bytes(&self) -> u64 {
        let things = self
            .containers
            .iter()
            .chain(&self.images)
            .chain(&self.volumes);
        things.filter_map(|thing| thing.bytes).sum::<u64>() + self.build_cache_bytes
    }

    /// For whoever has to agree.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (kind, things) in [
            ("container", &self.containers),
            ("network", &self.networks),
            ("image", &self.images),
            ("volume", &self.volumes),
        ] {
            lines.extend(things.iter().take(MOST_LINES).map(|thing| {
                let bytes = thing
                    .bytes
                    .map(|bytes| format!(", {bytes} bytes"))
                    .unwrap_or_default();
                format!("{kind} `{}`{bytes}", thing.name)
            }));
            if things.len() > MOST_LINES {
                lines.push(format!(
                    "and {} more of this kind",
                    things.len() - MOST_LINES
                ));
            }
        }
        if self.build_cache > 0 {
            lines.push(format!(
                "{} pieces of the build cache, {} bytes",
                self.build_cache, self.build_cache_bytes
            ));
        }
        if lines.is_empty() {
            lines.push("there is nothing to remove".to_owned());
        }
        lines
    }
}

/// What engines prune: not those that are paused or about to be started again.
fn is_stopped(container: &Summary) -> bool {
    matches!(container.state.as_str(), "created" | "exited" | "dead")
}

#[cfg(test)]
mod tests {
    use homelab_core::clock::Micros;
    use serde_json::{Value, json};

    use super::*;

    const ANONYMOUS: &str = "23b93f08c88fe366cded16211005beb086dbfd637500de58542502e774cd6063";

    /// source: recorded (dockerd 20.10.24), put together by hand.
    fn usage() -> DiskUsage {
        let mount = |name: &str| json!({ "Type": "volume", "Name": name, "Source": "", "Destination": "/d", "RW": true });
        serde_json::from_value(json!({
            "LayersSize": 0,
            "Images": [
                { "Id": "sha256:used", "RepoTags": ["app:1"], "Size": 10, "SharedSize": 0, "Created": 100 },
                { "Id": "sha256:old", "RepoTags": ["app:0"], "Size": 20, "SharedSize": 5, "Created": 100 },
                { "Id": "sha256:dangling", "RepoTags": ["<none>:<none>"], "ParentId": "sha256:step", "Size": 30, "SharedSize": 0, "Created": 100 },
                { "Id": "sha256:step", "RepoTags": null, "Size": 30, "SharedSize": 30, "Created": 100 },
            ],
            "Containers": [
                { "Id": "1", "Names": ["/web"], "ImageID": "sha256:used", "State": "running", "SizeRw": 1, "Mounts": [mount("data")] },
                { "Id": "2", "Names": ["/job"], "ImageID": "sha256:old", "State": "exited", "SizeRw": 7, "Created": 200, "Labels": { "lab": "yes" }, "Mounts": [mount("jobdata")] },
                { "Id": "3", "Names": ["/frozen"], "ImageID": "sha256:used", "State": "paused", "SizeRw": 1, "Mounts": [] },
            ],
            "Volumes": [{ "Name": ANONYMOUS, "UsageData": { "RefCount": 0, "Size": 40 } }],
            "BuildCache": [
                { "ID": "a", "InUse": false, "Shared": false, "Size": 3 },
                { "ID": "b", "InUse": true, "Shared": false, "Size": 50 },
            ],
        }))
        .unwrap()
    }

    fn volumes() -> Vec<Volume> {
        let named = |name: &str| Volume {
            name: name.to_owned(),
            ..Volume::default()
        };
        vec![
            named("data"),
            named("jobdata"),
            named("archive"),
            named(ANONYMOUS),
        ]
    }

    fn wanted() -> Wanted {
        Wanted {
            containers: true,
            networks: true,
            images: Images::Dangling,
            volumes: Volumes::None,
            build_cache: true,
            until: None,
            label: None,
        }
    }

    fn plan(wanted: &Wanted) -> Plan {
        let usage = usage();
        let networks: Vec<Network> = serde_json::from_value::<Vec<Value>>(json!([
            { "Name": "bridge", "Id": "b" }, { "Name": "idle", "Id": "i", "Scope": "local" },
            { "Name": "ingress", "Id": "g", "Ingress": true }, { "Name": "overlay", "Id": "o", "Scope": "swarm" },
        ]))
        .unwrap()
        .into_iter()
        .map(|network| serde_json::from_value(network).unwrap())
        .collect();
        let visible = usage.containers().to_vec();
        Plan::of(wanted, &usage, &networks, &visible, &volumes())
    }

    fn names(things: &[Thing]) -> Vec<&str> {
        things.iter().map(|thing| thing.name.as_str()).collect()
    }

    #[test]
    fn without_more_said_no_named_thing_and_no_volume_goes() {
        let plan = plan(&wanted());

        assert_eq!(names(&plan.containers), ["job"]);
        assert_eq!(names(&plan.networks), ["idle"]);
        assert_eq!(names(&plan.images), ["dangling"]);
        assert!(plan.volumes.is_empty());
        assert_eq!((plan.build_cache, plan.bytes()), (1, 7 + 30 + 3));
    }

    #[test]
    fn what_only_a_container_that_goes_uses_goes_with_it() {
        let all = Wanted {
            images: Images::All,
            volumes: Volumes::All,
            ..wanted()
        };
        let without_containers = Wanted {
            containers: false,
            ..all.clone()
        };

        let (with, without) = (plan(&all), plan(&without_containers));

        assert_eq!(names(&with.images), ["app:0", "dangling"]);
        assert_eq!(names(&with.volumes), [ANONYMOUS, "archive", "jobdata"]);
        assert_eq!(names(&without.images), ["dangling"]);
        assert_eq!(names(&without.volumes), [ANONYMOUS, "archive"]);
    }

    #[test]
    fn anonymous_means_that_no_named_volume_goes() {
        let plan = plan(&Wanted {
            volumes: Volumes::Anonymous,
            ..wanted()
        });

        assert_eq!(names(&plan.volumes), [ANONYMOUS]);
        assert_eq!(plan.volumes[0].bytes, Some(40));
    }

    #[test]
    fn age_and_label_narrow_it_down() {
        let young = Wanted {
            until: Some(Micros(150_000_000)),
            ..wanted()
        };
        let labelled = Wanted {
            label: Some("lab=yes".to_owned()),
            ..wanted()
        };
        let other = Wanted {
            label: Some("lab=no".to_owned()),
            ..wanted()
        };

        assert!(plan(&young).containers.is_empty());
        assert_eq!(names(&plan(&young).images), ["dangling"]);
        assert_eq!(names(&plan(&labelled).containers), ["job"]);
        assert!(plan(&labelled).images.is_empty());
        assert!(plan(&other).containers.is_empty());
    }

    #[test]
    fn whoever_agrees_sees_each_thing() {
        let lines = plan(&Wanted {
            volumes: Volumes::All,
            ..wanted()
        })
        .lines();

        assert!(
            lines.contains(&"container `job`, 7 bytes".to_owned()),
            "{lines:?}"
        );
        assert!(lines.contains(&"volume `archive`".to_owned()));
        assert!(lines.iter().any(|line| line.contains("build cache")));
    }
}
