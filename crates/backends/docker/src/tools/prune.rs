//! Removes what nothing uses, after saying what that is.

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Effect, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::call::Filters;
use crate::client::error::ApiError;
use crate::client::{Docker, Engine};
use crate::types::{ImageRemoved, Texts};
use crate::{resolve, times};

mod plan;

use plan::Plan;

/// What to remove.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PruneSystem {
    /// Only say what would be removed and freed; default true.
    dry_run: Option<bool>,
    /// Containers that do not run; default true.
    containers: Option<bool>,
    /// Networks without a container; default true.
    networks: Option<bool>,
    /// Images: `none`, `dangling` (those without a name, default), or `all` that no container uses.
    images: Option<Images>,
    /// Volumes that no container uses: `none` (default), `anonymous`, or `all`. Their data is lost for good.
    volumes: Option<Volumes>,
    /// What builds left behind; default true.
    build_cache: Option<bool>,
    /// Only what was made before: `2026-01-02T03:04:05Z`, or how long ago (`7d`).
    #[schemars(length(max = 40))]
    until: Option<String>,
    /// Only what has this label: `name` or `name=value`. Does not apply to the build cache, which is left alone then.
    #[schemars(length(min = 1, max = 256))]
    label: Option<String>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// Which images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Images {
    None,
    Dangling,
    All,
}

/// Which volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Volumes {
    None,
    Anonymous,
    All,
}

/// What is asked for, with all defaults filled in.
#[derive(Debug, Clone)]
struct Wanted {
    containers: bool,
    networks: bool,
    images: Images,
    volumes: Volumes,
    build_cache: bool,
    until: Option<Micros>,
    label: Option<String>,
}

/// What would be removed, or was.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Pruned {
    /// Whether nothing was removed yet.
    dry_run: bool,
    /// Containers.
    containers: Vec<Thing>,
    /// Networks.
    networks: Vec<Thing>,
    /// Images.
    images: Vec<Thing>,
    /// Volumes.
    volumes: Vec<Thing>,
    /// Pieces of the build cache.
    build_cache: u64,
    /// Bytes freed; before, about: layers that are shared in part are hard to foresee.
    freed_bytes: u64,
    /// What could not be removed, and why.
    failures: Vec<String>,
    /// How to go on.
    next_step: Option<&'static str>,
}

/// Something that nothing uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Thing {
    /// Name, or beginning of the id.
    name: String,
    /// Bytes it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// What it was for: image of a container, ids of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Remove stopped containers, unused networks, images, build cache and (only if asked) volumes. With `dry_run`, which is the default, only list what would go and how much that frees.
#[tool(
    destructive,
    open_world,
    permission = "docker:system:prune",
    timeout = 600,
    effect = prune_effect,
    preview = preview_prune,
    targets = prune_targets,
    untrusted("containers.name", "networks.name", "images.name", "volumes.name", "containers.detail", "failures")
)]
pub(crate) async fn prune_system(docker: &Docker, args: PruneSystem) -> ToolResult<Pruned> {
    let dry_run = args.is_dry();
    let engine = if dry_run {
        docker.engine(args.host.as_deref())?
    } else {
        docker.writable(args.host.as_deref())?
    };
    let wanted = args.wanted(engine, docker.env.clock.now())?;
    let plan = Plan::make(engine, &wanted).await?;
    if dry_run {
        return Ok(Pruned {
            dry_run,
            freed_bytes: plan.bytes(),
            build_cache: plan.build_cache,
            containers: plan.containers,
            networks: plan.networks,
            images: plan.images,
            volumes: plan.volumes,
            failures: Vec::new(),
            next_step: Some(
                "to remove this, call again with the same arguments and `dry_run: false`",
            ),
        });
    }
    run(engine, &wanted, plan).await
}

async fn run(engine: &Engine, wanted: &Wanted, plan: Plan) -> ToolResult<Pruned> {
    let mut done = Pruned {
        dry_run: false,
        containers: Vec::new(),
        networks: Vec::new(),
        images: Vec::new(),
        volumes: Vec::new(),
        build_cache: 0,
        freed_bytes: 0,
        failures: Vec::new(),
        next_step: None,
    };
    let filters = wanted.filters();
    // One after the other: what a container used is free only when it is gone.
    if wanted.containers && !plan.containers.is_empty() {
        let result = engine.prune_containers(&filters).await;
        if let Some(pruned) = done.note("containers", result) {
            done.freed_bytes += pruned.space_reclaimed;
            done.containers = known(&plan.containers, &pruned.containers_deleted);
        }
    }
    if wanted.networks && !plan.networks.is_empty() {
        let result = engine.prune_networks(&filters).await;
        if let Some(pruned) = done.note("networks", result) {
            done.networks = known(&plan.networks, &pruned.networks_deleted);
        }
    }
    if wanted.images != Images::None && !plan.images.is_empty() {
        let result = engine
            .prune_images(wanted.images == Images::All, filters.clone())
            .await;
        if let Some(pruned) = done.note("images", result) {
            done.freed_bytes += pruned.space_reclaimed;
            done.images = gone(plan.images, &pruned.images_deleted);
        }
    }
    // One by one, and only those of the plan: engines before API 1.42 take named ones along.
    for volume in plan.volumes {
        let result = engine.remove_volume(&volume.name).await;
        if done
            .note(&format!("volume `{}`", volume.name), result)
            .is_some()
        {
            done.freed_bytes += volume.bytes.unwrap_or(0);
            done.volumes.push(volume);
        }
    }
    if wanted.build_cache && plan.build_cache > 0 {
        let result = engine.prune_builds(&filters).await;
        if let Some(pruned) = done.note("build cache", result) {
            done.freed_bytes += pruned.space_reclaimed;
            done.build_cache = pruned.caches_deleted.len() as u64;
        }
    }
    Ok(done)
}

impl Pruned {
    /// One kind that fails does not keep the others.
    fn note<T>(&mut self, what: &str, result: Result<T, ApiError>) -> Option<T> {
        match result {
            Ok(done) => Some(done),
            Err(error) => {
                let error = ToolError::from(error);
                self.failures
                    .push(format!("{what}: {}", error.envelope().message));
                None
            }
        }
    }
}

/// What was removed, with what the plan knew of it.
fn known(plan: &[Thing], removed: &[String]) -> Vec<Thing> {
    let thing = |id: &String| {
        let short = resolve::short(id);
        let found = plan.iter().find(|thing| {
            thing.name == *id
                || thing
                    .detail
                    .as_deref()
                    .is_some_and(|text| text.starts_with(&short))
        });
        found.cloned().unwrap_or_else(|| Thing {
            name: id.clone(),
            bytes: None,
            detail: None,
        })
    };
    removed.iter().map(thing).collect()
}

/// Images of the plan that went, by id or by name. Engines also list layers, which say nothing to people.
fn gone(plan: Vec<Thing>, removed: &[ImageRemoved]) -> Vec<Thing> {
    let ids: Vec<String> = removed
        .iter()
        .filter_map(|one| one.deleted.as_deref())
        .map(resolve::short)
        .collect();
    let names: Vec<&str> = removed
        .iter()
        .filter_map(|one| one.untagged.as_deref())
        .collect();
    let went = |thing: &Thing| {
        let id = thing.detail.as_ref().unwrap_or(&thing.name);
        ids.contains(id) || thing.name.split(", ").any(|name| names.contains(&name))
    };
    plan.into_iter().filter(went).collect()
}

impl PruneSystem {
    fn is_dry(&self) -> bool {
        self.dry_run.unwrap_or(true)
    }

    fn wanted(&self, engine: &Engine, now: Micros) -> ToolResult<Wanted> {
        let mut wanted = Wanted {
            containers: self.containers.unwrap_or(true),
            networks: self.networks.unwrap_or(true),
            images: self.images.unwrap_or(Images::Dangling),
            volumes: self.volumes.unwrap_or(Volumes::None),
            // It has no labels.
            build_cache: self.build_cache.unwrap_or(true) && self.label.is_none(),
            until: times::maybe("until", self.until.as_deref(), now)?,
            label: self.label.clone(),
        };
        if let Some(only) = &engine.only_label {
            if self.label.as_ref().is_some_and(|label| label != only)
                || self.volumes.is_some_and(|one| one != Volumes::None)
            {
                let text = format!(
                    "on `{}`, only containers with the label `{only}` may be removed",
                    engine.name
                );
                return Err(ToolError::new(Code::PermissionDenied, text).reason("host_limited"));
            }
            // Other things may belong to containers that callers must not know of.
            wanted = Wanted {
                networks: false,
                images: Images::None,
                volumes: Volumes::None,
                build_cache: false,
                label: Some(only.clone()),
                ..wanted
            };
        }
        Ok(wanted)
    }
}

impl Wanted {
    fn filters(&self) -> Filters {
        let until = self
            .until
            .map(|until| until.0.div_euclid(1_000_000).to_string());
        Filters::default()
            .maybe("until", until)
            .maybe("label", self.label.as_deref())
    }

    /// Whether a thing of this age and these labels is meant. What has no time counts as old.
    fn fits(&self, created: Option<Micros>, labels: &Texts) -> bool {
        let old = self
            .until
            .is_none_or(|until| created.is_none_or(|created| created < until));
        let labelled = self
            .label
            .as_deref()
            .is_none_or(|label| match label.split_once('=') {
                Some((name, value)) => labels.get(name).is_some_and(|found| found == value),
                None => labels.contains_key(label),
            });
        old && labelled
    }
}

/// A dry run only reads.
fn prune_effect(_: &Docker, args: &PruneSystem) -> Effect {
    if args.is_dry() {
        Effect::Read
    } else {
        Effect::Destructive
    }
}

async fn preview_prune(docker: &Docker, args: &PruneSystem) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let wanted = args.wanted(engine, docker.env.clock.now())?;
    let plan = Plan::make(engine, &wanted).await?;
    Ok(Preview {
        summary: format!(
            "remove what nothing uses on `{}`, about {} bytes",
            engine.name,
            plan.bytes()
        ),
        changes: Vec::new(),
        impact: plan.lines(),
    })
}

/// The volumes and containers by name: those are what rules protect.
async fn prune_targets(docker: &Docker, args: &PruneSystem) -> ToolResult<Vec<Target>> {
    let engine = docker.engine(args.host.as_deref())?;
    let wanted = args.wanted(engine, docker.env.clock.now())?;
    Ok(Plan::make(engine, &wanted).await?.targets)
}
