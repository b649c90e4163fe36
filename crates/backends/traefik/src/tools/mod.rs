//! The tools, one file for each subject.

pub(crate) mod attach;
pub(crate) mod certificates;
pub(crate) mod changes;
pub(crate) mod create;
pub(crate) mod deletion;
pub(crate) mod entry_points;
pub(crate) mod list;
pub(crate) mod middleware_change;
pub(crate) mod middleware_document;
pub(crate) mod middlewares;
pub(crate) mod overview;
pub(crate) mod rollback;
pub(crate) mod router_document;
pub(crate) mod routers;
pub(crate) mod services;
pub(crate) mod validate;
