//! Fetching a model.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::{Inverse, Mismatch, Preview, tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::models::{OneModel, find, model_targets};
use crate::client::Whisper;
use crate::ollama::checked;

/// A model after a pull.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelPulled {
    /// Its name with tag.
    name: String,
    /// Bytes on disk.
    size_bytes: Option<u64>,
    /// Beginning of its digest.
    digest: Option<String>,
    /// Parts it is made of.
    layers: usize,
    /// Bytes of those parts.
    bytes: u64,
    /// Bytes that were there already, of an earlier pull or another model.
    bytes_already_there: u64,
}

/// Fetch a model from a registry to the Ollama host, or bring it up to date, with progress. A pull that was interrupted goes on where it stopped.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "whisper:model:pull",
    title = "Pull an Ollama model",
    aggregated = "ollama_pull_model",
    timeout = 7200,
    preview = preview_pull,
    targets = model_targets,
    inverse = undo_pull,
    read_back = check_pull
)]
pub(crate) async fn ollama_pull_model(
    whisper: &Whisper,
    args: OneModel,
    ctx: &CallContext,
) -> ToolResult<ModelPulled> {
    let name = checked(&args.model_name)?;
    let pulled = whisper.ollama.pull(name, ctx).await?;
    let found = find(whisper, name).await?;
    Ok(ModelPulled {
        name: found.as_ref().map_or(name, |model| &model.name).to_owned(),
        size_bytes: found.as_ref().map(|model| model.size),
        digest: found.map(|model| model.digest.chars().take(12).collect()),
        layers: pulled.layers,
        bytes: pulled.bytes,
        bytes_already_there: pulled.already,
    })
}

async fn preview_pull(whisper: &Whisper, args: &OneModel) -> ToolResult<Preview> {
    let name = checked(&args.model_name)?;
    let summary = match find(whisper, name).await? {
        Some(model) => format!("bring the model `{}` up to date", model.name),
        None => format!("fetch the model `{name}` to the Ollama host"),
    };
    Ok(Preview {
        summary,
        changes: Vec::new(),
        impact: vec!["several gigabytes may be fetched and stored; Ollama does not check the free space beforehand".to_owned()],
    })
}

/// A model that was there before stays: its older layers cannot be had back.
async fn undo_pull(whisper: &Whisper, args: &OneModel) -> ToolResult<Option<Inverse>> {
    let name = checked(&args.model_name)?;
    let before = find(whisper, name).await?;
    Ok(before.is_none().then(|| Inverse {
        tool: "ollama_delete_model".to_owned(),
        arguments: json!({ "model_name": name }),
    }))
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn check_pull(_: &Whisper, args: &OneModel, done: &ModelPulled) -> ToolResult<Vec<Mismatch>> {
    let missing = done.digest.is_none().then(|| Mismatch {
        field: "model_name",
        wanted: args.model_name.clone(),
        found: "no such model in the list".to_owned(),
    });
    Ok(missing.into_iter().collect())
}
