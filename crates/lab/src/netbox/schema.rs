//! `GET /api/schema/`: what this stand-in serves, as OpenAPI. The product's own is 5 MB.

use serde_json::{Map, Value, json};

use super::filter;
use super::model::{By, Field, Model, Test, Type};
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
        let id = model.path.replace(['/', '-'], "_");
        let name = model.kind.replace('.', "_");
        let mut list = json!({ "get": listing(state, &format!("{id}_list"), model) });
        list["get"]["responses"]["200"] = answer(&format!("Paginated{name}List"));
        let mut single = json!({ "get": operation(&format!("{id}_retrieve")) });
        single["get"]["responses"]["200"] = answer(&name);
        if !model.read_only {
            let one = reference(&format!("{name}Request"));
            // One object, or a list of such.
            let body = json!({ "oneOf": [one, { "type": "array", "items": one }] });
            list["post"] = writing(&format!("{id}_create"), &body);
            let body = reference(&format!("Patched{name}Request"));
            single["patch"] = writing(&format!("{id}_partial_update"), &body);
            single["delete"] = operation(&format!("{id}_destroy"));
        }
        paths.insert(format!("/api/{}/", model.path), list);
        paths.insert(format!("/api/{}/{{id}}/", model.path), single);
        for (kind, action) in ACTIONS {
            if *kind == model.kind {
                let id = format!("{id}_{}", action.replace('-', "_"));
                let body = json!({
                    "get": operation(&format!("{id}_list")),
                    "post": operation(&format!("{id}_create")),
                });
                paths.insert(format!("/api/{}/{{id}}/{action}/", model.path), body);
            }
        }
        let (whole, required) = request(state, model);
        let patched = json!({ "type": "object", "properties": whole });
        let whole = json!({ "type": "object", "properties": whole, "required": required });
        schemas.insert(format!("Patched{name}Request"), patched);
        schemas.insert(format!("{name}Request"), whole);
        let page = json!({
            "type": "object",
            "properties": {
                "count": { "type": "integer" },
                "results": { "type": "array", "items": reference(&name) },
            },
        });
        schemas.insert(format!("Paginated{name}List"), page);
        schemas.insert(name, read(state, model));
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

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn answer(schema: &str) -> Value {
    json!({ "content": { "application/json": { "schema": reference(schema) } }, "description": "" })
}

/// What every list takes, and its filters: those of these names that the stand-in has.
fn listing(state: &State, id: &str, model: &'static Model) -> Value {
    let mut operation = operation(id);
    let of_list = [
        ("ordering", "string"),
        ("fields", "string"),
        ("omit", "string"),
        ("brief", "boolean"),
        ("limit", "integer"),
        ("offset", "integer"),
    ];
    let mut parameters: Vec<Value> = of_list
        .into_iter()
        .map(|(name, kind)| json!({ "in": "query", "name": name, "schema": { "type": kind } }))
        .collect();
    let mut names: Vec<String> = ["q", "tag", "tag_id", "id", "id__gte", "id__lte"]
        .map(str::to_owned)
        .to_vec();
    for field in model.fields {
        match field.kind {
            Type::Ref(..) => names.extend(match field.by {
                By::Both => vec![field.name.to_owned(), format!("{}_id", field.name)],
                By::Id => vec![format!("{}_id", field.name)],
                By::Nothing => Vec::new(),
            }),
            Type::Text(_) | Type::Slug | Type::DnsName => {
                names.extend(
                    ["", "__n", "__ic", "__ie", "__isw"].map(|how| format!("{}{how}", field.name)),
                );
            }
            _ => names.push(field.name.to_owned()),
        }
    }
    for filter in model.filters {
        names.push(filter.name.to_owned());
        if matches!(filter.test, Test::Through(..)) {
            names.push(format!("{}_id", filter.name));
        }
    }
    let known =
        |name: &String| matches!(filter::compile(state, model, name, Vec::new()), Ok(Some(_)));
    names.sort();
    names.dedup();
    parameters.extend(names.into_iter().filter(known).map(|name| {
        let number = name == "id" || name.ends_with("_id");
        let kind = if number { "integer" } else { "string" };
        let one = json!({ "type": kind, "nullable": number });
        json!({ "in": "query", "name": name, "schema": { "type": "array", "items": one } })
    }));
    operation["parameters"] = json!(parameters);
    operation
}

fn writing(id: &str, body: &Value) -> Value {
    let mut operation = operation(id);
    operation["requestBody"] = json!({ "content": { "application/json": { "schema": body } } });
    operation
}

/// What a client writes: its properties, and those that a new object must have.
fn request(state: &State, model: &Model) -> (Map<String, Value>, Vec<&'static str>) {
    let fields = model
        .fields
        .iter()
        .filter(|field| state.release >= field.since);
    let properties = fields
        .map(|field| (field.name.to_owned(), property(field)))
        .collect();
    let required = model.fields.iter().filter(|field| field.required);
    (properties, required.map(|field| field.name).collect())
}

/// What is read: the names alone.
fn read(state: &State, model: &Model) -> Value {
    let always = [
        "id",
        "url",
        "display_url",
        "display",
        "created",
        "last_updated",
    ];
    let fields = model
        .fields
        .iter()
        .filter(|field| state.release >= field.since)
        .map(|field| field.name);
    let computed = model.computed.iter().map(|computed| computed.name);
    let names = always.into_iter().chain(fields).chain(computed);
    let properties: Map<String, Value> = names.map(|name| (name.to_owned(), json!({}))).collect();
    json!({ "type": "object", "properties": properties })
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
        Type::Tags => {
            let text = json!({ "type": "string" });
            let properties = json!({ "name": text, "slug": text, "color": text });
            json!({ "type": "array", "items": { "type": "object", "properties": properties } })
        }
        Type::Refs(_) | Type::Ranges | Type::Ends => json!({ "type": "array" }),
        Type::Custom => json!({ "type": "object" }),
        Type::Json => json!({}),
        _ => json!({ "type": "string" }),
    };
    if field.nullable {
        property["nullable"] = json!(true);
    }
    property
}
