//! Texts made from the schemas: the reference page, `.env.example`, and a new `homelab.toml`.

use homelab_backend::Kind;
use serde_json::Value;

use super::names::{LATER, OTHERS, SHORT, variable};
use super::schema::{Schemas, is_secret, named_table, plain, properties, type_name};

/// A setting as the texts need it.
struct Entry<'a> {
    key: String,
    schema: &'a Value,
}

/// A table of the file with its own settings; tables below it come on their own.
struct Section<'a> {
    key: String,
    place: Place,
    description: &'a str,
    entries: Vec<Entry<'a>>,
}

/// Where a table stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// There is one.
    Once,
    /// There may be several, each under a name: `[key.NAME]`.
    Named,
    /// There may be several: `[[key]]`. Variables cannot set those.
    Listed,
    /// In one of several.
    Within,
}

impl Section<'_> {
    /// As the file has it; none at the top.
    fn header(&self) -> Option<String> {
        match (self.key.as_str(), self.place) {
            ("", _) => None,
            (key, Place::Listed) => Some(format!("[[{key}]]")),
            (key, _) => Some(format!("[{key}]")),
        }
    }
}

/// A text under construction, line by line.
struct Lines(Vec<String>);

impl Lines {
    fn starting_with(head: &str) -> Self {
        Self(vec![head.trim_end().to_owned()])
    }

    fn add(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }

    /// Comment lines of at most 100 columns.
    fn comment(&mut self, text: &str) {
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.len() + word.len() + 1 > 100 {
                self.add(std::mem::replace(&mut line, String::from("#")));
            }
            line.push(' ');
            line.push_str(word);
        }
        if line.len() > 1 {
            self.add(line);
        }
    }

    fn into_text(self) -> String {
        self.0.join("\n") + "\n"
    }
}

/// `docs/reference/config.md`.
pub(crate) fn markdown(schemas: &Schemas, kinds: &[Kind]) -> String {
    let mut page = Lines::starting_with(MARKDOWN_HEAD);
    for section in sections(schemas) {
        let title = match section.header() {
            None => "Top level".to_owned(),
            Some(header) => format!("`{header}`"),
        };
        page.add(format!("\n## {title}\n\n{}\n", section.description));
        page.add("| key | value | default | variable |\n|---|---|---|---|");
        for entry in &section.entries {
            let default = default_text(entry.schema).map(|text| format!("`{text}`"));
            let has_variable = matches!(section.place, Place::Once | Place::Named);
            let variable = has_variable.then(|| format!("`{}`", variable(&entry.key)));
            page.add(format!(
                "| `{}` | {}. {} | {} | {} |",
                last(&entry.key),
                capital(&type_name(entry.schema)),
                cell(description(entry.schema)),
                default.as_deref().unwrap_or("–"),
                variable.as_deref().unwrap_or("–"),
            ));
        }
    }
    page.add("\n## Other names of variables\n\n| variable | sets |\n|---|---|");
    for (name, key) in other_names(kinds) {
        page.add(format!("| `{name}` | `{key}` |"));
    }
    for (name, purpose) in OTHERS {
        page.add(format!("| `{name}` | {} |", cell(purpose)));
    }
    page.add(format!(
        "\n{} are names of the older Python server that nothing uses yet.",
        quoted(&LATER)
    ));
    page.into_text()
}

/// `.env.example`: every variable, commented out.
pub(crate) fn dotenv(schemas: &Schemas, kinds: &[Kind]) -> String {
    let mut file = Lines::starting_with(DOTENV_HEAD);
    let found = sections(schemas).into_iter();
    for section in found.filter(|one| one.place == Place::Once) {
        let title = if section.key.is_empty() {
            "Top level"
        } else {
            &section.key
        };
        file.add(format!("\n# --- {title}"));
        file.comment(section.description);
        for entry in &section.entries {
            let (about, kind) = (description(entry.schema), type_name(entry.schema));
            file.add("");
            file.comment(&format!("{about} ({kind})"));
            if is_secret(entry.schema) {
                file.comment("A secret: written out, `env:NAME` or `file:/path`.");
            }
            let value = default_text(entry.schema).unwrap_or_default();
            file.add(format!("#{}={value}", variable(&entry.key)));
        }
    }
    file.add("\n# --- Short names, and names that other servers use");
    for (name, key) in other_names(kinds) {
        file.add(format!("# {key}\n#{name}="));
    }
    file.add("\n# --- Of the command line and of clients; set them in the process, not here");
    for (name, purpose) in OTHERS {
        file.comment(purpose);
        file.add(format!("#{name}="));
    }
    file.into_text()
}

/// A new `homelab.toml`: every setting with its default, commented out.
pub(crate) fn toml(schemas: &Schemas) -> String {
    let mut file = Lines::starting_with(TOML_HEAD);
    for section in sections(schemas) {
        file.add("");
        file.comment(section.description);
        // What may be there several times has settings without a default: an example to fill in.
        let sign = if section.place == Place::Once {
            "#"
        } else {
            "# "
        };
        if let Some(header) = section.header() {
            file.add(format!("{sign}{header}"));
        }
        for entry in &section.entries {
            file.comment(description(entry.schema));
            let value = match entry.schema.get("default") {
                Some(value) if !value.is_null() => value.to_string(),
                _ => example(entry.schema).to_owned(),
            };
            file.add(format!("{sign}{} = {value}", last(&entry.key)));
        }
    }
    file.into_text()
}

/// Variables that set a key and are not named after it.
fn other_names(kinds: &[Kind]) -> impl Iterator<Item = (&'static str, String)> {
    let of_kinds = kinds.iter().flat_map(|kind| {
        let names = kind.env_names.iter();
        names.map(|(name, key)| (*name, format!("servers.{}.{key}", kind.name)))
    });
    let short = SHORT.iter().map(|(name, key)| (*name, (*key).to_owned()));
    short.chain(of_kinds)
}

const MARKDOWN_HEAD: &str = "\
# Configuration

<!-- Made by `homelab-mcp config docs` from the program's own structures; a test keeps it fresh. -->

One file, `homelab.toml`, found in this order: `--config FILE`, `$HOMELAB_CONFIG`, the working
directory (never with `serve --stdio`), `$XDG_CONFIG_HOME/homelab-mcp/` (`~/.config/homelab-mcp/`),
`/etc/homelab-mcp/`. Without any file the defaults are used.

- **Every key can be set by a variable**: `HOMELAB__SECTION__KEY`. Lists are separated by commas. A
  variable wins over the file; an empty one counts as not set. In the name of a server `_` stands
  for `-`.
- **`NAME_FILE`** names a file that holds the value of `NAME`. Files of `$CREDENTIALS_DIRECTORY`
  (systemd) and `/run/secrets` (containers) named like a variable, in lower case, count as set.
- **A `.env`** is read only beside the configuration file that was found.
- **Secrets** are written out, or as `env:NAME`, `file:/path`, or (in `[servers.…]` and
  `[ssh.hosts.…]`) `credential:TARGET` for one that is stored with `homelab-mcp credentials set`.
- **Relative paths** of the file start at the file's directory.
- **Unknown keys are errors**, in the file and among the `HOMELAB__` variables.
- **Changes are taken up without a restart** when the file changes or on SIGHUP: servers, and the
  level of the log. Other changes say that they need a restart. A file that cannot be used is
  refused, and the old settings stay in force.

`homelab-mcp config check` checks, `config show` shows every value with its origin, `config init`
writes a new file, `config schema` prints a JSON Schema for editors.
";

const DOTENV_HEAD: &str = "\
# Every setting of homelab-mcp as a variable. Copy this file to `.env` beside homelab.toml, or hand
# the variables to the process or container. Each NAME may also be given as NAME_FILE, the path of a
# file that holds the value. A variable without a value counts as not set.
#
# Made by `homelab-mcp config docs`; a test keeps it fresh.
";

const TOML_HEAD: &str = "\
# Settings of homelab-mcp. Every line that is commented out shows the default, or an example where
# there is none. `homelab-mcp config check` checks this file, `homelab-mcp config show` shows what is
# in force and where it came from.
";

/// All tables in the order of the schema; the kinds of server come last.
fn sections(schemas: &Schemas) -> Vec<Section<'_>> {
    let mut found = Vec::new();
    collect(
        &mut found,
        "",
        schemas.root(),
        "Keys outside of any table; they stand at the top of the file.",
        Place::Once,
    );
    found.retain(|section| section.key != "servers");
    for (kind, schema) in schemas.kinds() {
        collect(
            &mut found,
            &format!("servers.{kind}"),
            schema,
            description(schema),
            Place::Once,
        );
    }
    found
}

fn collect<'a>(
    found: &mut Vec<Section<'a>>,
    key: &str,
    schema: &'a Value,
    description_of: &'a str,
    place: Place,
) {
    let below = |name: &str| {
        if key.is_empty() {
            name.to_owned()
        } else {
            format!("{key}.{name}")
        }
    };
    let (tables, leaves): (Vec<_>, Vec<_>) =
        properties(schema).partition(|(_, schema)| table(schema).is_some());
    let entries = leaves
        .into_iter()
        .filter(|(name, _)| !(key.is_empty() && *name == "servers"))
        .map(|(name, schema)| Entry {
            key: below(name),
            schema,
        })
        .collect();
    found.push(Section {
        key: key.to_owned(),
        place,
        description: description_of,
        entries,
    });
    for (name, schema) in tables {
        let place = match (schema.get("items").is_some(), place) {
            (true, _) => Place::Listed,
            (false, _) if named_table(schema).is_some() => Place::Named,
            (false, Place::Once) => Place::Once,
            (false, _) => Place::Within,
        };
        let key = match place {
            Place::Named => format!("{}.NAME", below(name)),
            _ => below(name),
        };
        if let Some(table) = table(schema) {
            collect(found, &key, table, description(schema), place);
        }
    }
}

/// The table that a member is, or is a list of.
fn table(schema: &Value) -> Option<&Value> {
    let has_members = |schema: &&Value| schema.get("properties").is_some();
    Some(schema)
        .filter(has_members)
        .or_else(|| schema.get("items").filter(has_members))
        .or_else(|| named_table(schema))
}

fn description(schema: &Value) -> &str {
    schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The default as a variable would hold it; `None` where there is none.
fn default_text(schema: &Value) -> Option<String> {
    match schema.get("default")? {
        Value::Null => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items.iter().map(plain).collect::<Vec<_>>().join(",")),
        value => Some(plain(value)).filter(|text| !text.is_empty()),
    }
}

fn example(schema: &Value) -> &'static str {
    match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "number") => "0",
        Some("boolean") => "false",
        Some("array") => "[]",
        Some("object") => "{}",
        _ => "\"\"",
    }
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
