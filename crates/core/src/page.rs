//! Keyset paging: opaque cursors, small pages by default.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ToolError;

/// Rows of a page unless asked otherwise.
pub const DEFAULT_LIMIT: u32 = 25;
/// Most rows of a page.
pub const MAX_LIMIT: u32 = 200;

/// Which page to read, as a store takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Most rows to return, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// Key of the last row of the page before, as the store made it.
    pub after: Option<String>,
}

impl PageRequest {
    /// The first page.
    pub fn first(limit: u32) -> Self {
        Self {
            limit: limit.clamp(1, MAX_LIMIT),
            after: None,
        }
    }

    /// From a tool's `limit` and `cursor`; an undecodable cursor is an error on `cursor`.
    pub fn from_args(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, ToolError> {
        let after = cursor.map(decode).transpose()?;
        Ok(Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
            after,
        })
    }
}

/// One page of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many rows match in all.
    pub total: u64,
    /// Pass this as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page from up to `limit + 1` rows: the extra row only tells that there is more.
    /// `key` is the sort key of a row.
    pub fn from_rows(
        mut rows: Vec<T>,
        request: &PageRequest,
        total: u64,
        key: impl Fn(&T) -> String,
    ) -> Self {
        let limit = request.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| encode(&key(row)));
        Self {
            items: rows,
            total,
            next_cursor,
        }
    }

    /// Turns the rows into something else.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            total: self.total,
            next_cursor: self.next_cursor,
        }
    }
}

fn encode(key: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key)
}

fn decode(cursor: &str) -> Result<String, ToolError> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| {
            ToolError::invalid("cursor", "this cursor is not one of ours")
                .hint("pass `next_cursor` of the page before unchanged, or leave `cursor` out")
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_key(key in ".*") {
            prop_assert_eq!(decode(&encode(&key)).unwrap(), key);
        }
    }

    #[test]
    fn only_a_page_with_a_row_too_many_has_a_cursor() {
        let request = PageRequest::first(2);

        let full = Page::from_rows(vec!["a", "b", "c"], &request, 3, |row| (*row).to_owned());
        let last = Page::from_rows(vec!["c"], &request, 3, |row| (*row).to_owned());

        assert_eq!(full.items, ["a", "b"]);
        assert_eq!(decode(&full.next_cursor.unwrap()).unwrap(), "b");
        assert_eq!(last.next_cursor, None);
    }

    #[test]
    fn a_foreign_cursor_is_an_error_on_its_field() {
        let error = PageRequest::from_args(None, Some("%%%")).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("cursor"));
    }
}
