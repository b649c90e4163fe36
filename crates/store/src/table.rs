//! The statements of a table, made from its columns when the crate is compiled, so that each
//! column is named once and every statement is a literal.

use homelab_core::inventory::Record;
use homelab_core::store::StoreResult;

use crate::db::Values;
use crate::row::Row;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// TEXT.
    Text,
    /// BIGINT.
    Int,
    /// BOOLEAN.
    Flag,
}

/// A table as it is written whole: by imports, backups and restores.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns.
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// Inserts the rows of `$1`.
    pub(crate) insert: &'static str,
    /// Inserts one row, a parameter for each column; for [`crate::direct`].
    pub(crate) insert_one: &'static str,
    /// All rows in a fixed order.
    pub(crate) select_all: &'static str,
    /// Removes all rows.
    pub(crate) delete_all: &'static str,
    /// One row if there is any.
    pub(crate) probe: &'static str,
}

/// A column of the rows in `$1`, as what it is.
macro_rules! cell {
    (text $name:literal) => {
        concat!("value->>'", $name, "'")
    };
    (int $name:literal) => {
        concat!("CAST(value->>'", $name, "' AS BIGINT)")
    };
    (flag $name:literal) => {
        concat!("CAST(value->>'", $name, "' AS BOOLEAN)")
    };
}
pub(crate) use cell;

macro_rules! mark {
    ($k:ident) => {
        "?"
    };
}
pub(crate) use mark;

macro_rules! kind {
    (text) => {
        $crate::table::Kind::Text
    };
    (int) => {
        $crate::table::Kind::Int
    };
    (flag) => {
        $crate::table::Kind::Flag
    };
}
pub(crate) use kind;

/// `INSERT … SELECT` from the rows of `$1`. The `WHERE` keeps SQLite from reading `ON CONFLICT` as
/// a join's `ON`.
macro_rules! insert {
    ($table:literal, $k:ident $c:literal $(, $ks:ident $cs:literal)*) => {
        concat!(
            "INSERT INTO ", $table, " (\"", $c, "\"" $(, ", \"", $cs, "\"")*, ") SELECT ",
            $crate::table::cell!($k $c) $(, ", ", $crate::table::cell!($ks $cs))*,
            " FROM jsonb_each($1) WHERE TRUE"
        )
    };
}
pub(crate) use insert;

/// A [`Table`] from its name, its order and its columns.
macro_rules! table {
    ($table:literal, order $order:literal, $k:ident $c:literal $(, $ks:ident $cs:literal)* $(,)?) => {
        $crate::table::Table {
            name: $table,
            columns: &[($c, $crate::table::kind!($k)) $(, ($cs, $crate::table::kind!($ks)))*],
            insert: $crate::table::insert!($table, $k $c $(, $ks $cs)*),
            insert_one: concat!(
                "INSERT INTO ", $table, " (\"", $c, "\"" $(, ", \"", $cs, "\"")*, ") VALUES (",
                $crate::table::mark!($k) $(, ", ", $crate::table::mark!($ks))*, ")"
            ),
            select_all: concat!(
                "SELECT \"", $c, "\"" $(, ", \"", $cs, "\"")*,
                " FROM ", $table, " ORDER BY ", $order
            ),
            delete_all: concat!("DELETE FROM ", $table),
            probe: concat!("SELECT 1 FROM ", $table, " LIMIT 1"),
        }
    };
}
pub(crate) use table;

/// The statements of an inventory table beyond those of any table.
#[derive(Debug)]
pub(crate) struct RecordSql {
    /// By id `$1` or sort key `$2`; the id wins.
    pub(crate) get: &'static str,
    /// The same for [`crate::direct`]: SQLite takes the parts one after the other and stops at the
    /// first row, and needs no sorter for one row, which costs half as much again.
    pub(crate) get_in_turn: &'static str,
    /// All whose `id` or `sort_key` is in the rows of `$1`; a row found by both comes twice.
    pub(crate) existing: &'static str,
    /// Id, name and sort key of those whose `sort_key` is in the rows of `$1`.
    pub(crate) resolve: &'static str,
    /// Inserts the rows of `$1`, or replaces those of the same id.
    pub(crate) upsert: &'static str,
    /// Frees the sort keys of the rows whose `id` is in `$1`, before they take new ones.
    pub(crate) park: &'static str,
    /// Removes the row of id `$1`.
    pub(crate) delete: &'static str,
    /// Everything by sort key.
    pub(crate) all: &'static str,
    /// Rows after sort key `$1`, at most `$2`; `total` is how many there are in all. Without
    /// conditions the engines count by an index: 1 ms instead of 20 for 100,000 devices.
    pub(crate) page_of_all: &'static str,
    /// Rows after sort key `$1`, at most `$2`, that match the filters `$3`, …; `total` is how many
    /// match in all.
    pub(crate) page: &'static str,
    /// Like `page` without `total`, for the filter `$3` on a device or guest alone, of tables that
    /// have it: "this or anything" would make the engines read the whole table.
    pub(crate) page_on: &'static str,
    /// By `ip_sort` `$1`, for tables that have it.
    pub(crate) by_ip: &'static str,
    /// Names beside sort key `$1`, and the first ones.
    pub(crate) near: &'static str,
}

/// Implements [`Stored`]'s constants: `record_table!(VirtualMachine, "virtual_machines", …)`.
///
/// `read` columns are read and written, `derived` ones only written; `joined` are selected besides;
/// `filter` is over `t` and the arguments from `$3` on.
macro_rules! record_table {
    (
        $table:literal, name $name:literal,
        read: $($k:ident $c:literal),+;
        derived: $($dk:ident $d:literal),+;
        joined: $joined:literal;
        filter: $filter:literal;
    ) => {
        const TABLE: &'static $crate::table::Table = &$crate::table::table!(
            $table, order "sort_key", text "id" $(, $k $c)+ $(, $dk $d)+, int "updated_at"
        );
        const SQL: &'static $crate::table::RecordSql = &$crate::table::RecordSql {
            get: concat!(
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined, " FROM ", $table,
                " t WHERE t.id = $1 OR t.sort_key = $2",
                " ORDER BY CASE WHEN t.id = $1 THEN 0 ELSE 1 END LIMIT 1"
            ),
            get_in_turn: concat!(
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined, " FROM ", $table,
                " t WHERE t.id = $1 UNION ALL ",
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined, " FROM ", $table,
                " t WHERE t.sort_key = $2 LIMIT 1"
            ),
            existing: concat!(
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined, " FROM ", $table,
                " t WHERE t.id IN (SELECT value->>'id' FROM jsonb_each($1)) UNION ALL ",
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined, " FROM ", $table,
                " t WHERE t.sort_key IN (SELECT value->>'sort_key' FROM jsonb_each($1))"
            ),
            resolve: concat!(
                "SELECT id, ", $name, " AS name, sort_key FROM ", $table,
                " WHERE sort_key IN (SELECT value->>'sort_key' FROM jsonb_each($1))"
            ),
            upsert: concat!(
                $crate::table::insert!(
                    $table, text "id" $(, $k $c)+ $(, $dk $d)+, int "updated_at"
                ),
                " ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at"
                $(, ", \"", $c, "\" = excluded.\"", $c, "\"")+
                $(, ", \"", $d, "\" = excluded.\"", $d, "\"")+
            ),
            park: concat!(
                "UPDATE ", $table, " SET sort_key = '~parked~' || id ",
                "WHERE id IN (SELECT value->>'id' FROM jsonb_each($1))"
            ),
            delete: concat!("DELETE FROM ", $table, " WHERE id = $1"),
            all: concat!(
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined, " FROM ", $table,
                " t ORDER BY t.sort_key"
            ),
            page_of_all: concat!(
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined,
                ", t.sort_key, (SELECT COUNT(*) FROM ", $table, ") AS total",
                " FROM ", $table, " t WHERE t.sort_key > $1 ORDER BY t.sort_key LIMIT $2"
            ),
            page: concat!(
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined,
                ", t.sort_key, (SELECT COUNT(*) FROM ", $table, " t WHERE ", $filter, ") AS total",
                " FROM ", $table, " t WHERE t.sort_key > $1 AND ", $filter,
                " ORDER BY t.sort_key LIMIT $2"
            ),
            page_on: concat!(
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined,
                ", t.sort_key FROM ", $table, " t WHERE t.sort_key > $1 AND ",
                "(t.device_id = (SELECT d.id FROM devices d WHERE d.sort_key = $3) OR ",
                "t.vm_id = (SELECT v.id FROM virtual_machines v WHERE v.sort_key = $3))",
                " ORDER BY t.sort_key LIMIT $2"
            ),
            by_ip: concat!(
                "SELECT t.id, t.updated_at" $(, ", t.\"", $c, "\"")+, $joined, " FROM ", $table,
                " t WHERE t.ip_sort = $1 ORDER BY t.sort_key"
            ),
            near: concat!(
                "SELECT name FROM (SELECT ", $name, " AS name FROM ", $table,
                " WHERE sort_key >= $1 ORDER BY sort_key LIMIT 500) a UNION ",
                "SELECT name FROM (SELECT ", $name, " AS name FROM ", $table,
                " WHERE sort_key < $1 ORDER BY sort_key DESC LIMIT 500) b UNION ",
                "SELECT name FROM (SELECT ", $name, " AS name FROM ", $table,
                " ORDER BY sort_key LIMIT 1000) c"
            ),
        };
    };
}
pub(crate) use record_table;

/// A record that refers to another one by name.
pub(crate) struct Reference<'r> {
    /// The field that refers, as callers know it.
    pub(crate) field: &'static str,
    /// The column that holds the other one's id.
    pub(crate) column: &'static str,
    /// Where to look.
    pub(crate) target: Target,
    /// The other one's name.
    pub(crate) name: &'r mut Option<String>,
}

/// What records refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// `proxmox_hosts`.
    Host,
    /// `virtual_machines`.
    Guest,
    /// `devices`.
    Device,
    /// `networks`.
    Network,
}

/// An inventory record and its table.
pub(crate) trait Stored:
    Record + serde::Serialize + Clone + PartialEq + Send + Sync + 'static
{
    /// The table.
    const TABLE: &'static Table;
    /// Its statements.
    const SQL: &'static RecordSql;
    /// Reads a row of `get`, `existing`, `all` or `page`.
    fn read(row: Row<'_>) -> StoreResult<Self>;

    /// Adds the derived columns, except ids of other records and `sort_key`.
    fn derive(&self, row: &mut Values);

    /// The sort key of a natural key; nothing if no record can have this key.
    fn sort_key(key: &str) -> Option<String> {
        Some(crate::text::fold(key))
    }

    /// The other records it names.
    fn references(&mut self) -> Vec<Reference<'_>> {
        Vec::new()
    }
}
