//! Contract tables as an OpenAPI 3.1 document, as products publish one. In our own words.

use serde_json::{Map, Value, json};

use super::{Kind, Param};

/// One call of the table.
pub(crate) struct Entry<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [Param],
    pub(crate) body: Body<'a>,
}

/// What a call carries.
pub(crate) enum Body<'a> {
    None,
    /// A JSON object with these fields.
    Fields(&'a [Param]),
    /// Any JSON.
    Any,
}

/// The document.
pub(crate) fn document<'a>(title: &str, entries: impl Iterator<Item = Entry<'a>>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for entry in entries {
        let path = entry.path.replace("*}", "}");
        let methods = paths.entry(&*path).or_insert_with(|| json!({}));
        methods[entry.method.to_lowercase()] = operation(&entry, &path);
    }
    json!({ "openapi": "3.1.0", "info": { "title": title, "version": "1" }, "paths": paths })
}

fn operation(entry: &Entry<'_>, path: &str) -> Value {
    let words: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && !part.starts_with('{'))
        .collect();
    let verb = match entry.method {
        "GET" => "Read",
        "POST" => "Make or start",
        "PUT" => "Set",
        "PATCH" => "Set a part of",
        _ => "Remove",
    };
    let in_path = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({ "name": name, "in": "path", "required": true, "schema": kind(Kind::Text) }))
    });
    let in_query = entry.query.iter().map(|param| {
        let (name, schema) = (param.name, kind(param.kind));
        json!({ "name": name, "in": "query", "required": param.required, "schema": schema })
    });
    let mut operation = json!({
        "summary": format!("{verb} {}.", words.join(" ")),
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": { "200": { "description": "done" } },
    });
    let body = match entry.body {
        Body::None => None,
        Body::Any => Some(json!({})),
        Body::Fields(fields) => Some(object(fields)),
    };
    if let Some(schema) = body {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn object(fields: &[Param]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), kind(field.kind)))
        .collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Form(_) => json!({ "type": "string" }),
        Kind::OneOf(choices) => json!({ "type": "string", "enum": choices }),
        Kind::Integer(least, i64::MAX) => json!({ "type": "integer", "minimum": least }),
        Kind::Integer(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::List => json!({ "type": "array" }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Either(kinds) => {
            let any: Vec<Value> = kinds.iter().map(|one| self::kind(*one)).collect();
            json!({ "anyOf": any })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{optional, required};

    #[test]
    fn calls_of_one_path_stand_together_with_what_they_take() {
        let page = [optional("page", Kind::Integer(1, i64::MAX))];
        let fields = [
            required("name", Kind::Text),
            optional("ttl", Kind::Either(&[Kind::Number, Kind::Text])),
        ];
        let entry = |method, query, body| Entry {
            method,
            path: "/zones/{zone_id}/records",
            query,
            body,
        };
        let entries = [
            entry("GET", &page[..], Body::None),
            entry("POST", &[], Body::Fields(&fields)),
        ];

        let document = document("Test", entries.into_iter());

        let path = &document["paths"]["/zones/{zone_id}/records"];
        assert_eq!(path["get"]["parameters"][0]["in"], "path");
        assert_eq!(path["get"]["parameters"][1]["schema"]["minimum"], 1);
        assert_eq!(path["get"].get("requestBody"), None);
        assert_eq!(path["post"]["summary"], "Make or start zones records.");
        let body = &path["post"]["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body["required"], json!(["name"]));
        assert_eq!(
            body["properties"]["ttl"]["anyOf"].as_array().unwrap().len(),
            2
        );
    }
}
