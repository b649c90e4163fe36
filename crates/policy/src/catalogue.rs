//! The tools and servers that rules are checked against.

use std::sync::OnceLock;

use homelab_core::schema::Schema;
use homelab_core::server::{Registry, aggregated_name};
use homelab_core::tool::{ToolInfo, ToolSpec};

use crate::condition::Object;

/// A tool of one kind of server.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) kind: String,
    pub(crate) spec: ToolSpec,
    pub(crate) aggregated: String,
    input_schema: Schema,
    arguments: OnceLock<Object>,
}

impl Known {
    /// Types of its arguments; read from the schema when the first condition asks.
    pub(crate) fn arguments(&self) -> &Object {
        self.arguments
            .get_or_init(|| Object::arguments(&self.input_schema))
    }
}

/// Every tool there is, and every instance that is configured.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    pub(crate) tools: Vec<Known>,
    /// Name and kind.
    pub(crate) instances: Vec<(String, String)>,
    pub(crate) kinds: Vec<String>,
}

impl Catalogue {
    /// The servers of a registry, and nothing else.
    pub fn of(registry: &Registry) -> Self {
        let mut catalogue = Self::default();
        for server in registry.servers() {
            catalogue.add_kind(server.kind(), server.tools());
            catalogue.add_instance(server.instance(), server.kind());
        }
        catalogue
    }

    /// Adds a kind with its tools, configured or not: a rule about a server that is switched off is
    /// no mistake.
    pub fn add_kind(&mut self, kind: &str, tools: &[ToolInfo]) {
        if self.kinds.iter().any(|known| known == kind) {
            return;
        }
        self.kinds.push(kind.to_owned());
        self.tools.extend(tools.iter().map(|info| Known {
            kind: kind.to_owned(),
            spec: info.spec,
            aggregated: aggregated_name(kind, &info.spec),
            input_schema: info.input_schema.clone(),
            arguments: OnceLock::new(),
        }));
    }

    /// Adds an instance of a kind.
    pub fn add_instance(&mut self, name: &str, kind: &str) {
        self.instances.push((name.to_owned(), kind.to_owned()));
    }

    /// Names of the instances of a kind.
    pub(crate) fn instances_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.instances
            .iter()
            .filter(move |(_, of)| of == kind)
            .map(|(name, _)| name.as_str())
    }
}
