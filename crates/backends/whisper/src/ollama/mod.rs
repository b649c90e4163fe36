//! The client of Ollama's API: one method for each endpoint.

mod name;
mod ndjson;
mod pull;

use std::collections::BTreeMap;
use std::time::Duration;

use homelab_backend::Env;
use homelab_core::call::{CallContext, Progress};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{
    Client, ClientConfig, Fault, HeaderName, Method, Overflow, Request, UpstreamError,
};
use serde_json::{Value, json};
use tokio::time::Instant;

pub(crate) use name::{checked, same};
pub(crate) use pull::Pulled;

use crate::config::OllamaConfig;
use crate::types::{GenerateLine, Loaded, Model, Running, Shown, Tags, Version};
use ndjson::Values;
use pull::PAUSE;

/// Longest silence within a stream. Ollama reports each layer several times a second; a model may
/// think for a while before its first word.
const SILENCE: Duration = Duration::from_mins(1);
/// Time until a stream begins: loading a large model from a slow disk takes minutes.
const BEGIN: Duration = Duration::from_mins(5);
/// Most bytes of a pull's reports: two hours of them stay far below.
const MOST_REPORTS: usize = 256 * 1024 * 1024;
/// Most bytes of a generation's lines.
const MOST_WORDS: usize = 16 * 1024 * 1024;

/// Ollama at its address.
pub(crate) struct Ollama {
    client: Client,
    env: Env,
    token: Option<SecretRef>,
    headers: Vec<(HeaderName, SecretRef)>,
}

/// What a generation is asked with.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) model: String,
    pub(crate) text: String,
    pub(crate) system: Option<String>,
    pub(crate) most_tokens: u32,
    pub(crate) temperature: Option<f64>,
    /// How many bytes of text are kept.
    pub(crate) most_bytes: usize,
}

/// What came of a generation.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) text: String,
    pub(crate) truncated: bool,
    /// The last line, with the figures.
    pub(crate) end: GenerateLine,
}

impl Ollama {
    pub(crate) fn new(instance: &str, config: &OllamaConfig, env: &Env) -> ToolResult<Self> {
        let client = env.client(ClientConfig {
            settings: format!("servers.{instance}.ollama"),
            base_url: Some(config.base_url()?),
            tls: config.tls.clone(),
            ..ClientConfig::new(instance)
        })?;
        Ok(Self {
            client,
            env: env.clone(),
            token: config.token.clone(),
            headers: config.header_names()?,
        })
    }

    /// `GET /api/version`.
    pub(crate) async fn version(&self) -> ToolResult<String> {
        let request = Request::get("ollama_version", "/api/version", &[]).retries(0);
        let answer = self.client.send(self.signed(request).await?).await?;
        Ok(answer.json::<Version>()?.version)
    }

    /// `GET /api/tags`: the models on disk, by name.
    pub(crate) async fn models(&self) -> ToolResult<Vec<Model>> {
        let request = Request::get("ollama_tags", "/api/tags", &[]);
        let answer = self.client.send(self.signed(request).await?).await?;
        let mut models = answer.json::<Tags>()?.models.unwrap_or_default();
        models.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(models)
    }

    /// `GET /api/ps`: the models in memory, by name.
    pub(crate) async fn running(&self) -> ToolResult<Vec<Loaded>> {
        let request = Request::get("ollama_ps", "/api/ps", &[]);
        let answer = self.client.send(self.signed(request).await?).await?;
        let mut models = answer.json::<Running>()?.models.unwrap_or_default();
        models.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(models)
    }

    /// `POST /api/show`.
    pub(crate) async fn show(&self, model: &str) -> ToolResult<Shown> {
        let request = Request::post("ollama_show", "/api/show", &[])
            .json(&json!({ "model": model }))
            .idempotent();
        let answer = self.client.send(self.signed(request).await?).await?;
        match answer.found()? {
            Some(answer) => Ok(answer.json()?),
            None => Err(no_model(model)),
        }
    }

    /// `DELETE /api/delete`.
    pub(crate) async fn delete(&self, model: &str) -> ToolResult<()> {
        let request = Request::new("ollama_delete", Method::DELETE, "/api/delete", &[])
            .json(&json!({ "model": model }));
        let answer = self.client.send(self.signed(request).await?).await?;
        answer.found()?.map(drop).ok_or_else(|| no_model(model))
    }

    /// `POST /api/pull`, followed to its end. Ending the call closes the connection, and that ends
    /// the pull; what has arrived is kept by Ollama.
    pub(crate) async fn pull(&self, model: &str, ctx: &CallContext) -> ToolResult<Pulled> {
        let request = Request::post("ollama_pull", "/api/pull", &[])
            .json(&json!({ "model": model, "stream": true }))
            .timeout(BEGIN)
            .max_body(MOST_REPORTS, Overflow::Fail);
        let request = self.signed(request).await?;
        let pulling = async {
            let stream = self.client.stream(request, SILENCE).await;
            let stream = stream.map_err(|error| pull_refused(model, error))?;
            pull::follow(Values::of(stream), model, &ctx.progress).await
        };
        until_cancelled(ctx, pulling).await
    }

    /// `POST /api/generate`, read while it is written.
    pub(crate) async fn generate(
        &self,
        prompt: &Prompt,
        ctx: &CallContext,
    ) -> ToolResult<Generated> {
        let mut body = json!({
            "model": prompt.model,
            "prompt": prompt.text,
            "stream": true,
            "options": { "num_predict": prompt.most_tokens },
        });
        if let Some(system) = &prompt.system {
            body["system"] = system.as_str().into();
        }
        if let Some(temperature) = prompt.temperature {
            body["options"]["temperature"] = temperature.into();
        }
        let request = Request::post("ollama_generate", "/api/generate", &[])
            .json(&body)
            .timeout(BEGIN)
            .max_body(MOST_WORDS, Overflow::Fail);
        let request = self.signed(request).await?;
        let writing = async {
            let stream = self.client.stream(request, SILENCE).await;
            let stream = stream.map_err(|error| match error.status() {
                Some(404) => no_model(&prompt.model),
                _ => error.into(),
            })?;
            collect(Values::of(stream), prompt, &ctx.progress).await
        };
        until_cancelled(ctx, writing).await
    }

    /// The request with what the configuration adds to each.
    async fn signed(&self, mut request: Request) -> ToolResult<Request> {
        if let Some(token) = &self.token {
            request = request.bearer(&self.env.secret(token).await?);
        }
        for (name, value) in &self.headers {
            request = request.secret_header(name.clone(), &self.env.secret(value).await?);
        }
        Ok(request)
    }
}

/// Joins the pieces of a text until the line that ends it.
async fn collect(
    mut values: Values,
    prompt: &Prompt,
    progress: &Progress,
) -> ToolResult<Generated> {
    let (mut text, mut truncated) = (String::new(), false);
    let mut pieces = 0_u32;
    let mut reported = Instant::now();
    while let Some(line) = values.next::<GenerateLine>().await? {
        if let Some(error) = &line.error {
            let said = values.clean(error);
            return Err(ToolError::new(
                Code::UpstreamRejected,
                format!("`{}` could not answer: {said}", prompt.model),
            )
            .reason("generation_failed")
            .hint("see the log of Ollama; the model may need more memory than there is"));
        }
        let room = prompt.most_bytes.saturating_sub(text.len());
        let end = line.response.floor_char_boundary(room);
        truncated |= end < line.response.len();
        text.push_str(line.response.get(..end).unwrap_or_default());
        pieces += 1;
        // A report for each piece would be dozens a second.
        if reported.elapsed() >= PAUSE {
            reported = Instant::now();
            progress.report(f64::from(pieces), None, None);
        }
        if line.done {
            return Ok(Generated {
                text,
                truncated,
                end: line,
            });
        }
    }
    Err(ToolError::new(
        Code::UpstreamRejected,
        format!("the answer of `{}` ended early", prompt.model),
    )
    .reason("generation_cut")
    .hint("ask again; see the log of Ollama")
    .retryable(true))
}

/// Ends when the caller has gone; dropping the future closes the connection.
async fn until_cancelled<T>(
    ctx: &CallContext,
    work: impl Future<Output = ToolResult<T>>,
) -> ToolResult<T> {
    tokio::select! {
        done = work => done,
        () = ctx.cancel.cancelled() => Err(ToolError::new(
            Code::Timeout,
            "the call was cancelled",
        )
        .reason("cancelled")),
    }
}

/// Why a pull did not begin. Ollama answers 500 for a model that no registry has.
fn pull_refused(model: &str, error: UpstreamError) -> ToolError {
    let unknown = match error.fault() {
        Fault::Status(fault) => fault
            .detail
            .as_deref()
            .is_some_and(|text| text.contains("file does not exist")),
        _ => false,
    };
    if unknown || error.status() == Some(404) {
        return ToolError::not_found(format!("the registry has no model `{model}`"))
            .reason("model_unknown")
            .hint("look the name and its tags up in the Ollama library");
    }
    error.into()
}

/// A model that is not on the host.
pub(crate) fn no_model(model: &str) -> ToolError {
    ToolError::not_found(format!("there is no model `{model}` on the Ollama host"))
        .reason("model_not_found")
        .hint(
            "call `ollama_list_models` to see those there are, or `ollama_pull_model` to fetch it",
        )
}

/// The members of `model_info` worth reading: neither the tokenizer's lists nor the long templates.
pub(crate) fn short_info(info: &serde_json::Map<String, Value>) -> BTreeMap<String, Value> {
    const MOST: usize = 40;
    const LONGEST: usize = 200;
    info.iter()
        .filter(|(name, value)| {
            let short = match value {
                Value::Number(_) | Value::Bool(_) => true,
                Value::String(text) => text.len() <= LONGEST,
                _ => false,
            };
            short && !name.starts_with("tokenizer.")
        })
        .take(MOST)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
