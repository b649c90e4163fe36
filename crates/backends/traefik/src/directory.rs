//! What the files of the provider's directory say, and whether Traefik can read them: one that it
//! cannot read keeps it from reading any other, and only its log says so.

use std::path::Path;

use homelab_core::error::{Code, ToolError, ToolResult};
use serde_json::{Map, Value};

use crate::client::Traefik;
use crate::fields::{self, Misfit, Reading};
use crate::files::Files;
use crate::managed::Object;

/// Sections with objects that have names of their own.
const NAMED: [(&str, &str); 9] = [
    ("http", "routers"),
    ("http", "services"),
    ("http", "middlewares"),
    ("http", "serversTransports"),
    ("tcp", "routers"),
    ("tcp", "services"),
    ("tcp", "middlewares"),
    ("udp", "routers"),
    ("udp", "services"),
];

/// One file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Examined {
    pub(crate) file: String,
    pub(crate) verdict: Verdict,
    /// What it defines: `http.routers.app`.
    pub(crate) defines: Vec<String>,
}

/// Whether Traefik can read a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    Fine,
    /// It goes through Go's templates first, and what comes out is not known here.
    Template,
    /// It cannot be read.
    Broken(Misfit),
}

/// Reads every file.
pub(crate) async fn examine(files: &Files) -> ToolResult<Vec<Examined>> {
    let mut all = Vec::new();
    for file in files.list().await? {
        // One that is gone by now is not read by Traefik either.
        if let Some(content) = files.read(&file).await? {
            all.push(examined(file, &content));
        }
    }
    Ok(all)
}

fn examined(file: String, content: &[u8]) -> Examined {
    let broken = |message: String| {
        Verdict::Broken(Misfit {
            path: String::new(),
            message,
            unknown: false,
        })
    };
    let (verdict, document) = match std::str::from_utf8(content) {
        Err(_) => (broken("it is not UTF-8 text".to_owned()), Value::Null),
        Ok(text) if text.contains("{{") => (Verdict::Template, Value::Null),
        Ok(text) => match parse(&file, text) {
            Err(message) => (broken(message), Value::Null),
            Ok(document) => match fields::check(&document, Reading::Foreign) {
                Ok(()) => (Verdict::Fine, document),
                Err(misfit) => (Verdict::Broken(misfit), document),
            },
        },
    };
    Examined {
        file,
        verdict,
        defines: defined(&document),
    }
}

/// A document in the format that the file's name says.
fn parse(file: &str, text: &str) -> Result<Value, String> {
    let line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    if Path::new(file).extension().is_some_and(|end| end == "toml") {
        return toml::from_str(text).map_err(|error| {
            let message = error.message().to_owned();
            format!("it is not TOML: {}", line(message))
        });
    }
    let bare = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.lines().all(bare) {
        return Ok(Value::Null);
    }
    let document: Value = serde_saphyr::from_str(text)
        .map_err(|error| format!("it is not YAML: {}", line(error.to_string())))?;
    match document {
        Value::Null | Value::Object(_) => Ok(document),
        _ => Err("it has no sections such as `http`".to_owned()),
    }
}

fn defined(document: &Value) -> Vec<String> {
    let empty = Map::new();
    let member = |value: &Value, name: &str| -> Map<String, Value> {
        let found = value.as_object().and_then(|members| {
            let mut members = members.iter();
            members.find(|(key, _)| key.eq_ignore_ascii_case(name))
        });
        found
            .and_then(|(_, value)| value.as_object())
            .unwrap_or(&empty)
            .clone()
    };
    let mut all = Vec::new();
    for (section, sort) in NAMED {
        let section_of = Value::Object(member(document, section));
        let names = member(&section_of, sort);
        all.extend(names.keys().map(|name| format!("{section}.{sort}.{name}")));
    }
    all
}

/// Names that more than one file defines, with the files: Traefik takes one of them without a word.
pub(crate) fn duplicates(all: &[Examined]) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for one in all {
        for name in &one.defines {
            match found.iter_mut().find(|(known, _)| known == name) {
                Some((_, files)) => files.push(one.file.clone()),
                None => found.push((name.clone(), vec![one.file.clone()])),
            }
        }
    }
    found.retain(|(_, files)| files.len() > 1);
    found
}

impl Traefik {
    /// Refuses to write where Traefik would not read it, and names that another file has.
    ///
    /// # Errors
    /// `conflict` with reason `directory_broken` or `name_taken`.
    pub(crate) async fn refuse_broken(&self, object: &Object, names: &[String]) -> ToolResult<()> {
        let newer = self.version().await?.numbers() > (3, 7);
        let all = examine(self.files()?).await?;
        for one in &all {
            if let Verdict::Broken(misfit) = &one.verdict
                && !(newer && misfit.unknown)
            {
                let place = if misfit.path.is_empty() {
                    one.file.clone()
                } else {
                    format!("{}, `{}`", one.file, misfit.path)
                };
                let message = format!(
                    "Traefik reads no change of the directory as long as one file is wrong: `{place}`: {}",
                    misfit.message
                );
                return Err(ToolError::new(Code::Conflict, message)
                    .reason("directory_broken")
                    .hint(
                        "correct or remove that file; `validate_config` shows all that are wrong",
                    ));
            }
        }
        let ours = object.file();
        let taken = all.iter().filter(|one| one.file != ours).find_map(|one| {
            let name = names.iter().find(|name| one.defines.contains(name))?;
            Some((name, &one.file))
        });
        if let Some((name, file)) = taken {
            let message = format!("`{file}` defines `{name}` already");
            return Err(ToolError::new(Code::Conflict, message)
                .reason("name_taken")
                .field("name")
                .hint("choose another name; Traefik takes one of two without a word"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a.yml", "")]
    #[case("a.yml", "# nothing\n")]
    #[case("a.yml", "http:\n  routers:\n    a: {rule: x, service: y}\n")]
    #[case("a.toml", "[http.routers.a]\nrule = \"x\"\nservice = \"y\"\n")]
    #[case("a.yml", "other: 1\n")]
    fn good_files_are_fine(#[case] file: &str, #[case] text: &str) {
        assert_eq!(
            examined(file.into(), text.as_bytes()).verdict,
            Verdict::Fine
        );
    }

    #[rstest]
    #[case("a.yml", "http: [", "not YAML")]
    #[case("a.yml", "- a\n", "no sections")]
    #[case("a.toml", "[http", "not TOML")]
    #[case("a.yml", "http: {}\n", "empty")]
    #[case("a.yml", "http: {routers: {a: {wrong: 1}}}\n", "no field `wrong`")]
    #[case("a.yml", "\u{feff}http: [", "not YAML")]
    fn wrong_files_say_why(#[case] file: &str, #[case] text: &str, #[case] why: &str) {
        let Verdict::Broken(misfit) = examined(file.into(), text.as_bytes()).verdict else {
            panic!("fine");
        };

        assert!(misfit.message.contains(why), "{}", misfit.message);
    }

    #[test]
    fn templates_are_not_judged() {
        let text = "http: {routers: {a: {rule: \"{{ env `X` }}\"}}}";

        assert_eq!(
            examined("a.yml".into(), text.as_bytes()).verdict,
            Verdict::Template
        );
    }

    #[test]
    fn a_name_in_two_files_is_found() {
        let one =
            |file: &str| examined(file.into(), b"HTTP: {Routers: {a: {rule: x, service: y}}}");

        let found = duplicates(&[one("a.yml"), one("b.yml")]);

        assert_eq!(
            found,
            [(
                "http.routers.a".to_owned(),
                vec!["a.yml".to_owned(), "b.yml".to_owned()]
            )]
        );
    }
}
