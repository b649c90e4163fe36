//! Asking a model.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Whisper;
use crate::ollama::{Prompt, checked};

/// Bytes of text that are returned.
const MOST_BYTES: usize = 64 * 1024;
const NANOSECONDS_IN_MILLISECOND: u64 = 1_000_000;

/// What to ask whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generate {
    /// Name of the model, such as `llama3.2:3b`.
    #[schemars(length(min = 1, max = 255))]
    model_name: String,
    /// The prompt.
    #[schemars(length(min = 1, max = 65_536))]
    prompt: String,
    /// What the model is to be.
    #[schemars(length(min = 1, max = 16_384))]
    system: Option<String>,
    /// Most tokens of the answer.
    #[schemars(range(min = 1, max = 8192))]
    #[serde(default = "tokens")]
    max_tokens: u32,
    /// From 0, always the likeliest word, to 2; default: the model's own.
    #[schemars(range(min = 0.0, max = 2.0))]
    temperature: Option<f64>,
}

const fn tokens() -> u32 {
    512
}

/// What a model wrote.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Generation {
    /// Who wrote it.
    model: String,
    /// The text.
    response: String,
    /// Whether only its beginning is here.
    truncated: bool,
    /// Why it ended: `stop`, or `length` where `max_tokens` cut it off.
    done_reason: Option<String>,
    /// Tokens of the prompt.
    prompt_tokens: Option<u64>,
    /// Tokens of the answer.
    response_tokens: Option<u64>,
    /// Tokens of the answer per second.
    tokens_per_second: Option<f64>,
    /// How long it took to load the model.
    load_ms: Option<u64>,
    /// How long it took in all.
    total_ms: Option<u64>,
}

/// Ask a model on the Ollama host for a completion and return its text with timings; loads the model into memory if need be.
#[tool(
    write,
    open_world,
    permission = "whisper:model:generate",
    title = "Generate with Ollama",
    aggregated = "ollama_generate",
    timeout = 600,
    untrusted("response")
)]
pub(crate) async fn ollama_generate(
    whisper: &Whisper,
    args: Generate,
    ctx: &CallContext,
) -> ToolResult<Generation> {
    let model = checked(&args.model_name)?.to_owned();
    let prompt = Prompt {
        model: model.clone(),
        text: args.prompt,
        system: args.system,
        most_tokens: args.max_tokens,
        temperature: args.temperature,
        most_bytes: MOST_BYTES,
    };
    let generated = whisper.ollama.generate(&prompt, ctx).await?;
    let end = generated.end;
    let milliseconds = |nanoseconds: u64| nanoseconds / NANOSECONDS_IN_MILLISECOND;
    Ok(Generation {
        model,
        response: generated.text,
        truncated: generated.truncated,
        prompt_tokens: end.prompt_eval_count,
        response_tokens: end.eval_count,
        tokens_per_second: rate(end.eval_count, end.eval_duration),
        load_ms: end.load_duration.map(milliseconds),
        total_ms: end.total_duration.map(milliseconds),
        done_reason: end.done_reason,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate with one digit behind the point"
)]
fn rate(tokens: Option<u64>, nanoseconds: Option<u64>) -> Option<f64> {
    let nanoseconds = nanoseconds.filter(|time| *time > 0)?;
    let rate = tokens? as f64 / (nanoseconds as f64 / 1e9);
    Some((rate * 10.0).round() / 10.0)
}
