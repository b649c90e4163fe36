//! Rules of switches and names of the local DNS: kept as they came.

use serde_json::{Map, Value, json};

use super::user_defined;
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, created, empty, page, plain};
use crate::unifi::state::{Record, Records, State, object_id, uuid};

pub(in crate::unifi) fn acl_list(state: &mut State, call: &Call) -> Answer {
    list(state, call, Records::AclRules)
}

pub(in crate::unifi) fn acl_create(state: &mut State, call: &Call) -> Answer {
    let mac = call.text("type") == "MAC";
    let filters = ["sourceFilter", "destinationFilter"];
    let macs = |name: &&str| {
        call.body
            .get(*name)
            .is_some_and(|one| one["type"] == "MAC_ADDRESSES")
    };
    let given = |name: &&str| call.body.contains_key(*name);
    let wrong = filters
        .iter()
        .filter(|name| given(name))
        .any(|name| macs(name) != mac);
    if wrong || (mac && !call.body.contains_key("networkIdFilter")) {
        let failure = Failure::new(400, "api.request.invalid", "filters of another type");
        return Err(failure.outside_the_contract());
    }
    create(state, call, Records::AclRules)
}

pub(in crate::unifi) fn acl_one(state: &mut State, call: &Call) -> Answer {
    one(state, call, Records::AclRules)
}

pub(in crate::unifi) fn acl_replace(state: &mut State, call: &Call) -> Answer {
    replace(state, call, Records::AclRules)
}

pub(in crate::unifi) fn acl_delete(state: &mut State, call: &Call) -> Answer {
    delete(state, call, Records::AclRules)
}

pub(in crate::unifi) fn dns_list(state: &mut State, call: &Call) -> Answer {
    list(state, call, Records::DnsPolicies)
}

pub(in crate::unifi) fn dns_create(state: &mut State, call: &Call) -> Answer {
    create(state, call, Records::DnsPolicies)
}

pub(in crate::unifi) fn dns_one(state: &mut State, call: &Call) -> Answer {
    one(state, call, Records::DnsPolicies)
}

pub(in crate::unifi) fn dns_replace(state: &mut State, call: &Call) -> Answer {
    replace(state, call, Records::DnsPolicies)
}

pub(in crate::unifi) fn dns_delete(state: &mut State, call: &Call) -> Answer {
    delete(state, call, Records::DnsPolicies)
}

fn list(state: &mut State, call: &Call, kind: Records) -> Answer {
    let records = call.site(state)?.records(kind);
    let numbered = records.iter().enumerate();
    page(numbered.map(|(index, one)| row(one, kind, index)).collect())
}

fn one(state: &mut State, call: &Call, kind: Records) -> Answer {
    let at = position(state, call, kind)?;
    plain(row(&call.site(state)?.records(kind)[at], kind, at))
}

fn create(state: &mut State, call: &Call, kind: Records) -> Answer {
    let key = state.next().to_string();
    let record = Record {
        id: object_id("record", &key),
        uuid: uuid("record", &key),
        fields: call.body.clone(),
    };
    let records = call.site(state)?.records(kind);
    let made = row(&record, kind, records.len());
    records.push(record);
    created(made)
}

fn replace(state: &mut State, call: &Call, kind: Records) -> Answer {
    let at = position(state, call, kind)?;
    let record = &mut call.site(state)?.records(kind)[at];
    record.fields.clone_from(&call.body);
    plain(row(record, kind, at))
}

fn delete(state: &mut State, call: &Call, kind: Records) -> Answer {
    let at = position(state, call, kind)?;
    call.site(state)?.records(kind).remove(at);
    empty()
}

fn position(state: &mut State, call: &Call, kind: Records) -> Result<usize, Failure> {
    let id = call.id().to_owned();
    let records = call.site(state)?.records(kind);
    let found = records.iter().position(|one| one.uuid == id);
    found.ok_or_else(|| Failure::missing("record", &id))
}

fn row(record: &Record, kind: Records, index: usize) -> Value {
    let mut row: Map<String, Value> = record.fields.clone();
    row.insert("id".to_owned(), json!(record.uuid));
    row.insert("metadata".to_owned(), user_defined());
    if kind == Records::AclRules {
        row.insert("index".to_owned(), json!(index));
    }
    Value::Object(row)
}
