//! The tools, one file per subject.

pub(crate) mod backups;
pub(crate) mod deletion;
pub(crate) mod freshness;
pub(crate) mod gc;
pub(crate) mod group_deletion;
pub(crate) mod health;
pub(crate) mod job_run;
pub(crate) mod jobs;
pub(crate) mod namespaces;
pub(crate) mod node;
pub(crate) mod notes;
pub(crate) mod protection;
pub(crate) mod prune;
pub(crate) mod prune_plan;
pub(crate) mod remotes;
pub(crate) mod sync;
pub(crate) mod sync_plan;
pub(crate) mod tasks;
pub(crate) mod usage;
pub(crate) mod verify;
