//! The reference memory server's file: one entity or relation a line.
//!
//! Each observation becomes a memory of its own that names its entity, so that it is understood alone.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{At, Moved, Read, not_json, numbered};

/// Where such memories come from.
const SOURCE: &str = "knowledge-graph";

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Entity {
        name: String,
        #[serde(default, rename = "entityType")]
        kind: String,
        #[serde(default)]
        observations: Vec<String>,
    },
    Relation {
        from: String,
        to: String,
        #[serde(rename = "relationType")]
        kind: String,
    },
}

/// Whether an object is a line of such a file.
pub(super) fn is_line(line: &Map<String, Value>) -> bool {
    matches!(
        line.get("type").and_then(Value::as_str),
        Some("entity" | "relation")
    )
}

pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    for (at, line) in numbered(text) {
        match serde_json::from_str::<Line>(line) {
            Ok(line) => take(&mut read, at, line),
            Err(error) if error.is_data() => {
                read.problem(at, "it is neither an entity nor a relation");
            }
            Err(error) => read.problem(at, not_json(&error)),
        }
    }
    read
}

fn take(read: &mut Read, at: At, line: Line) {
    match line {
        Line::Entity {
            name,
            kind,
            observations,
        } => {
            let metadata = json!({ "entity": name, "entity_type": kind });
            if observations.is_empty() {
                let what = if kind.is_empty() { "something" } else { &kind };
                read.push(fact(at, format!("{name} is known as: {what}"), &metadata));
            }
            for observation in observations {
                // Many observations name their entity already.
                let content = if observation.to_lowercase().contains(&name.to_lowercase()) {
                    observation
                } else {
                    format!("{name}: {observation}")
                };
                read.push(fact(at, content, &metadata));
            }
        }
        Line::Relation { from, to, kind } => {
            let metadata = json!({ "from": from, "to": to, "relation": kind });
            let words = kind.replace('_', " ");
            read.push(fact(at, format!("{from} {words} {to}"), &metadata));
        }
    }
}

fn fact(at: At, content: String, metadata: &Value) -> Moved {
    Moved {
        at,
        content,
        category: Some("fact".to_owned()),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        source: Some(SOURCE.to_owned()),
        ..Moved::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"type":"entity","name":"nas01","entityType":"device","observations":["has 4 disks","nas01 runs TrueNAS"]}
{"type":"entity","name":"rack","entityType":"place","observations":[]}

{"type":"relation","from":"nas01","to":"rack","relationType":"stands_in"}
"#;

    #[test]
    fn each_observation_and_relation_is_a_memory() {
        let read = read(FILE);

        assert_eq!(read.problems, []);
        let said: Vec<(At, &str)> = read
            .memories
            .iter()
            .map(|one| (one.at, one.content.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                (At::Line(1), "nas01: has 4 disks"),
                (At::Line(1), "nas01 runs TrueNAS"),
                (At::Line(2), "rack is known as: place"),
                (At::Line(4), "nas01 stands in rack"),
            ]
        );
        assert_eq!(read.memories[0].metadata["entity_type"], "device");
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number() {
        let read = read(&format!(
            "{FILE}{{\"type\":\"entity\"}}\n{{\"type\":\"thing\"}}\nnonsense\n"
        ));

        let places: Vec<At> = read.problems.iter().map(|one| one.at).collect();
        assert_eq!(places, [At::Line(5), At::Line(6), At::Line(7)]);
        assert_eq!(read.memories.len(), 4);
    }
}
