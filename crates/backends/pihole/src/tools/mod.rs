//! The tools, one file per subject.

pub(crate) mod blocking;
pub(crate) mod clients;
pub(crate) mod drift;
pub(crate) mod explain_domain;
pub(crate) mod gravity;
pub(crate) mod groups;
pub(crate) mod leases;
pub(crate) mod lists;
pub(crate) mod local_dns;
pub(crate) mod messages;
pub(crate) mod queries;
pub(crate) mod rule_changes;
pub(crate) mod rule_removal;
pub(crate) mod rules;
pub(crate) mod summary;
pub(crate) mod sync;
pub(crate) mod teleporter;
pub(crate) mod teleporter_import;
pub(crate) mod top;
pub(crate) mod upstreams;
