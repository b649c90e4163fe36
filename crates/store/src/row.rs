//! Reading rows without naming the engine.

use std::fmt::Display;
use std::str::FromStr;

use homelab_core::clock::Micros;
use homelab_core::store::{StoreError, StoreResult};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// The three kinds of cells that our tables have. An error says what is wrong with one, or that the
/// row has no such column.
pub(crate) trait Cells {
    /// A TEXT.
    fn text(&self, column: &str) -> Result<Option<&str>, String>;
    /// A BIGINT.
    fn int(&self, column: &str) -> Result<Option<i64>, String>;
    /// A BOOLEAN.
    fn flag(&self, column: &str) -> Result<Option<bool>, String>;
}

macro_rules! cells {
    ($($row:ty),*) => { $(
        impl Cells for $row {
            fn text(&self, column: &str) -> Result<Option<&str>, String> {
                self.try_get(column).map_err(|error| error.to_string())
            }

            fn int(&self, column: &str) -> Result<Option<i64>, String> {
                self.try_get(column).map_err(|error| error.to_string())
            }

            fn flag(&self, column: &str) -> Result<Option<bool>, String> {
                self.try_get(column).map_err(|error| error.to_string())
            }
        }
    )* };
}

cells!(SqliteRow, PgRow);

/// One row of a table; every method answers [`StoreError::Corrupt`] where the value is not what
/// the table promises.
#[derive(Clone, Copy)]
pub(crate) struct Row<'r> {
    entity: &'static str,
    cells: &'r dyn Cells,
}

impl<'r> Row<'r> {
    /// A row of this table.
    pub(crate) fn new(entity: &'static str, cells: &'r dyn Cells) -> Self {
        Self { entity, cells }
    }

    fn corrupt(&self, column: &str, detail: impl Display) -> StoreError {
        StoreError::Corrupt {
            entity: self.entity,
            detail: format!("column `{column}`: {detail}"),
        }
    }

    fn present<T>(&self, column: &str, value: Option<T>) -> StoreResult<T> {
        value.ok_or_else(|| self.corrupt(column, "nothing is stored"))
    }

    fn borrowed(&self, column: &str) -> StoreResult<Option<&'r str>> {
        self.cells
            .text(column)
            .map_err(|error| self.corrupt(column, error))
    }

    /// A text or nothing.
    pub(crate) fn maybe_text(&self, column: &str) -> StoreResult<Option<String>> {
        Ok(self.borrowed(column)?.map(str::to_owned))
    }

    /// A text.
    pub(crate) fn text(&self, column: &str) -> StoreResult<String> {
        self.present(column, self.maybe_text(column)?)
    }

    /// A number or nothing.
    pub(crate) fn maybe_int(&self, column: &str) -> StoreResult<Option<i64>> {
        self.cells
            .int(column)
            .map_err(|error| self.corrupt(column, error))
    }

    /// A number.
    pub(crate) fn int(&self, column: &str) -> StoreResult<i64> {
        self.present(column, self.maybe_int(column)?)
    }

    /// A time or nothing.
    pub(crate) fn time(&self, column: &str) -> StoreResult<Option<Micros>> {
        self.maybe_int(column).map(|time| time.map(Micros))
    }

    /// A count, never negative.
    pub(crate) fn count(&self, column: &str) -> StoreResult<u64> {
        u64::try_from(self.int(column)?).map_err(|error| self.corrupt(column, error))
    }

    /// A TCP or UDP port or nothing.
    pub(crate) fn maybe_port(&self, column: &str) -> StoreResult<Option<u16>> {
        self.maybe_int(column)?
            .map(|port| u16::try_from(port).map_err(|error| self.corrupt(column, error)))
            .transpose()
    }

    /// A truth value or nothing.
    pub(crate) fn maybe_flag(&self, column: &str) -> StoreResult<Option<bool>> {
        self.cells
            .flag(column)
            .map_err(|error| self.corrupt(column, error))
    }

    /// A truth value.
    pub(crate) fn flag(&self, column: &str) -> StoreResult<bool> {
        self.present(column, self.maybe_flag(column)?)
    }

    /// A text that reads as `T`, or nothing.
    pub(crate) fn maybe<T: FromStr<Err: Display>>(&self, column: &str) -> StoreResult<Option<T>> {
        self.borrowed(column)?
            .map(|text| text.parse().map_err(|error| self.corrupt(column, error)))
            .transpose()
    }

    /// A text that reads as `T`.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> StoreResult<T> {
        self.present(column, self.maybe(column)?)
    }

    /// A list or map kept as JSON; empty if nothing is stored.
    pub(crate) fn json<T: DeserializeOwned + Default>(&self, column: &str) -> StoreResult<T> {
        self.borrowed(column)?.map_or_else(
            || Ok(T::default()),
            |text| serde_json::from_str(text).map_err(|error| self.corrupt(column, error)),
        )
    }

    /// A value of one of our closed lists.
    pub(crate) fn known<T>(
        &self,
        column: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> StoreResult<T> {
        let text = self.present(column, self.borrowed(column)?)?;
        parse(text).ok_or_else(|| self.corrupt(column, format_args!("unknown value `{text}`")))
    }
}
