//! Arguments on their way to a tool: brought into form, checked, and refused with what helps.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use homelab_core::call::Format;
use homelab_core::error::Code;
use homelab_core::secret::Secret;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::support::{Bench, FakeServer, FakeTool, call, read};

/// A tool with one argument of each sort, and what it was last called with.
fn echo() -> (FakeTool, Arc<Mutex<Option<Value>>>) {
    let seen = Arc::new(Mutex::new(None));
    let last = Arc::clone(&seen);
    let mut spec = read("echo");
    spec.sensitive_args = &["pin"];
    let tool = FakeTool::new(spec)
        .takes(
            json!({
                "name": { "type": "string", "minLength": 2, "description": "Name of the lamp." },
                "status": { "type": "string", "enum": ["online", "offline"] },
                "level": { "type": "integer", "minimum": 0, "maximum": 100 },
                "force": { "type": "boolean", "default": false },
                "tags": { "type": "array", "items": { "type": "string" }, "maxItems": 3 },
                "pin": { "type": "string", "pattern": "^[0-9]{4}$" },
            }),
            &["name"],
        )
        .answers(move |arguments| {
            *last.lock().unwrap() = Some(arguments);
            Ok(json!({ "ok": true }))
        });
    (tool, seen)
}

fn bench() -> (Bench, Arc<Mutex<Option<Value>>>) {
    let (tool, seen) = echo();
    (
        Bench::new(vec![FakeServer::new("lamp", "lamp", vec![tool])]),
        seen,
    )
}

#[tokio::test]
async fn a_tool_gets_arguments_in_one_form() {
    let (bench, seen) = bench();

    let arguments = json!({ "name": "desk", "level": "40", "status": null, "format": "json" });
    bench.call("lamp_echo", arguments).await.unwrap();

    let expected = json!({ "name": "desk", "level": 40, "force": false });
    assert_eq!(seen.lock().unwrap().take(), Some(expected));
}

#[rstest]
#[case(
    json!({}),
    "name",
    "`name` is missing (Name of the lamp)",
    None
)]
#[case(
    json!({ "nmae": "desk", "name": "desk" }),
    "nmae",
    "unknown argument `nmae`",
    Some("did you mean `name`? Accepted: force, level, name, pin, status, tags")
)]
#[case(
    json!({ "name": "desk", "colour": 1 }),
    "colour",
    "unknown argument `colour`",
    Some("accepted: force, level, name, pin, status, tags")
)]
#[case(
    json!({ "name": "desk", "status": "onlin" }),
    "status",
    "`status` must be `online` or `offline`, not `onlin`",
    Some("did you mean `online`?")
)]
#[case(json!({ "name": "desk", "level": 101 }), "level", "`level` must be at most 100, not `101`", None)]
#[case(
    json!({ "name": "desk", "level": "ten" }),
    "level",
    "`level` must be a whole number, not `ten`",
    None
)]
#[case(
    json!({ "name": "x" }),
    "name",
    "`name` must have at least 2 characters, not `x`",
    Some("`name`: Name of the lamp.")
)]
#[case(
    json!({ "name": "desk", "tags": ["a", 1] }),
    "tags[1]",
    "`tags[1]` must be a string, not `1`",
    None
)]
#[case(
    json!({ "name": "desk", "pin": "hunter2" }),
    "pin",
    "`pin` must match the pattern `^[0-9]{4}$`",
    None
)]
#[case(json!({ "name": "desk", "format": "xml" }), "format", "`format` must be `json` or `text`", None)]
#[tokio::test]
async fn a_wrong_argument_is_named_with_what_is_accepted(
    #[case] arguments: Value,
    #[case] field: &str,
    #[case] message: &str,
    #[case] hint: Option<&str>,
) {
    let (bench, seen) = bench();

    let error = bench.call("lamp_echo", arguments).await.unwrap_err();

    let envelope = error.envelope();
    assert_eq!(envelope.code, Code::InvalidArgument);
    assert_eq!(envelope.field.as_deref(), Some(field));
    assert_eq!(envelope.message, message);
    assert_eq!(envelope.hint.as_deref(), hint);
    assert_eq!(envelope.request_id.as_deref(), Some("req-1"));
    assert_eq!(seen.lock().unwrap().take(), None);
}

#[tokio::test]
async fn several_problems_are_told_at_once() {
    let (bench, _) = bench();

    let error = bench
        .call("lamp_echo", json!({ "level": -1, "nme": 1 }))
        .await
        .unwrap_err();

    let message = &error.envelope().message;
    for part in [
        "`level` must be at least 0",
        "unknown argument `nme`",
        "`name` is missing",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn a_known_secret_among_wrong_arguments_is_not_repeated() {
    let (bench, _) = bench();
    bench.redactor.learn(&Secret::new("hunter2-hunter2"));

    let arguments = json!({ "name": "desk", "status": "hunter2-hunter2", "hunter2-hunter2": 1 });
    let error = bench.call("lamp_echo", arguments).await.unwrap_err();

    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    assert!(!format!("{:?}", bench.audit.rows()).contains("hunter2"));
}

#[rstest]
#[case(Format::Json, json!({ "name": "desk" }), Format::Json)]
#[case(Format::Text, json!({ "name": "desk" }), Format::Text)]
#[case(Format::Text, json!({ "name": "desk", "format": "json" }), Format::Json)]
#[case(Format::Json, json!({ "name": "desk", "format": "text" }), Format::Text)]
#[tokio::test]
async fn the_format_of_a_call_wins_over_the_callers_default(
    #[case] default: Format,
    #[case] arguments: Value,
    #[case] expected: Format,
) {
    let (bench, _) = bench();
    let mut call = call("lamp_echo", arguments);
    call.format = default;

    let reply = bench.run(call).await.unwrap();

    assert_eq!(reply.format, expected);
    let text = if expected == Format::Json {
        r#"{"ok":true}"#
    } else {
        "ok: ✅ yes"
    };
    assert_eq!(reply.text, text);
    assert_eq!(reply.structured, json!({ "ok": true }));
}

#[tokio::test]
async fn a_tool_keeps_an_argument_that_is_named_like_the_pipelines() {
    let tool = FakeTool::new(read("export"))
        .takes(
            json!({ "format": { "enum": ["yaml", "csv"] } }),
            &["format"],
        )
        .answers(|arguments| Ok(json!({ "got": arguments })));
    let bench = Bench::new(vec![FakeServer::new("lamp", "lamp", vec![tool])]);

    let reply = bench
        .call("lamp_export", json!({ "format": "yaml" }))
        .await
        .unwrap();

    assert_eq!(reply.structured, json!({ "got": { "format": "yaml" } }));
}

/// Any JSON value a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9. -]{0,8}".prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Arguments that often have the right names.
fn arguments() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![
        4 => prop::sample::select(vec!["name", "status", "level", "force", "tags", "pin", "format", "instance"])
            .prop_map(str::to_owned),
        1 => ".{0,12}",
    ];
    let likely = prop_oneof![
        Just(json!("desk")),
        Just(json!("online")),
        (0..120_i64).prop_map(|level| json!(level.to_string())),
        (0..120_i64).prop_map(Value::from),
        Just(json!("true")),
        Just(json!(["a"])),
        Just(json!("1234")),
    ];
    let value = prop_oneof![2 => likely, 1 => any_json()];
    prop::collection::vec((name, value), 0..8).prop_map(|pairs| pairs.into_iter().collect())
}

/// What the tool is promised about its arguments, written down a second time.
fn is_valid(arguments: &Value) -> bool {
    let Some(members) = arguments.as_object() else {
        return false;
    };
    members.iter().all(|(name, value)| match name.as_str() {
        "name" => value.as_str().is_some_and(|text| text.chars().count() >= 2),
        "status" => matches!(value.as_str(), Some("online" | "offline")),
        "level" => value
            .as_i64()
            .is_some_and(|level| (0..=100).contains(&level)),
        "force" => value.is_boolean(),
        "tags" => value
            .as_array()
            .is_some_and(|tags| tags.len() <= 3 && tags.iter().all(Value::is_string)),
        "pin" => value
            .as_str()
            .is_some_and(|pin| pin.len() == 4 && pin.bytes().all(|digit| digit.is_ascii_digit())),
        _ => false,
    }) && members.contains_key("name")
        && members.contains_key("force")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_arguments_panic_and_invalid_ones_never_reach_the_tool(arguments in arguments()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (tool, seen) = echo();
        let server = FakeServer::new("lamp", "lamp", vec![tool]);
        let runs = Arc::clone(&server.runs);

        let (reply, rows) = runtime.block_on(async {
            let bench = Bench::new(vec![server]);
            let reply = bench.call("lamp_echo", Value::Object(arguments)).await;
            (reply, bench.audit.rows())
        });

        match reply {
            Ok(_) => {
                let got = seen.lock().unwrap().take().unwrap();
                prop_assert!(is_valid(&got), "{got}");
            }
            Err(error) => {
                prop_assert_eq!(error.code(), Code::InvalidArgument);
                prop_assert_eq!(runs.load(Ordering::SeqCst), 0);
            }
        }
        prop_assert_eq!(rows.len(), 1);
    }

    #[test]
    fn no_name_panics(name in ".{0,200}", server in ".{0,20}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reply = runtime.block_on(async {
            let (bench, _) = bench();
            let mut call = call(&name, json!({}));
            call.endpoint = homelab_core::server::Endpoint::Server(server.into());
            bench.run(call).await
        });

        prop_assert_eq!(reply.unwrap_err().code(), Code::NotFound);
    }
}
