//! Errors that several operations end with.

use homelab_core::error::{Code, ToolError};

use crate::text::cut;

/// There is no such memory, or it is somebody else's: nobody can tell which.
pub(crate) fn unknown(id: &str) -> ToolError {
    let (id, _) = cut(id, 64);
    ToolError::not_found(format!("there is no memory `{id}`"))
        .reason("memory_unknown")
        .field("memory_id")
        .hint("find it with `search_memories` or `list_memories`")
}

/// A text holds a secret; the text itself is never repeated.
pub(crate) fn secret(field: &str, kind: &str) -> ToolError {
    ToolError::invalid(field, format!("`{field}` seems to hold a secret: {kind}"))
        .reason("secret_in_memory")
        .hint("keep the secret in the credential store and write down only where it is")
}

/// Somebody else changed it meanwhile.
pub(crate) fn other_version(expected: u32, now: u32) -> ToolError {
    let message = format!("the memory is at version {now} by now, not at {expected}");
    ToolError::new(Code::Conflict, message)
        .reason("memory_changed")
        .field("expected_version")
        .hint("read it with `get_memory` and decide anew")
}

/// Another memory of the scope says exactly this.
pub(crate) fn same_as(id: &str) -> ToolError {
    ToolError::new(
        Code::Conflict,
        format!("memory `{id}` says the same already"),
    )
    .reason("memory_same")
    .field("content")
    .hint("delete one of the two")
}
