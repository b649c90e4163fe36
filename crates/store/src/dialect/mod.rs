//! What the engines do not have in common: connecting, what only one of them can do, and how news of
//! other processes arrive.

pub(crate) mod built;
pub(crate) mod postgres;
pub(crate) mod postgres_news;
pub(crate) mod sqlite;
pub(crate) mod sqlite_news;
