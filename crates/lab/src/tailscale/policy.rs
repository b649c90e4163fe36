//! The policy file: read with its tag, validated, previewed, replaced.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of};
use super::state::{Policy, State};
use super::{Flavor, hujson, rules};

/// Scopes that whoever writes the policy needs besides its own.
const NEEDED: [&str; 2] = ["devices:core:read", "devices:posture_attributes:read"];

pub(super) fn show(state: &mut State, call: &Call) -> Answer {
    if call.query.get("details") == Some(&Value::Bool(true)) {
        let value = state.policy.value();
        let text = |row: &Value| row["warnings"][0].clone();
        return json_of(json!({
            "acl": STANDARD.encode(&state.policy.text),
            "warnings": rules::warnings(&value).iter().map(text).collect::<Vec<_>>(),
            "errors": [],
        }));
    }
    told(&state.policy, call)
}

/// As JSON without its comments where that is asked for.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
fn told(policy: &Policy, call: &Call) -> Answer {
    let (kind, text) = if call.wants_json() {
        let text = serde_json::to_string_pretty(&policy.value()).unwrap_or_default();
        ("application/json", text)
    } else {
        ("application/hujson", policy.text.clone())
    };
    Ok(Reply::Policy {
        etag: policy.etag(),
        kind,
        text,
    })
}

pub(super) fn set(state: &mut State, call: &Call) -> Answer {
    if !NEEDED.iter().all(|scope| call.caller.may(scope)) {
        return Err(Failure::forbidden());
    }
    if let Some(text) = state.planned_policy.take() {
        state.policy = Policy {
            text,
            untouched: false,
        };
    }
    let holds = match call.if_match.as_deref().map(|tag| tag.trim_matches('"')) {
        None => true,
        Some("ts-default") => state.policy.untouched,
        Some(tag) => state.policy.etag().trim_matches('"') == tag,
    };
    if !holds {
        return Err(Failure::new(412, "precondition failed, invalid old hash"));
    }
    // Headscale has nobody to run the tests.
    if state.flavor == Flavor::Tailscale
        && let Some(failure) = wrong(&call.body)
    {
        return Err(failure);
    }
    let old = std::mem::replace(
        &mut state.policy,
        Policy {
            text: call.text.clone(),
            untouched: false,
        },
    );
    let target = json!({ "id": super::TAILNET, "type": "TAILNET", "property": "ACL" });
    let change = [json!(old.text), json!(call.text)];
    state.note(&call.caller, "UPDATE", &target, change);
    told(&state.policy, call)
}

fn wrong(policy: &Value) -> Option<Failure> {
    if let Some(message) = rules::error(policy) {
        return Some(Failure::new(400, message));
    }
    let failed = rules::run_tests(policy, &policy["tests"]);
    (!failed.is_empty()).then(|| Failure {
        data: Some(json!(failed)),
        ..Failure::new(400, "test(s) failed")
    })
}

/// A list is tests for the policy that is there, anything else a policy to look at. The answer is
/// 200 whatever is found.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn validate(state: &mut State, call: &Call) -> Answer {
    let found = if call.body.is_array() {
        let failed = rules::run_tests(&state.policy.value(), &call.body);
        told_failed(&failed)
    } else if let Some(message) = rules::error(&call.body) {
        Some(json!({ "message": message }))
    } else {
        let failed = rules::run_tests(&call.body, &call.body["tests"]);
        let warnings = rules::warnings(&call.body);
        told_failed(&failed).or_else(|| {
            let any = !warnings.is_empty();
            any.then(|| json!({ "message": "warning(s) found", "data": warnings }))
        })
    };
    Ok(found.map_or(Reply::Nothing, Reply::Json))
}

fn told_failed(failed: &[Value]) -> Option<Value> {
    let any = !failed.is_empty();
    any.then(|| json!({ "message": "test(s) failed", "data": failed }))
}

pub(super) fn preview(_: &mut State, call: &Call) -> Answer {
    let text = |name: &str| {
        call.query
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (kind, what) = (text("type"), text("previewFor"));
    if kind == "ipport" && !what.contains(':') {
        return Err(Failure::new(400, format!("invalid ipport: {what:?}")));
    }
    if let Some(message) = rules::error(&call.body) {
        return Err(Failure::new(400, message));
    }
    let matches: Vec<Value> = rules::matches(&call.body, kind, what)
        .into_iter()
        .map(|(mut found, (list, at))| {
            let line = hujson::lines_of(&call.text, list).get(at).copied();
            found["lineNumber"] = json!(line.unwrap_or_default());
            found
        })
        .collect();
    json_of(json!({ "matches": matches, "type": kind, "previewFor": what }))
}
