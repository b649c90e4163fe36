//! One file per inventory table: its columns, how a row is read, what is derived from a record.

mod address;
mod device;
mod equipment;
mod firewall_rule;
mod host;
mod network;
mod service;
mod virtual_machine;

pub(crate) use network::bounds;

use serde_json::Value;

use crate::db::Values;

/// Sets a derived column; nothing leaves it NULL.
fn set(row: &mut Values, column: &str, value: Option<String>) {
    if let Some(value) = value {
        row.insert(column.to_owned(), Value::String(value));
    }
}
