//! What `#[tool]` makes of a function.

#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

use std::sync::Arc;

use homelab_core::call::{CallContext, Confirmer, CredentialKind, Principal, Progress, Transport};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::id::RequestId;
use homelab_core::policy::Role;
use homelab_core::tool::{Effect, Inverse, Mismatch, Preview, ToolDef, tool};
use homelab_core::tools;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

struct Lamp {
    stuck: bool,
}

/// How bright.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Dim {
    /// Percent.
    #[schemars(range(max = 100))]
    level: u8,
}

#[derive(Serialize, JsonSchema)]
struct Lit {
    level: u8,
    note: Option<String>,
}

/// Dims the lamp.
///
/// This part is for people.
#[tool(write, permission = "lamp:light:set", idempotent, timeout = 5, title = "Dim",
       preview = preview_dim, inverse = undo_dim, read_back = check_dim)]
async fn dim(lamp: &Lamp, args: Dim) -> ToolResult<Lit> {
    Ok(Lit {
        level: if lamp.stuck { 0 } else { args.level },
        note: None,
    })
}

async fn preview_dim(_lamp: &Lamp, args: &Dim) -> ToolResult<Preview> {
    Ok(Preview {
        summary: format!("dim to {}", args.level),
        changes: vec![],
        impact: vec![],
    })
}

async fn undo_dim(_lamp: &Lamp, _args: &Dim) -> ToolResult<Option<Inverse>> {
    Ok(Some(Inverse {
        tool: "dim".into(),
        arguments: json!({ "level": 0 }),
    }))
}

async fn check_dim(_lamp: &Lamp, args: &Dim, lit: &Lit) -> ToolResult<Vec<Mismatch>> {
    let taken = lit.level == args.level;
    Ok(if taken {
        vec![]
    } else {
        vec![Mismatch {
            field: "level",
            wanted: args.level.to_string(),
            found: lit.level.to_string(),
        }]
    })
}

/// Tells whether the lamp is there.
#[tool(read, permission = "lamp:light:read")]
async fn lamp_state(_lamp: &Lamp) -> ToolResult<Lit> {
    Err(ToolError::not_found("no lamp"))
}

fn context() -> CallContext {
    CallContext {
        principal: Arc::new(Principal::new(
            "cli:0",
            "cli:0",
            CredentialKind::Local,
            Role::Admin,
        )),
        request_id: RequestId::new("r"),
        transport: Transport::Cli,
        session: None,
        peer: None,
        deadline: None,
        cancel: tokio_util::sync::CancellationToken::new(),
        progress: Progress::default(),
        confirm: Confirmer::default(),
    }
}

fn tools() -> Vec<ToolDef<Lamp>> {
    tools![dim, lamp_state]
}

#[test]
fn a_specification_follows_from_function_comment_and_attribute() {
    let [dim, state] = <[_; 2]>::try_from(tools()).ok().unwrap();

    assert_eq!(dim.info.spec.name, "dim");
    assert_eq!(dim.info.spec.description, "Dims the lamp.");
    assert_eq!(dim.info.spec.effect, Effect::Write);
    assert_eq!(dim.info.spec.timeout.as_secs(), 5);
    assert_eq!(state.info.spec.title, "Lamp state");
    assert!(state.info.spec.annotations().read_only);
    assert_eq!(
        dim.info.input_schema["properties"]["level"]["maximum"],
        json!(100)
    );
    assert_eq!(
        state.info.input_schema["additionalProperties"],
        json!(false)
    );
}

#[tokio::test]
async fn a_call_parses_runs_reads_back_and_leaves_nulls_out() {
    let dim = tools().remove(0);

    let ran = dim
        .run(&Lamp { stuck: false }, json!({ "level": 40 }), &context())
        .await
        .unwrap();
    let stuck = dim
        .run(&Lamp { stuck: true }, json!({ "level": 40 }), &context())
        .await
        .unwrap();

    assert_eq!(ran.output, json!({ "level": 40 }));
    assert_eq!(ran.mismatches, []);
    assert_eq!(stuck.mismatches[0].field, "level");
}

#[tokio::test]
async fn an_argument_that_does_not_parse_is_named() {
    let dim = tools().remove(0);

    let error = dim
        .run(&Lamp { stuck: false }, json!({}), &context())
        .await
        .unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.envelope().field.as_deref(), Some("level"));
}

#[tokio::test]
async fn hooks_exist_only_where_they_are_written() {
    let [dim, state] = <[_; 2]>::try_from(tools()).ok().unwrap();
    let lamp = Lamp { stuck: false };

    let preview = dim
        .preview(&lamp, json!({ "level": 7 }))
        .unwrap()
        .await
        .unwrap();
    let inverse = dim
        .inverse(&lamp, json!({ "level": 7 }))
        .unwrap()
        .await
        .unwrap()
        .unwrap();

    assert_eq!(preview.summary, "dim to 7");
    assert_eq!(inverse.tool, "dim");
    assert!(state.preview(&lamp, json!({})).is_none());
    assert!(dim.targets(&lamp, json!({ "level": 7 })).is_none());
}
