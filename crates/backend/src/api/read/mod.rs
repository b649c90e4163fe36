//! Readers of descriptions that upstreams publish.

mod bundle;
mod openapi;
mod viewer;

use super::model::Operation;

pub use bundle::Bundle;

/// Largest description that is read, bytes.
pub(crate) const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Most operations that are kept.
const MOST_OPERATIONS: usize = 20_000;

/// Reads a description in any of the known forms, and hands each operation on.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn read(text: &str, take: &mut dyn FnMut(Operation)) -> Result<(), String> {
    if text.len() > MOST_BYTES {
        return Err(format!("it is larger than {MOST_BYTES} bytes"));
    }
    let mut count = 0;
    let mut taken = |operation: Operation| {
        count += 1;
        if count <= MOST_OPERATIONS {
            take(operation);
        }
    };
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('{') {
        openapi::read(start, &mut taken)?;
    } else if let Some(tree) = viewer::tree(start) {
        viewer::read(tree, &mut taken)?;
    } else {
        openapi::read(&openapi::json_of_yaml(start)?, &mut taken)?;
    }
    match count {
        0 => Err("it describes no operation".to_owned()),
        count if count > MOST_OPERATIONS => Err(format!(
            "it describes more than {MOST_OPERATIONS} operations"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
