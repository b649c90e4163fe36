//! Settings from variables: which names there are, where they come from, and which key each sets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homelab_backend::Kind;
use serde_json::Value;

use super::check::{kind_of, nearest};
use super::problem::Problem;
use super::schema::{Schemas, member, named_table, properties};
use super::tree::{Origin, Tree};
use crate::environment::Environment;

/// Starts every variable that names a key.
pub(crate) const PREFIX: &str = "HOMELAB__";

/// Short names, most of them of the older Python server, and the keys they set.
pub(crate) const SHORT: [(&str, &str); 8] = [
    ("HOMELAB_DATA_DIR", "data_dir"),
    ("HOMELAB_READ_ONLY", "policy.read_only"),
    ("HOMELAB_DB_HOST", "database.host"),
    ("HOMELAB_DB_PORT", "database.port"),
    ("HOMELAB_DB_NAME", "database.name"),
    ("HOMELAB_DB_USER", "database.user"),
    ("HOMELAB_DB_PASSWORD", "database.password"),
    ("HOMELAB_DB_KEY", "secrets.master_key"),
];

/// Variables that are read but set no key, and what they are for.
pub(crate) const OTHERS: [(&str, &str); 4] = [
    ("HOMELAB_CONFIG", "The configuration file to read."),
    (
        "HOMELAB_OWNER_KEY",
        "Owner key for `keys`, `kill-switch off` and other commands of the owner. Also `HOMELAB_OWNER_KEY_FILE`.",
    ),
    (
        "HOMELAB_MCP_TOKEN",
        "Agent key, as client configurations made by `client-config` refer to it.",
    ),
    ("NO_COLOR", "Set to anything to have output without colour."),
];

/// Names of the older Python server that no kind of server here uses yet; they are no mistake.
pub(crate) const LATER: [&str; 3] = ["CCPM_MESSAGING_API", "CCPM_TASK_API", "CCPM_AGENT_ID"];

/// Where container engines mount secrets, one file for each.
const RUN_SECRETS: &str = "/run/secrets";

/// All variables that may matter, by name, the stronger source already chosen.
#[derive(Default)]
pub(crate) struct Variables {
    settings: BTreeMap<String, (String, Origin)>,
    everything: BTreeMap<String, String>,
}

impl Variables {
    /// Gathers them from mounted secrets, the `.env` file and the process, later ones winning.
    /// Problems: a `.env` that cannot be read, `NAME` together with `NAME_FILE`, a missing file.
    pub(crate) fn gather(
        environment: &Environment,
        dotenv: Option<&Path>,
        schemas: &Schemas,
        kinds: &[Kind],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut variables = Self::default();
        let known = Known { schemas, kinds };
        let mounts = [
            Some(PathBuf::from(RUN_SECRETS)),
            environment.path("CREDENTIALS_DIRECTORY"),
        ];
        for directory in mounts.into_iter().flatten() {
            let source = mounted(&directory, &known);
            variables.add(source, &known, environment, problems);
        }
        if let Some(path) = dotenv {
            match read_dotenv(path) {
                Ok(pairs) => {
                    let path: Arc<Path> = Arc::from(path);
                    variables.everything.extend(pairs.iter().cloned());
                    let source = pairs.into_iter().map(|(name, value)| {
                        let origin = Origin::DotEnv(Arc::clone(&path), name.clone());
                        (name, value, origin)
                    });
                    variables.add(source.collect(), &known, environment, problems);
                }
                Err(problem) => problems.push(problem),
            }
        }
        let source = environment.iter().map(|(name, value)| {
            let origin = Origin::Variable(name.to_owned());
            (name.to_owned(), value.to_owned(), origin)
        });
        variables.add(source.collect(), &known, environment, problems);
        variables.everything.extend(
            environment
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        variables
    }

    /// The value of any variable, of the process or else of the `.env` file.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.everything.get(name).map(String::as_str)
    }

    fn add(
        &mut self,
        source: Vec<(String, String, Origin)>,
        known: &Known<'_>,
        environment: &Environment,
        problems: &mut Vec<Problem>,
    ) {
        let direct: Vec<String> = source.iter().map(|(name, ..)| name.clone()).collect();
        for (name, value, origin) in source {
            let base = name
                .strip_suffix("_FILE")
                .filter(|base| known.is_setting(base) && !known.is_key(&name));
            let Some(base) = base else {
                if known.is_setting(&name) {
                    self.settings.insert(name, (value, origin));
                }
                continue;
            };
            if direct.iter().any(|name| name == base) {
                let text = format!("`{base}` and `{name}` are both set");
                problems.push(Problem::new("", text).hint("unset one of them"));
                continue;
            }
            let path = environment.directory.join(&value);
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let origin = Origin::VariableFile(name.clone(), path);
                    let value = without_newline(&text).to_owned();
                    self.settings.insert(base.to_owned(), (value, origin));
                }
                Err(error) => {
                    let text = format!("`{name}`: cannot read `{}`: {error}", path.display());
                    problems
                        .push(Problem::new("", text).hint("correct the path or its permissions"));
                }
            }
        }
    }

    /// Puts the settings into the tree: names of older and other servers first, our own on top.
    pub(crate) fn apply(
        &self,
        tree: &mut Tree,
        schemas: &Schemas,
        kinds: &[Kind],
        problems: &mut Vec<Problem>,
    ) {
        for (name, key) in SHORT {
            if let Some((text, origin)) = self.settings.get(name) {
                let path: Vec<&str> = key.split('.').collect();
                set(tree, schemas.root(), &path, text, origin);
            }
        }
        for kind in kinds {
            for (name, key) in kind.env_names {
                let Some((text, origin)) = self.settings.get(*name) else {
                    continue;
                };
                let Some(schema) = schemas.kind(kind.name) else {
                    continue;
                };
                let instance =
                    only_instance(tree, kind.name).unwrap_or_else(|| kind.name.to_owned());
                let below: Vec<&str> = key.split('.').collect();
                let value = from_text(at(schema, &below), text);
                let path: Vec<&str> = ["servers", &instance].into_iter().chain(below).collect();
                tree.set(&path, value, origin.clone());
            }
        }
        // A kind has to be known before the other keys of its table can be.
        let (kinds_first, others): (Vec<_>, Vec<_>) = self
            .settings
            .iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .partition(|(name, _)| name.ends_with("__KIND"));
        for (name, (text, origin)) in kinds_first.into_iter().chain(others) {
            if let Err(problem) = apply_own(tree, schemas, name, text, origin) {
                problems.push(problem);
            }
        }
    }
}

/// What names can be settings.
struct Known<'a> {
    schemas: &'a Schemas,
    kinds: &'a [Kind],
}

impl Known<'_> {
    fn is_setting(&self, name: &str) -> bool {
        name.starts_with(PREFIX)
            || SHORT.iter().any(|(legacy, _)| *legacy == name)
            || self
                .kinds
                .iter()
                .any(|kind| kind.env_names.iter().any(|(known, _)| *known == name))
    }

    /// Whether the name itself, `_FILE` included, is one of ours: `…__TLS__KEY_FILE` is.
    fn is_key(&self, name: &str) -> bool {
        if !name.starts_with(PREFIX) {
            return self.is_setting(name);
        }
        let Some((_, last)) = name.rsplit_once("__") else {
            return false;
        };
        let last = last.to_ascii_lowercase();
        let mut schemas = vec![self.schemas.root()];
        schemas.extend(self.schemas.kinds().map(|(_, schema)| schema));
        schemas.into_iter().any(|schema| has_key(schema, &last))
    }
}

fn has_key(schema: &Value, key: &str) -> bool {
    properties(schema).any(|(name, below)| name == key || has_key(below, key))
        || named_table(schema).is_some_and(|below| has_key(below, key))
}

fn mounted(directory: &Path, known: &Known<'_>) -> Vec<(String, String, Origin)> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        let name = file.to_ascii_uppercase();
        if !known.is_setting(&name) {
            continue;
        }
        if let Ok(text) = std::fs::read_to_string(entry.path()) {
            let value = without_newline(&text).to_owned();
            found.push((name, value, Origin::Mounted(entry.path())));
        }
    }
    found
}

fn read_dotenv(path: &Path) -> Result<Vec<(String, String)>, Problem> {
    let refuse = |error: dotenvy::Error| {
        // The error may quote the line, and the line may be a secret.
        let text = match error {
            dotenvy::Error::LineParse(_, column) => {
                format!(
                    "`{}`: a line is not `NAME=value` (at its character {column})",
                    path.display()
                )
            }
            _ => format!("`{}` cannot be read", path.display()),
        };
        Problem::new("", text).hint("values with spaces or `#` need quotes")
    };
    dotenvy::from_path_iter(path)
        .map_err(refuse)?
        .filter(|pair| pair.as_ref().map_or(true, |(_, value)| !value.is_empty()))
        .collect::<Result<_, _>>()
        .map_err(refuse)
}

/// A text without the one newline that editors put at the end of a file.
pub(crate) fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// The name of the one table of this kind, if there is exactly one.
fn only_instance(tree: &Tree, kind: &str) -> Option<String> {
    let servers = tree.get(&["servers"])?.as_object()?;
    let mut names = servers
        .iter()
        .filter(|(name, section)| kind_of(name, section) == kind)
        .map(|(name, _)| name.clone());
    let first = names.next()?;
    names.next().is_none().then_some(first)
}

fn apply_own(
    tree: &mut Tree,
    schemas: &Schemas,
    name: &str,
    text: &str,
    origin: &Origin,
) -> Result<(), Problem> {
    let unknown = |tree: &Tree| {
        let known = all_names(schemas, tree);
        let problem =
            Problem::new("", format!("there is no setting `{name}`")).at(Some(origin.clone()));
        match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint("`homelab-mcp config show` lists all settings"),
        }
    };
    let segments: Vec<String> = name
        .trim_start_matches(PREFIX)
        .split("__")
        .map(str::to_ascii_lowercase)
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["servers", instance, below @ ..] = segments.as_slice() else {
        let host;
        let mut segments = segments;
        if let ["ssh", "hosts", name, ..] = segments.as_mut_slice() {
            host = spelled(tree, &["ssh", "hosts"], name);
            *name = host.as_str();
        }
        if !exists(schemas.root(), &segments) {
            return Err(unknown(tree));
        }
        set(tree, schemas.root(), &segments, text, origin);
        return Ok(());
    };
    let instance = spelled(tree, &["servers"], instance);
    if below == ["kind"] {
        tree.set(&["servers", &instance, "kind"], text.into(), origin.clone());
        return Ok(());
    }
    let empty = Value::Null;
    let section = tree.get(&["servers", &instance]).unwrap_or(&empty);
    let schema = schemas.kind(kind_of(&instance, section));
    let Some(schema) = schema.filter(|schema| exists(schema, below)) else {
        return Err(unknown(tree));
    };
    let value = from_text(at(schema, below), text);
    let path: Vec<&str> = ["servers", &instance]
        .into_iter()
        .chain(below.iter().copied())
        .collect();
    tree.set(&path, value, origin.clone());
    Ok(())
}

/// The table below another that a variable means: names cannot have `-` there, so `_` stands for it too.
fn spelled(tree: &Tree, table: &[&str], name: &str) -> String {
    let hyphens = name.replace('_', "-");
    let tables = tree.get(table).and_then(Value::as_object);
    tables
        .into_iter()
        .flatten()
        .map(|(known, _)| known)
        .find(|known| known.replace('_', "-") == hyphens)
        .cloned()
        .unwrap_or(hyphens)
}

fn at<'a>(schema: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter()
        .try_fold(schema, |schema, key| member(schema, key))
}

/// Whether a variable can set this: a leaf, or a table that takes any keys.
fn exists(schema: &Value, path: &[&str]) -> bool {
    !path.is_empty() && at(schema, path).is_some_and(|schema| schema.get("properties").is_none())
}

fn set(tree: &mut Tree, schema: &Value, path: &[&str], text: &str, origin: &Origin) {
    tree.set(path, from_text(at(schema, path), text), origin.clone());
}

/// A text as the type that the schema asks for; text that is not of that type stays text, which
/// the check then refuses with what is accepted.
fn from_text(schema: Option<&Value>, text: &str) -> Value {
    let kind = schema.and_then(|schema| schema.get("type")?.as_str());
    let parsed = match kind {
        Some("integer") => text.trim().parse::<i64>().ok().map(Value::from),
        Some("number") => text.trim().parse::<f64>().ok().map(Value::from),
        Some("boolean") => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true.into()),
            "false" | "0" | "no" | "off" => Some(false.into()),
            _ => None,
        },
        Some("array") if text.trim_start().starts_with('[') => serde_json::from_str(text).ok(),
        Some("array") => {
            let items = schema.and_then(|schema| schema.get("items"));
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            Some(parts.map(|part| from_text(items, part)).collect())
        }
        Some("object") => serde_json::from_str(text).ok(),
        _ => None,
    };
    parsed.unwrap_or_else(|| text.into())
}

/// Every variable with a name of its own, not made from a key.
pub(crate) fn known_variables(kinds: &[Kind]) -> Vec<String> {
    let of_kinds = kinds.iter().flat_map(|kind| kind.env_names.iter());
    SHORT
        .iter()
        .chain(&OTHERS)
        .chain(of_kinds)
        .map(|(name, _)| (*name).to_owned())
        .chain(LATER.map(str::to_owned))
        .collect()
}

/// The variable of a dotted key.
pub(crate) fn variable(key: &str) -> String {
    let name = key.replace('.', "__").replace('-', "_");
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// Every variable of ours that would be taken.
fn all_names(schemas: &Schemas, tree: &Tree) -> Vec<String> {
    let mut names = Vec::new();
    leaves(schemas.root(), "", &mut |key| names.push(variable(key)));
    let configured = tree.get(&["servers"]).and_then(Value::as_object);
    for (instance, section) in configured.into_iter().flatten() {
        if let Some(schema) = schemas.kind(kind_of(instance, section)) {
            leaves(schema, &format!("servers.{instance}"), &mut |key| {
                names.push(variable(key));
            });
        }
    }
    for (kind, schema) in schemas.kinds() {
        leaves(schema, &format!("servers.{kind}"), &mut |key| {
            names.push(variable(key));
        });
    }
    names
}

/// Calls `each` with the dotted key of every leaf.
fn leaves(schema: &Value, prefix: &str, each: &mut dyn FnMut(&str)) {
    for (name, below) in properties(schema) {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if below.get("properties").is_some() {
            leaves(below, &key, each);
        } else {
            each(&key);
        }
    }
}
