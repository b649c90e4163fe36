//! Whole-program tests: the compiled binary through its real doors.

mod abuse;
mod clients_http;
mod clients_inspector;
mod clients_python;
mod clients_rmcp;
mod clients_support;
mod crash;
mod structure;
