//! The tools, one file for each subject.

pub(crate) mod deletion;
pub(crate) mod deploy;
pub(crate) mod deploy_plan;
pub(crate) mod deploy_request;
pub(crate) mod endpoint_change;
pub(crate) mod endpoint_request;
pub(crate) mod endpoints;
pub(crate) mod power;
pub(crate) mod stack;
pub(crate) mod stacks;
pub(crate) mod usage;
pub(crate) mod usage_live;
