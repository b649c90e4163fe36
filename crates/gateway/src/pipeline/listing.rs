//! What the pipeline adds to a tool's schemas at an endpoint: `format`, and `instance` where there
//! are several.

use std::sync::Arc;

use homelab_core::tool::{Effect, ToolInfo};
use serde_json::{Map, Value, json};

/// Name of the argument that chooses between data and text.
pub(super) const FORMAT: &str = "format";
/// Name of the argument that chooses between instances.
pub(super) const INSTANCE: &str = "instance";
/// The value of `instance` that means each of them.
pub(super) const ALL: &str = "all";

/// Which arguments are the pipeline's; a tool that has one of the name itself keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extras {
    /// `format` is taken out of the arguments.
    pub(super) format: bool,
    /// `instance` is taken out of the arguments.
    pub(super) instance: bool,
    /// `instance` is listed: there is something to choose.
    pub(super) several: bool,
}

impl Extras {
    pub(super) fn of(info: &ToolInfo, several: bool) -> Self {
        let own = |name: &str| {
            properties(&info.input_schema).is_some_and(|properties| properties.contains_key(name))
        };
        Self {
            format: !own(FORMAT),
            instance: !own(INSTANCE),
            several: several && !own(INSTANCE),
        }
    }
}

pub(super) fn properties(schema: &Map<String, Value>) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// The tool's input schema with the pipeline's arguments.
pub(super) fn input_schema(
    info: &ToolInfo,
    extras: Extras,
    instances: &[Arc<str>],
) -> Map<String, Value> {
    let mut schema = (*info.input_schema).clone();
    let required = extras.several && info.spec.effect != Effect::Read;
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    let Value::Object(properties) = properties else {
        return schema;
    };
    if extras.several {
        properties.insert(INSTANCE.into(), instance_schema(info, instances));
    }
    if extras.format {
        properties.insert(
            FORMAT.into(),
            json!({
                "type": "string",
                "enum": ["json", "text"],
                "description": "`text` answers with a short table instead of data.",
            }),
        );
    }
    if required && let Value::Array(names) = schema.entry("required").or_insert_with(|| json!([])) {
        names.push(INSTANCE.into());
    }
    schema
}

fn instance_schema(info: &ToolInfo, instances: &[Arc<str>]) -> Value {
    let mut names: Vec<&str> = instances.iter().map(|name| &**name).collect();
    let description = if info.spec.effect == Effect::Read {
        names.push(ALL);
        "Which instance; `all` gives one result each."
    } else {
        "Which instance to change."
    };
    json!({ "type": "string", "enum": names, "description": description })
}

/// Whether a call may answer for several instances.
pub(super) fn fans_out(info: &ToolInfo, instances: &[Arc<str>]) -> bool {
    instances.len() > 1 && info.spec.effect == Effect::Read
}

/// The output schema of a read that may answer for several instances, from the one for one.
pub(super) fn fan_out_schema(one: &Map<String, Value>) -> Map<String, Value> {
    let each = json!({
        "type": "object",
        "properties": {
            "results": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "instance": { "type": "string" },
                        "result": { "type": "object" },
                        "error": { "type": "object" },
                    },
                    "required": ["instance"],
                },
            },
        },
        "required": ["results"],
    });
    let mut schema = Map::new();
    schema.insert("type".into(), "object".into());
    schema.insert("anyOf".into(), json!([one, each]));
    schema
}
