use rstest::rstest;
use serde_json::json;

use super::*;
use crate::api::model::Verb;

fn operation() -> Operation {
    let parameter = |name: &str, place, required, schema| Parameter {
        name: name.to_owned(),
        place,
        required,
        schema,
    };
    Operation {
        method: Verb::Post,
        path: "/nodes/{node}/qemu/{vmid}/clone".to_owned(),
        summary: "Copies a guest.".to_owned(),
        parameters: vec![
            parameter("node", Place::Path, true, json!({ "type": "string" })),
            parameter(
                "vmid",
                Place::Path,
                true,
                json!({ "type": "integer", "minimum": 100 }),
            ),
            parameter(
                "newid",
                Place::Argument,
                true,
                json!({ "type": "integer", "minimum": 100, "maximum": 999, "description": "Number of the copy." }),
            ),
            parameter("full", Place::Argument, false, json!({ "type": "boolean" })),
            parameter(
                "format",
                Place::Argument,
                false,
                json!({ "type": "string", "enum": ["raw", "qcow2", "vmdk"] }),
            ),
            parameter(
                "net[n]",
                Place::Argument,
                false,
                json!({ "type": "string", "maxLength": 5 }),
            ),
            parameter(
                "body",
                Place::Body,
                false,
                json!({
                    "type": "object",
                    "properties": {
                        "Image": { "type": "string" },
                        "HostConfig": {
                            "type": "object",
                            "properties": { "Memory": { "type": "integer" } },
                        },
                        "Labels": { "type": "object", "additionalProperties": { "type": "string" } },
                    },
                    "required": ["Image"],
                    "or_list": true,
                }),
            ),
            parameter(
                "pool",
                Place::Query,
                false,
                json!({ "type": "array", "items": { "type": "integer", "nullable": true } }),
            ),
        ],
        answer: Vec::new(),
    }
}

fn checked(path: &[(&str, &str)], params: Value) -> ToolResult<Checked> {
    let path = path
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let Value::Object(params) = params else {
        panic!("parameters are an object");
    };
    check(&operation(), &path, &params)
}

const PATH: &[(&str, &str)] = &[("node", "pve1"), ("vmid", "100")];

#[test]
fn values_become_what_the_operation_takes() {
    let checked = checked(
        PATH,
        json!({ "newid": "101", "full": 1, "net0": "tap", "format": "raw", "vmid": 100,
                "body": { "Image": "x", "Labels": { "a": "b" } } }),
    )
    .unwrap();

    assert_eq!(
        Value::Object(checked.arguments),
        json!({ "newid": 101, "full": true, "net0": "tap", "format": "raw" })
    );
    assert_eq!(
        checked.body,
        Some(json!({ "Image": "x", "Labels": { "a": "b" } }))
    );
}

#[test]
fn one_or_many_of_a_body_are_checked_alike() {
    let many =
        |body: Value| checked(PATH, json!({ "newid": 101, "body": body })).map(|done| done.body);

    let body = json!([{ "Image": "x" }, { "Image": "y" }]);
    assert_eq!(many(body.clone()).unwrap(), Some(body));
    let error = many(json!([{ "Image": "x" }, {}])).unwrap_err();
    assert_eq!(
        error.envelope().field.as_deref(),
        Some("params.body[1].Image")
    );
}

#[test]
fn a_query_may_say_that_there_is_none_where_there_may_be_none() {
    let pool = |pool: Value| checked(PATH, json!({ "newid": 101, "pool": pool }));

    let query = pool(json!(["null", "7"])).unwrap().query;
    assert_eq!(Value::Object(query), json!({ "pool": ["null", 7] }));
    assert!(pool(json!("nil")).is_err());
    // Elsewhere it is a text like any other.
    assert!(checked(PATH, json!({ "newid": "null" })).is_err());
}

#[rstest]
#[case(json!({ "newid": 101, "ful": true }), "params.ful", "parameter_unknown", "`full`")]
#[case(json!({ "full": true }), "params.newid", "parameter_missing", "Number of the copy")]
#[case(json!({ "newid": 5 }), "params.newid", "parameter_invalid", "at least 100")]
#[case(json!({ "newid": 1000 }), "params.newid", "parameter_invalid", "at most 999")]
#[case(json!({ "newid": "many" }), "params.newid", "parameter_invalid", "whole number")]
#[case(json!({ "newid": 101, "full": "maybe" }), "params.full", "parameter_invalid", "true or false")]
#[case(json!({ "newid": 101, "format": "qcow" }), "params.format", "parameter_invalid", "`qcow2`")]
#[case(json!({ "newid": 101, "net0": "far too long" }), "params.net0", "parameter_invalid", "at most 5")]
#[case(json!({ "newid": 101, "net": "a" }), "params.net", "parameter_unknown", "`net[n]`")]
#[case(json!({ "newid": 101, "zebra": "a" }), "params.zebra", "parameter_unknown", "known are")]
#[case(json!({ "newid": 101, "vmid": 200 }), "params.vmid", "parameter_invalid", "another value")]
#[case(json!({ "newid": 101, "body": {} }), "params.body.Image", "parameter_missing", "missing")]
#[case(json!({ "newid": 101, "body": { "Image": 1 } }), "params.body.Image", "parameter_invalid", "a text")]
#[case(
    json!({ "newid": 101, "body": { "Image": "x", "HostConfig": { "Memoy": 1 } } }),
    "params.body.HostConfig.Memoy", "parameter_unknown", "`Memory`"
)]
fn what_does_not_fit_is_named(
    #[case] params: Value,
    #[case] field: &str,
    #[case] reason: &str,
    #[case] text: &str,
) {
    let error = checked(PATH, params).unwrap_err();

    let envelope = error.envelope();
    assert_eq!(envelope.field.as_deref(), Some(field));
    assert_eq!(envelope.reason.as_deref(), Some(reason));
    let all = format!(
        "{} {}",
        envelope.message,
        envelope.hint.as_deref().unwrap_or_default()
    );
    assert!(all.contains(text), "{all}");
}

#[test]
fn the_values_of_the_path_are_checked_too() {
    let error = checked(&[("node", "pve1"), ("vmid", "9")], json!({ "newid": 101 })).unwrap_err();

    assert_eq!(error.envelope().field.as_deref(), Some("params.vmid"));
}
