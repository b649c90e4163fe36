//! The configuration: one `homelab.toml`, overridden by the environment.
//!
//! Layers, later ones win: defaults, the file, names that users have from older or other servers
//! (`HOMELAB_DB_HOST`, `PROXMOX_HOST`, …), `HOMELAB__SECTION__KEY`. Variables come from files of
//! `/run/secrets` and `$CREDENTIALS_DIRECTORY`, from the `.env` beside the file, and from the
//! process, in that order; `NAME_FILE` names a file that holds the value of `NAME`.
//!
//! # Adding a setting
//! Add a field with a doc comment and a default to its section in [`sections`]. Checks, the
//! reference page, `.env.example` and the JSON Schema follow from it; run
//! `homelab-mcp config docs` to write the two files again.

mod check;
mod file;
mod find;
mod load;
mod names;
mod problem;
pub(crate) mod reference;
mod schema;
mod secrets;
pub(crate) mod sections;
mod tree;
mod validate;

pub(crate) use check::nearest;
pub(crate) use find::{Places, candidates};
pub(crate) use load::{Loaded, Request, load};
pub(crate) use names::known_variables;
pub(crate) use problem::{ConfigError, Problem};
pub(crate) use schema::{Schemas, type_name};
pub(crate) use sections::Config;
pub(crate) use validate::refuse_open_listener;

/// What reading the configuration comes to.
pub(crate) type ConfigResult<T> = Result<T, ConfigError>;
