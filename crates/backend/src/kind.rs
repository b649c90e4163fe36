//! A [`Backend`] with its type erased: what the program's list of kinds holds.

use std::fmt;
use std::sync::Arc;

use homelab_core::error::ToolError;
use homelab_core::server::Server;
use homelab_core::tool::ToolInfo;
use serde_json::{Map, Value};

use crate::adaptor::{Adaptor, Unconfigured};
use crate::{Backend, Env, settings};

/// One kind of server; instances of it are opened by configuration.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The kind's name, such as `proxmox`.
    pub name: &'static str,
    /// A title for people.
    pub title: &'static str,
    /// Variable names that users of comparable servers have already: the variable, and the dotted
    /// key within the section that it sets.
    pub env_names: &'static [(&'static str, &'static str)],
    /// Its tools that show what it tells of the lab's things; empty where it tells nothing.
    pub facts: &'static [&'static str],
    schema: fn() -> Map<String, Value>,
    catalogue: fn() -> Vec<ToolInfo>,
    check: fn(Value) -> Result<(), ToolError>,
    open: fn(&str, Value, &Env) -> Arc<dyn Server>,
}

impl Kind {
    /// Erases `B`.
    pub fn of<B: Backend>() -> Self {
        Self {
            name: B::KIND,
            title: B::TITLE,
            env_names: B::ENV_NAMES,
            facts: B::FACTS,
            schema: settings::schema::<B::Config>,
            catalogue: || B::tools().into_iter().map(|tool| tool.info).collect(),
            check: |config| checked::<B>(config).map(|_| ()),
            open: open::<B>,
        }
    }

    /// JSON Schema of its section: descriptions and defaults included, everything inlined. The
    /// keys `kind` and `enabled` belong to the program, not to the section.
    pub fn config_schema(&self) -> Map<String, Value> {
        (self.schema)()
    }

    /// Its tools, without any configuration.
    pub fn catalogue(&self) -> Vec<ToolInfo> {
        (self.catalogue)()
    }

    /// Whether the section can be used.
    ///
    /// # Errors
    /// `not_configured`; the error's field is the dotted key within the section.
    pub fn check(&self, config: Value) -> Result<(), ToolError> {
        (self.check)(config)
    }

    /// Opens an instance, without network I/O. With a section that cannot be used, it is a server
    /// that lists its tools and answers every call with what is wrong.
    pub fn open(&self, instance: &str, config: Value, env: &Env) -> Arc<dyn Server> {
        (self.open)(instance, config, env)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Kind").field(&self.name).finish()
    }
}

fn checked<B: Backend>(config: Value) -> Result<B::Config, ToolError> {
    let config = settings::parse::<B::Config>(config)?;
    B::check(&config).map_err(|error| settings::not_configured(&error))?;
    Ok(config)
}

fn open<B: Backend>(instance: &str, config: Value, env: &Env) -> Arc<dyn Server> {
    let connected = checked::<B>(config).and_then(|config| {
        B::connect(instance, config, env).map_err(|error| settings::not_configured(&error))
    });
    match connected {
        Ok(backend) => Arc::new(Adaptor::new(instance, backend)),
        Err(error) => Arc::new(Unconfigured::new::<B>(instance, &error)),
    }
}
