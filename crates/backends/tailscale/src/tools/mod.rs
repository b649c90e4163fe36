//! The tools, one file for each subject.

pub(crate) mod acl;
pub(crate) mod acl_update;
pub(crate) mod audit;
pub(crate) mod device_changes;
pub(crate) mod devices;
pub(crate) mod dns;
pub(crate) mod dns_changes;
pub(crate) mod keys;
pub(crate) mod routes;
pub(crate) mod services;
pub(crate) mod settings;
pub(crate) mod split_dns;
pub(crate) mod tags;
pub(crate) mod users;
