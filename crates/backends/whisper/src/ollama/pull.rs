//! Following a pull: which layers there are, how much of each has come, when to report.

use std::collections::BTreeMap;
use std::time::Duration;

use homelab_core::call::Progress;
use homelab_core::error::{Code, ToolError, ToolResult};
use tokio::time::Instant;

use super::ndjson::Values;
use crate::types::PullLine;

/// Shortest time between two reports: two a second at most.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// What a pull fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pulled {
    /// Layers that were named.
    pub(crate) layers: usize,
    /// Bytes of all layers.
    pub(crate) bytes: u64,
    /// Bytes that were there already: of an earlier pull, or shared with another model.
    pub(crate) already: u64,
}

/// Layers by digest. Several arrive at the same time.
#[derive(Debug, Default)]
struct Layers(BTreeMap<String, Layer>);

#[derive(Debug, Clone, Copy, Default)]
struct Layer {
    total: u64,
    completed: u64,
    /// How much was there when the layer was first named.
    already: u64,
}

impl Layers {
    fn note(&mut self, line: &PullLine) {
        let Some(digest) = &line.digest else { return };
        let completed = line.completed.unwrap_or(0);
        let layer = self.0.entry(digest.clone()).or_insert(Layer {
            total: 0,
            completed: 0,
            already: completed,
        });
        layer.total = line.total.unwrap_or(layer.total);
        // Reports of parallel parts may come out of order; progress must not fall.
        layer.completed = layer.completed.max(completed);
    }

    fn sum(&self, part: impl Fn(&Layer) -> u64) -> u64 {
        self.0
            .values()
            .fold(0_u64, |sum, layer| sum.saturating_add(part(layer)))
    }

    fn pulled(&self) -> Pulled {
        Pulled {
            layers: self.0.len(),
            bytes: self.sum(|layer| layer.total),
            already: self.sum(|layer| layer.already.min(layer.total)),
        }
    }
}

/// Sends reports on, but not more often than [`PAUSE`] allows.
struct Reporter<'a> {
    progress: &'a Progress,
    last: Option<Instant>,
    highest: f64,
}

impl Reporter<'_> {
    fn report(&mut self, layers: &Layers, status: &str, now: Instant) {
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < PAUSE)
        {
            return;
        }
        self.last = Some(now);
        self.send(layers, status);
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes of a download, for a progress bar"
    )]
    fn send(&mut self, layers: &Layers, status: &str) {
        let total = layers.sum(|layer| layer.total);
        let completed = layers.sum(|layer| layer.completed.min(layer.total)) as f64;
        // A client may refuse a value that does not rise.
        self.highest = if completed > self.highest {
            completed
        } else {
            self.highest + 1.0
        };
        // A layer that is named later raises the total; better none than one that lies.
        let total = (total as f64 >= self.highest && total > 0).then_some(total as f64);
        self.progress
            .report(self.highest, total, Some(status.to_owned()));
    }
}

/// Reads a pull to its end.
///
/// # Errors
/// `pull_failed` with what Ollama says, `pull_cut` when the stream ended without `success`; and
/// those of the stream.
pub(super) async fn follow(
    mut values: Values,
    model: &str,
    progress: &Progress,
) -> ToolResult<Pulled> {
    let mut layers = Layers::default();
    let mut reporter = Reporter {
        progress,
        last: None,
        highest: 0.0,
    };
    while let Some(line) = values.next::<PullLine>().await.map_err(resumable)? {
        if let Some(error) = &line.error {
            return Err(failed(model, &values.clean(error)));
        }
        layers.note(&line);
        let status = values.clean(line.status.as_deref().unwrap_or_default());
        reporter.report(&layers, &status, Instant::now());
        if status == "success" {
            return Ok(layers.pulled());
        }
    }
    Err(ToolError::new(
        Code::UpstreamRejected,
        format!("the pull of `{model}` ended without success"),
    )
    .reason("pull_cut")
    .hint("pull it again: finished parts are kept")
    .retryable(true))
}

fn failed(model: &str, text: &str) -> ToolError {
    ToolError::new(
        Code::UpstreamRejected,
        format!("the pull of `{model}` failed: {text}"),
    )
    .reason("pull_failed")
    .hint("check the name, the way to the registry and the free disk space of the Ollama host, then pull again: finished parts are kept")
}

/// Pulling again goes on where the last one stopped, so a lost stream is worth a repetition.
fn resumable(error: ToolError) -> ToolError {
    match error.code() {
        Code::Timeout | Code::UpstreamRejected | Code::UpstreamUnreachable => error
            .hint("pull it again: finished parts are kept")
            .retryable(true),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn line(digest: &str, total: u64, completed: Option<u64>) -> PullLine {
        PullLine {
            status: Some(format!("pulling {digest}")),
            digest: Some(digest.to_owned()),
            total: Some(total),
            completed,
            error: None,
        }
    }

    #[test]
    fn layers_that_arrive_together_are_summed_and_never_fall() {
        let mut layers = Layers::default();
        for line in [
            line("a", 100, None),
            line("b", 50, Some(50)),
            line("a", 100, Some(60)),
            line("a", 100, Some(40)),
        ] {
            layers.note(&line);
        }

        assert_eq!(layers.sum(|layer| layer.completed), 110);
        let pulled = layers.pulled();
        assert_eq!((pulled.layers, pulled.bytes, pulled.already), (2, 150, 50));
    }

    #[test]
    fn reports_come_at_most_twice_a_second_and_rise() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let progress = Progress::to(move |update| sink.lock().unwrap().push(update.progress));
        let mut reporter = Reporter {
            progress: &progress,
            last: None,
            highest: 0.0,
        };
        let mut layers = Layers::default();
        let start = Instant::now();

        for step in 0..100_u64 {
            layers.note(&line("a", 1000, Some(step)));
            reporter.report(
                &layers,
                "pulling a",
                start + Duration::from_millis(step * 20),
            );
        }

        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 4);
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    }
}
