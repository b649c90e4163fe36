//! `GET /api/schema/`: what this stand-in serves, as OpenAPI. The product's own is 5 MB.

use serde_json::{Map, Value, json};

use super::model::{Field, Model, Type};
use super::models;
use super::state::State;

/// Actions below single objects.
const ACTIONS: &[(&str, &str)] = &[
    ("ipam.prefix", "available-ips"),
    ("ipam.prefix", "available-prefixes"),
    ("ipam.iprange", "available-ips"),
    ("ipam.vlangroup", "available-vlans"),
];

pub(super) fn document(state: &State) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    paths.insert(
        "/api/status/".to_owned(),
        json!({ "get": operation("status_retrieve") }),
    );
    paths.insert(
        "/api/core/object-changes/".to_owned(),
        json!({ "get": operation("core_object_changes_list") }),
    );
    for model in models::all() {
        let name = model.path.replace(['/', '-'], "_");
        let mut list = json!({ "get": listing(&format!("{name}_list"), model) });
        let mut single = json!({ "get": operation(&format!("{name}_retrieve")) });
        if !model.read_only {
            list["post"] = writing(&format!("{name}_create"), model);
            single["patch"] = writing(&format!("{name}_partial_update"), model);
            single["delete"] = operation(&format!("{name}_destroy"));
        }
        paths.insert(format!("/api/{}/", model.path), list);
        paths.insert(format!("/api/{}/{{id}}/", model.path), single);
        for (kind, action) in ACTIONS {
            if *kind == model.kind {
                let id = format!("{name}_{}", action.replace('-', "_"));
                let body = json!({
                    "get": operation(&format!("{id}_list")),
                    "post": operation(&format!("{id}_create")),
                });
                paths.insert(format!("/api/{}/{{id}}/{action}/", model.path), body);
            }
        }
        schemas.insert(format!("{}Request", model.name), schema(state, model));
    }
    json!({
        "openapi": "3.0.3",
        "info": { "title": "NetBox REST API", "version": state.release.version() },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn operation(id: &str) -> Value {
    json!({ "operationId": id, "responses": { "200": { "description": "" } } })
}

/// The few filters that every list has, and those of its fields.
fn listing(id: &str, model: &Model) -> Value {
    let mut operation = operation(id);
    let text = ["q", "ordering", "fields", "omit"];
    let numbers = ["limit", "offset", "id"];
    let texts = text.into_iter().map(|name| (name, "string"));
    let numbers = numbers.into_iter().map(|name| (name, "integer"));
    let fields = model.fields.iter().map(|field| (field.name, "string"));
    let parameters: Vec<Value> = texts
        .chain(numbers)
        .chain([("brief", "boolean")])
        .chain(fields)
        .map(|(name, kind)| json!({ "in": "query", "name": name, "schema": { "type": kind } }))
        .collect();
    operation["parameters"] = json!(parameters);
    operation
}

fn writing(id: &str, model: &Model) -> Value {
    let reference = format!("#/components/schemas/{}Request", model.name);
    let mut operation = operation(id);
    operation["requestBody"] =
        json!({ "content": { "application/json": { "schema": { "$ref": reference } } } });
    operation
}

fn schema(state: &State, model: &Model) -> Value {
    let fields = model
        .fields
        .iter()
        .filter(|field| state.release >= field.since);
    let properties: Map<String, Value> = fields
        .map(|field| (field.name.to_owned(), property(field)))
        .collect();
    let required: Vec<&str> = model
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn property(field: &Field) -> Value {
    let mut property = match field.kind {
        Type::Text(max) => json!({ "type": "string", "maxLength": max }),
        Type::Choice(of) | Type::PlainChoice(of) => {
            let values: Vec<&str> = of.iter().map(|(value, _)| *value).collect();
            json!({ "type": "string", "enum": values })
        }
        Type::NumberChoice(of) => {
            let values: Vec<i64> = of.iter().map(|(value, _)| *value).collect();
            json!({ "type": "integer", "enum": values })
        }
        Type::Int(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Type::Number(least, most) => {
            json!({ "type": "number", "minimum": least, "maximum": most })
        }
        Type::Flag => json!({ "type": "boolean" }),
        Type::Ref(..) => json!({ "oneOf": [{ "type": "integer" }, { "type": "object" }] }),
        Type::ObjectId => json!({ "type": "integer" }),
        Type::Refs(_) | Type::Tags | Type::Ranges | Type::Ends => json!({ "type": "array" }),
        Type::Custom => json!({ "type": "object" }),
        Type::Json => json!({}),
        _ => json!({ "type": "string" }),
    };
    if field.nullable {
        property["nullable"] = json!(true);
    }
    property
}
