//! What is free, and taking it: `available-ips`, `available-prefixes`, `available-vlans`. Finding
//! and making happen under one lock, so no two callers get the same.

use serde_json::{Map, Value, json};

use super::addresses;
use super::auth::{Act, Actor};
use super::entry::Call;
use super::models;
use super::net::Net;
use super::read::{self, missing};
use super::reply::{Answer, Reply, json_of, refused};
use super::state::{Object, State};
use super::vlans;
use super::write::{self, Errors};

/// What is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Addresses,
    Prefixes,
    Vlans,
}

fn parent(state: &State, kind: &'static str, id: u64) -> Result<Object, Reply> {
    let found = state.get(kind, id).cloned();
    found.ok_or_else(|| missing(models::of(kind)))
}

/// `GET`: what is free.
pub(super) fn list(
    state: &State,
    call: &mut Call,
    kind: &'static str,
    id: u64,
    what: What,
) -> Answer {
    call.only_takes(&["limit", "brief", "fields", "omit", "format"]);
    let parent = parent(state, kind, id)?;
    let vrf = parent.id_of("vrf").and_then(|id| state.get("ipam.vrf", id));
    let vrf = vrf.map_or(Value::Null, |vrf| state.brief(vrf));
    let rows: Vec<Value> = match what {
        What::Addresses => addresses::free(state, &parent, read::limit(state, call))
            .into_iter()
            .map(|net| json!({ "family": net.family(), "address": net.to_string(), "vrf": vrf }))
            .collect(),
        What::Prefixes => addresses::free_blocks(state, &parent)
            .into_iter()
            .map(|net| json!({ "family": net.family(), "prefix": net.to_string(), "vrf": vrf }))
            .collect(),
        What::Vlans => vlans::free(state, &parent)
            .into_iter()
            .take(read::limit(state, call))
            .map(|vid| json!({ "vid": vid, "group": state.brief(&parent) }))
            .collect(),
    };
    json_of(Value::Array(rows))
}

fn insufficient() -> Reply {
    refused(
        409,
        "Insufficient resources are available to satisfy the request",
    )
}

/// `POST`: takes one for an object, several for a list, all of them or none.
pub(super) fn take(
    state: &mut State,
    call: &mut Call,
    kind: &'static str,
    id: u64,
    what: What,
) -> Answer {
    let made = match what {
        What::Addresses => "ipam.ipaddress",
        What::Prefixes => "ipam.prefix",
        What::Vlans => "ipam.vlan",
    };
    state.permit(call.actor.user, Act::Add, made)?;
    let parent = parent(state, kind, id)?;
    let single = call.body.as_ref().is_some_and(Value::is_object);
    let wanted: Vec<Map<String, Value>> = call.objects()?;
    let model = models::of(made);
    let more: &[&str] = match what {
        What::Vlans => &[],
        _ => &["prefix_length"],
    };
    for one in &wanted {
        call.strange |= write::has_unknown(state, model, one, more);
        // What the server chooses is not the client's to say.
        let chosen = ["address", "prefix", "vid", "vrf", "group"];
        call.strange |= chosen.iter().any(|name| one.contains_key(*name));
    }
    let before = state.objects();
    let changes = state.changes.len();
    let actor = call.actor.clone();
    let mut ids = Vec::new();
    let mut errors = Vec::new();
    let mut outcome = Ok(());
    for one in wanted {
        match allot(state, &actor, &parent, what, one) {
            Ok(id) => ids.push(id),
            Err(Trouble::Full) => {
                outcome = Err(insufficient());
                break;
            }
            Err(Trouble::Wrong(wrong)) => errors.push(wrong),
        }
    }
    if outcome.is_ok() && !errors.is_empty() {
        let body = if single {
            errors.remove(0).into()
        } else {
            errors.into_iter().map(Value::Object).collect()
        };
        outcome = Err(Reply::of(400, body));
    }
    if let Err(refusal) = outcome {
        state.restore(before);
        state.changes.truncate(changes);
        return Err(refusal);
    }
    let told = |id: &u64| {
        state
            .get(made, *id)
            .map_or(Value::Null, |object| state.full(object))
    };
    let body = if single {
        ids.first().map_or(Value::Null, told)
    } else {
        ids.iter().map(told).collect()
    };
    Ok(Reply::of(201, body))
}

enum Trouble {
    /// There is no room.
    Full,
    Wrong(Errors),
}

fn wrong(field: &str, text: &str) -> Trouble {
    let mut errors = Errors::new();
    errors.insert(field.to_owned(), json!([text]));
    Trouble::Wrong(errors)
}

fn allot(
    state: &mut State,
    actor: &Actor,
    parent: &Object,
    what: What,
    mut fields: Map<String, Value>,
) -> Result<u64, Trouble> {
    let model = match what {
        What::Addresses => {
            let mut address = addresses::free(state, parent, 1)
                .pop()
                .ok_or(Trouble::Full)?;
            if let Some(length) = fields.remove("prefix_length") {
                address.length = mask(&length, address)?;
            }
            fields.insert("address".to_owned(), json!(address.to_string()));
            fields.insert("vrf".to_owned(), json!(parent.id_of("vrf")));
            "ipam.ipaddress"
        }
        What::Prefixes => {
            let Some(length) = fields.remove("prefix_length") else {
                return Err(wrong("prefix_length", "This field is required."));
            };
            let outer = addresses::net_of(parent).ok_or(Trouble::Full)?;
            let length = mask(&length, outer)?;
            let blocks = addresses::free_blocks(state, parent);
            let block = blocks.into_iter().find(|block| block.length <= length);
            let block = block.ok_or(Trouble::Full)?;
            let prefix = Net { length, ..block };
            fields.insert("prefix".to_owned(), json!(prefix.to_string()));
            fields.insert("vrf".to_owned(), json!(parent.id_of("vrf")));
            "ipam.prefix"
        }
        What::Vlans => {
            let vid = vlans::free(state, parent).first().copied();
            fields.insert("vid".to_owned(), json!(vid.ok_or(Trouble::Full)?));
            fields.insert("group".to_owned(), json!(parent.id));
            "ipam.vlan"
        }
    };
    write::create(state, actor, models::of(model), &fields).map_err(Trouble::Wrong)
}

/// A length of at least the parent's.
fn mask(length: &Value, parent: Net) -> Result<u8, Trouble> {
    let family = parent.family();
    let length = length.as_u64().and_then(|length| u8::try_from(length).ok());
    let length = length.filter(|length| *length <= parent.bits());
    let Some(length) = length else {
        return Err(wrong(
            "prefix_length",
            &format!("Invalid prefix length for IPv{family}"),
        ));
    };
    if length < parent.length {
        let text = format!(
            "Prefix length must be greater than or equal to the parent's ({})",
            parent.length
        );
        return Err(wrong("prefix_length", &text));
    }
    Ok(length)
}
