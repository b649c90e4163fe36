//! Sending images to registries.

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::transfer::progress::follow;
use crate::client::Docker;
use crate::reference::Reference;
use crate::resolve;
use crate::types::Texts;

/// What to send where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushImage {
    /// Name with tag, registry first: `registry.example:5000/app:2`. Give it with `tag_image`.
    #[schemars(length(min = 1, max = 512))]
    image: String,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// An image that was sent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Pushed {
    /// Its name.
    image: String,
    /// Registry that has it now.
    registry: String,
    /// Digest there.
    digest: Option<String>,
}

/// Send an image to the registry in its name; whatever has this tag there is replaced, and whoever may read the registry can read the image.
#[tool(
    destructive,
    open_world,
    permission = "docker:image:push",
    timeout = 1800,
    preview = preview_push,
    targets = push_targets
)]
pub(crate) async fn push_image(
    docker: &Docker,
    args: PushImage,
    ctx: &CallContext,
) -> ToolResult<Pushed> {
    let image = args.name()?;
    let engine = docker.writable(args.host.as_deref())?;
    resolve::image(engine, &image.to_string()).await?;
    let auth = docker.registry_auth(&image).await?;
    let lines = engine.push(&image, auth).await?;
    let digest = follow(engine, lines, "image_push", Some(ctx)).await?;
    Ok(Pushed {
        registry: image.domain().to_owned(),
        image: image.to_string(),
        digest,
    })
}

impl PushImage {
    fn name(&self) -> ToolResult<Reference> {
        let image = Reference::parse(&self.image)
            .map_err(|problem| ToolError::invalid("image", problem))?;
        if image.digest.is_some() {
            return Err(ToolError::invalid(
                "image",
                "images are sent under a tag, not under a digest",
            ));
        }
        Ok(image.complete())
    }
}

async fn preview_push(docker: &Docker, args: &PushImage) -> ToolResult<Preview> {
    let image = args.name()?;
    let engine = docker.engine(args.host.as_deref())?;
    let local = resolve::image(engine, &image.to_string()).await?;
    let mut impact = vec![format!(
        "sends up to {} bytes to `{}`",
        local.size,
        image.domain()
    )];
    let auth = docker.registry_auth(&image).await?;
    match engine.distribution(&image, auth).await {
        Ok(there) => impact.push(format!(
            "replaces `{}` there",
            engine.clean(&there.descriptor.digest)
        )),
        Err(error) => {
            let said = match error.said() {
                "" => ToolError::from(error).envelope().message.clone(),
                said => said.to_owned(),
            };
            impact.push(format!("what has this tag there now is not known: {said}"));
        }
    }
    Ok(Preview {
        summary: format!(
            "send the image `{image}` ({}) of `{}` to `{}`",
            resolve::short(&local.id),
            engine.name,
            image.domain()
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn push_targets(docker: &Docker, args: &PushImage) -> ToolResult<Vec<Target>> {
    let image = args.name()?.to_string();
    let engine = docker.engine(args.host.as_deref())?;
    let local = resolve::image(engine, &image).await?;
    Ok(vec![
        resolve::target("image", &local.id, Some(&image), &Texts::new()),
        resolve::target("registry", args.name()?.domain(), None, &Texts::new()),
    ])
}
