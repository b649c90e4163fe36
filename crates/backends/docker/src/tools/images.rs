//! Images on an engine: listing, removing, naming.

use std::collections::BTreeMap;

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Docker, Engine};
use crate::paging::page;
use crate::reference::{Reference, is_id};
use crate::types::{ImageInspect, Summary, Texts};
use crate::{resolve, times};

/// Which images.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListImages {
    /// Only those with this name, with or without a tag.
    #[schemars(length(max = 512))]
    reference: Option<String>,
    /// `true`: only those without a name; `false`: only those with one.
    dangling: Option<bool>,
    /// `true`: only those that no container uses; `false`: only those that one does.
    unused: Option<bool>,
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

/// An image.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ImageRow {
    /// Names with tags; none where the image has lost its name.
    tags: Vec<String>,
    /// Beginning of the id.
    id: String,
    /// Bytes of all its layers, also those that others share.
    size_bytes: i64,
    /// When it was made.
    #[schemars(with = "Option<String>")]
    created: Option<Micros>,
    /// Containers made from it, stopped ones too.
    used_by: Vec<String>,
}

/// List images with names, size, age, and the containers that use them.
#[tool(
    read,
    open_world,
    permission = "docker:image:read",
    timeout = 90,
    untrusted("items.tags", "items.used_by")
)]
pub(crate) async fn list_images(docker: &Docker, args: ListImages) -> ToolResult<Page<ImageRow>> {
    let engine = docker.engine(args.host.as_deref())?;
    let (images, containers) =
        futures_util::try_join!(engine.images(false), engine.containers(false))?;
    let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for container in &containers {
        users
            .entry(&container.image_id)
            .or_default()
            .push(container.name().to_owned());
    }
    let mut rows = Vec::new();
    for image in &images {
        let tags = image.tags();
        let used_by = users.remove(image.id.as_str()).unwrap_or_default();
        let named = |wanted: &str| {
            tags.iter().any(|tag| {
                tag.strip_prefix(wanted)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            })
        };
        let fits = args.reference.as_deref().is_none_or(named)
            && args
                .dangling
                .is_none_or(|dangling| dangling == tags.is_empty())
            && args
                .unused
                .is_none_or(|unused| unused == used_by.is_empty());
        if fits {
            rows.push(ImageRow {
                tags,
                id: resolve::short(&image.id),
                size_bytes: image.size,
                created: times::from_seconds(image.created),
                used_by,
            });
        }
    }
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        // Those without a name come last.
        let name = row.tags.first().map_or("\u{10ffff}", String::as_str);
        format!("{name}\n{}", row.id)
    })
}

/// Which image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveImage {
    /// Name with its tag, or id. By name, only the name goes where the image has others.
    #[schemars(length(min = 1, max = 512))]
    image: String,
    /// Also with several names, or while stopped containers use it.
    #[serde(default)]
    force: bool,
    /// Keep parents that have no name.
    #[serde(default)]
    noprune: bool,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// What went.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RemovedImage {
    /// Names that are gone.
    untagged: Vec<String>,
    /// Ids of images and layers that are gone.
    deleted: Vec<String>,
}

/// Remove an image, or one of its names where it has several.
#[tool(
    destructive,
    open_world,
    permission = "docker:image:delete",
    timeout = 150,
    preview = preview_remove,
    targets = remove_targets,
    inverse = undo_remove,
    untrusted("untagged")
)]
pub(crate) async fn remove_image(docker: &Docker, args: RemoveImage) -> ToolResult<RemovedImage> {
    let engine = docker.writable(args.host.as_deref())?;
    let image = resolve::image(engine, &args.image).await?;
    let removed = match engine
        .remove_image(&args.image, args.force, args.noprune)
        .await
    {
        Ok(removed) => removed,
        Err(error) if error.status() == Some(409) => {
            return Err(in_use(engine, &image, error.said()).await?);
        }
        Err(error) => return Err(error.into()),
    };
    Ok(RemovedImage {
        untagged: removed
            .iter()
            .filter_map(|one| one.untagged.clone())
            .collect(),
        deleted: removed
            .iter()
            .filter_map(|one| one.deleted.clone())
            .collect(),
    })
}

async fn in_use(engine: &Engine, image: &ImageInspect, said: &str) -> ToolResult<ToolError> {
    let users = users(&engine.containers(false).await?, &image.id);
    let error = ToolError::new(
        Code::Conflict,
        format!("the image cannot be removed: {said}"),
    )
    .reason("image_in_use")
    .upstream_status(409);
    Ok(if users.is_empty() {
        error.hint(
            "it has several names or images built on it: remove one of its names, or pass `force`",
        )
    } else {
        error.hint(format!("remove what uses it first: {}", users.join(", ")))
    })
}

async fn preview_remove(docker: &Docker, args: &RemoveImage) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let image = resolve::image(engine, &args.image).await?;
    let mut impact = Vec::new();
    if loses_only_a_name(&image, &args.image) {
        impact.push(format!(
            "the image stays under its other names: {}",
            image.repo_tags.join(", ")
        ));
    } else {
        impact.push(format!("loses up to {} bytes of layers", image.size));
        if image.repo_digests.is_empty() {
            impact
                .push("it was never pulled or pushed: no registry is known to have it".to_owned());
        }
    }
    let users = users(&engine.containers(false).await?, &image.id);
    if !users.is_empty() {
        impact.push(format!("containers made from it: {}", users.join(", ")));
    }
    Ok(Preview {
        summary: format!(
            "remove the image `{}` ({}) on `{}`",
            args.image,
            resolve::short(&image.id),
            engine.name
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn remove_targets(docker: &Docker, args: &RemoveImage) -> ToolResult<Vec<Target>> {
    let engine = docker.engine(args.host.as_deref())?;
    let image = resolve::image(engine, &args.image).await?;
    Ok(vec![resolve::target(
        "image",
        &image.id,
        Some(&args.image),
        &Texts::new(),
    )])
}

/// A name can be given again; an image that is gone cannot be made again.
async fn undo_remove(docker: &Docker, args: &RemoveImage) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let image = resolve::image(engine, &args.image).await?;
    Ok(loses_only_a_name(&image, &args.image).then(|| Inverse {
        tool: "tag_image".to_owned(),
        arguments: json!({ "image": image.id, "target": args.image, "host": engine.name }),
    }))
}

fn loses_only_a_name(image: &ImageInspect, wanted: &str) -> bool {
    let Ok(reference) = Reference::parse(wanted) else {
        return false;
    };
    let name = reference.complete().to_string();
    image.repo_tags.len() > 1 && reference.digest.is_none() && image.repo_tags.contains(&name)
}

fn users(containers: &[Summary], image: &str) -> Vec<String> {
    let uses = |container: &&Summary| container.image_id == image;
    containers
        .iter()
        .filter(uses)
        .map(|container| format!("`{}` ({})", container.name(), container.state))
        .collect()
}

/// Which image, and how it is to be called.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagImage {
    /// Name or id of the image.
    #[schemars(length(min = 1, max = 512))]
    image: String,
    /// Name to give it, such as `registry.example:5000/app:2`.
    #[schemars(length(min = 1, max = 512))]
    target: String,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// An image with a name more.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Tagged {
    /// Beginning of the id.
    id: String,
    /// All its names now.
    tags: Vec<String>,
    /// Id of the image that had the name before.
    replaced: Option<String>,
}

/// Give an image one more name; a name that another image has moves over.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "docker:image:write",
    targets = tag_targets,
    inverse = undo_tag,
    untrusted("tags")
)]
pub(crate) async fn tag_image(docker: &Docker, args: TagImage) -> ToolResult<Tagged> {
    let target = target_name(&args.target)?;
    let engine = docker.writable(args.host.as_deref())?;
    let image = resolve::image(engine, &args.image).await?;
    let before = existing(engine, &target).await?;
    engine.tag(&image.id, &target).await?;
    let now = engine.image(&image.id).await?;
    Ok(Tagged {
        id: resolve::short(&image.id),
        tags: now.repo_tags,
        replaced: before.filter(|before| *before != image.id),
    })
}

async fn tag_targets(docker: &Docker, args: &TagImage) -> ToolResult<Vec<Target>> {
    let engine = docker.engine(args.host.as_deref())?;
    let image = resolve::image(engine, &args.image).await?;
    Ok(vec![resolve::target(
        "image",
        &image.id,
        Some(&args.target),
        &Texts::new(),
    )])
}

async fn undo_tag(docker: &Docker, args: &TagImage) -> ToolResult<Option<Inverse>> {
    let target = target_name(&args.target)?;
    let engine = docker.engine(args.host.as_deref())?;
    let image = resolve::image(engine, &args.image).await?;
    Ok(match existing(engine, &target).await? {
        Some(before) if before == image.id => None,
        Some(before) => Some(Inverse {
            tool: "tag_image".to_owned(),
            arguments: json!({ "image": before, "target": target.to_string(), "host": engine.name }),
        }),
        None => Some(Inverse {
            tool: "remove_image".to_owned(),
            arguments: json!({ "image": target.to_string(), "host": engine.name }),
        }),
    })
}

fn target_name(text: &str) -> ToolResult<Reference> {
    let wrong = |problem: String| ToolError::invalid("target", problem);
    let target = Reference::parse(text).map_err(wrong)?;
    if target.digest.is_some() || is_id(text) {
        return Err(wrong(
            "a name for an image holds no digest and is no id".to_owned(),
        ));
    }
    Ok(target.complete())
}

/// Id of the image that has the name now.
pub(super) async fn existing(engine: &Engine, name: &Reference) -> ToolResult<Option<String>> {
    match engine.image(&name.to_string()).await {
        Ok(image) => Ok(Some(image.id)),
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
