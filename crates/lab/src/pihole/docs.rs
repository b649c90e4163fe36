//! The description of its own calls that it serves: OpenAPI in several files that refer to each
//! other. It is made from the contract table; the product's has the same files and form.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::contract::{BodyKind, Run, TABLES};
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of, page, reply_of};
use super::state::State;
use crate::contract::{Kind, Param, Route};

fn routes() -> impl Iterator<Item = &'static Route<Run>> {
    let all = TABLES.iter().flat_map(|table| table.iter());
    all.filter(|route| !route.path.starts_with("/api/docs"))
}

/// `GET /endpoints`.
pub(super) fn endpoints(_: &mut State, _: &Call) -> Answer {
    let mut by_method: Map<String, Value> = Map::new();
    for route in routes() {
        let rows = by_method
            .entry(route.method.to_lowercase())
            .or_insert_with(|| json!([]));
        let (uri, parameters) = match route.path.find("/{") {
            Some(at) => route.path.split_at(at),
            None => (route.path, ""),
        };
        if let Some(rows) = rows.as_array_mut() {
            rows.push(json!({ "uri": uri, "parameters": parameters.replace('*', "") }));
        }
    }
    json_of(json!({ "endpoints": by_method }))
}

/// `GET /docs`.
pub(super) fn redirect(_: &mut State, _: &Call) -> Answer {
    let mut answer = page(301, "text/html", String::new());
    let place = axum::http::HeaderValue::from_static("/api/docs/");
    answer
        .headers_mut()
        .insert(axum::http::header::LOCATION, place);
    reply_of(Reply::Raw(Box::new(answer)))
}

/// `GET /docs/`.
pub(super) fn index(_: &mut State, _: &Call) -> Answer {
    let text = "<!doctype html><rapi-doc spec-url=\"specs/main.yaml\"></rapi-doc>";
    reply_of(Reply::Raw(Box::new(page(
        200,
        "text/html",
        text.to_owned(),
    ))))
}

/// `GET /docs/specs/….yaml`.
pub(super) fn file(_: &mut State, call: &Call) -> Answer {
    let path = call.path.get("file");
    let name = path
        .strip_prefix("specs/")
        .and_then(|name| name.strip_suffix(".yaml"));
    let document = match name {
        Some("main") => Some(main()),
        Some("common") => Some(common()),
        Some(name) => part(name),
        None => None,
    };
    let missing = || Failure::new(404, "not_found", "Not found").outside_the_contract();
    let document = document.ok_or_else(missing)?;
    let text = serde_saphyr::to_string(&document).map_err(|_| missing())?;
    Ok(Reply::Raw(Box::new(page(200, "text/plain", text))))
}

/// The path as the description has it, the file that it stands in, and its name there.
fn place(route: &Route<Run>) -> (String, &'static str, String) {
    let path = route.path.strip_prefix("/api").unwrap_or(route.path);
    let first = path.trim_start_matches('/').split(['/', ':']).next();
    let path = path.replace("*}", "}");
    let name = path
        .trim_matches('/')
        .replace(['/', ':'], "_")
        .replace(['{', '}'], "");
    (path, first.unwrap_or_default(), name)
}

fn main() -> Value {
    let mut paths = Map::new();
    for route in routes() {
        let (path, file, name) = place(route);
        let reference = format!("{file}.yaml#/components/paths/{name}");
        paths.insert(path, json!({ "$ref": reference }));
    }
    json!({
        "openapi": "3.0.2",
        "info": { "title": "Pi-hole API", "version": "6.0" },
        "servers": [{ "url": "https://pi.hole:443/api" }],
        "paths": paths,
    })
}

fn common() -> Value {
    let text = json!({ "type": "string" });
    let error = json!({
        "type": "object",
        "properties": { "key": text, "message": text, "hint": text },
    });
    json!({ "openapi": "3.0.2", "components": { "errors": {
        "unauthorized": { "type": "object", "properties": { "error": error } },
    } } })
}

fn part(file: &str) -> Option<Value> {
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    for route in routes() {
        let (_, of, name) = place(route);
        if of == file {
            let methods = paths.entry(name).or_insert_with(|| json!({}));
            methods[route.method.to_lowercase()] = operation(route);
        }
    }
    let any = !paths.is_empty();
    any.then(|| json!({ "openapi": "3.0.2", "components": { "paths": paths } }))
}

fn operation(route: &Route<Run>) -> Value {
    let (path, file, name) = place(route);
    let verb = route.method.to_lowercase();
    let in_path = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({
            "in": "path",
            "name": name,
            "required": true,
            "schema": { "type": "string" },
        }))
    });
    let in_query = route.params.iter().map(|param| {
        json!({
            "in": "query",
            "name": param.name,
            "required": param.required,
            "schema": schema(param.kind),
        })
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let refused = json!({ "$ref": "common.yaml#/components/errors/unauthorized" });
    let mut operation = json!({
        "summary": format!("{} {path}", route.method),
        "tags": [file],
        "operationId": format!("{verb}_{name}"),
        "parameters": parameters,
        "responses": {
            "200": { "description": "OK" },
            "401": {
                "description": "Unauthorized",
                "content": { "application/json": { "schema": refused } },
            },
        },
    });
    if route.run.open {
        operation["security"] = json!([]);
    }
    let body = match route.run.body {
        BodyKind::None => return operation,
        BodyKind::Json => ("application/json", fields(route.run.fields)),
        BodyKind::Items => (
            "application/json",
            json!({ "type": "array", "items": fields(route.run.fields) }),
        ),
        BodyKind::Form => ("multipart/form-data", json!({ "type": "object" })),
    };
    operation["requestBody"] = json!({ "content": { (body.0): { "schema": body.1 } } });
    operation
}

fn fields(fields: &[Param]) -> Value {
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), schema(field.kind)))
        .collect();
    let mut object = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Form(_) => json!({ "type": "string" }),
        Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
        Kind::Integer(..) => json!({ "type": "integer" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::List => json!({ "type": "array", "items": { "type": "integer" } }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Either(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|kind| schema(*kind)).collect();
            json!({ "oneOf": kinds })
        }
    }
}
