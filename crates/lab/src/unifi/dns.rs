//! Names that the console answers itself: policies of the integration API, static records of the old
//! one. Both show the same ones, which are kept in the words of the integration API.
//!
//! The types, their fields and bounds are those of the specification of release 10.5. That the
//! integration API refuses fields of another type (`api.request.unknown-property`), that a text may
//! have no quotes inside and needs them around a comma, and that the old API has no call for a single
//! record (405), is what users report.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::integration::user_defined;
use super::reply::{Answer, Failure, created, empty, page, plain};
use super::state::{Record, Records, State, object_id, uuid};
use crate::contract::{Kind, Param, check, required};

/// A type: its name in both APIs, the field of its value, and its fields besides `type`, `enabled` and
/// `domain`.
struct Type {
    policy: &'static str,
    old: &'static str,
    value: &'static str,
    fields: &'static [Param],
}

const NAME: Kind = Kind::Form(|text| (1..=127).contains(&text.len()));
const NUMBER: Kind = Kind::Integer(0, 65_535);
const TTL: Param = required("ttlSeconds", Kind::Integer(0, 86_400));
const PRIORITY: Param = required("priority", NUMBER);

#[rustfmt::skip]
const TYPES: [Type; 7] = [
    Type { policy: "A_RECORD", old: "A", value: "ipv4Address", fields: &[required("ipv4Address", Kind::Form(is::<Ipv4Addr>)), TTL] },
    Type { policy: "AAAA_RECORD", old: "AAAA", value: "ipv6Address", fields: &[required("ipv6Address", Kind::Form(is::<Ipv6Addr>)), TTL] },
    Type { policy: "CNAME_RECORD", old: "CNAME", value: "targetDomain", fields: &[required("targetDomain", NAME), required("ttlSeconds", Kind::Integer(0, 604_800))] },
    Type { policy: "MX_RECORD", old: "MX", value: "mailServerDomain", fields: &[required("mailServerDomain", NAME), PRIORITY] },
    Type { policy: "TXT_RECORD", old: "TXT", value: "text", fields: &[required("text", Kind::Form(is_text))] },
    Type { policy: "SRV_RECORD", old: "SRV", value: "serverDomain", fields: &[
        required("serverDomain", NAME), required("service", Kind::Text), required("protocol", Kind::Text),
        required("port", NUMBER), PRIORITY, required("weight", NUMBER),
    ] },
    Type { policy: "FORWARD_DOMAIN", old: "NS", value: "ipAddress", fields: &[required("ipAddress", Kind::Form(is::<IpAddr>))] },
];

const COMMON: [Param; 3] = [
    required("type", Kind::Text),
    required("enabled", Kind::Boolean),
    required("domain", NAME),
];

fn is<T: std::str::FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

fn is_text(text: &str) -> bool {
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let inside = bare.unwrap_or(text);
    (1..=1024).contains(&text.len())
        && !inside.contains('"')
        && (bare.is_some() || !text.contains(','))
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let records = call.site(state)?.records(Records::DnsPolicies);
    page(records.iter().map(policy).collect())
}

pub(super) fn one(state: &mut State, call: &Call) -> Answer {
    let at = position(state, call)?;
    plain(policy(&call.site(state)?.records(Records::DnsPolicies)[at]))
}

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    complete(&call.body)?;
    let made = add(state, call, call.body.clone())?;
    created(policy(&made))
}

pub(super) fn replace(state: &mut State, call: &Call) -> Answer {
    complete(&call.body)?;
    let at = position(state, call)?;
    let record = &mut call.site(state)?.records(Records::DnsPolicies)[at];
    record.fields.clone_from(&call.body);
    plain(policy(record))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let at = position(state, call)?;
    call.site(state)?.records(Records::DnsPolicies).remove(at);
    empty()
}

pub(super) fn static_list(state: &mut State, call: &Call) -> Answer {
    let records = call.site(state)?.records(Records::DnsPolicies);
    plain(records.iter().map(static_row).collect())
}

pub(super) fn static_create(state: &mut State, call: &Call) -> Answer {
    let fields = of_static(&call.body)?;
    let made = add(state, call, fields)?;
    plain(static_row(&made))
}

pub(super) fn static_replace(state: &mut State, call: &Call) -> Answer {
    let fields = of_static(&call.body)?;
    let at = static_position(state, call)?;
    let record = &mut call.site(state)?.records(Records::DnsPolicies)[at];
    record.fields = fields;
    plain(static_row(record))
}

pub(super) fn static_delete(state: &mut State, call: &Call) -> Answer {
    let at = static_position(state, call)?;
    call.site(state)?.records(Records::DnsPolicies).remove(at);
    plain(json!({}))
}

fn add(state: &mut State, call: &Call, fields: Map<String, Value>) -> Result<Record, Failure> {
    let key = state.next().to_string();
    let record = Record {
        id: object_id("record", &key),
        uuid: uuid("record", &key),
        fields,
    };
    let records = call.site(state)?.records(Records::DnsPolicies);
    records.push(record.clone());
    Ok(record)
}

fn position(state: &mut State, call: &Call) -> Result<usize, Failure> {
    let id = call.id().to_owned();
    let records = call.site(state)?.records(Records::DnsPolicies);
    let found = records.iter().position(|one| one.uuid == id);
    found.ok_or_else(|| Failure::missing("dns-policy", &id))
}

fn static_position(state: &mut State, call: &Call) -> Result<usize, Failure> {
    let records = call.site(state)?.records(Records::DnsPolicies);
    let found = records.iter().position(|one| one.id == call.id());
    found.ok_or_else(|| Failure::new(404, "api.err.NotFound", "no such record"))
}

/// Refuses a policy that has not just the fields of its type.
fn complete(body: &Map<String, Value>) -> Result<(), Failure> {
    let given = &body["type"];
    let wrong =
        |code: &str, what: String| Err(Failure::new(400, code, what).outside_the_contract());
    let Some(of) = TYPES.iter().find(|one| *given == one.policy) else {
        return wrong("api.request.invalid", format!("type {given}"));
    };
    let fields: Vec<Param> = COMMON.iter().chain(of.fields).copied().collect();
    match check(&fields, body).first() {
        Some(problem) => {
            let what = format!("$.{}: {:?}", problem.name, problem.trouble);
            wrong("api.request.unknown-property", what)
        }
        None => Ok(()),
    }
}

fn policy(record: &Record) -> Value {
    let mut row = record.fields.clone();
    row.insert("id".to_owned(), json!(record.uuid));
    // A test may have said that the console made it.
    row.entry("metadata").or_insert_with(user_defined);
    Value::Object(row)
}

fn static_row(record: &Record) -> Value {
    let fields = &record.fields;
    let field = |name: &str| fields.get(name).cloned();
    let text = |name: &str| field(name).and_then(|text| text.as_str().map(str::to_owned));
    let of = TYPES
        .iter()
        .find(|one| text("type").as_deref() == Some(one.policy));
    let domain = text("domain").unwrap_or_default();
    let key = match (text("service"), text("protocol")) {
        (Some(service), Some(protocol)) => format!("{service}.{protocol}.{domain}"),
        _ => domain,
    };
    // What a type does not have is 0.
    let number = |name: &str| field(name).unwrap_or_else(|| json!(0));
    json!({
        "_id": record.id,
        "record_type": of.map(|of| of.old),
        "key": key,
        "value": of.and_then(|of| field(of.value)),
        "enabled": field("enabled"),
        "ttl": number("ttlSeconds"),
        "priority": number("priority"),
        "weight": number("weight"),
        "port": number("port"),
    })
}

/// A static record in the words of the integration API; what it does not say is 0.
fn of_static(body: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let invalid =
        |what: &str| Failure::new(400, "api.err.InvalidPayload", what).outside_the_contract();
    let of = TYPES.iter().find(|one| body["record_type"] == one.old);
    let of = of.ok_or_else(|| invalid("record_type"))?;
    let key = body["key"].as_str().unwrap_or_default();
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("type", json!(of.policy));
    put(
        "enabled",
        body.get("enabled").cloned().unwrap_or_else(|| json!(true)),
    );
    put(of.value, body["value"].clone());
    let mut domain = key;
    if of.old == "SRV" {
        let parts: Vec<&str> = key.splitn(3, '.').collect();
        let [service, protocol, rest] = parts[..] else {
            return Err(invalid("key"));
        };
        put("service", json!(service));
        put("protocol", json!(protocol));
        domain = rest;
    }
    put("domain", json!(domain));
    for (here, there) in [
        ("ttlSeconds", "ttl"),
        ("priority", "priority"),
        ("weight", "weight"),
        ("port", "port"),
    ] {
        if of.fields.iter().any(|field| field.name == here) {
            put(here, body.get(there).cloned().unwrap_or_else(|| json!(0)));
        }
    }
    complete(&fields).map_err(|wrong| invalid(&wrong.message))?;
    Ok(fields)
}
