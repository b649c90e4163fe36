//! Pulls: a stream of lines, and the ways it can go wrong.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Response, header};
use axum::response::IntoResponse as _;
use futures_util::stream;
use serde_json::{Value, json};

use super::models::Model;
use super::state::State;
use crate::shared::Shared;

/// Progress lines per layer; a small layer comes in one.
const STEPS: u64 = 4;

/// Below this a layer comes in one.
const SMALL: u64 = 1 << 20;

/// How the next pulls go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullPlan {
    /// How the lines are cut into chunks.
    pub chunks: Chunks,
    /// How it ends.
    pub ending: Ending,
    /// Time before each line.
    pub pause: Duration,
    /// One more line with this status after the first.
    pub extra_status: Option<String>,
}

/// How a stream is cut into chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Chunks {
    /// A line each.
    #[default]
    Lines,
    /// So many bytes each, whatever they cut: lines, and characters of several bytes.
    Bytes(usize),
    /// All in one.
    Whole,
}

/// How a pull ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Ending {
    /// With `success`, and the model installed.
    #[default]
    Success,
    /// With this status and error before the first line.
    Refused(u16, String),
    /// With an error line in place of the line of this number.
    ErrorLine {
        /// Lines before it.
        after: usize,
        /// What it says.
        error: String,
    },
    /// After so many lines, orderly but without a word.
    EndOfStream {
        /// Lines before it.
        after: usize,
    },
    /// After so many lines the connection breaks.
    Broken {
        /// Lines before it.
        after: usize,
    },
    /// After so many lines nothing comes any more.
    Silence {
        /// Lines before it.
        after: usize,
    },
}

/// One line, and what is true once it is sent.
struct Step {
    line: Value,
    effect: Effect,
}

enum Effect {
    None,
    Have(String, u64),
    Install(Box<Model>),
    Break,
    Silence,
}

/// Lines of a stream with what they do, cut as asked for.
pub(super) fn answer(state: &Shared<State>, model: Model, plan: &PullPlan) -> Response<Body> {
    let steps = until_the_end(steps(&state.lock(), model, plan), &plan.ending);
    stream_of(state.clone(), steps, plan.chunks, plan.pause)
}

/// A pull without a stream: only its end is told. The error, if it has one.
pub(super) fn at_once(state: &Shared<State>, model: Model, plan: &PullPlan) -> Result<(), String> {
    let mut state = state.lock();
    for step in until_the_end(steps(&state, model, plan), &plan.ending) {
        if let Some(error) = step.line.get("error") {
            return Err(error.as_str().unwrap_or_default().to_owned());
        }
        match step.effect {
            Effect::Have(digest, completed) => state.progress(&digest, completed),
            Effect::Install(model) => {
                state.install(*model);
                return Ok(());
            }
            Effect::None | Effect::Break | Effect::Silence => {}
        }
    }
    Err("unexpected EOF".to_owned())
}

fn status(text: &str) -> Step {
    Step {
        line: json!({ "status": text }),
        effect: Effect::None,
    }
}

fn steps(state: &State, model: Model, plan: &PullPlan) -> Vec<Step> {
    let mut steps = vec![status("pulling manifest")];
    steps.extend(plan.extra_status.as_deref().map(status));
    // Layers come side by side: one line of each, in turn.
    let mut layers: Vec<VecDeque<Step>> = model
        .blobs()
        .iter()
        .map(|(digest, size)| layer(digest, *size, state.completed(digest)))
        .collect();
    while layers.iter().any(|layer| !layer.is_empty()) {
        steps.extend(layers.iter_mut().filter_map(VecDeque::pop_front));
    }
    steps.push(status("verifying sha256 digest"));
    steps.push(status("writing manifest"));
    steps.push(status("removing unused layers"));
    steps.push(Step {
        effect: Effect::Install(Box::new(model)),
        ..status("success")
    });
    steps
}

/// A layer's lines, from what is already here.
fn layer(digest: &str, total: u64, here: u64) -> VecDeque<Step> {
    let short: String = digest.chars().skip("sha256:".len()).take(12).collect();
    let line = |completed: u64| {
        let mut line =
            json!({ "status": format!("pulling {short}"), "digest": digest, "total": total });
        // Absent while nothing is here.
        if completed > 0 {
            line["completed"] = json!(completed);
        }
        Step {
            line,
            effect: Effect::Have(digest.to_owned(), completed),
        }
    };
    let parts = if total < SMALL { 1 } else { STEPS };
    let stops = (1..=parts).map(|n| total / parts * n + if n == parts { total % parts } else { 0 });
    std::iter::once(here)
        .chain(stops.filter(|stop| *stop > here))
        .map(line)
        .collect()
}

fn until_the_end(mut steps: Vec<Step>, ending: &Ending) -> Vec<Step> {
    let last = |line: Value, effect: Effect| vec![Step { line, effect }];
    let (after, more) = match ending {
        Ending::Success | Ending::Refused(..) => return steps,
        Ending::ErrorLine { after, error } => {
            (after, last(json!({ "error": error }), Effect::None))
        }
        Ending::EndOfStream { after } => (after, Vec::new()),
        Ending::Broken { after } => (after, last(Value::Null, Effect::Break)),
        Ending::Silence { after } => (after, last(Value::Null, Effect::Silence)),
    };
    // The line of success never comes, however late the end is.
    steps.truncate((*after).min(steps.len() - 1));
    steps.extend(more);
    steps
}

/// A stream of lines that change nothing.
pub(super) fn lines(state: &Shared<State>, lines: Vec<Value>, chunks: Chunks) -> Response<Body> {
    let steps = lines.into_iter().map(|line| Step {
        line,
        effect: Effect::None,
    });
    stream_of(state.clone(), steps.collect(), chunks, Duration::ZERO)
}

struct Sending {
    state: Shared<State>,
    steps: VecDeque<Step>,
    chunks: Chunks,
    pause: Duration,
    /// Bytes that are to go before the next line.
    waiting: Vec<u8>,
}

fn stream_of(
    state: Shared<State>,
    steps: Vec<Step>,
    chunks: Chunks,
    pause: Duration,
) -> Response<Body> {
    let sending = Sending {
        state,
        steps: steps.into(),
        chunks,
        pause,
        waiting: Vec::new(),
    };
    let body = Body::from_stream(stream::unfold(sending, |mut sending| async move {
        let chunk = sending.next().await?;
        Some((chunk, sending))
    }));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

impl Sending {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        // The server flushes what it has only while the body makes it wait.
        tokio::task::yield_now().await;
        loop {
            let enough = match self.chunks {
                Chunks::Lines => 1,
                Chunks::Bytes(size) => size.max(1),
                Chunks::Whole => usize::MAX,
            };
            if self.waiting.len() >= enough {
                return Some(Ok(self.take()));
            }
            let Some(step) = self.steps.pop_front() else {
                return (!self.waiting.is_empty()).then(|| Ok(self.take()));
            };
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
            match step.effect {
                Effect::None => {}
                Effect::Have(digest, completed) => self.state.lock().progress(&digest, completed),
                Effect::Install(model) => self.state.lock().install(*model),
                Effect::Break if self.waiting.is_empty() => {
                    return Some(Err(io::Error::other("broken on purpose")));
                }
                Effect::Silence if self.waiting.is_empty() => std::future::pending().await,
                last @ (Effect::Break | Effect::Silence) => {
                    let line = Value::Null;
                    self.steps.push_front(Step { line, effect: last });
                    return Some(Ok(self.take()));
                }
            }
            self.waiting.extend(step.line.to_string().into_bytes());
            self.waiting.push(b'\n');
        }
    }

    fn take(&mut self) -> Bytes {
        let size = match self.chunks {
            Chunks::Bytes(size) => size.max(1).min(self.waiting.len()),
            Chunks::Lines | Chunks::Whole => self.waiting.len(),
        };
        let rest = self.waiting.split_off(size);
        std::mem::replace(&mut self.waiting, rest).into()
    }
}
