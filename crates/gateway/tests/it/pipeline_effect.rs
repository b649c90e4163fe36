//! Tools whose arguments decide what a call does: a command that only looks is a read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homelab_core::call::ToolCall;
use homelab_core::error::Code;
use homelab_core::policy::{Role, Scope, Tightening};
use homelab_core::server::Endpoint;
use homelab_core::store::{KILL_SWITCH, Settings as _};
use homelab_core::tool::{Effect, ToolSpec};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Bench, CallExt as _, FakeServer, FakeTool, call, principal};

/// A shell that knows one harmless command, and one that is merely a change.
fn shell() -> (Bench, Arc<AtomicU64>) {
    let spec = ToolSpec::destructive("command", "Command", "Runs it.", "shell:command:run");
    let run = FakeTool::new(spec)
        .takes(json!({ "command": { "type": "string" } }), &["command"])
        .does(|arguments| match arguments["command"].as_str() {
            Some("uptime") => Effect::Read,
            Some("touch") => Effect::Write,
            // Above what the tool states: that stays the most.
            Some("halt") => Effect::Critical,
            _ => Effect::Destructive,
        });
    let server = FakeServer::new("shell", "shell", vec![run]);
    let runs = Arc::clone(&server.runs);
    (Bench::new(vec![server]), runs)
}

fn command(text: &str) -> ToolCall {
    call("shell_command", json!({ "command": text }))
}

#[rstest]
#[case("uptime", None, "read")]
#[case("touch", None, "write")]
#[case("rm", Some(Code::ApprovalRequired), "destructive")]
#[case("halt", Some(Code::ApprovalRequired), "destructive")]
#[tokio::test]
async fn a_call_is_decided_and_recorded_by_what_it_does(
    #[case] text: &str,
    #[case] refused: Option<Code>,
    #[case] effect: &str,
) {
    let (bench, runs) = shell();

    let answer = bench.run(command(text)).await;

    assert_eq!(answer.err().map(|error| error.code()), refused);
    assert_eq!(runs.load(Ordering::SeqCst), u64::from(refused.is_none()));
    let rows = bench.audit.rows();
    // What happened to the held call itself has a row too, without an effect.
    let effects: Vec<_> = rows
        .iter()
        .filter_map(|row| row.entry.effect.as_deref())
        .collect();
    assert!(!effects.is_empty());
    assert!(effects.iter().all(|one| *one == effect), "{effects:?}");
}

#[tokio::test]
async fn a_viewer_sees_the_tool_and_may_only_look_with_it() {
    let (bench, runs) = shell();

    let seen = bench.names(&Endpoint::All, &principal(Role::Viewer));
    let look = bench.run(command("uptime").role(Role::Viewer)).await;
    let change = bench.run(command("touch").role(Role::Viewer)).await;

    assert_eq!(seen, ["shell_command"]);
    assert!(look.is_ok());
    assert_eq!(change.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

fn read_only(mut call: ToolCall) -> ToolCall {
    let bounds = Tightening {
        read_only: true,
        ..Tightening::default()
    };
    Arc::make_mut(&mut call.context.principal).tightening = Some(Arc::new(bounds));
    call
}

fn read_scope(mut call: ToolCall) -> ToolCall {
    Arc::make_mut(&mut call.context.principal).scope = Some(Scope::Read);
    call
}

#[rstest]
#[case::a_request_that_reads_only(read_only, "read_only")]
#[case::a_token_for_reading(read_scope, "insufficient_scope")]
#[tokio::test]
async fn bounds_of_request_and_token_hold_for_the_calls_that_change(
    #[case] bounded: fn(ToolCall) -> ToolCall,
    #[case] reason: &str,
) {
    let (bench, runs) = shell();

    let look = bench.run(bounded(command("uptime"))).await;
    let change = bench.run(bounded(command("touch"))).await;

    assert!(look.is_ok());
    let error = change.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert_eq!(error.envelope().reason.as_deref(), Some(reason));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_kill_switch_stops_what_changes_and_lets_look() {
    let (bench, runs) = shell();
    bench.settings.set(KILL_SWITCH, "on").await.unwrap();

    let look = bench.run(command("uptime")).await;
    let change = bench.run(command("touch")).await;

    assert!(look.is_ok());
    let reason = change.unwrap_err().envelope().reason.clone();
    assert_eq!(reason.as_deref(), Some("kill_switch"));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn arguments_of_the_wrong_type_never_count_as_harmless() {
    let (bench, runs) = shell();

    let answer = bench
        .run(call("shell_command", json!({ "command": Value::Null })))
        .await;

    assert_eq!(answer.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}
