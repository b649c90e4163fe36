//! Machines: seen, let in, named, tagged, thrown out.

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::hujson;
use super::reply::{Answer, Failure, Reply, json_of};
use super::state::{Device, State};

/// What is told of a device where nobody asks for all.
const USUAL: [&str; 23] = [
    "addresses",
    "id",
    "nodeId",
    "user",
    "name",
    "hostname",
    "clientVersion",
    "updateAvailable",
    "os",
    "created",
    "connectedToControl",
    "lastSeen",
    "keyExpiryDisabled",
    "expires",
    "authorized",
    "isExternal",
    "machineKey",
    "nodeKey",
    "blocksIncomingConnections",
    "tailnetLockKey",
    "tailnetLockError",
    "tags",
    "isEphemeral",
];

/// The owner of machines with tags.
const TAGGED: &str = "tagged-devices";

/// Longest comment of a posture attribute.
const MAX_COMMENT: usize = 200;

fn told(device: &Device, call: &Call) -> Value {
    let all = call.query.get("fields").is_some_and(|which| which == "all");
    let fields = device.fields.iter();
    fields
        .filter(|(name, _)| all || USUAL.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<Map<String, Value>>()
        .into()
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let holds = |device: &Device, field: &str, wanted: &str| match device.fields.get(field) {
        Some(Value::Array(list)) => list.iter().any(|one| one == wanted),
        Some(Value::String(text)) => text == wanted,
        Some(Value::Bool(flag)) => flag.to_string() == wanted,
        _ => false,
    };
    let fits = |device: &&Device| {
        let filters = call.query.iter().filter(|(name, _)| *name != "fields");
        filters.into_iter().all(|(field, wanted)| {
            let mut wanted = wanted.as_array().into_iter().flatten();
            wanted.all(|one| holds(device, field, one.as_str().unwrap_or_default()))
        })
    };
    let found: Vec<Value> = state
        .devices
        .iter()
        .filter(fits)
        .map(|device| told(device, call))
        .collect();
    json_of(json!({ "devices": found }))
}

pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    let device = state.device(call.path.get("id"))?;
    json_of(told(device, call))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let device = state.device(call.path.get("id"))?;
    if device.flag("isExternal") {
        return Err(Failure::new(
            501,
            "cannot delete devices outside of your tailnet",
        ));
    }
    let (id, target) = (device.text("nodeId").to_owned(), target(device));
    state.devices.retain(|device| device.text("nodeId") != id);
    state.note(&call.caller, "DELETE", &target, [Value::Null, Value::Null]);
    Ok(Reply::Nothing)
}

/// Changes a device and notes the change.
fn change(state: &mut State, call: &Call, property: &str, field: &str, value: Value) -> Answer {
    let device = state.device(call.path.get("id"))?;
    let old = device.fields.get(field).cloned().unwrap_or_default();
    device.set(field, value.clone());
    let mut target = target(device);
    target["property"] = json!(property);
    state.note(&call.caller, "UPDATE", &target, [old, value]);
    Ok(Reply::Nothing)
}

fn target(device: &Device) -> Value {
    json!({
        "id": device.text("nodeId"),
        "name": device.text("name"),
        "type": "NODE",
        "isEphemeral": device.flag("isEphemeral"),
    })
}

pub(super) fn expire(state: &mut State, call: &Call) -> Answer {
    let now = state.time_in(0);
    let device = state.device(call.path.get("id"))?;
    device.set("keyExpiryDisabled", json!(false));
    device.set("connectedToControl", json!(false));
    device.set("lastSeen", json!(now));
    change(state, call, "KEY_EXPIRY_TIME", "expires", json!(now))
}

pub(super) fn authorize(state: &mut State, call: &Call) -> Answer {
    let value = call.body["authorized"].clone();
    change(state, call, "MACHINE_APPROVAL_NEEDED", "authorized", value)
}

pub(super) fn set_key(state: &mut State, call: &Call) -> Answer {
    let value = call.body["keyExpiryDisabled"].clone();
    change(state, call, "KEY_EXPIRY", "keyExpiryDisabled", value)
}

pub(super) fn rename(state: &mut State, call: &Call) -> Answer {
    let device = state.device(call.path.get("id"))?;
    let (id, current) = (
        device.text("nodeId").to_owned(),
        device.text("name").to_owned(),
    );
    let (own, suffix) = current.split_once('.').unwrap_or((&current, ""));
    let wanted = match call.text("name") {
        // Back to what the machine calls itself.
        "" => device.text("hostname").to_owned(),
        name => name.to_owned(),
    };
    let ending = format!(".{suffix}");
    let label = wanted
        .strip_suffix(&ending)
        .unwrap_or(&wanted)
        .to_lowercase();
    let fits = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !fits
        || label.is_empty()
        || label.len() > 63
        || label.starts_with('-')
        || label.ends_with('-')
    {
        return Err(Failure::new(
            400,
            format!("name {wanted:?} is not a valid DNS label"),
        ));
    }
    let name = format!("{label}.{suffix}");
    let taken = |device: &Device| device.text("nodeId") != id && device.text("name") == name;
    if own != label && state.devices.iter().any(taken) {
        return Err(Failure::new(
            409,
            format!("name {label:?} is already in use"),
        ));
    }
    change(state, call, "MACHINE_NAME", "name", json!(name))
}

pub(super) fn tag(state: &mut State, call: &Call) -> Answer {
    let tags = call.texts("tags");
    check_tags(state, &tags)?;
    let device = state.device(call.path.get("id"))?;
    if !tags.is_empty() {
        // A machine with tags is nobody's.
        device.set("user", json!(TAGGED));
    }
    change(state, call, "ACL_TAGS", "tags", json!(tags))
}

/// Tags must have an owner in the policy.
pub(super) fn check_tags(state: &State, tags: &[String]) -> Result<(), Failure> {
    let policy = hujson::parse(&state.policy.text).unwrap_or_default();
    let unknown: Vec<&str> = tags
        .iter()
        .map(String::as_str)
        .filter(|tag| policy["tagOwners"].get(tag).is_none())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let text = format!(
        "requested tags [{}] are invalid or not permitted",
        unknown.join(" ")
    );
    Err(Failure::new(400, text))
}

pub(super) fn set_ip(state: &mut State, call: &Call) -> Answer {
    let wanted = call.text("ipv4");
    let address: Option<std::net::Ipv4Addr> = wanted.parse().ok();
    // 100.64.0.0/10, RFC 6598.
    let inside = address.is_some_and(|ip| ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64);
    if !inside {
        return Err(Failure::new(
            400,
            format!("{wanted} is not in 100.64.0.0/10"),
        ));
    }
    let id = call.path.get("id").to_owned();
    let owner = state
        .devices
        .iter()
        .find(|device| device.texts("addresses").iter().any(|own| own == wanted));
    if owner.is_some_and(|owner| owner.text("nodeId") != id && owner.text("id") != id) {
        return Err(Failure::new(409, format!("{wanted} is already in use")));
    }
    let mut addresses = state.device(&id)?.texts("addresses");
    if let Some(first) = addresses.first_mut() {
        wanted.clone_into(first);
    }
    change(state, call, "ADDRESS", "addresses", json!(addresses))
}

pub(super) fn attributes(state: &mut State, call: &Call) -> Answer {
    let device = state.device(call.path.get("id"))?;
    Ok(told_attributes(device))
}

fn told_attributes(device: &Device) -> Reply {
    let mut all = json!({
        "node:os": device.text("os"),
        "node:tsVersion": device.text("clientVersion"),
    });
    let mut ends = json!({});
    for (name, (value, end)) in &device.attributes {
        all[name] = value.clone();
        if let Some(end) = end {
            ends[name] = json!(end);
        }
    }
    Reply::Json(json!({ "attributes": all, "expiries": ends }))
}

pub(super) fn set_attribute(state: &mut State, call: &Call) -> Answer {
    let key = custom(call)?;
    if call.text("comment").chars().count() > MAX_COMMENT {
        return Err(Failure::new(400, "comment is too long"));
    }
    let end = call.body["expiry"].as_str().map(str::to_owned);
    let device = state.device(call.path.get("id"))?;
    device
        .attributes
        .insert(key, (call.body["value"].clone(), end));
    Ok(told_attributes(device))
}

pub(super) fn delete_attribute(state: &mut State, call: &Call) -> Answer {
    let key = custom(call)?;
    let device = state.device(call.path.get("id"))?;
    match device.attributes.remove(&key) {
        Some(_) => Ok(Reply::Nothing),
        None => Err(Failure::not_found()),
    }
}

/// Only attributes of one's own can be set.
fn custom(call: &Call) -> Result<String, Failure> {
    let key = call.path.get("key");
    if key
        .strip_prefix("custom:")
        .is_some_and(|name| !name.is_empty())
        && key.len() <= 128
    {
        Ok(key.to_owned())
    } else {
        Err(Failure::new(400, "attribute key must begin with custom:").outside_the_contract())
    }
}
