//! Purging the cache, which is rationed.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, result};
use super::state::{Plan, State};

/// The five ways, of which a call takes one.
const WAYS: [&str; 5] = ["files", "tags", "hosts", "prefixes", "purge_everything"];

impl Plan {
    /// What a purge by anything but files draws on: most at once, and how many come back in a second.
    fn bucket(self) -> (f64, f64) {
        match self {
            Self::Free => (25.0, 5.0 / 60.0),
            Self::Pro => (25.0, 5.0),
            Self::Business => (50.0, 10.0),
            Self::Enterprise => (500.0, 50.0),
        }
    }

    fn most_files(self) -> usize {
        if self == Self::Enterprise { 500 } else { 100 }
    }
}

/// `POST /zones/{zone_id}/purge_cache`.
pub(super) fn purge(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    let zone = state.zone(call.zone())?;
    let given: Vec<&str> = WAYS
        .into_iter()
        .filter(|way| call.body.contains_key(*way))
        .collect();
    let [way] = given[..] else {
        let message = "Request must contain exactly one of \"purge_everything\", \"files\", \
                       \"tags\", \"hosts\" or \"prefixes\"";
        return Err(Failure::new(400, 1012, message).outside_the_contract());
    };
    let list = call.body[way].as_array().cloned().unwrap_or_default();
    let most = if way == "files" {
        zone.plan.most_files()
    } else {
        100
    };
    if way == "purge_everything" {
        if call.body[way] != true {
            let message = "purge_everything must be true";
            return Err(Failure::new(400, 1012, message).outside_the_contract());
        }
    } else if list.is_empty() || list.len() > most {
        let message = format!("Between 1 and {most} {way} can be purged in a call");
        return Err(Failure::new(400, 1094, message).outside_the_contract());
    }
    for (index, one) in list.iter().enumerate() {
        check(way, one, &zone.name).map_err(|why| why.at(&format!("/{way}/{index}")))?;
    }
    if way != "files" {
        let (most, rate) = zone.plan.bucket();
        let (left, since) = zone.bucket.unwrap_or((most, now));
        let passed = u32::try_from((now - since).max(0)).unwrap_or(u32::MAX);
        let left = (left + f64::from(passed) * rate).min(most);
        if left < 1.0 {
            zone.bucket = Some((left, now));
            let wait = ((1.0 - left) / rate).ceil();
            let wait = (1..=60)
                .find(|seconds| f64::from(*seconds) >= wait)
                .unwrap_or(60);
            let message = format!(
                "Unable to purge {way}, rate limit reached. Please wait if you need to perform more \
                 operations"
            );
            return Err(Failure::new(429, 1134, message).after(wait.into()));
        }
        zone.bucket = Some((left - 1.0, now));
    }
    let id = zone.id.clone();
    state
        .purges
        .push((id.clone(), Value::Object(call.body.clone())));
    result(json!({ "id": id }))
}

fn check(way: &str, one: &Value, zone: &str) -> Result<(), Failure> {
    let wrong = |text: String| Err(Failure::new(400, 1016, text));
    let url = match (way, one) {
        ("files", Value::Object(file)) => {
            let known = file.keys().all(|name| name == "url" || name == "headers");
            let headers = file.get("headers").is_none_or(Value::is_object);
            if !known || !headers {
                let failure = Failure::new(400, 1012, "A file has url and headers");
                return Err(failure.outside_the_contract());
            }
            file.get("url").and_then(Value::as_str)
        }
        (_, one) => one.as_str(),
    };
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return Err(Failure::new(400, 1012, "Not a text").outside_the_contract());
    };
    let host = match way {
        "tags" => return Ok(()),
        "files" => {
            let rest = url
                .strip_prefix("https://")
                .or_else(|| url.strip_prefix("http://"));
            match rest {
                Some(rest) => rest,
                None => return wrong(format!("{url} has no scheme")),
            }
        }
        _ if url.contains("://") => return wrong(format!("{url} has a scheme")),
        _ => url,
    };
    let host = host.split(['/', '?']).next().unwrap_or_default();
    if host != zone && !host.ends_with(&format!(".{zone}")) {
        return wrong(format!("{url} is not of the zone {zone}"));
    }
    if way == "hosts" && host != url {
        return wrong(format!("{url} is not a host name"));
    }
    Ok(())
}
