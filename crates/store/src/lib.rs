//! SQLite and PostgreSQL behind the store traits of `homelab-core`.
//!
//! One SQL text serves both engines. What keeps that possible:
//! - placeholders `$1`, `$2`, …; `ON CONFLICT … DO UPDATE`, `RETURNING`, `EXISTS`, row values,
//!   `jsonb_each($1)` and `->>` mean the same in both; no `ILIKE`, no `::casts`, no `now()`;
//! - columns are `TEXT`, `BIGINT` (times are microseconds UTC) or `BOOLEAN`; lists and maps are
//!   JSON in `TEXT`, never looked into by SQL, but for conditions on memories (`memories/filter.rs`);
//! - text that is ordered or compared is collated by bytes, and folded here, not by `lower()`;
//! - a transaction that writes is immediate on SQLite and takes an advisory lock on PostgreSQL;
//! - a list or a batch travels as one JSON argument, so a thousand rows are one statement.
//!
//! A change that others may wait for ends in `Shared::commit`, which tells them.
//!
//! Memories are searched by what each engine does best (FTS5, `tsvector`, pgvector) and under conditions
//! of many shapes; such statements are put together from literals (`dialect/built.rs`), and every value is bound.
//!
//! The drivers' types stay in `db.rs`, `row.rs`, `direct.rs` and `dialect/`; all other files see
//! statements, arguments and rows. The stories in `tests/it/` run on both engines.
//!
//! # Adding a table
//! 1. A migration of the same number in `migrations/sqlite` and `migrations/postgres`, and its
//!    line in `migrate.rs`. A new column of an older table must be nullable: a backup made before
//!    it lacks it.
//! 2. Its `table!` (or, for inventory records, a file in `records/`) and its line in
//!    `backup/mod.rs`.
//! 3. A trait in `homelab_core::store`, its implementation here, a story in `tests/it/`.

mod approvals;
mod archives;
mod audit;
pub mod audit_writer;
mod backup;
mod budgets;
mod ccpm;
pub mod checkpointer;
mod credentials;
mod database;
mod db;
mod dialect;
mod direct;
mod error;
mod inventory;
mod keys;
pub mod legacy;
mod memories;
mod migrate;
mod records;
mod row;
mod settings;
mod shared;
mod sightings;
mod signals;
mod table;
mod taints;
mod terms;
mod text;
mod tidy;

pub use audit::{ArchivePlan, AuditKeys, AuditTrail};
pub use backup::{Overwrite, Restored, restore};
pub use database::{Database, Target};
