//! The tools, one file per subject.

pub(crate) mod addresses;
pub(crate) mod checks;
pub(crate) mod credentials;
pub(crate) mod device_changes;
pub(crate) mod devices;
pub(crate) mod equipment;
pub(crate) mod guests;
pub(crate) mod impact;
pub(crate) mod networks;
pub(crate) mod overview;
pub(crate) mod service_changes;
pub(crate) mod services;
pub(crate) mod sync;
pub(crate) mod topology;
pub(crate) mod whatis;
