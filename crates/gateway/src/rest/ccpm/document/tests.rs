//! Makes the document from the code and compares.

use std::collections::BTreeMap;

use homelab_ccpm::Health;
use homelab_core::ccpm::{
    Agent, AgentCreate, AgentPatch, CcpmCode, Choice as _, CompletionReport,
    CompletionReportCreate, CompletionReview, ContextItem, ContextItemCreate, Message,
    MessageComplete, MessageCreate, PageInfo, ResumeContext, SessionComplete, SessionReport,
    SessionReportCreate, Sprint, SprintCreate, SprintPatch, Task, TaskCreate, TaskEvent, TaskPatch,
    TaskStatusUpdate,
};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::DOCUMENT;
use crate::rest::ccpm::operations::{self, Kind, Name, Operation};

/// Errors that every operation may answer.
const ALWAYS: [u16; 7] = [400, 401, 403, 404, 405, 429, 503];
/// Those of changes.
const OF_CHANGES: [u16; 4] = [409, 413, 415, 422];

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations::all() {
        let path = paths.entry(operation.path).or_default();
        let method = operation.method.as_str().to_owned();
        path.insert(method, described(operation));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "CCPM",
            "version": "1.0.0",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": "Agents, messages, tasks, sprints and session reports. Unknown members \
                of bodies and unknown parameters of queries are refused. A change with an \
                `Idempotency-Key` may be sent twice within 24 hours and happens once.",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            "parameters": parameters(),
            "responses": responses(),
            "schemas": schemas(),
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| reference("parameters", name))
        .collect();
    parameters.extend(operation.query.iter().map(query_parameter));
    if operation.is_change() {
        parameters.push(reference("parameters", "agent"));
        parameters.push(reference("parameters", "idempotency_key"));
    }
    if operation.is_versioned {
        parameters.push(reference("parameters", "if_match"));
    }
    let mut responses = Map::new();
    for status in operation.success {
        let description = match (status, operation.success.len()) {
            (201, _) => "Something new was made",
            (_, 1) => "What was asked for",
            _ => "It was there already",
        };
        responses.insert(
            status.to_string(),
            json!({
                "description": description,
                "content": { "application/json": { "schema": reference("schemas", operation.answer) } },
            }),
        );
    }
    let of_changes = OF_CHANGES.iter().filter(|_| operation.is_change());
    for status in ALWAYS.iter().chain(of_changes) {
        responses.insert(
            status.to_string(),
            reference("responses", &format!("E{status}")),
        );
    }
    if operation.id == "getHealth" {
        let schema = json!({ "oneOf": [
            reference("schemas", "Health"), reference("schemas", "Error"),
        ] });
        responses.insert(
            "503".to_owned(),
            json!({
                "description": "It works badly, or not",
                "content": { "application/json": { "schema": schema } },
            }),
        );
    }
    let mut described = json!({
        "operationId": operation.id,
        "x-tool": operation.spec.name,
        "x-permission": operation.spec.permission,
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = operation.body {
        described["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": reference("schemas", body) } },
        });
    }
    described
}

fn query_parameter(name: &Name) -> Value {
    let schema = match name.kind {
        Kind::Text => match name.name {
            "cursor" => json!({ "type": "string", "maxLength": 512 }),
            "q" => json!({ "type": "string", "maxLength": 200 }),
            _ => json!({ "type": "string" }),
        },
        Kind::Id => json!({ "type": "string", "format": "uuid" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count { most } => json!({
            "type": "integer", "minimum": 1, "maximum": most, "default": 50,
        }),
        Kind::Choice { of } => json!({ "type": "string", "enum": of }),
        Kind::Choices { of } => {
            json!({ "type": "array", "items": { "type": "string", "enum": of } })
        }
    };
    let mut parameter = json!({
        "name": name.name, "in": "query", "required": name.is_required, "schema": schema,
    });
    if matches!(name.kind, Kind::Choices { .. }) {
        parameter["style"] = "form".into();
        parameter["explode"] = false.into();
    }
    parameter
}

fn parameters() -> Value {
    let header = |name: &str, schema: Value, description: &str| {
        json!({
            "name": name, "in": "header", "required": false, "schema": schema,
            "description": description,
        })
    };
    json!({
        "id": {
            "name": "id", "in": "path", "required": true,
            "schema": { "type": "string", "minLength": 1 },
            "description": "UUID; of agents also a name or `me`, of tasks also a key, of sprints also `active`",
        },
        "report_id": {
            "name": "report_id", "in": "path", "required": true,
            "schema": { "type": "string", "format": "uuid" },
        },
        "agent": header(
            "X-Agent-Id",
            json!({ "type": "string" }),
            "The acting agent, UUID or name; the token must be allowed to act for it",
        ),
        "idempotency_key": header(
            "Idempotency-Key",
            json!({ "type": "string", "pattern": "^[!-~]{8,128}$" }),
            "The same key within 24 hours is the same request",
        ),
        "if_match": header(
            "If-Match",
            json!({ "type": "string", "pattern": "^(\\*|\"[0-9]{1,18}\")$" }),
            "The `ETag` of the version that the change is meant for",
        ),
    })
}

fn responses() -> Value {
    let all = [
        (
            400,
            "Malformed, or a value that is not allowed (`details.field`)",
        ),
        (401, "No token, or a bad one"),
        (403, "The token may not do this, or not for this agent"),
        (404, "There is no such thing"),
        (405, "Not with this method"),
        (
            409,
            "The state, the version, or the idempotency key does not fit",
        ),
        (413, "The body is over 256 KiB, or what is kept is too much"),
        (415, "The body is not said to be JSON"),
        (422, "A transition that is not legal"),
        (
            429,
            "Too many requests; `Retry-After` says when to come back",
        ),
        (503, "The storage cannot be reached; try again"),
    ];
    all.iter()
        .map(|(status, description)| {
            let response = json!({
                "description": description,
                "content": { "application/json": { "schema": reference("schemas", "Error") } },
            });
            (format!("E{status}"), response)
        })
        .collect::<Map<_, _>>()
        .into()
}

fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// The types of `homelab_core::ccpm` as schemars describes them, with pages and errors around them.
fn schemas() -> Map<String, Value> {
    let mut generator = generator();
    let mut schemas = Map::new();
    macro_rules! add {
        ($($of:ty),* $(,)?) => { $( subschema::<$of>(&mut generator); )* };
    }
    add!(
        Health,
        Agent,
        AgentCreate,
        AgentPatch,
        Message,
        MessageCreate,
        MessageComplete,
        Task,
        TaskCreate,
        TaskPatch,
        TaskStatusUpdate,
        TaskEvent,
        CompletionReport,
        CompletionReportCreate,
        CompletionReview,
        Sprint,
        SprintCreate,
        SprintPatch,
        SessionReport,
        SessionReportCreate,
        SessionComplete,
        ContextItem,
        ContextItemCreate,
        ResumeContext,
        PageInfo,
    );
    for (name, schema) in generator.take_definitions(true) {
        schemas.insert(name, schema);
    }
    for row in [
        "Agent",
        "Message",
        "Task",
        "TaskEvent",
        "CompletionReport",
        "Sprint",
        "SessionReport",
        "ContextItem",
    ] {
        let page = json!({
            "type": "object",
            "required": ["data", "page"],
            "properties": {
                "data": { "type": "array", "items": reference("schemas", row) },
                "page": reference("schemas", "PageInfo"),
            },
        });
        schemas.insert(format!("{row}Page"), page);
    }
    schemas.insert("Error".to_owned(), error_schema());
    for schema in schemas.values_mut() {
        trimmed(schema);
    }
    schemas.sort_keys();
    schemas
}

fn subschema<T: JsonSchema>(generator: &mut SchemaGenerator) {
    drop(generator.subschema_for::<T>());
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": { "type": "string", "enum": CcpmCode::NAMES },
                "message": { "type": "string", "description": "What happened, and what to do next." },
                "details": {
                    "type": "object",
                    "additionalProperties": true,
                    "description": "Such as `field`, `allowed`, `current`, `candidates`, `retry_after_s`.",
                },
                "retryable": { "type": "boolean" },
                "request_id": { "type": "string" },
            },
        } },
    })
}

/// Without what says nothing: formats of Rust's numbers.
fn trimmed(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_rust = members
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|format| format.starts_with("uint") || format.starts_with("int"));
            if is_rust {
                members.remove("format");
            }
            members.values_mut().for_each(trimmed);
        }
        Value::Array(items) => items.iter_mut().for_each(trimmed),
        _ => {}
    }
}

fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap();
    text.push('\n');
    text
}

#[test]
fn the_document_says_what_is_served() {
    let published: Value = serde_json::from_str(DOCUMENT).unwrap();
    let made = document();

    for part in ["paths", "components"] {
        let keys = |value: &Value| {
            value[part]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&published), keys(&made), "{part}");
    }
    assert!(
        DOCUMENT == text(),
        "openapi.json is out of date: cargo test -p homelab-gateway write_the_document -- --ignored"
    );
}

#[test]
fn all_operations_of_the_contract_are_served_under_their_names() {
    let ids: Vec<&str> = operations::all().map(|operation| operation.id).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();

    assert_eq!((ids.len(), unique.len()), (33, 33));
    let mut paths: Vec<&str> = operations::all().map(|operation| operation.path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 23);
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                members.values().for_each(|member| check(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, document)),
            _ => {}
        }
    }
    let document = document();

    check(&document, &document);
}

#[test]
#[ignore = "writes into the source folder"]
fn write_the_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/rest/ccpm/openapi.json");
    std::fs::write(path, text()).unwrap();
}
