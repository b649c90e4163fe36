//! Which rules are valid.

use serde_json::{Map, Value};

use super::{CUSTOM, PHASES};
use crate::cloudflare::entry::hex_32;
use crate::cloudflare::expression;
use crate::cloudflare::reply::Failure;
use crate::cloudflare::state::Plan;

const PRODUCTS: [&str; 7] = [
    "bic",
    "hot",
    "rateLimit",
    "securityLevel",
    "uaBlock",
    "waf",
    "zoneLockdown",
];

/// A field that is wrong: number, text, name.
type Wrong = (i64, String, &'static str);

/// Whether a rule is right for this phase and plan; `at` is where it stands in the body.
pub(super) fn rule(
    given: &Map<String, Value>,
    plan: Plan,
    phase: &str,
    at: &str,
) -> Result<(), Failure> {
    let wrong = head(given, plan, phase)
        .or_else(|| parameters(given, plan))
        .or_else(|| rate(given, phase));
    match wrong {
        Some((code, text, field)) => {
            Err(Failure::new(400, code, text).at(&format!("{at}/{field}")))
        }
        None => Ok(()),
    }
}

fn text<'a>(given: &'a Map<String, Value>, name: &str) -> &'a str {
    given.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn head(given: &Map<String, Value>, plan: Plan, phase: &str) -> Option<Wrong> {
    let action = text(given, "action");
    let stopping = [
        "block",
        "managed_challenge",
        "js_challenge",
        "challenge",
        "log",
    ];
    let changing = [
        "redirect",
        "rewrite",
        "route",
        "set_config",
        "set_cache_settings",
        "execute",
    ];
    let allowed = match phase {
        CUSTOM => action == "skip" || stopping.contains(&action),
        "http_ratelimit" => stopping.contains(&action),
        _ => changing.contains(&action),
    };
    if !allowed {
        let text = format!("the action '{action}' is not allowed in the phase {phase}");
        return Some((20_015, text, "action"));
    }
    if action == "log" && plan != Plan::Enterprise {
        return Some((
            20_016,
            "not entitled to use the action 'log'".to_owned(),
            "action",
        ));
    }
    if let Some(why) = expression::problem(text(given, "expression")) {
        return Some((20_127, format!("filter parsing error: {why}"), "expression"));
    }
    let nameless = given.contains_key("ref") && text(given, "ref").is_empty();
    nameless.then(|| (20_019, "ref must not be empty".to_owned(), "ref"))
}

fn parameters(given: &Map<String, Value>, plan: Plan) -> Option<Wrong> {
    const FIELD: &str = "action_parameters";
    let action = text(given, "action");
    let parameters = given.get(FIELD).and_then(Value::as_object);
    match (action, parameters) {
        ("skip", Some(parameters)) if skips(parameters) => None,
        ("skip", _) => Some((20_017, "wrong parameters for 'skip'".to_owned(), FIELD)),
        ("block", Some(parameters)) => {
            let response = parameters.get("response").unwrap_or(&Value::Null);
            let status = response["status_code"].as_i64().unwrap_or_default();
            let texts = ["content", "content_type"]
                .iter()
                .all(|name| response[*name].is_string());
            if parameters.len() != 1 || !texts || !(400..=499).contains(&status) {
                return Some((20_017, "wrong response for 'block'".to_owned(), FIELD));
            }
            let lacking = "not entitled to use a custom response".to_owned();
            (plan == Plan::Free).then_some((20_016, lacking, FIELD))
        }
        ("challenge" | "js_challenge" | "managed_challenge" | "log", Some(parameters))
            if !parameters.is_empty() =>
        {
            Some((20_017, format!("'{action}' takes no parameters"), FIELD))
        }
        _ => None,
    }
}

fn rate(given: &Map<String, Value>, phase: &str) -> Option<Wrong> {
    const FIELD: &str = "ratelimit";
    match (phase, given.get(FIELD)) {
        ("http_ratelimit", Some(limit)) => {
            let numbers = ["period", "requests_per_period", "mitigation_timeout"];
            let right = limit["characteristics"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
                && numbers.iter().all(|name| limit[*name].is_u64());
            (!right).then(|| (20_018, "wrong rate limit".to_owned(), FIELD))
        }
        ("http_ratelimit", None) => Some((20_018, "no rate limit".to_owned(), FIELD)),
        (_, Some(_)) => Some((
            20_018,
            format!("no rate limits in the phase {phase}"),
            FIELD,
        )),
        (_, None) => None,
    }
}

fn skips(parameters: &Map<String, Value>) -> bool {
    let list = |value: &Value, known: &dyn Fn(&str) -> bool| {
        let all = value.as_array().filter(|all| !all.is_empty());
        all.is_some_and(|all| all.iter().all(|one| one.as_str().is_some_and(known)))
    };
    !parameters.is_empty()
        && parameters.iter().all(|(name, value)| match name.as_str() {
            "ruleset" => value == "current",
            "phases" => list(value, &|one| {
                PHASES.contains(&one) || one == "http_request_sbfm"
            }),
            "products" => list(value, &|one| PRODUCTS.contains(&one)),
            "rulesets" => list(value, &hex_32),
            "rules" => value.is_object(),
            _ => false,
        })
}
