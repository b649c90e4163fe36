//! What is wrong with a backend's rules, and operations made from them.

use std::collections::HashMap;

use homelab_core::tool::ToolSpec;
use serde_json::json;

use super::model::{Operation, Parameter, Place, Verb};
use super::rules::Cover;
use super::{WholeApi, path};

/// What is wrong with a backend's rules, one line each; its test asserts that it is empty.
pub fn faults<B: WholeApi>() -> Vec<String> {
    let tools = B::tools();
    let specs: HashMap<&str, &ToolSpec> = tools
        .iter()
        .map(|tool| (tool.info.spec.name, &tool.info.spec))
        .collect();
    let mut faults = Vec::new();
    let rules = B::RULES;
    for cover in rules.covers {
        let what = format!("{} {}", cover.method, cover.path);
        if !specs.contains_key(cover.tool) {
            faults.push(format!("{what}: there is no tool `{}`", cover.tool));
        }
        let others = rules.covers.iter().filter(|other| {
            other.method == cover.method
                && other.needs == cover.needs
                && path::alike(other.path, cover.path)
        });
        if others.count() > 1 {
            faults.push(format!("{what}: covered twice"));
        }
    }
    let patterns = (rules.covers.iter().map(|cover| cover.path))
        .chain(rules.reads.iter().copied())
        .chain(rules.withheld.iter().map(|withheld| withheld.path))
        .chain(rules.critical.iter().copied());
    for pattern in patterns {
        let rest = pattern.strip_suffix("/**").unwrap_or(pattern);
        if !pattern.starts_with('/') || rest.contains('*') || rest.ends_with('/') && rest != "/" {
            faults.push(format!("{pattern}: not a pattern"));
        }
    }
    faults
}

/// The operations that a backend's tools cover, for an upstream that publishes no description. The
/// types of their parameters are not known.
pub fn known<B: WholeApi>() -> Vec<Operation> {
    let tools = B::tools();
    let summary = |cover: &Cover| {
        let found = tools
            .iter()
            .find(|tool| tool.info.spec.name == cover.tool)
            .map(|tool| tool.info.spec.description);
        found.unwrap_or_default().to_owned()
    };
    B::RULES
        .covers
        .iter()
        .filter(|cover| cover.needs.is_empty())
        .map(|cover| {
            let of_path = path::segments(cover.path).filter_map(path::named);
            let of_path = of_path.map(|name| parameter(name, Place::Path));
            let others = cover.params.iter().map(|name| {
                let place = match (*name, cover.method) {
                    ("body", _) => Place::Body,
                    (_, Verb::Get | Verb::Delete) => Place::Query,
                    _ => Place::Argument,
                };
                parameter(name, place)
            });
            Operation {
                method: cover.method,
                path: cover.path.to_owned(),
                summary: summary(cover),
                parameters: of_path.chain(others).collect(),
                answer: Vec::new(),
            }
        })
        .collect()
}

fn parameter(name: &str, place: Place) -> Parameter {
    Parameter {
        name: name.to_owned(),
        place,
        required: place == Place::Path,
        schema: json!({}),
    }
}
