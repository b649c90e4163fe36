//! Lists of domains to be fetched.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::entry::Call;
use super::items::{Processed, enabled, items, put_into_groups, rows, text, without_spaces};
use super::reply::{Answer, Failure, deleted, json_of};
use super::state::{List, State};

/// What SQLite says of a list that is there already.
const TWICE: &str = "UNIQUE constraint failed: adlist.address, adlist.type";

impl List {
    pub(super) fn row(&self) -> Value {
        json!({
            "address": self.address,
            "comment": self.comment,
            "groups": self.groups,
            "enabled": self.enabled,
            "id": self.id,
            "date_added": self.added,
            "date_modified": self.modified,
            "type": if self.allow { "allow" } else { "block" },
            "date_updated": self.updated,
            "number": self.number,
            "invalid_domains": 0,
            "abp_entries": 0,
            "status": self.status,
        })
    }
}

impl State {
    /// A new list in the first group that was not fetched yet; where it stands.
    pub(super) fn add_list(&mut self, address: &str, allow: bool) -> usize {
        let (id, now) = (self.next_id(), self.now());
        self.lists.push(List {
            id,
            address: address.to_owned(),
            allow,
            comment: None,
            groups: vec![0],
            enabled: true,
            added: now,
            modified: now,
            updated: 0,
            status: 0,
            number: 0,
            content: BTreeSet::new(),
            more: 1000,
        });
        self.lists.len() - 1
    }

    fn list_rows(&self, allow: Option<bool>, address: &str) -> Vec<Value> {
        let fits = |list: &&List| {
            allow.is_none_or(|allow| list.allow == allow)
                && (address.is_empty() || list.address == address)
        };
        self.lists.iter().filter(fits).map(List::row).collect()
    }
}

/// The type that the query names, which only a read may leave out.
fn type_of(call: &Call, needed: bool) -> Result<Option<bool>, Failure> {
    let should = "(should be either \"allow\" or \"block\")";
    match call.text("type") {
        Some("allow") => Ok(Some(true)),
        Some("block") => Ok(Some(false)),
        Some(_) => Err(Failure::bad(format!(
            "Invalid request: Invalid type parameter {should}"
        ))),
        None if needed => Err(Failure::bad(format!(
            "Invalid request: Specify type parameter {should}"
        ))),
        None => Ok(None),
    }
}

fn needed_type(call: &Call) -> Result<bool, Failure> {
    Ok(type_of(call, true)?.unwrap_or_default())
}

/// `GET /lists` and `/lists/{list}`.
pub(super) fn read(state: &mut State, call: &Call) -> Answer {
    let allow = type_of(call, false)?;
    json_of(json!({ "lists": state.list_rows(allow, call.path.get("list")) }))
}

/// `POST /lists` and `PUT /lists/{list}`.
pub(super) fn write(state: &mut State, call: &Call) -> Answer {
    let allow = needed_type(call)?;
    let body = call.json()?;
    let addresses = if call.put {
        vec![call.path.get("list").to_owned()]
    } else {
        items(body, "address")?
    };
    without_spaces(&addresses)?;
    let mut processed = Processed::default();
    for address in &addresses {
        let done = write_one(state, call.put, body, address, allow);
        processed.note(address, done);
    }
    let last = addresses.last().map(String::as_str).unwrap_or_default();
    let rows = state.list_rows(Some(allow), last);
    processed.answer(call.put, "lists", &rows)
}

fn write_one(
    state: &mut State,
    put: bool,
    body: &Value,
    address: &str,
    allow: bool,
) -> Result<(), String> {
    let same = |list: &List| list.address == address && list.allow == allow;
    let known = state.lists.iter().position(same);
    if known.is_some() && !put {
        return Err(TWICE.to_owned());
    }
    let index = known.unwrap_or_else(|| state.add_list(address, allow));
    let mut changed = state.lists[index].clone();
    changed.comment = text(body, "comment");
    changed.enabled = enabled(body);
    changed.modified = state.now();
    let done = put_into_groups(state, body, &mut changed.groups);
    state.lists[index] = changed;
    done
}

/// `DELETE /lists/{list}`.
pub(super) fn remove(state: &mut State, call: &Call) -> Answer {
    let allow = needed_type(call)?;
    let address = call.path.get("list");
    let before = state.lists.len();
    state
        .lists
        .retain(|list| list.address != address || list.allow != allow);
    deleted(state.lists.len() < before)
}

/// `POST /lists:batchDelete`.
pub(super) fn remove_all(state: &mut State, call: &Call) -> Answer {
    let rows = rows(call.json()?)?;
    let doomed = |list: &List| {
        let kind = if list.allow { "allow" } else { "block" };
        rows.iter()
            .any(|row| row["item"] == list.address.as_str() && row["type"] == kind)
    };
    let before = state.lists.len();
    state.lists.retain(|list| !doomed(list));
    deleted(state.lists.len() < before)
}
