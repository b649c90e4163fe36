//! The tools.

pub(crate) mod commands;
mod diff;
pub(crate) mod files;
pub(crate) mod fleet;
pub(crate) mod generate;
pub(crate) mod gpu;
pub(crate) mod hosts;
pub(crate) mod listing;
pub(crate) mod logs;
pub(crate) mod models;
pub(crate) mod pull;
pub(crate) mod services;
mod targets;
mod undo;
pub(crate) mod writing;
