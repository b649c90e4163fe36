//! Fetching images from registries.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::images::existing;
use crate::client::error::{ApiError, is_denied};
use crate::client::{Docker, Engine};
use crate::reference::{Reference, is_id};
use crate::resolve;
use crate::types::Texts;

pub(super) mod progress;

use progress::follow;

/// What to fetch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PullImage {
    /// Name with tag or digest, such as `nginx:1.27` or `ghcr.io/owner/app@sha256:…`; without either, `latest`.
    #[schemars(length(min = 1, max = 512))]
    image: String,
    /// Tag or digest, unless the name has one.
    #[schemars(length(min = 1, max = 128))]
    tag: Option<String>,
    /// For which machines, such as `linux/arm64`; the host's own if left out.
    #[schemars(length(max = 64), regex(pattern = r"^[a-z0-9]+(/[a-z0-9]+){0,2}$"))]
    platform: Option<String>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// An image that was fetched.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Pulled {
    /// Name it has now.
    image: String,
    /// Its id.
    id: String,
    /// Digest at the registry.
    digest: Option<String>,
    /// Whether it is another image than the one that had the name before.
    updated: bool,
    /// Id of the image that had the name before.
    replaced: Option<String>,
    /// Bytes of all its layers.
    size_bytes: i64,
    /// Containers that still run the image that was replaced.
    outdated_containers: Vec<String>,
}

/// Fetch an image from its registry, with the credentials of `[servers.docker.registries]`; running containers keep their old one until `recreate_container`.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "docker:image:write",
    timeout = 1800,
    targets = pull_targets,
    inverse = undo_pull,
    untrusted("outdated_containers")
)]
pub(crate) async fn pull_image(
    docker: &Docker,
    args: PullImage,
    ctx: &CallContext,
) -> ToolResult<Pulled> {
    let image = args.name()?;
    let engine = docker.writable(args.host.as_deref())?;
    let before = existing(engine, &image).await?;
    let digest = pull(docker, engine, &image, args.platform.as_deref(), Some(ctx)).await?;
    let now = engine.image(&image.to_string()).await?;
    let replaced = before.clone().filter(|before| *before != now.id);
    let outdated_containers = match &replaced {
        None => Vec::new(),
        Some(old) => {
            let containers = engine.containers(false).await?;
            containers
                .iter()
                .filter(|one| one.image_id == *old)
                .map(|one| one.name().to_owned())
                .collect()
        }
    };
    Ok(Pulled {
        image: image.to_string(),
        updated: before.as_ref() != Some(&now.id),
        id: now.id,
        digest,
        replaced,
        size_bytes: now.size,
        outdated_containers,
    })
}

impl PullImage {
    fn name(&self) -> ToolResult<Reference> {
        if is_id(&self.image) && !self.image.contains('/') && self.image.len() == 64 {
            return Err(
                ToolError::invalid("image", "an id says nothing to a registry")
                    .hint("give the name, with a tag or digest"),
            );
        }
        let mut image = Reference::parse(&self.image)
            .map_err(|problem| ToolError::invalid("image", problem))?;
        if let Some(tag) = &self.tag {
            if image.tag.is_some() || image.digest.is_some() {
                return Err(ToolError::invalid(
                    "tag",
                    "the name has a tag or digest already",
                ));
            }
            let separator = if tag.contains(':') { '@' } else { ':' };
            image = Reference::parse(&format!("{image}{separator}{tag}"))
                .map_err(|problem| ToolError::invalid("tag", problem))?;
        }
        Ok(image.complete())
    }
}

#[expect(clippy::unused_async, reason = "hooks are async")]
async fn pull_targets(_: &Docker, args: &PullImage) -> ToolResult<Vec<Target>> {
    let image = args.name()?.to_string();
    Ok(vec![resolve::target(
        "image",
        &image,
        Some(&image),
        &Texts::new(),
    )])
}

/// A name that moved is moved back; an image that was not there is removed.
async fn undo_pull(docker: &Docker, args: &PullImage) -> ToolResult<Option<Inverse>> {
    let image = args.name()?;
    let engine = docker.engine(args.host.as_deref())?;
    let (tool, arguments) = match existing(engine, &image).await? {
        // A digest always means the same image.
        Some(_) if image.digest.is_some() => return Ok(None),
        Some(id) => (
            "tag_image",
            json!({ "image": id, "target": image.to_string(), "host": engine.name }),
        ),
        None => (
            "remove_image",
            json!({ "image": image.to_string(), "host": engine.name }),
        ),
    };
    Ok(Some(Inverse {
        tool: tool.to_owned(),
        arguments,
    }))
}

/// Fetches an image; returns its digest, where the engine says it.
pub(super) async fn pull(
    docker: &Docker,
    engine: &Engine,
    image: &Reference,
    platform: Option<&str>,
    ctx: Option<&CallContext>,
) -> ToolResult<Option<String>> {
    let auth = docker.registry_auth(image).await?;
    let lines = engine
        .pull(image, platform, auth)
        .await
        .map_err(|error| missing(image, error))?;
    follow(engine, lines, "image_pull", ctx)
        .await
        .map_err(|error| missing(image, error))
}

/// Registries say in several ways that they do not have an image, or that nobody may know.
fn missing(image: &Reference, error: ApiError) -> ToolError {
    let said = error.said().to_ascii_lowercase();
    let unknown = [
        "not found",
        "manifest unknown",
        "does not exist",
        "name unknown",
    ];
    let is_unknown = error.status() == Some(404) || unknown.iter().any(|word| said.contains(word));
    if is_unknown && !said.contains("unauthorized") && !said.contains("no such host") {
        let text = format!(
            "the registry `{}` has no image `{image}`: {}",
            image.domain(),
            error.said()
        );
        let hint = if is_denied(&said) {
            "check the name; if the image is private, set the credentials in `[servers.docker.registries]`"
        } else {
            "check the name and the tag"
        };
        return ToolError::not_found(text)
            .reason("image_unknown")
            .field("image")
            .hint(hint);
    }
    error.into()
}
/// Fails a call whose image cannot be pulled, because it is an id.
pub(super) fn pullable(image: &str) -> ToolResult<Reference> {
    let reference =
        Reference::parse(image).map_err(|problem| ToolError::invalid("image", problem))?;
    if is_id(image) {
        return Err(ToolError::new(
            Code::Conflict,
            format!("`{image}` is the id of an image, which no registry knows"),
        )
        .reason("image_unnamed")
        .hint("name the image to pull"));
    }
    Ok(reference.complete())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(image: &str, tag: Option<&str>) -> PullImage {
        PullImage {
            image: image.to_owned(),
            tag: tag.map(str::to_owned),
            platform: None,
            host: None,
        }
    }

    #[test]
    fn a_name_without_a_tag_means_latest_and_a_tag_stands_once() {
        let twice = args("nginx:2", Some("1")).name().unwrap_err();

        assert_eq!(
            args("nginx", None).name().unwrap().to_string(),
            "nginx:latest"
        );
        assert_eq!(
            args("nginx", Some("1")).name().unwrap().to_string(),
            "nginx:1"
        );
        assert_eq!(twice.envelope().field.as_deref(), Some("tag"));
    }
}
