//! What happened.

use serde_json::{Value, json};

use crate::calendar::rfc3339;
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, plain, rows};
use crate::unifi::state::{Event, State, object_id};

const CATEGORIES: &[&str] = &[
    "SECURITY",
    "UNIFI_DEVICES",
    "SOFTWARE_UPDATES",
    "VPN",
    "POWER",
    "UNIFI_ETHERNET_PORTS",
    "CLIENT_DEVICES",
    "UNKNOWN",
    "AUDIT",
    "INTERNET_AND_WAN",
];

/// Rows of a page where nobody asks for another count.
const PAGE: usize = 100;

pub(in crate::unifi) fn events(state: &mut State, call: &Call) -> Answer {
    old(state, call, false)
}

pub(in crate::unifi) fn alarms(state: &mut State, call: &Call) -> Answer {
    old(state, call, true)
}

pub(in crate::unifi) fn system(state: &mut State, call: &Call) -> Answer {
    new(state, call, false)
}

pub(in crate::unifi) fn critical(state: &mut State, call: &Call) -> Answer {
    new(state, call, true)
}

/// As the old API lists them, newest first.
fn old(state: &mut State, call: &Call, alarms: bool) -> Answer {
    let oldest = call
        .number("within")
        .map_or(0, |hours| call.now - 3600 * hours);
    let events = call.site(state)?.events.iter().rev();
    let row = |event: &Event| {
        let mut row = json!({
            "_id": id(event),
            "time": event.time * 1000,
            "datetime": rfc3339(event.time),
            "key": format!("EVT_{}", event.key),
            "subsystem": if event.category == "CLIENT_DEVICES" { "wlan" } else { "lan" },
            "msg": event.message,
        });
        if alarms {
            row["archived"] = json!(false);
        }
        row
    };
    let chosen = events.filter(|event| event.time >= oldest && (!alarms || event.alarm));
    rows(
        chosen
            .skip(size(call, "_start", 0))
            .take(size(call, "_limit", 3000))
            .map(row)
            .collect(),
    )
}

/// As the `v2` part lists them, newest first, in pages.
fn new(state: &mut State, call: &Call, critical: bool) -> Answer {
    let wanted: Vec<&str> = call
        .body
        .get("categories")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if let Some(strange) = wanted.iter().find(|one| !CATEGORIES.contains(one)) {
        let text = format!("{strange} is not one of {}", CATEGORIES.join(", "));
        return Err(Failure::new(400, "api.err.InvalidPayload", text).outside_the_contract());
    }
    let (from, to) = (call.number("timestampFrom"), call.number("timestampTo"));
    let search = call.text("searchText").to_lowercase();
    let chosen: Vec<&Event> = call
        .site(state)?
        .events
        .iter()
        .rev()
        .filter(|event| {
            let time = event.time * 1000;
            (!critical || event.alarm)
                && (wanted.is_empty() || wanted.contains(&event.category))
                && from.is_none_or(|from| time >= from)
                && to.is_none_or(|to| time <= to)
                && event.message.to_lowercase().contains(&search)
        })
        .collect();
    let size_of_page = size(call, "pageSize", PAGE);
    let number = size(call, "pageNumber", 0);
    let rows: Vec<Value> = chosen
        .iter()
        .skip(number.saturating_mul(size_of_page))
        .take(size_of_page)
        .map(|event| {
            json!({
                "id": id(event),
                "timestamp": event.time * 1000,
                "category": event.category,
                "key": event.key,
                "severity": event.severity,
                "status": "NEW",
                "message_raw": event.message,
                "parameters": {},
            })
        })
        .collect();
    plain(json!({
        "data": rows,
        "page_number": number,
        "total_element_count": chosen.len(),
        "total_page_count": chosen.len().div_ceil(size_of_page),
    }))
}

fn id(event: &Event) -> String {
    object_id(
        "event",
        &format!("{}/{}/{}", event.time, event.key, event.message),
    )
}

fn size(call: &Call, name: &str, usual: usize) -> usize {
    call.number(name)
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(usual)
}
