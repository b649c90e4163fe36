//! Whether registries have something newer than what containers run.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Docker, Engine};
use crate::reference::{Reference, is_id};
use crate::resolve;
use crate::types::Summary;

/// Registries asked at a time.
const AT_A_TIME: usize = 6;
/// Most images of one call: registries count requests.
const MOST: usize = 60;

/// Which images.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckUpdates {
    /// Only the image of this container.
    #[schemars(length(min = 1, max = 128))]
    container: Option<String>,
    /// Also images of containers that do not run.
    #[serde(default)]
    stopped: bool,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Updates {
    /// One row for each image, those with an update first.
    items: Vec<UpdateRow>,
    /// How many have an update.
    outdated: usize,
    /// Images that were left out, beyond 60.
    left_out: Option<usize>,
}

/// One image.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UpdateRow {
    /// Name that the containers were made with.
    image: String,
    /// Containers made from it.
    containers: Vec<String>,
    /// `current`, `outdated` (the registry has another image under this name), `unpulled` (a newer one is here, but the containers run the old one), `pinned` (by digest), `local` (no registry is known) or `unknown`.
    status: &'static str,
    /// Digest at the registry now.
    registry_digest: Option<String>,
    /// Why it is not known.
    error: Option<String>,
}

/// Ask registries whether they have newer images under the names that containers were made with; nothing is downloaded.
#[tool(
    read,
    open_world,
    permission = "docker:image:read",
    timeout = 180,
    untrusted("items.image", "items.containers", "items.error")
)]
pub(crate) async fn check_image_updates(
    docker: &Docker,
    args: CheckUpdates,
) -> ToolResult<Updates> {
    let engine = docker.engine(args.host.as_deref())?;
    let containers = match &args.container {
        Some(container) => vec![resolve::container(engine, container).await?],
        None => engine.containers(false).await?,
    };
    // By the name they were made with and by what they run: a pull moves the name.
    let mut images: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for container in containers {
        if args.container.is_some() || args.stopped || container.is_running() {
            let name = container.name().to_owned();
            let image = made_from(engine, &container).await?;
            images
                .entry((image, container.image_id))
                .or_default()
                .push(name);
        }
    }
    let left_out = images.len().checked_sub(MOST).filter(|more| *more > 0);
    let checks = images
        .into_iter()
        .take(MOST)
        .map(|((image, id), containers)| async move {
            match check(docker, engine, &image, &id).await {
                Ok((status, registry_digest)) => UpdateRow {
                    image,
                    containers,
                    status,
                    registry_digest,
                    error: None,
                },
                Err(error) => UpdateRow {
                    image,
                    containers,
                    status: "unknown",
                    registry_digest: None,
                    error: Some(error.envelope().message.clone()),
                },
            }
        });
    let mut items: Vec<UpdateRow> = futures_util::stream::iter(checks)
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let is_current = |row: &UpdateRow| !matches!(row.status, "outdated" | "unpulled");
    items.sort_by_key(|row| (is_current(row), row.image.clone()));
    Ok(Updates {
        outdated: items.iter().filter(|row| !is_current(row)).count(),
        items,
        left_out,
    })
}

/// A name of an image as engines show it: without the parts that Docker Hub's names can go without.
fn familiar(repository: &str) -> &str {
    let name = repository.strip_prefix("docker.io/").unwrap_or(repository);
    name.strip_prefix("library/").unwrap_or(name)
}

/// The name that a container was made with. Lists show an id where the name has moved on since.
pub(super) async fn made_from(engine: &Engine, container: &Summary) -> ToolResult<String> {
    if !is_id(&container.image) {
        return Ok(container.image.clone());
    }
    Ok(engine.inspect(&container.id).await?.config.image)
}

async fn check(
    docker: &Docker,
    engine: &Engine,
    image: &str,
    id: &str,
) -> Result<(&'static str, Option<String>), ToolError> {
    // Containers of an image that lost its name show its id.
    let Some(reference) = Reference::parse(image).ok().filter(|_| !is_id(image)) else {
        return Ok(("unknown", None));
    };
    if reference.digest.is_some() {
        return Ok(("pinned", None));
    }
    let running = engine.image(id).await?;
    let repository = familiar(&reference.repository);
    let known = |digest: &String| {
        let name = digest.split('@').next().unwrap_or_default();
        familiar(name) == repository
    };
    if !running.repo_digests.iter().any(known) {
        return Ok(("local", None));
    }
    let auth = docker.registry_auth(&reference).await?;
    let there = engine.clean(
        &engine
            .distribution(&reference, auth)
            .await?
            .descriptor
            .digest,
    );
    let has = |digests: &[String]| {
        digests
            .iter()
            .any(|digest| digest.ends_with(&format!("@{there}")))
    };
    let status = if has(&running.repo_digests) {
        "current"
    } else if engine
        .image(&reference.complete().to_string())
        .await
        .is_ok_and(|now| has(&now.repo_digests))
    {
        "unpulled"
    } else {
        "outdated"
    };
    Ok((status, Some(there)))
}
