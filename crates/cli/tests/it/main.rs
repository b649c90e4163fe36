//! Whole-program tests: the compiled binary through its real doors.

mod abuse;
mod cli_audit;
mod cli_audit_signed;
mod cli_config;
mod cli_first_run;
mod cli_inventory;
mod cli_keys;
mod cli_metrics;
mod cli_policy;
mod cli_redaction;
mod cli_reload;
mod cli_ssh;
mod cli_support;
mod cli_tools;
mod clients_http;
mod clients_inspector;
mod clients_python;
mod clients_rmcp;
mod clients_support;
mod crash;
mod replicas;
mod structure;
mod systemd_unit;
