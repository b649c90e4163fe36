//! Puts the layers together.

use std::path::{Path, PathBuf};

use homelab_backend::Kind;
use homelab_core::json;
use homelab_core::redact::Redactor;
use homelab_core::secret::{Secret, SecretRef};
use serde_json::Value;

use super::check::{check, kind_of};
use super::find::{Places, find};
use super::names::Variables;
use super::problem::{ConfigError, Problem};
use super::schema::{Schemas, properties};
use super::secrets::{References, Resolver, anchor_paths, resolve};
use super::sections::Config;
use super::tree::{Origin, Tree};
use super::{ConfigResult, file, validate};
use crate::commands::serve::ADDRESS_FORM;
use crate::environment::Environment;

/// What to load.
pub(crate) struct Request<'a> {
    /// `--config`.
    pub(crate) file: Option<&'a PathBuf>,
    /// Where a file is looked for, unless one is named.
    pub(crate) places: Places,
    /// The process environment.
    pub(crate) environment: &'a Environment,
    /// The kinds of server there are.
    pub(crate) kinds: &'a [Kind],
    /// Learns every secret.
    pub(crate) redactor: &'a Redactor,
}

/// The configuration and where each of its values came from.
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    /// The file that was read, if any.
    pub(crate) file: Option<PathBuf>,
    /// The `.env` that was read, if any.
    pub(crate) dotenv: Option<PathBuf>,
    /// What is wrong with single servers, which answer with it themselves.
    pub(crate) warnings: Vec<Problem>,
    tree: Tree,
    references: References,
}

/// Reads and checks everything.
pub(crate) fn load(request: &Request<'_>) -> ConfigResult<Loaded> {
    let schemas = Schemas::new(request.kinds);
    let path = find(request.file, request.environment, request.places)?;
    let mut tree = match &path {
        Some(path) => read_file(path)?,
        None => Tree::default(),
    };
    let base = path.as_deref().and_then(Path::parent);
    if let Some(base) = base {
        anchor_paths(&mut tree, base);
    }
    let dotenv = base
        .map(|base| base.join(".env"))
        .filter(|path| path.is_file());

    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let variables = Variables::gather(
        request.environment,
        dotenv.as_deref(),
        &schemas,
        request.kinds,
        &mut problems,
    );
    variables.apply(&mut tree, &schemas, request.kinds, &mut problems);
    let resolver = Resolver {
        variables: &variables,
        base,
        redactor: request.redactor,
    };
    let references = resolve(&mut tree, &schemas, &resolver, &mut problems, &mut warnings);
    problems.extend(check(&schemas, &tree));
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }

    let config = deserialize(&tree)?;
    learn_passwords_in_urls(&config, request.redactor);
    let mut found = validate::problems(&config);
    found.extend(validate::policy_problems(&config));
    if !found.is_empty() {
        let place = |problem: Problem| {
            let origin = tree.origin(&problem.key).cloned();
            problem.at(origin)
        };
        let mut problems: Vec<Problem> = found.into_iter().map(place).collect();
        problems.sort_by_key(Problem::line);
        return Err(ConfigError { problems });
    }
    warnings.extend(validate::server_problems(&tree, &config, request.kinds));
    Ok(Loaded {
        config,
        file: path,
        dotenv,
        warnings,
        tree,
        references,
    })
}

fn read_file(path: &Path) -> Result<Tree, Problem> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::new("", format!("cannot read `{}`: {error}", path.display()))
            .hint("correct its permissions, or name another file with `--config`")
    })?;
    file::read(path, &text)
}

/// What the schemas do not say (addresses that do not parse) is found here.
fn deserialize(tree: &Tree) -> Result<Config, Problem> {
    json::from_value(Value::Object(tree.root().clone())).map_err(|error| {
        let key = error.path();
        let origin = tree.origin(key).cloned();
        let text = format!("`{key}`: {}", error.problem());
        let problem = Problem::new(key, text).at(origin);
        if key.starts_with("server.listen") {
            problem.hint(ADDRESS_FORM)
        } else {
            problem
        }
    })
}

/// The password inside `database.url` may turn up without the URL around it.
fn learn_passwords_in_urls(config: &Config, redactor: &Redactor) {
    let Some(SecretRef::Plain(url)) = &config.database.url else {
        return;
    };
    let password = url
        .expose()
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'))
        .and_then(|(user, _)| user.split_once(':'));
    if let Some((_, password)) = password {
        redactor.learn(&Secret::new(password));
        let decoded = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
        redactor.learn(&Secret::new(decoded));
    }
}

/// One setting as it is shown.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Shown {
    /// Dotted key.
    pub(crate) key: String,
    /// Value in force; secrets are masked.
    pub(crate) value: Value,
    /// Where it came from.
    pub(crate) origin: String,
}

impl Loaded {
    /// Every setting in force with its origin, in the order of the schema.
    pub(crate) fn shown(&self, schemas: &Schemas) -> Vec<Shown> {
        let mut shown = Vec::new();
        for (name, schema) in properties(schemas.root()) {
            if name != "servers" {
                self.show(&mut shown, schema, name, self.tree.get(&[name.as_str()]));
            }
        }
        for (instance, section) in &self.config.servers {
            let table = Value::Object(section.clone());
            if let Some(schema) = schemas.kind(kind_of(instance, &table)) {
                self.show(
                    &mut shown,
                    schema,
                    &format!("servers.{instance}"),
                    Some(&table),
                );
            }
        }
        shown
    }

    fn show(&self, shown: &mut Vec<Shown>, schema: &Value, key: &str, value: Option<&Value>) {
        if schema.get("properties").is_some() {
            for (name, below) in properties(schema) {
                let value = value.and_then(|value| value.get(name));
                self.show(shown, below, &format!("{key}.{name}"), value);
            }
            return;
        }
        let value = match value {
            Some(value) => masked(schema, value),
            None => schema.get("default").cloned().unwrap_or(Value::Null),
        };
        let mut origin = match self.tree.origin(key) {
            Some(origin) if self.is_set(key) => origin.to_string(),
            _ => Origin::Default.to_string(),
        };
        if let Some(reference) = self.references.get(key) {
            origin = format!("{origin}, {reference}");
        }
        let key = key.to_owned();
        shown.push(Shown { key, value, origin });
    }

    fn is_set(&self, key: &str) -> bool {
        let path: Vec<&str> = key.split('.').collect();
        self.tree.get(&path).is_some()
    }

    /// Where a setting was written.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        self.is_set(key).then(|| self.tree.origin(key)).flatten()
    }

    /// Whether the file holds a secret written out.
    pub(crate) fn file_holds_secrets(&self, schemas: &Schemas) -> bool {
        self.shown(schemas).iter().any(|setting| {
            setting.value == super::secrets::MASK
                && !self.references.contains_key(&setting.key)
                && matches!(self.origin(&setting.key), Some(Origin::File(..)))
        })
    }
}

fn masked(schema: &Value, value: &Value) -> Value {
    if super::schema::is_secret(schema) {
        return super::secrets::MASK.into();
    }
    match (value, schema.get("items")) {
        (Value::Array(items), Some(schema)) => {
            items.iter().map(|item| masked(schema, item)).collect()
        }
        (Value::Object(members), _) => {
            let shown = members.iter().map(|(name, value)| {
                let below = super::schema::member(schema, name).unwrap_or(&Value::Null);
                (name.clone(), masked(below, value))
            });
            Value::Object(shown.collect())
        }
        (value, _) => value.clone(),
    }
}
