//! What callers may write: lengths, ids, versions.

use homelab_core::ccpm::{CcpmCode, CcpmError, CcpmResult, Metadata};

/// Most bytes of `metadata` as JSON.
const METADATA: usize = 16 * 1024;

/// A text that must be there: 1 to `most` characters.
pub(crate) fn text(field: &str, value: &str, most: usize) -> CcpmResult<()> {
    if value.trim().is_empty() {
        return Err(CcpmError::invalid(field, format!("`{field}` is empty")));
    }
    optional(field, Some(value), most)
}

/// A text that may be absent or empty.
pub(crate) fn optional(field: &str, value: Option<&str>, most: usize) -> CcpmResult<()> {
    let Some(value) = value else { return Ok(()) };
    if value.contains('\0') {
        return Err(CcpmError::invalid(
            field,
            format!("`{field}` holds a NUL character"),
        ));
    }
    if value.len() > most && value.chars().count() > most {
        return Err(CcpmError::invalid(
            field,
            format!("`{field}` has more than {most} characters"),
        ));
    }
    Ok(())
}

/// A list of at most `most` texts, each of 1 to `longest` characters.
pub(crate) fn list(field: &str, values: &[String], most: usize, longest: usize) -> CcpmResult<()> {
    if values.len() > most {
        return Err(CcpmError::invalid(
            field,
            format!("`{field}` has more than {most} entries"),
        ));
    }
    for (place, value) in values.iter().enumerate() {
        text(&format!("{field}[{place}]"), value, longest)?;
    }
    Ok(())
}

/// Free members.
pub(crate) fn metadata(metadata: &Metadata) -> CcpmResult<()> {
    let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if bytes > METADATA {
        return Err(CcpmError::invalid(
            "metadata",
            "`metadata` has more than 16 KiB as JSON",
        ));
    }
    Ok(())
}

/// An id in a body.
pub(crate) fn id<T>(field: &str, text: &str, parse: impl Fn(&str) -> Option<T>) -> CcpmResult<T> {
    parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        CcpmError::invalid(field, format!("`{shown}` is no UUID"))
    })
}

/// Ids in a body, each once.
pub(crate) fn ids<T: PartialEq>(
    field: &str,
    texts: impl Iterator<Item = impl AsRef<str>>,
    most: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> CcpmResult<Vec<T>> {
    let mut found = Vec::new();
    for (place, text) in texts.enumerate() {
        let id = id(&format!("{field}[{place}]"), text.as_ref(), &parse)?;
        if !found.contains(&id) {
            found.push(id);
        }
    }
    if found.len() > most {
        return Err(CcpmError::invalid(
            field,
            format!("`{field}` has more than {most} entries"),
        ));
    }
    Ok(found)
}

/// The version that a change is meant for, given in one of two ways.
pub(crate) fn version(actual: i64, wanted: &[Option<i64>]) -> CcpmResult<()> {
    if wanted.iter().flatten().all(|wanted| *wanted == actual) {
        return Ok(());
    }
    Err(CcpmError::new(
        CcpmCode::VersionConflict,
        format!("it was changed meanwhile and is of version `{actual}`"),
    )
    .hint("read it again, and repeat the change if it still makes sense")
    .detail("current", actual))
}

/// The beginning of a text, at most so many characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
