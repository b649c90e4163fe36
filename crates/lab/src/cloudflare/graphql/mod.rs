//! The analytics: GraphQL, of which it reads what their questions need, and checks it against the
//! data sets that there are. Errors come in a 200.

mod answer;
mod parse;
mod schema;

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Reply};
use super::state::State;

/// Requests of one kind within an hour, for the analytics.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Host that was asked.
    pub host: String,
    /// Path that was asked.
    pub path: String,
    /// Where from, as two letters.
    pub country: String,
    /// Status of the answers.
    pub status: u16,
    /// `hit`, `miss`, `dynamic` and the like.
    pub cache: String,
    /// How many.
    pub requests: u64,
    /// Bytes of the answers.
    pub bytes: u64,
    /// Different addresses.
    pub uniques: u64,
    /// What the firewall did to them, such as `block`; `None` let them pass.
    pub action: Option<String>,
}

impl Traffic {
    /// Requests for a host, answered 200 from the cache, from one address in Germany, of 1,000 bytes
    /// each.
    pub fn new(at: i64, host: &str, requests: u64) -> Self {
        Self {
            at,
            host: host.to_owned(),
            path: "/".to_owned(),
            country: "DE".to_owned(),
            status: 200,
            cache: "hit".to_owned(),
            requests,
            bytes: requests * 1000,
            uniques: 1,
            action: None,
        }
    }
}

/// `POST /graphql`.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn query(state: &mut State, call: &Call) -> Answer {
    let body = if state.analytics_errors.is_empty() {
        match answer(state, call) {
            Ok(data) => json!({ "data": data, "errors": null }),
            Err(message) => refusal(&message),
        }
    } else {
        json!({ "data": null, "errors": [state.analytics_errors.remove(0)] })
    };
    Ok(Reply::Bare(body))
}

fn refusal(message: &str) -> Value {
    json!({
        "data": null,
        "errors": [{ "message": message, "path": null, "extensions": { "timestamp": "2026-11-20T02:00:00Z" } }],
    })
}

fn answer(state: &State, call: &Call) -> Result<Value, String> {
    let variables = call.body.get("variables").and_then(Value::as_object);
    let text = call.text("query").unwrap_or_default();
    let root = parse::document(text, variables.unwrap_or(&serde_json::Map::new()))?;
    answer::viewer(state, &call.token, &root)
}
