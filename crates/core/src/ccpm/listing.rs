//! Pages as the contract has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{CcpmError, CcpmResult};

/// Rows of a page unless asked otherwise.
pub const DEFAULT_LIMIT: u32 = 50;
/// Most rows of a page.
pub const MAX_LIMIT: u32 = 200;

/// Which page to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Most rows, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub cursor: Option<String>,
}

impl Paging {
    /// The first page of this many rows.
    pub fn first(limit: u32) -> Self {
        Self {
            limit: Some(limit),
            cursor: None,
        }
    }

    /// Rows to read.
    ///
    /// # Errors
    /// `validation_failed` on `limit` if it is out of bounds.
    pub fn rows(&self) -> CcpmResult<u32> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if (1..=MAX_LIMIT).contains(&limit) {
            return Ok(limit);
        }
        Err(CcpmError::invalid(
            "limit",
            format!("`limit` is `{limit}`, and a page has 1 to {MAX_LIMIT} rows"),
        ))
    }

    /// Where the page before ended: a key of `kind` with its numbers, as `cursor` wrote it.
    ///
    /// # Errors
    /// `bad_request` with `details.field` if it is no cursor of this list.
    pub fn after<const N: usize>(&self, kind: &str) -> CcpmResult<Option<[i64; N]>> {
        self.cursor
            .as_deref()
            .map(|cursor| read_cursor(kind, cursor).ok_or_else(foreign_cursor))
            .transpose()
    }
}

fn foreign_cursor() -> CcpmError {
    CcpmError::new(
        super::CcpmCode::BadRequest,
        "this cursor is not one of this list",
    )
    .hint("pass `next_cursor` of the page before unchanged, or leave `cursor` out")
    .detail("field", "cursor")
}

/// A cursor of the list `kind` that stands behind a row with these numbers.
fn cursor(kind: &str, key: &[i64]) -> String {
    use base64::Engine as _;
    let numbers: Vec<String> = key.iter().map(i64::to_string).collect();
    let text = format!("{kind}:{}", numbers.join(":"));
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn read_cursor<const N: usize>(kind: &str, cursor: &str) -> Option<[i64; N]> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let numbers = text.strip_prefix(kind)?.strip_prefix(':')?;
    let numbers: Vec<i64> = numbers
        .split(':')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    numbers.try_into().ok()
}

/// One page of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Listing<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where it stands.
    pub page: PageInfo,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PageInfo {
    /// Most rows of the page.
    #[serde(default)]
    pub limit: u32,
    /// Whether another page follows.
    #[serde(default)]
    pub has_more: bool,
    /// Pass this as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many rows match in all, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl<T> Listing<T> {
    /// A page from up to `limit + 1` rows: the extra one only tells that there is more. `key` is
    /// what the list `kind` is ordered by.
    pub fn from_rows<const N: usize>(
        mut rows: Vec<T>,
        limit: u32,
        kind: &str,
        key: impl Fn(&T) -> [i64; N],
    ) -> Self {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_cursor = rows
            .last()
            .filter(|_| has_more)
            .map(|row| cursor(kind, &key(row)));
        Self {
            data: rows,
            page: PageInfo {
                limit,
                has_more,
                next_cursor,
                total: None,
            },
        }
    }

    /// A list that has one page.
    pub fn whole(rows: Vec<T>) -> Self {
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        Self {
            page: PageInfo {
                limit: count.max(1),
                total: Some(count.into()),
                ..PageInfo::default()
            },
            data: rows,
        }
    }

    /// Turns the rows into something else.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Listing<U> {
        Listing {
            data: self.data.into_iter().map(convert).collect(),
            page: self.page,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_behind_its_row_and_belongs_to_its_list() {
        let page = Listing::from_rows(vec![1, 2, 3], 2, "task", |row| [*row, -7]);
        let next = Paging {
            limit: None,
            cursor: page.page.next_cursor.clone(),
        };

        assert_eq!(page.data, [1, 2]);
        assert!(page.page.has_more);
        assert_eq!(next.after::<2>("task").unwrap(), Some([2, -7]));
        assert_eq!(next.after::<1>("task").unwrap_err().status(), 400);
        assert_eq!(next.after::<2>("inbox").unwrap_err().status(), 400);
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = Listing::from_rows(vec![1, 2], 2, "task", |row| [*row]);

        assert!(!page.page.has_more);
        assert_eq!(page.page.next_cursor, None);
    }

    #[test]
    fn a_foreign_cursor_and_a_limit_out_of_bounds_are_errors_on_their_fields() {
        for cursor in ["%%%", "", "dGFzazox", "é"] {
            let paging = Paging {
                limit: Some(0),
                cursor: Some(cursor.into()),
            };
            let error = paging.after::<2>("task").unwrap_err();
            assert_eq!(error.details()["field"], "cursor", "{cursor}");
            assert_eq!(paging.rows().unwrap_err().details()["field"], "limit");
        }
    }
}
