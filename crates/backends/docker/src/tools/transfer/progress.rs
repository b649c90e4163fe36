//! How far a transfer is, from what the engine tells line by line.

use std::collections::BTreeMap;
use std::time::Duration;

use homelab_core::call::CallContext;
use tokio::time::Instant;

use crate::client::error::{ApiError, Fault};
use crate::client::{Engine, JsonLines};
use crate::types::TransferLine;

/// Progress is reported no more often than this.
const EVERY: Duration = Duration::from_millis(250);

/// Reads a transfer to its end, reporting how far it is. The last word decides: an error comes inside
/// an answer that began well.
pub(in crate::tools) async fn follow(
    engine: &Engine,
    mut lines: JsonLines,
    operation: &'static str,
    ctx: Option<&CallContext>,
) -> Result<Option<String>, ApiError> {
    let mut layers = Layers::default();
    let mut reported = Instant::now();
    let mut digest = None;
    let fail = |fault| engine.error(fault, operation, false);
    while let Some(line) = lines.next::<TransferLine>().await.map_err(fail)? {
        if let Some(error) = &line.error {
            return Err(fail(Fault::Stream(engine.clean(error))));
        }
        if let Some(found) = line.status.strip_prefix("Digest: ") {
            digest = Some(engine.clean(found));
        }
        if let Some(end) = line.aux.as_ref().filter(|end| !end.digest.is_empty()) {
            digest = Some(engine.clean(&end.digest));
        }
        let more = layers.take(&line);
        if let Some(ctx) = ctx.filter(|_| more && reported.elapsed() >= EVERY) {
            reported = Instant::now();
            layers.report(ctx);
        }
    }
    if let Some(ctx) = ctx {
        layers.report(ctx);
    }
    Ok(digest)
}

/// How far the layers of a transfer are.
#[derive(Debug, Default)]
struct Layers {
    /// Bytes there, and bytes in all.
    bytes: BTreeMap<String, (u64, u64)>,
    done: BTreeMap<String, bool>,
    reported: u64,
}

impl Layers {
    /// Whether something moved on.
    fn take(&mut self, line: &TransferLine) -> bool {
        // Lines about the image as a whole bear its tag.
        let is_layer = line.id.len() == 12 && line.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_layer {
            return false;
        }
        let done = self.done.entry(line.id.clone()).or_default();
        *done |= matches!(
            line.status.as_str(),
            "Pull complete" | "Already exists" | "Layer already exists" | "Pushed"
        ) || line.status.starts_with("Mounted from");
        // Taking apart counts the same bytes a second time.
        if matches!(line.status.as_str(), "Downloading" | "Pushing")
            && let Some(current) = line.progress.current
        {
            let bytes = self.bytes.entry(line.id.clone()).or_default();
            bytes.0 = bytes.0.max(current);
            bytes.1 = bytes.1.max(line.progress.total.unwrap_or(current));
        }
        true
    }

    #[expect(clippy::cast_precision_loss, reason = "progress needs no 53 bits")]
    fn report(&mut self, ctx: &CallContext) {
        let complete = self.done.values().filter(|done| **done).count() as u64;
        let (current, total) = self
            .bytes
            .values()
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        // Layers count too, so that transfers without sizes move on; it never goes back.
        let progress = current + complete;
        if progress > self.reported {
            self.reported = progress;
            let all = total + self.done.len() as u64;
            let text = format!("{complete} of {} layers", self.done.len());
            ctx.progress.report(progress as f64, Some(all as f64), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use homelab_core::call::Progress;
    use serde_json::{Value, json};

    use super::*;

    fn line(value: Value) -> TransferLine {
        serde_json::from_value(value).unwrap()
    }

    /// source: recorded (dockerd 20.10.24, a pull from a local registry), trimmed.
    #[test]
    fn layers_add_up_and_taking_them_apart_does_not_count_twice() {
        let mut layers = Layers::default();

        for value in [
            json!({ "status": "Pulling from lab/busybox", "id": "1" }),
            json!({ "status": "Pulling fs layer", "progressDetail": {}, "id": "2b85e5ab1dfc" }),
            json!({ "status": "Downloading", "progressDetail": { "current": 100, "total": 400 }, "id": "2b85e5ab1dfc" }),
            json!({ "status": "Downloading", "progressDetail": { "current": 400, "total": 400 }, "id": "2b85e5ab1dfc" }),
            json!({ "status": "Extracting", "progressDetail": { "current": 20, "total": 400 }, "id": "2b85e5ab1dfc" }),
            json!({ "status": "Pull complete", "progressDetail": {}, "id": "2b85e5ab1dfc" }),
            json!({ "status": "Digest: sha256:aa" }),
        ] {
            layers.take(&line(value));
        }

        assert_eq!(layers.bytes["2b85e5ab1dfc"], (400, 400));
        assert_eq!(layers.done.len(), 1);
        assert!(layers.done["2b85e5ab1dfc"]);
    }

    #[test]
    fn progress_only_ever_rises() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let progress = Progress::to(move |update| sink.lock().unwrap().push(update.progress));
        let mut layers = Layers::default();
        let mut ctx = crate::tools::tests::context();
        ctx.progress = progress;

        for current in [100, 50, 200] {
            let update = json!({ "status": "Pushing", "progressDetail": { "current": current }, "id": "2b85e5ab1dfc" });
            layers.take(&line(update));
            layers.report(&ctx);
        }

        assert_eq!(*seen.lock().unwrap(), [100.0, 200.0]);
    }
}
