//! Rules of switches: kept as they came.

use serde_json::{Value, json};

use super::user_defined;
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, created, empty, page, plain};
use crate::unifi::state::{Record, Records, State, object_id, uuid};

pub(in crate::unifi) fn list(state: &mut State, call: &Call) -> Answer {
    let records = call.site(state)?.records(Records::AclRules);
    let numbered = records.iter().enumerate();
    page(numbered.map(|(index, one)| row(one, index)).collect())
}

pub(in crate::unifi) fn create(state: &mut State, call: &Call) -> Answer {
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
    let key = state.next().to_string();
    let record = Record {
        id: object_id("record", &key),
        uuid: uuid("record", &key),
        fields: call.body.clone(),
    };
    let records = call.site(state)?.records(Records::AclRules);
    let made = row(&record, records.len());
    records.push(record);
    created(made)
}

pub(in crate::unifi) fn one(state: &mut State, call: &Call) -> Answer {
    let at = position(state, call)?;
    plain(row(&call.site(state)?.records(Records::AclRules)[at], at))
}

pub(in crate::unifi) fn replace(state: &mut State, call: &Call) -> Answer {
    let at = position(state, call)?;
    let record = &mut call.site(state)?.records(Records::AclRules)[at];
    record.fields.clone_from(&call.body);
    plain(row(record, at))
}

pub(in crate::unifi) fn delete(state: &mut State, call: &Call) -> Answer {
    let at = position(state, call)?;
    call.site(state)?.records(Records::AclRules).remove(at);
    empty()
}

fn position(state: &mut State, call: &Call) -> Result<usize, Failure> {
    let id = call.id().to_owned();
    let records = call.site(state)?.records(Records::AclRules);
    let found = records.iter().position(|one| one.uuid == id);
    found.ok_or_else(|| Failure::missing("record", &id))
}

fn row(record: &Record, index: usize) -> Value {
    let mut row = record.fields.clone();
    row.insert("id".to_owned(), json!(record.uuid));
    row.insert("metadata".to_owned(), user_defined());
    row.insert("index".to_owned(), json!(index));
    Value::Object(row)
}
