//! Stories about the service, each told on SQLite and on PostgreSQL.
#![cfg(test)]

mod agents;
mod claims;
mod completion;
mod idempotency;
mod lab;
mod messages;
mod moves;
mod sessions;
mod sprints;
mod tasks;
mod time;
mod waiting;
