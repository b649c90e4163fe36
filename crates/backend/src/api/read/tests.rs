use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::api::model::{Place, Verb};

fn all(text: &str) -> Vec<Operation> {
    let mut operations = Vec::new();
    read(text, &mut |operation| operations.push(operation)).unwrap();
    operations
}

fn schema<'a>(operation: &'a Operation, name: &str) -> &'a Value {
    let mut parameters = operation.parameters.iter();
    let found = parameters.find(|parameter| parameter.name == name);
    &found.unwrap_or_else(|| panic!("no `{name}`")).schema
}

const VIEWER: &str = r#"const apiSchema = [
  { "children": [
      { "info": {
          "POST": {
            "description": "Copies a guest. It may take long.",
            "method": "POST",
            "parameters": { "additionalProperties": 0, "properties": {
              "node": { "type": "string", "format": "pve-node" },
              "vmid": { "type": "integer", "minimum": "100", "maximum": 999999999 },
              "newid": { "type": "integer", "typetext": "<integer>" },
              "full": { "type": "boolean", "optional": 1 },
              "net[n]": { "type": "string", "optional": 1, "typetext": "[model=]<enum>" },
              "mode": { "enum": ["a", "b"], "optional": "1", "type": "string" },
              "command": { "type": "array", "items": { "type": "string" } }
            } },
            "returns": { "type": "string" }
          }
        }, "leaf": 1, "path": "/nodes/{node}/qemu/{vmid}/clone", "text": "clone" } ],
    "info": { "GET": { "description": "Lists nodes.", "method": "GET", "parameters": { "additionalProperties": 0 } } },
    "path": "/nodes", "text": "nodes" },
  { "info": { "GET": { "description": "The protocol.", "parameters": {} } }, "path": "/backup/_upgrade_/x", "text": "x" }
]
;
Ext.onReady(function() { var a = [1, 2}; });
"#;

#[test]
fn the_data_of_an_api_viewer_is_read_and_the_viewer_is_not() {
    let operations = all(VIEWER);

    let lines: Vec<String> = operations
        .iter()
        .map(|one| format!("{} {}: {}", one.method, one.path, one.summary))
        .collect();
    assert_eq!(
        lines,
        [
            "GET /nodes: Lists nodes.",
            "POST /nodes/{node}/qemu/{vmid}/clone: Copies a guest.",
        ]
    );
    let clone = &operations[1];
    assert_eq!(
        schema(clone, "vmid"),
        &json!({ "type": "integer", "minimum": 100, "maximum": 999_999_999 })
    );
    assert_eq!(schema(clone, "net[n]")["syntax"], "[model=]<enum>");
    assert_eq!(
        schema(clone, "command")["items"],
        json!({ "type": "string" })
    );
    let required: Vec<&str> = clone
        .parameters
        .iter()
        .filter(|one| one.required && one.place == Place::Argument)
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(required, ["newid", "command"]);
}

const SWAGGER: &str = r##"{
  "swagger": "2.0",
  "basePath": "/v1.47",
  "paths": {
    "/containers/{id}/stop": {
      "parameters": [{ "name": "id", "in": "path", "required": true, "type": "string" }],
      "post": { "summary": "Stop a container", "parameters": [
        { "name": "t", "in": "query", "type": "integer", "description": "Seconds  to\nwait" },
        { "name": "X-Registry-Auth", "in": "header", "type": "string" }
      ] }
    },
    "/containers/create": {
      "post": { "description": "Makes one.", "parameters": [
        { "name": "spec", "in": "body", "required": true, "schema": { "$ref": "#/definitions/Spec" } }
      ] }
    }
  },
  "definitions": {
    "Spec": { "allOf": [
      { "$ref": "#/definitions/Config" },
      { "type": "object", "properties": { "Self": { "$ref": "#/definitions/Spec" } } }
    ] },
    "Config": { "type": "object", "required": ["Image"], "properties": {
      "Image": { "type": "string" },
      "Id": { "type": "string", "readOnly": true }
    } }
  }
}"##;

#[test]
fn a_swagger_document_is_read_with_its_references() {
    let operations = all(SWAGGER);

    let (create, stop) = (&operations[0], &operations[1]);
    assert_eq!(
        (create.method, create.summary.as_str()),
        (Verb::Post, "Makes one.")
    );
    let body = schema(create, "body");
    assert_eq!(body["required"], json!(["Image"]));
    assert_eq!(body["properties"]["Image"], json!({ "type": "string" }));
    assert_eq!(body["properties"].get("Id"), None);
    assert!(body["properties"]["Self"]["properties"]["Self"].is_object());
    assert_eq!(stop.parameters.len(), 2);
    assert_eq!(
        schema(stop, "t"),
        &json!({ "type": "integer", "description": "Seconds to wait" })
    );
}

const OPENAPI: &str = r##"
openapi: 3.1.0
paths:
  /dns/hosts/{host}:
    put:
      summary: Sets a host
      parameters:
        - $ref: "#/components/parameters/Host"
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              properties:
                name: { type: [string, "null"], maxLength: 10 }
    options: { summary: Not an operation }
components:
  parameters:
    Host: { name: host, in: path, required: true, schema: { type: string } }
"##;

#[test]
fn an_openapi_document_may_be_yaml() {
    let operations = all(OPENAPI);

    assert_eq!(operations.len(), 1);
    let put = &operations[0];
    assert_eq!(
        (put.method, put.path.as_str()),
        (Verb::Put, "/dns/hosts/{host}")
    );
    let body = put
        .parameters
        .iter()
        .find(|one| one.place == Place::Body)
        .unwrap();
    assert!(body.required);
    assert_eq!(
        body.schema["properties"]["name"],
        json!({ "type": "string", "maxLength": 10 })
    );
}

const ROWS: &str = r##"{
  "openapi": "3.0.3",
  "paths": { "/sites/": {
    "get": {
      "parameters": [{ "name": "group_id", "in": "query",
        "schema": { "type": "array", "items": { "type": "integer", "nullable": true } } }],
      "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Page" } } } },
                     "403": { "description": "no" } }
    },
    "post": {
      "requestBody": { "content": { "application/json": { "schema": { "oneOf": [
        { "$ref": "#/components/schemas/New" },
        { "type": "array", "items": { "$ref": "#/components/schemas/New" } }
      ] } } } },
      "responses": { "201": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Site" } } } } }
    }
  } },
  "components": { "schemas": {
    "Page": { "type": "object", "properties": { "count": { "type": "integer" },
      "results": { "type": "array", "items": { "$ref": "#/components/schemas/Site" } } } },
    "Site": { "allOf": [{ "$ref": "#/components/schemas/New" },
      { "type": "object", "properties": { "id": { "type": "integer", "readOnly": true } } }] },
    "New": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } }
  } }
}"##;

#[test]
fn of_a_read_the_members_of_its_rows_are_kept() {
    let operations = all(ROWS);

    assert_eq!(operations[0].answer, ["id", "name"]);
    assert_eq!(operations[1].answer, [""; 0]);
    let of_group = schema(&operations[0], "group_id");
    assert_eq!(
        of_group["items"],
        json!({ "type": "integer", "nullable": true })
    );
}

#[test]
fn a_body_that_is_one_or_many_is_told_as_one() {
    let operations = all(ROWS);

    let body = schema(&operations[1], "body");

    assert_eq!(
        body,
        &json!({ "type": "object", "properties": { "name": { "type": "string" } },
                 "required": ["name"], "or_list": true })
    );
}

#[rstest]
#[case("", "it is no description")]
#[case("a: [", "it is neither JSON nor YAML")]
#[case("<html>not found</html>", "it is no description")]
#[case("{}", "it describes no operation")]
#[case("{\"paths\": [", "it cannot be read")]
#[case(
    "const apiSchema = [{ \"path\": 7 }];",
    "its list of paths cannot be read"
)]
#[case("const apiSchema = [];", "it describes no operation")]
fn what_is_no_description_is_refused(#[case] text: &str, #[case] expected: &str) {
    let error = read(text, &mut |_| {}).unwrap_err();

    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_circle_of_references_ends() {
    let text = r##"{ "paths": { "/a": { "get": { "parameters": [{ "$ref": "#/parameters/A" }] } } },
        "parameters": { "A": { "$ref": "#/parameters/B" }, "B": { "$ref": "#/parameters/A" } } }"##;

    assert_eq!(all(text)[0].parameters, []);
}
