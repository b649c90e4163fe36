//! The official integration API: UUIDs, pages, and only what it documents.

pub(super) mod acl;
pub(super) mod clients;
pub(super) mod devices;
pub(super) mod firewall;
pub(super) mod networks;
pub(super) mod vouchers;

use serde_json::{Value, json};

pub(super) fn user_defined() -> Value {
    json!({ "origin": "USER_DEFINED" })
}

/// Puts a field there unless there is nothing to say.
fn set(row: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        row[name] = value.into();
    }
}
