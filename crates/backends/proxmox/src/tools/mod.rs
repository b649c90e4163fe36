//! The tools, one file per subject.

pub(crate) mod agent;
pub(crate) mod backup_changes;
pub(crate) mod backup_jobs;
pub(crate) mod backups;
pub(crate) mod clone;
pub(crate) mod cluster;
pub(crate) mod config;
pub(crate) mod containers;
pub(crate) mod deletion;
pub(crate) mod guests;
pub(crate) mod job_run;
pub(crate) mod machines;
pub(crate) mod migration;
pub(crate) mod nodes;
pub(crate) mod options;
pub(crate) mod outcome;
pub(crate) mod placing;
pub(crate) mod power;
pub(crate) mod provision;
pub(crate) mod resize;
pub(crate) mod restore;
pub(crate) mod snapshots;
pub(crate) mod storage;
pub(crate) mod tasks;
pub(crate) mod templates;
