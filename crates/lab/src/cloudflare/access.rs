//! IP access rules.

use serde_json::{Value, json};

use super::entry::Call;
use super::paging::{page, sort};
use super::reply::{Answer, Failure, result};
use super::state::State;

pub(super) const MODES: &[&str] = &[
    "block",
    "challenge",
    "whitelist",
    "js_challenge",
    "managed_challenge",
];

const TARGETS: [&str; 5] = ["ip", "ip6", "ip_range", "asn", "country"];

fn missing() -> Failure {
    Failure::new(404, 10_001, "firewallaccessrules.api.not_found")
}

/// `GET /zones/{zone_id}/firewall/access_rules/rules`.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let any = call.asked("match") == Some("any");
    let zone = state.zone(call.zone())?;
    let wanted = |rule: &&Value| {
        let notes = rule["notes"].as_str().unwrap_or_default();
        let tests: Vec<bool> = [
            call.asked("configuration.target")
                .map(|one| rule["configuration"]["target"] == one),
            call.asked("configuration.value")
                .map(|one| rule["configuration"]["value"] == one),
            call.asked("mode").map(|one| rule["mode"] == one),
            call.asked("notes")
                .map(|one| notes.to_lowercase().contains(&one.to_lowercase())),
        ]
        .into_iter()
        .flatten()
        .collect();
        tests.is_empty()
            || if any {
                tests.contains(&true)
            } else {
                !tests.contains(&false)
            }
    };
    let mut rows: Vec<Value> = zone.access_rules.iter().filter(wanted).cloned().collect();
    match call.asked("order") {
        Some("mode") => sort(&mut rows, "mode", call.asked("direction")),
        Some(_) => sort(&mut rows, "configuration", call.asked("direction")),
        None => {}
    }
    page(state, call, rows, 20)
}

/// `POST /zones/{zone_id}/firewall/access_rules/rules`.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let (id, now) = (state.next_id(), state.now_text());
    let zone = state.zone(call.zone())?;
    let configuration = call.body.get("configuration").cloned().unwrap_or_default();
    let target = configuration["target"].as_str().unwrap_or_default();
    let value = configuration["value"].as_str().unwrap_or_default();
    let fields = configuration.as_object().map_or(0, serde_json::Map::len);
    if !TARGETS.contains(&target) || fields != 2 {
        let failure = Failure::new(
            400,
            10_001,
            "firewallaccessrules.api.not_valid.configuration",
        );
        return Err(failure.at("/configuration").outside_the_contract());
    }
    let address = value.parse::<std::net::IpAddr>();
    let range = value.split_once('/');
    let fits = match target {
        "ip" => address.is_ok_and(|address| address.is_ipv4()),
        "ip6" => address.is_ok_and(|address| address.is_ipv6()),
        "ip_range" => range.is_some_and(|(address, prefix)| {
            // Other lengths are not taken.
            match address.parse::<std::net::IpAddr>() {
                Ok(address) if address.is_ipv4() => ["16", "24"].contains(&prefix),
                Ok(_) => ["32", "48", "64"].contains(&prefix),
                Err(_) => false,
            }
        }),
        "asn" => value
            .strip_prefix("AS")
            .is_some_and(|number| number.parse::<u32>().is_ok()),
        _ => value.len() == 2 && value.bytes().all(|c| c.is_ascii_uppercase()),
    };
    if !fits {
        let message = format!("firewallaccessrules.api.not_valid.{target}");
        return Err(Failure::new(400, 10_001, message).at("/configuration/value"));
    }
    if zone
        .access_rules
        .iter()
        .any(|rule| rule["configuration"] == configuration)
    {
        let message = "firewallaccessrules.api.duplicate_of_existing";
        return Err(Failure::new(400, 10_009, message));
    }
    let rule = json!({
        "id": id,
        "paused": false,
        "allowed_modes": MODES,
        "mode": call.text("mode"),
        "notes": call.text("notes").unwrap_or_default(),
        "configuration": configuration,
        "scope": { "id": zone.id, "name": zone.name, "type": "zone" },
        "created_on": now,
        "modified_on": now,
    });
    zone.access_rules.push(rule.clone());
    result(rule)
}

/// `PATCH /zones/{zone_id}/firewall/access_rules/rules/{rule_id}`.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let now = state.now_text();
    let zone = state.zone(call.zone())?;
    let rule = zone
        .access_rules
        .iter_mut()
        .find(|rule| rule["id"] == call.path.get("rule_id"));
    let rule = rule.ok_or_else(missing)?;
    for (name, value) in &call.body {
        rule[name] = value.clone();
    }
    rule["modified_on"] = json!(now);
    result(rule.clone())
}

/// `DELETE /zones/{zone_id}/firewall/access_rules/rules/{rule_id}`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let id = call.path.get("rule_id");
    let zone = state.zone(call.zone())?;
    let at = zone.access_rules.iter().position(|rule| rule["id"] == id);
    zone.access_rules.remove(at.ok_or_else(missing)?);
    result(json!({ "id": id }))
}
