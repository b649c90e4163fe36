//! Stories about the stores, each told on SQLite and on PostgreSQL.
#![cfg(test)]

mod allocation;
mod approval_lists;
mod approvals;
mod archives;
mod audit_log;
mod audit_trail;
mod audit_writer;
mod availability;
mod backup;
mod budgets;
mod ccpm;
mod credentials;
mod import;
mod keys;
mod lab;
mod legacy;
mod lists;
mod memories;
mod memory_bulk;
mod memory_crowd;
mod memory_erasure;
mod memory_filters;
mod memory_index;
mod memory_isolation;
mod memory_search;
mod memory_speed;
mod records;
mod sample;
mod schema;
mod search;
mod settings;
mod sightings;
mod signals;
mod taints;
mod tampering;
