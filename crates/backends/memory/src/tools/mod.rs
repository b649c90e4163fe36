//! The tools, by what one does with a memory.

pub(crate) mod add;
pub(crate) mod change;
pub(crate) mod look;
pub(crate) mod search;
pub(crate) mod summarize;

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};

/// A moment as an argument.
///
/// # Errors
/// `invalid_argument` on the field.
fn moment(field: &str, text: Option<&str>) -> ToolResult<Option<Micros>> {
    let Some(text) = text else { return Ok(None) };
    let read = [text.to_owned(), format!("{text}T00:00:00Z")];
    let read = read.iter().find_map(|one| Micros::from_rfc3339(one));
    read.map(Some).ok_or_else(|| {
        ToolError::invalid(field, format!("`{field}` is no moment"))
            .hint("write it like `2026-01-02T03:04:05Z`, or a day like `2026-01-02`")
    })
}
