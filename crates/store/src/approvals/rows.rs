//! A held call, as it is stored and as it is read.

use homelab_core::approval::{Approval, State};
use homelab_core::clock::Micros;
use homelab_core::store::{StoreError, StoreResult};
use serde_json::{Map, Value};

use super::ENTITY;
use crate::row::Row;
use crate::text::holds_nul;

/// Longest of the texts that are looked up.
const LONGEST: usize = 255;

/// Texts of an approval that have columns of their own.
const TEXTS: [&str; 3] = ["id", "state", "digest"];
/// Times that have columns of their own: numbers, which also keep a time that RFC 3339 has no form
/// for.
const TIMES: [&str; 3] = ["until", "created_at", "updated_at"];

/// Members that may hold text of a caller or a person, to say which of them cannot be stored.
const FREE: [&str; 9] = [
    "requester",
    "action",
    "preview",
    "rule",
    "reason",
    "read_before",
    "votes",
    "run",
    "outcome",
];

/// Reads a row as the last step left it.
pub(super) fn read(row: Row<'_>) -> StoreResult<Approval> {
    let state = row.known("state", State::parse)?;
    let mut members: Map<String, Value> = row.json("body")?;
    members.insert("id".into(), row.text("id")?.into());
    members.insert("digest".into(), row.text("digest")?.into());
    members.insert("state".into(), state.as_str().into());
    let mut approval = assembled(members).map_err(|error| StoreError::Corrupt {
        entity: ENTITY,
        detail: format!("column `body`: {error}"),
    })?;
    approval.until = Micros(row.int("until")?);
    approval.created_at = Micros(row.int("created_at")?);
    approval.updated_at = Micros(row.int("updated_at")?);
    Ok(approval)
}

/// An approval whose times are still to be set.
fn assembled(mut members: Map<String, Value>) -> serde_json::Result<Approval> {
    for time in TIMES {
        members.insert(time.into(), Micros(0).to_rfc3339().into());
    }
    serde_json::from_value(Value::Object(members))
}

/// The text of `body`, if it and the other columns can be stored.
pub(super) fn body(approval: &Approval) -> StoreResult<String> {
    let invalid = |field, detail: &str| StoreError::Invalid {
        entity: ENTITY,
        field,
        detail: detail.into(),
    };
    let keys = [
        ("id", &approval.id),
        ("digest", &approval.digest),
        ("credential", &approval.requester.credential),
    ];
    for (field, value) in keys {
        if value.is_empty() || value.contains('\0') || value.chars().count() > LONGEST {
            let detail = "it must have 1 to 255 characters, none of them NUL";
            return Err(invalid(field, detail));
        }
    }
    let Ok(Value::Object(mut members)) = serde_json::to_value(approval) else {
        return Err(StoreError::Internal("an approval is no object".into()));
    };
    let with_nul = FREE
        .into_iter()
        .find(|member| members.get(*member).is_some_and(holds_nul));
    if let Some(field) = with_nul {
        return Err(invalid(field, "it holds a NUL character"));
    }
    // What cannot be read back would hide its neighbours in every list.
    if assembled(members.clone()).is_err() {
        return Err(invalid("votes", "a time of it is out of range"));
    }
    for member in TEXTS.into_iter().chain(TIMES) {
        members.remove(member);
    }
    Ok(Value::Object(members).to_string())
}
