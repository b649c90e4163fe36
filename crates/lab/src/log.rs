//! What an upstream was asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;

/// One request as it came in, and how it was answered.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Upper-case method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query as it was sent.
    pub query: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, at most 1 MiB of it.
    pub body: Vec<u8>,
    /// The answer's status.
    pub status: u16,
    /// Whether the contract table knows the request.
    pub expected: bool,
}

/// The requests of one upstream, oldest first; clones share it.
#[derive(Debug, Clone, Default)]
pub struct RequestLog(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    requests: Vec<Recorded>,
    at_once: usize,
    most_at_once: usize,
}

impl RequestLog {
    /// Everything so far.
    pub fn all(&self) -> Vec<Recorded> {
        self.lock().requests.clone()
    }

    /// The requests so far as `METHOD path`.
    pub fn lines(&self) -> Vec<String> {
        let line = |request: &Recorded| format!("{} {}", request.method, request.path);
        self.lock().requests.iter().map(line).collect()
    }

    /// Requests that no contract table knows, as `METHOD path`; a test ends by asserting that there
    /// are none.
    pub fn unexpected(&self) -> Vec<String> {
        self.lock()
            .requests
            .iter()
            .filter(|request| !request.expected)
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// Forgets everything so far.
    pub fn clear(&self) {
        self.lock().requests.clear();
    }

    /// How many requests were being answered at one time, at most.
    pub fn most_at_once(&self) -> usize {
        self.lock().most_at_once
    }

    /// Notes that a request is being answered, for as long as what this returns lives.
    pub(crate) fn begin(&self) -> InFlight {
        let mut kept = self.lock();
        kept.at_once += 1;
        kept.most_at_once = kept.most_at_once.max(kept.at_once);
        InFlight(self.clone())
    }

    pub(crate) fn push(&self, request: Recorded) {
        self.lock().requests.push(request);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
pub(crate) struct InFlight(RequestLog);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().at_once -= 1;
    }
}
