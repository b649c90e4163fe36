//! Text, chats and vectors: made up, but always the same for the same question.

use axum::body::Body;
use axum::http::Response;
use serde_json::{Map, Value, json};

use super::pull::lines;
use super::routes::{answer, error, flag, not_found, text};
use super::state::State;
use crate::model::{Saying, Vectors, vector};
use crate::shared::Shared;

/// Numbers of a vector where nobody asks for another count.
const DIMENSIONS: usize = 768;

/// Where the words of an answer go.
#[derive(Clone, Copy)]
enum Shape {
    Generate,
    Chat,
}

impl Shape {
    /// An event of a stream, or an answer of its own.
    fn event(self, model: &str, now: &str, words: &str) -> Value {
        let mut event = json!({ "model": model, "created_at": now });
        match self {
            Self::Generate => event["response"] = json!(words),
            Self::Chat => event["message"] = json!({ "role": "assistant", "content": words }),
        }
        event["done"] = json!(false);
        event
    }
}

pub(super) fn generate(state: &Shared<State>, args: &Map<String, Value>) -> Response<Body> {
    let prompt = text(args, "prompt");
    respond(state, args, Shape::Generate, prompt)
}

pub(super) fn chat(state: &Shared<State>, args: &Map<String, Value>) -> Response<Body> {
    let messages = args.get("messages").and_then(Value::as_array);
    let last = messages.and_then(|messages| messages.last());
    let prompt = last
        .and_then(|message| message.get("content"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let planned = state.lock().sayings.pop_front();
    match planned {
        Some(saying) => said(
            text(args, "model"),
            &state.lock().now().to_rfc3339(),
            &saying,
        ),
        None => respond(state, args, Shape::Chat, prompt),
    }
}

/// An answer that a test planned, never as a stream.
fn said(model: &str, now: &str, saying: &Saying) -> Response<Body> {
    let mut event = Shape::Chat.event(model, now, &saying.text());
    event["done"] = json!(true);
    event["done_reason"] = json!(if matches!(saying, Saying::Cut) {
        "length"
    } else {
        "stop"
    });
    answer(&event)
}

fn respond(
    state: &Shared<State>,
    args: &Map<String, Value>,
    shape: Shape,
    prompt: &str,
) -> Response<Body> {
    let name = text(args, "model");
    if name.is_empty() {
        return error(400, "model is required");
    }
    let (model, seconds, now, chunks) = {
        let mut state = state.lock();
        let Some(model) = state.get(name).cloned() else {
            return not_found(name);
        };
        let seconds = match args.get("keep_alive").map(seconds) {
            Some(Err(wrong)) => return error(400, &wrong),
            Some(Ok(seconds)) => Some(seconds),
            None => None,
        };
        if !model.capabilities.iter().any(|able| able == "completion") && !prompt.is_empty() {
            return error(400, &format!("{name:?} does not support generate"));
        }
        state.keep_alive(name, seconds);
        (model, seconds, state.now().to_rfc3339(), state.chunks)
    };
    let finish = |words: &str, reason: &str| {
        let mut event = shape.event(&model.name, &now, words);
        event["done"] = json!(true);
        event["done_reason"] = json!(reason);
        event
    };
    if prompt.is_empty() {
        let unloads = seconds == Some(0);
        return answer(&finish("", if unloads { "unload" } else { "load" }));
    }
    let words = [
        format!("{} ", model.name),
        "grüßt: ".to_owned(),
        prompt.to_owned(),
    ];
    let counted = |mut event: Value| {
        let numbers = [
            ("total_duration", 1_250_000_000_u64),
            ("load_duration", 250_000_000),
            (
                "prompt_eval_count",
                prompt.split_whitespace().count() as u64,
            ),
            ("prompt_eval_duration", 200_000_000),
            ("eval_count", words.len() as u64),
            ("eval_duration", 800_000_000),
        ];
        for (name, number) in numbers {
            event[name] = json!(number);
        }
        event
    };
    if flag(args, "stream") == Some(false) {
        return answer(&counted(finish(&words.concat(), "stop")));
    }
    let mut events: Vec<Value> = words
        .iter()
        .map(|words| shape.event(&model.name, &now, words))
        .collect();
    events.push(counted(finish("", "stop")));
    lines(state, events, chunks)
}

/// Seconds of `keep_alive`: a number, or text such as `5m` or `1h30m`.
fn seconds(value: &Value) -> Result<i64, String> {
    if let Some(number) = value.as_i64() {
        return Ok(number);
    }
    let text = value.as_str().unwrap_or_default();
    let wrong = || format!("time: invalid duration {text:?}");
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (mut sum, mut number) = (0_i64, String::new());
    for c in rest.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err(wrong()),
        };
        let count: i64 = std::mem::take(&mut number).parse().map_err(|_| wrong())?;
        sum += count * unit;
    }
    if !number.is_empty() || (sum == 0 && rest.is_empty()) {
        return Err(wrong());
    }
    Ok(sign * sum)
}

pub(super) fn embed(state: &Shared<State>, args: &Map<String, Value>) -> Response<Body> {
    let name = text(args, "model");
    let model = {
        let mut state = state.lock();
        let Some(model) = state.get(name).cloned() else {
            return not_found(name);
        };
        let seconds = match args.get("keep_alive").map(seconds).transpose() {
            Ok(seconds) => seconds,
            Err(wrong) => return error(400, &wrong),
        };
        state.keep_alive(name, seconds);
        model
    };
    if !model.capabilities.iter().any(|able| able == "embedding") {
        return error(400, "this model does not support embeddings");
    }
    let inputs: Vec<&str> = match args.get("input") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => return error(400, "invalid input type"),
    };
    let asked = args.get("dimensions").and_then(Value::as_u64);
    let dimensions = asked
        .and_then(|count| usize::try_from(count).ok())
        .map_or(DIMENSIONS, |count| count.min(DIMENSIONS));
    let tokens: usize = inputs
        .iter()
        .map(|text| text.split_whitespace().count())
        .sum();
    let shape = state.lock().vectors;
    let dimensions = shape.dimensions().unwrap_or(dimensions);
    let mut vectors: Vec<Vec<f64>> = inputs.iter().map(|text| vector(text, dimensions)).collect();
    if shape == Vectors::OneMissing {
        vectors.pop();
    }
    answer(&json!({
        "model": model.name,
        "embeddings": vectors,
        "total_duration": 14_143_917,
        "load_duration": 1_019_500,
        "prompt_eval_count": tokens,
    }))
}
