//! The update of the lists: what it does comes as text, and whether it went well stands after the
//! end of the answer, where no client of HTTP looks.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Response, header};
use axum::response::IntoResponse as _;
use futures_util::stream;
use serde_json::json;

use super::state::{List, State};
use crate::listen::Wire;
use crate::shared::Shared;

/// How the next updates of the lists go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GravityPlan {
    /// Addresses that do not answer: a list that was fetched before keeps what it had.
    pub unavailable: Vec<String>,
    /// Whether it fails as a whole and leaves everything as it was. The status is 200 all the same.
    pub fails: bool,
    /// Waits so long before each line.
    pub pause: Duration,
    /// Breaks the connection after so many lines; what was begun goes on to its end.
    pub breaks_after: Option<usize>,
}

const TICK: &str = "\u{1b}[32m✓\u{1b}[0m";
const CROSS: &str = "\u{1b}[31m✗\u{1b}[0m";

/// The answer to `POST /action/gravity`.
pub(super) fn stream(shared: &Shared<State>, wire: &Wire, color: bool) -> Response<Body> {
    let (plan, lines) = {
        let mut state = shared.lock();
        state.gravity.started += 1;
        state.gravity.now += 1;
        state.gravity.most = state.gravity.most.max(state.gravity.now);
        let plan = state.plan.clone();
        let lines = lines(&state, &plan, color);
        (plan, lines)
    };
    let sending = Sending {
        shared: shared.clone(),
        wire: wire.clone(),
        chunks: chunks(&lines),
        next: 0,
        plan,
        done: false,
    };
    let body = Body::from_stream(stream::unfold(sending, |mut sending| async move {
        let chunk = sending.next().await?;
        Some((chunk, sending))
    }));
    ([(header::CONTENT_TYPE, "text/plain")], body).into_response()
}

/// An update that goes on. It comes to its end even if nobody listens.
struct Sending {
    shared: Shared<State>,
    wire: Wire,
    chunks: Vec<Bytes>,
    next: usize,
    plan: GravityPlan,
    done: bool,
}

impl Sending {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.plan.breaks_after == Some(self.next) {
            // The server flushes what it has only while the body makes it wait.
            tokio::task::yield_now().await;
            return Some(Err(io::Error::other("broken on purpose")));
        }
        if !self.plan.pause.is_zero() {
            tokio::time::sleep(self.plan.pause).await;
        }
        let Some(chunk) = self.chunks.get(self.next) else {
            self.end();
            let result = if self.plan.fails {
                let error =
                    json!({ "key": "server_error", "message": "Gravity failed", "hint": null });
                json!({ "error": error, "took": 2.1 })
            } else {
                json!({ "status": "success", "took": 2.1 })
            };
            self.wire.append(result.to_string().into_bytes());
            return None;
        };
        self.next += 1;
        Some(Ok(chunk.clone()))
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let mut state = self.shared.lock();
        state.gravity.now = state.gravity.now.saturating_sub(1);
        if !self.plan.fails {
            state.update_lists(&self.plan);
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn update_lists(&mut self, plan: &GravityPlan) {
        let now = self.now();
        for list in self.lists.iter_mut().filter(|list| list.enabled) {
            if plan.unavailable.contains(&list.address) {
                list.status = if list.number > 0 { 3 } else { 4 };
                continue;
            }
            let held = list.held();
            list.status = if list.number == held { 2 } else { 1 };
            list.number = held;
            list.updated = now;
        }
        self.gravity_updated = now;
    }
}

impl List {
    /// How many domains lie at its address.
    pub(super) fn held(&self) -> i64 {
        i64::try_from(self.content.len()).unwrap_or(i64::MAX) + self.more
    }
}

fn lines(state: &State, plan: &GravityPlan, color: bool) -> Vec<String> {
    let mark = |mark: &str| {
        if color {
            mark.to_owned()
        } else {
            mark.chars()
                .filter(|sign| matches!(sign, '✓' | '✗'))
                .collect()
        }
    };
    let (tick, cross) = (mark(TICK), mark(CROSS));
    let mut lines = vec![
        format!("  [{tick}] DNS resolution is available"),
        String::new(),
        "  [i] Neutrino emissions detected...".to_owned(),
        String::new(),
        format!("  [{tick}] Pulling blocklist source list into range"),
    ];
    if plan.fails {
        lines.push(format!(
            "  [{cross}] Unable to build gravity tree in /etc/pihole/gravity.db"
        ));
        lines.push("  Error: disk I/O error".to_owned());
        return lines;
    }
    for list in state.lists.iter().filter(|list| list.enabled) {
        lines.push(format!("  [i] Target: {}", list.address));
        if plan.unavailable.contains(&list.address) {
            lines.push(format!("  [{cross}] Status: Not found"));
            lines.push(if list.number > 0 {
                format!("  [{cross}] List download failed: using previously cached list")
            } else {
                format!("  [{cross}] List download failed: no cached list available")
            });
            continue;
        }
        let held = list.held();
        if list.number == held {
            lines.push(format!("  [{tick}] Status: No changes detected"));
        } else {
            lines.push(format!("  [{tick}] Status: Retrieval successful"));
        }
        lines.push(format!(
            "  [{tick}] Parsed {held} exact domains and 0 ABP-style domains"
        ));
    }
    lines.push(format!("  [{tick}] Building tree"));
    lines.push(format!("  [{tick}] Done."));
    lines
}

/// The lines as they come: the first is cut within its sign, for a read ends anywhere.
fn chunks(lines: &[String]) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    for line in lines {
        let text = format!("{line}\n").into_bytes();
        let cut = text.iter().position(|byte| *byte >= 0x80);
        match cut {
            Some(cut) if chunks.is_empty() => {
                let (first, rest) = text.split_at(cut + 1);
                chunks.push(Bytes::copy_from_slice(first));
                chunks.push(Bytes::copy_from_slice(rest));
            }
            _ => chunks.push(Bytes::from(text)),
        }
    }
    chunks
}
