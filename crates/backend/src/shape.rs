//! Rules that every tool keeps, so that models choose well among hundreds of them and clients of
//! every age can read their schemas.

use std::collections::BTreeSet;

use homelab_core::server::{MAX_NAME, aggregated_name};
use homelab_core::tool::{Effect, ToolInfo, ToolSpec};
use serde_json::{Map, Value, json};

use crate::Kind;

/// Longest description: it is sent to a model with every listing.
pub const MAX_DESCRIPTION: usize = 300;
/// Longest title.
const MAX_TITLE: usize = 60;
/// Keywords that some clients cannot read.
const FORBIDDEN: [&str; 6] = [
    "$ref",
    "$defs",
    "definitions",
    "format",
    "nullable",
    "$schema",
];

/// The kind's listing as a model sees it, for a backend's snapshot of it and the count of its bytes.
pub fn listing(kind: &Kind) -> Value {
    let listed = |info: ToolInfo| {
        json!({
            "name": info.spec.name,
            "title": info.spec.title,
            "description": info.spec.description,
            "inputSchema": *info.input_schema,
            "annotations": info.spec.annotations(),
        })
    };
    kind.catalogue().into_iter().map(listed).collect()
}

/// The schema of each tool's result by the tool's name, for a backend's snapshot of them.
pub fn outputs(kind: &Kind) -> Value {
    let output = |info: ToolInfo| {
        let schema = Value::Object((*info.output_schema).clone());
        (info.spec.name.to_owned(), schema)
    };
    kind.catalogue().into_iter().map(output).collect()
}

/// What each tool may do, one line each: its effect and whether that varies with the arguments, its
/// permission, its time limit and whether it gives secrets away; for a backend's snapshot of them.
pub fn rules(kind: &Kind) -> String {
    let rule = |info: ToolInfo| {
        let spec = &info.spec;
        let varies = if spec.varies { " varies" } else { "" };
        let secret = if spec.secret { " secret" } else { "" };
        let (name, effect, permission) = (spec.name, spec.effect.as_str(), spec.permission);
        let seconds = spec.timeout.as_secs();
        format!("{name}: {effect}{varies} {permission} {seconds}s{secret}")
    };
    let rules: Vec<String> = kind.catalogue().into_iter().map(rule).collect();
    rules.join("\n")
}

/// What is wrong with a kind's tools, one line each; a backend's test asserts that it is empty.
pub fn faults(kind: &Kind) -> Vec<String> {
    let catalogue = kind.catalogue();
    let mut names = BTreeSet::new();
    let mut faults = Vec::new();
    for info in &catalogue {
        let tool = info.spec.name;
        let mut report = |fault: String| faults.push(format!("{tool}: {fault}"));
        if !names.insert(tool) {
            report("a tool of this name is listed already".to_owned());
        }
        names_and_texts(kind.name, &info.spec, &mut report);
        fields_exist(info, &mut report);
        input(
            "",
            &Value::Object((*info.input_schema).clone()),
            &mut report,
        );
        keywords(
            "",
            &Value::Object((*info.output_schema).clone()),
            &mut report,
        );
        for (which, schema) in [
            ("input", &info.input_schema),
            ("output", &info.output_schema),
        ] {
            if schema.get("type").and_then(Value::as_str) != Some("object") {
                report(format!("the {which} schema is not an object's"));
            }
        }
        if info.input_schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            report("unknown arguments are not refused (`deny_unknown_fields`)".to_owned());
        }
    }
    if catalogue.is_empty() {
        faults.push(format!("{}: no tools", kind.name));
    }
    for name in kind.facts {
        let shows = catalogue.iter().any(|info| {
            info.spec.name == *name && info.spec.effect == Effect::Read && !info.spec.secret
        });
        if !shows {
            faults.push(format!(
                "{name}: `FACTS` names it, and it is no tool that reads"
            ));
        }
    }
    faults
}

fn names_and_texts(kind: &str, spec: &ToolSpec, report: &mut impl FnMut(String)) {
    let aggregated = aggregated_name(kind, spec);
    for name in [spec.name, &aggregated] {
        let plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
            report(format!("`{name}` is not 1 to {MAX_NAME} of [a-z0-9_]"));
        }
    }
    if spec.title.is_empty() || spec.title.chars().count() > MAX_TITLE {
        report(format!("the title is not 1 to {MAX_TITLE} characters"));
    }
    let length = spec.description.chars().count();
    if length == 0 || length > MAX_DESCRIPTION {
        report(format!(
            "the description has {length} characters, not 1 to {MAX_DESCRIPTION}"
        ));
    }
    let parts: Vec<&str> = spec.permission.split(':').collect();
    let words = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    let [first, rest @ ..] = parts.as_slice() else {
        return;
    };
    if *first != kind || rest.len() != 2 || !rest.iter().all(words) {
        report(format!(
            "the permission `{}` is not `{kind}:<resource>:<verb>`",
            spec.permission
        ));
    }
}

/// A misspelt field in `sensitive_output(…)` would leak in silence.
fn fields_exist(info: &ToolInfo, report: &mut impl FnMut(String)) {
    let spec = &info.spec;
    for (list, fields, schema) in [
        ("sensitive_args", spec.sensitive_args, &info.input_schema),
        (
            "sensitive_output",
            spec.sensitive_output,
            &info.output_schema,
        ),
        ("untrusted", spec.untrusted, &info.output_schema),
    ] {
        for field in fields {
            if !exists(schema, field) {
                report(format!("`{list}` names `{field}`, which its schema lacks"));
            }
        }
    }
    if spec.secret && spec.sensitive_output.is_empty() {
        report("it is secret, but names no field in `sensitive_output`".to_owned());
    }
}

/// Whether a dotted path (array indexes do not count) leads to a property.
fn exists(schema: &Map<String, Value>, path: &str) -> bool {
    let mut here = Value::Object(schema.clone());
    path.split('.').filter(|part| *part != "*").all(|part| {
        while let Some(items) = here.get("items") {
            here = items.clone();
        }
        let next = here
            .get("properties")
            .and_then(|properties| properties.get(part))
            .or_else(|| {
                here.get("additionalProperties")
                    .filter(|entry| entry.is_object())
            })
            .cloned();
        match next {
            Some(next) => {
                here = next;
                true
            }
            None => false,
        }
    })
}

/// Arguments: everything described and bounded, besides what [`keywords`] asks.
fn input(path: &str, schema: &Value, report: &mut impl FnMut(String)) {
    let has = |keyword: &str| schema.get(keyword).is_some();
    keyword_faults(path, schema, report);
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") if !(has("minimum") && has("maximum")) => {
            report(format!("the integer `{path}` has no bounds"));
        }
        Some("string") if !["maxLength", "enum", "const"].into_iter().any(has) => {
            report(format!(
                "the text `{path}` has no greatest length and no choices"
            ));
        }
        Some("array") => {
            if !has("maxItems") {
                report(format!("the list `{path}` has no greatest length"));
            }
            if let Some(items) = schema.get("items") {
                input(&format!("{path}[]"), items, report);
            }
        }
        Some("object") => {
            for (name, property) in schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let below = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                let described = property
                    .get("description")
                    .and_then(Value::as_str)
                    .is_some_and(|text| !text.trim().is_empty());
                if !described {
                    report(format!("the argument `{below}` is not described"));
                }
                input(&below, property, report);
            }
            if let Some(entry @ Value::Object(_)) = schema.get("additionalProperties") {
                input(&format!("{path}.*"), entry, report);
            }
        }
        _ => {}
    }
}

/// Forbidden keywords, at any depth.
fn keywords(path: &str, schema: &Value, report: &mut impl FnMut(String)) {
    keyword_faults(path, schema, report);
    for (name, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        keywords(&format!("{path}.{name}"), property, report);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(below) = schema.get(keyword) {
            keywords(&format!("{path}[]"), below, report);
        }
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for below in schema
            .get(keyword)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            keywords(path, below, report);
        }
    }
}

fn keyword_faults(path: &str, schema: &Value, report: &mut impl FnMut(String)) {
    for keyword in FORBIDDEN {
        if schema.get(keyword).is_some() {
            report(format!("`{path}` uses `{keyword}`"));
        }
    }
    if schema.get("type").is_some_and(Value::is_array) {
        report(format!("`{path}` has several types"));
    }
}
