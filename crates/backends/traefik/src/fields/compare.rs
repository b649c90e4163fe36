//! Compares what was written with what Traefik shows, and takes secrets out.

use serde_json::Value;

use super::fields;

/// Whether Traefik shows what was asked for: nothing that it shows differs, and nothing is missing.
/// What it does not show, such as secrets, does not count.
pub(crate) fn shows(structure: &'static str, wanted: &Value, shown: &Value) -> bool {
    match (structure, wanted, shown) {
        ("s" | "?", ..) => true,
        ("d", wanted, shown) => nanoseconds(wanted) == nanoseconds(shown),
        (_, Value::Object(wanted), Value::Object(shown)) => wanted.iter().all(|(name, wanted)| {
            let of = of_member(structure, name);
            match shown.get(name) {
                Some(shown) => shows(of, wanted, shown),
                None => is_nothing(wanted) || is_secret(of),
            }
        }),
        (_, Value::Array(wanted), Value::Array(shown)) => {
            let of = structure.trim_start_matches('[').trim_end_matches(']');
            wanted.len() == shown.len()
                && wanted
                    .iter()
                    .zip(shown)
                    .all(|(wanted, shown)| shows(of, wanted, shown))
        }
        (_, wanted, shown) => wanted == shown || plain(wanted) == plain(shown),
    }
}

/// The same value with secrets taken out, whatever wrote it.
pub(crate) fn without_secrets(structure: &'static str, value: &Value, mark: &str) -> Value {
    match (structure, value) {
        ("s", Value::String(text)) => match text.split_once(':') {
            // Who may pass is worth knowing, with what is not.
            Some((user, _)) if !user.contains('/') => Value::from(format!("{user}:{mark}")),
            _ => Value::from(mark),
        },
        // Of what we do not know, texts may be anything.
        ("s", _) | ("?", Value::String(_)) => Value::from(mark),
        ("?", Value::Object(members)) => members
            .iter()
            .map(|(name, member)| (name.clone(), without_secrets("?", member, mark)))
            .collect(),
        ("?", Value::Array(items)) => items
            .iter()
            .map(|item| without_secrets("?", item, mark))
            .collect(),
        (_, Value::Object(members)) => members
            .iter()
            .map(|(name, member)| {
                let of = of_member(structure, name);
                (name.clone(), without_secrets(of, member, mark))
            })
            .collect(),
        (_, Value::Array(items)) => {
            let of = structure.trim_start_matches('[').trim_end_matches(']');
            items
                .iter()
                .map(|item| without_secrets(of, item, mark))
                .collect()
        }
        (_, Value::String(text)) => Value::from(without_login(text, mark)),
        (_, other) => other.clone(),
    }
}

/// An address without user and password; any other text as it is.
pub(crate) fn without_login(text: &str, mark: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((login, _)) => format!("{scheme}://{mark}{}", rest.get(login.len()..).unwrap_or("")),
        None => text.to_owned(),
    }
}

/// The type of a member: a map's members have one type whatever their names.
fn of_member(structure: &'static str, name: &str) -> &'static str {
    if let Some(of) = structure.strip_prefix('{') {
        return of.trim_end_matches('}');
    }
    fields(structure)
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map_or("?", |(_, of)| of)
}

fn is_secret(of: &str) -> bool {
    matches!(of, "s" | "[s]" | "{s}" | "?" | "{?}" | "[?]")
}

/// Traefik leaves out what says nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_nothing),
        Value::Bool(true) => false,
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        _ => None,
    }
}

/// A Go duration in nanoseconds; a bare number counts seconds.
pub(super) fn nanoseconds(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return number.as_i64().map(|seconds| units(seconds) * 1e9),
        Value::String(text) => text.as_str(),
        _ => return None,
    };
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(units(seconds) * 1e9);
    }
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let number: f64 = number.parse().ok()?;
        let (unit, factor) = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 6e10),
            ("h", 3.6e12),
        ]
        .into_iter()
        .find(|(unit, _)| behind.starts_with(unit))?;
        total += number * factor;
        rest = behind.strip_prefix(unit)?;
    }
    Some(total)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "durations of configurations are far smaller"
)]
fn units(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_compared_by_their_length() {
        let shows = |wanted: Value, shown: Value| shows("d", &wanted, &shown);

        assert!(shows(json!("60s"), json!("1m0s")));
        assert!(shows(json!(5), json!("5s")));
        assert!(!shows(json!("60s"), json!("61s")));
        assert_eq!(nanoseconds(&json!("1h1.5s")), Some(3.6e12 + 1.5e9));
        assert_eq!(nanoseconds(&json!("")), None);
    }

    #[test]
    fn what_is_shown_may_have_more_and_lack_secrets() {
        let wanted = json!({ "rateLimit": { "average": 10, "burst": 0, "redis": { "password": "x", "endpoints": ["a"] } } });
        let shown = json!({ "rateLimit": { "average": 10, "period": "1s", "redis": { "endpoints": ["a"] } }, "status": "enabled" });

        assert!(shows("Middleware", &wanted, &shown));
        assert!(!shows(
            "Middleware",
            &json!({ "rateLimit": { "average": 11 } }),
            &shown
        ));
        assert!(!shows(
            "Middleware",
            &json!({ "rateLimit": { "burst": 2 } }),
            &shown
        ));
    }

    #[test]
    fn secrets_are_taken_out_whatever_wrote_them() {
        let value = json!({
            "basicAuth": { "users": ["ops:$2y$05$hash"], "realm": "lab" },
            "headers": { "customRequestHeaders": { "X-Key": "tell-nobody" }, "customResponseHeaders": { "X-A": "b" } },
            "plugin": { "x": { "key": ["tell-nobody"], "on": true } },
            "forwardAuth": { "address": "http://u:tell-nobody@auth/" },
            "rateLimit": { "redis": { "password": "tell-nobody" } },
        });

        let clean = without_secrets("Middleware", &value, "***");

        assert!(!clean.to_string().contains("tell-nobody"), "{clean}");
        assert_eq!(
            clean["basicAuth"],
            json!({ "users": ["ops:***"], "realm": "lab" })
        );
        assert_eq!(
            clean["headers"]["customResponseHeaders"],
            json!({ "X-A": "b" })
        );
        assert_eq!(clean["forwardAuth"]["address"], "http://***@auth/");
        assert_eq!(clean["plugin"]["x"]["on"], true);
    }
}
