//! The tools, one file per subject.

pub(crate) mod analytics;
pub(crate) mod batch;
pub(crate) mod batch_plan;
pub(crate) mod cache;
pub(crate) mod record;
pub(crate) mod record_change;
pub(crate) mod record_changes;
pub(crate) mod record_creation;
pub(crate) mod record_deletion;
pub(crate) mod records;
pub(crate) mod rule;
pub(crate) mod rule_changes;
pub(crate) mod rule_creation;
pub(crate) mod rule_deletion;
pub(crate) mod rules;
pub(crate) mod settings;
pub(crate) mod tunnel_config;
pub(crate) mod tunnel_creation;
pub(crate) mod tunnel_deletion;
pub(crate) mod tunnels;
pub(crate) mod zones;
