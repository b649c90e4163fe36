//! What the engines do not have in common: connecting, and what only one of them can do.

pub(crate) mod postgres;
pub(crate) mod sqlite;
