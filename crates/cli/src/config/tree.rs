//! Values by key, each with the place it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// A line of the configuration file.
    File(Arc<Path>, usize),
    /// A variable of the process.
    Variable(String),
    /// A variable of the `.env` beside the configuration file.
    DotEnv(Arc<Path>, String),
    /// The file that a `NAME_FILE` variable names.
    VariableFile(String, PathBuf),
    /// A file of `$CREDENTIALS_DIRECTORY` or `/run/secrets`.
    Mounted(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path, line) => write!(formatter, "{}:{line}", path.display()),
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::DotEnv(path, name) => write!(formatter, "{} {name}", path.display()),
            Self::VariableFile(name, path) => {
                write!(formatter, "variable {name}, file {}", path.display())
            }
            Self::Mounted(path) => write!(formatter, "file {}", path.display()),
        }
    }
}

/// A tree of tables with the origin of every leaf.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    root: Map<String, Value>,
    origins: BTreeMap<String, Origin>,
}

impl Tree {
    /// Sets a value; tables on the way are made, and a leaf in their place is replaced.
    pub(crate) fn set(&mut self, path: &[&str], value: Value, origin: Origin) {
        let Some((last, tables)) = path.split_last() else {
            return;
        };
        let mut at = &mut self.root;
        for table in tables {
            let entry = at
                .entry(*table)
                .or_insert_with(|| Value::Object(Map::new()));
            if !entry.is_object() {
                *entry = Value::Object(Map::new());
            }
            let Value::Object(next) = entry else { return };
            at = next;
        }
        at.insert((*last).to_owned(), value);
        self.origins.insert(path.join("."), origin);
    }

    /// The value at a path.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.root.get(*first)?, |value, key| value.get(*key))
    }

    /// Where the value at a dotted key came from; that of the table or list around it if the key
    /// itself has none.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        let mut key = key;
        loop {
            if let Some(origin) = self.origins.get(key) {
                return Some(origin);
            }
            key = key.rsplit_once(['.', '['])?.0;
        }
    }

    /// The whole tree.
    pub(crate) fn root(&self) -> &Map<String, Value> {
        &self.root
    }

    /// The whole tree, to change leaves in place.
    pub(crate) fn root_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.root
    }

    /// Remembers where a key was written without setting it.
    pub(crate) fn note(&mut self, key: String, origin: Origin) {
        self.origins.insert(key, origin);
    }
}
