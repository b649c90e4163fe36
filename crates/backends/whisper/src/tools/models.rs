//! Ollama's models: on disk, in memory, in detail; and removing one.

use std::collections::BTreeMap;

use homelab_core::error::ToolResult;
use homelab_core::page::{Page, PageRequest};
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::targets;
use crate::client::Whisper;
use crate::ollama::{checked, no_model, same, short_info};
use crate::types::{Loaded, Model};

/// Which models.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListModels {
    /// Only names that contain this, whatever the case.
    #[schemars(length(min = 1, max = 255))]
    filter: Option<String>,
    /// Also tell which are in memory.
    #[serde(default)]
    loaded: bool,
    /// Most models to return.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(min = 1, max = 1024))]
    cursor: Option<String>,
}

/// A model on disk.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelRow {
    /// Its name with tag.
    name: String,
    /// Bytes on disk.
    size_bytes: u64,
    /// Number of parameters, such as `8.0B`.
    parameter_size: Option<String>,
    /// How its weights are stored, such as `Q4_K_M`.
    quantization: Option<String>,
    /// Such as `llama`.
    family: Option<String>,
    /// Longest context in tokens, where it is told.
    context_length: Option<u64>,
    /// What it can do: `completion`, `tools`, `vision`, …
    capabilities: Option<Vec<String>>,
    /// Where it runs, if not on the Ollama host.
    remote_host: Option<String>,
    /// When it was last changed.
    modified_at: Option<String>,
    /// Beginning of its digest.
    digest: String,
    /// Whether it is in memory, where that was asked for.
    loaded: Option<bool>,
}

impl ModelRow {
    fn new(model: Model, running: Option<&[Loaded]>) -> Self {
        let is_loaded = |running: &[Loaded]| running.iter().any(|one| same(&one.name, &model.name));
        Self {
            loaded: running.map(is_loaded),
            name: model.name,
            size_bytes: model.size,
            parameter_size: told(model.details.parameter_size),
            quantization: told(model.details.quantization_level),
            family: told(model.details.family),
            context_length: model.details.context_length,
            capabilities: model.capabilities,
            remote_host: told(model.remote_host),
            modified_at: model.modified_at,
            digest: model.digest.chars().take(12).collect(),
        }
    }
}

/// Ollama writes an empty text where it knows nothing.
fn told(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Models on disk.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelPage {
    #[serde(flatten)]
    page: Page<ModelRow>,
    /// Bytes on disk of all that match; layers that models share count for each.
    total_bytes: u64,
}

/// List the models on the Ollama host with size, parameters and quantisation; with `loaded` also which are in memory.
#[tool(
    read,
    open_world,
    permission = "whisper:model:read",
    title = "List Ollama models",
    aggregated = "ollama_list_models"
)]
pub(crate) async fn ollama_list_models(
    whisper: &Whisper,
    args: ListModels,
) -> ToolResult<ModelPage> {
    let request = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let filter = args.filter.unwrap_or_default().to_ascii_lowercase();
    let mut models = whisper.ollama.models().await?;
    models.retain(|model| model.name.to_ascii_lowercase().contains(&filter));
    let running = if args.loaded {
        Some(whisper.ollama.running().await?)
    } else {
        None
    };
    let total = models.len() as u64;
    let total_bytes = models
        .iter()
        .fold(0_u64, |sum, model| sum.saturating_add(model.size));
    let rows = models
        .into_iter()
        .filter(|model| {
            request
                .after
                .as_ref()
                .is_none_or(|after| model.name > *after)
        })
        .take(request.limit as usize + 1)
        .map(|model| ModelRow::new(model, running.as_deref()))
        .collect();
    Ok(ModelPage {
        page: Page::from_rows(rows, &request, total, |row: &ModelRow| row.name.clone()),
        total_bytes,
    })
}

/// Which page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunningModels {
    /// Most models to return.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(min = 1, max = 1024))]
    cursor: Option<String>,
}

/// A model in memory.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunningRow {
    /// Its name with tag.
    name: String,
    /// Bytes of memory it takes in all.
    size_bytes: u64,
    /// Bytes of that on the graphics card.
    vram_bytes: u64,
    /// Share on the graphics card, in percent; below 100 it is slow.
    gpu_percent: u64,
    /// Longest context it was loaded for, in tokens.
    context_length: Option<u64>,
    /// When it will be dropped from memory.
    expires_at: Option<String>,
}

impl From<Loaded> for RunningRow {
    fn from(loaded: Loaded) -> Self {
        let share = u128::from(loaded.size_vram) * 100 / u128::from(loaded.size.max(1));
        Self {
            gpu_percent: u64::try_from(share.min(100)).unwrap_or(100),
            name: loaded.name,
            size_bytes: loaded.size,
            vram_bytes: loaded.size_vram,
            context_length: loaded.context_length,
            expires_at: loaded.expires_at,
        }
    }
}

/// List the models that Ollama has in memory: how much of each is on the graphics card, and when it will be dropped.
#[tool(
    read,
    open_world,
    permission = "whisper:model:read",
    title = "Running Ollama models",
    aggregated = "ollama_running"
)]
pub(crate) async fn ollama_running(
    whisper: &Whisper,
    args: RunningModels,
) -> ToolResult<Page<RunningRow>> {
    let request = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let running = whisper.ollama.running().await?;
    let total = running.len() as u64;
    let rows = running
        .into_iter()
        .filter(|model| {
            request
                .after
                .as_ref()
                .is_none_or(|after| model.name > *after)
        })
        .take(request.limit as usize + 1)
        .map(RunningRow::from)
        .collect();
    Ok(Page::from_rows(
        rows,
        &request,
        total,
        |row: &RunningRow| row.name.clone(),
    ))
}

/// Which model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneModel {
    /// Name of the model, such as `llama3.2:3b`; without a tag `latest` is meant.
    #[schemars(length(min = 1, max = 255))]
    pub(super) model_name: String,
}

/// A model in detail.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelSheet {
    /// Its name as asked for.
    name: String,
    /// Such as `gguf`.
    format: Option<String>,
    /// Such as `llama`.
    family: Option<String>,
    /// Number of parameters, such as `8.0B`.
    parameter_size: Option<String>,
    /// How its weights are stored, such as `Q4_K_M`.
    quantization: Option<String>,
    /// What it can do: `completion`, `tools`, `vision`, …
    capabilities: Vec<String>,
    /// Settings it comes with, one a line.
    parameters: Option<String>,
    /// How a prompt is put together; the beginning.
    template: Option<String>,
    /// Its licence; the beginning.
    license: Option<String>,
    /// Its architecture in figures.
    info: BTreeMap<String, Value>,
    /// When it was last changed.
    modified_at: Option<String>,
}

/// Show one model of the Ollama host in detail: what it can do, its settings, architecture, prompt template and licence, the long ones cut.
#[tool(
    read,
    open_world,
    permission = "whisper:model:read",
    title = "Show an Ollama model",
    aggregated = "ollama_show_model",
    untrusted("parameters", "template", "license", "info")
)]
pub(crate) async fn ollama_show_model(whisper: &Whisper, args: OneModel) -> ToolResult<ModelSheet> {
    const TEMPLATE: usize = 2000;
    const LICENSE: usize = 200;
    let name = checked(&args.model_name)?;
    let shown = whisper.ollama.show(name).await?;
    let cut = |text: Option<String>, most: usize| {
        let text = told(text)?;
        let short: String = text.chars().take(most).collect();
        Some(if short.len() < text.len() {
            short + "…"
        } else {
            short
        })
    };
    Ok(ModelSheet {
        name: name.to_owned(),
        format: told(shown.details.format),
        family: told(shown.details.family),
        parameter_size: told(shown.details.parameter_size),
        quantization: told(shown.details.quantization_level),
        capabilities: shown.capabilities.unwrap_or_default(),
        parameters: cut(shown.parameters, TEMPLATE),
        template: cut(shown.template, TEMPLATE),
        license: cut(shown.license, LICENSE),
        info: short_info(&shown.model_info),
        modified_at: shown.modified_at,
    })
}

/// A model that was removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelDeleted {
    /// Its name.
    name: String,
    /// Bytes it took; layers that other models use stay.
    size_bytes: Option<u64>,
}

/// Remove a model from the Ollama host. One that came from a registry can be pulled again.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "whisper:model:delete",
    title = "Delete an Ollama model",
    aggregated = "ollama_delete_model",
    preview = preview_delete,
    targets = model_targets
)]
pub(crate) async fn ollama_delete_model(
    whisper: &Whisper,
    args: OneModel,
) -> ToolResult<ModelDeleted> {
    let name = checked(&args.model_name)?;
    let found = find(whisper, name).await?;
    whisper.ollama.delete(name).await?;
    Ok(ModelDeleted {
        name: found.as_ref().map_or(name, |model| &model.name).to_owned(),
        size_bytes: found.map(|model| model.size),
    })
}

async fn preview_delete(whisper: &Whisper, args: &OneModel) -> ToolResult<Preview> {
    let name = checked(&args.model_name)?;
    let Some(model) = find(whisper, name).await? else {
        return Err(no_model(name));
    };
    let running = whisper.ollama.running().await?;
    let mut impact = Vec::new();
    if running.iter().any(|one| same(&one.name, name)) {
        impact.push("it is in memory: whoever uses it right now is interrupted".to_owned());
    }
    impact.push(
        "it can be pulled again only if it came from a registry and was not changed here"
            .to_owned(),
    );
    Ok(Preview {
        summary: format!("remove the model `{}` ({} bytes)", model.name, model.size),
        changes: Vec::new(),
        impact,
    })
}

pub(super) async fn model_targets(_: &Whisper, args: &OneModel) -> ToolResult<Vec<Target>> {
    Ok(vec![targets::model(checked(&args.model_name)?)])
}

/// The model on disk that a name means.
pub(super) async fn find(whisper: &Whisper, name: &str) -> ToolResult<Option<Model>> {
    let models = whisper.ollama.models().await?;
    Ok(models.into_iter().find(|model| same(&model.name, name)))
}
