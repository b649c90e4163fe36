//! What tests look for in answers.

use std::time::Duration;

use homelab_core::error::ToolError;
use serde_json::Value;

/// The reason of an error, empty without one.
pub fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}

/// The hint of an error, empty without one.
pub fn hint(error: &ToolError) -> &str {
    error.envelope().hint.as_deref().unwrap_or_default()
}

/// The argument that an error names, empty without one.
pub fn field(error: &ToolError) -> &str {
    error.envelope().field.as_deref().unwrap_or_default()
}

/// One member of all `items` of a list.
pub fn column(list: &Value, member: &str) -> Vec<Value> {
    let rows = list["items"].as_array().expect("a list");
    rows.iter().map(|row| row[member].clone()).collect()
}

/// Whether one of the lines has the text.
pub fn says(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

/// Waits, by the real clock, until `what` holds; fails after a while.
pub async fn eventually(what: impl Fn() -> bool) {
    let all = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("it to happen");
}
