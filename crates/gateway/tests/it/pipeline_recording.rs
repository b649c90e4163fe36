//! What the audit keeps of a call, when, and what it never does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use homelab_core::audit::{EntryKind, canonical, digest};
use homelab_core::error::Code;
use homelab_core::policy::Role;
use homelab_core::secret::Secret;
use homelab_core::tool::{Inverse, Target};
use serde_json::{Value, json};

use crate::logs::Logs;
use crate::support::{Bench, CallExt as _, FakeServer, FakeTool, call, read, write};

fn details(details: Option<&String>) -> Value {
    serde_json::from_str(details.unwrap()).unwrap()
}

fn lamp(tools: Vec<FakeTool>) -> Bench {
    Bench::new(vec![FakeServer::new("lamp", "desk-lamp", tools)])
}

/// Sets a level; names what it touches and how to undo it.
fn dim() -> FakeTool {
    let properties = json!({ "level": { "type": "integer" }, "pin": { "type": "string" } });
    let mut spec = write("dim");
    spec.sensitive_args = &["pin"];
    FakeTool::new(spec)
        .takes(properties, &[])
        .touches(|_| {
            Ok(vec![Target {
                kind: "lamp".into(),
                id: "7".into(),
                name: Some("desk".into()),
                tags: vec![],
            }])
        })
        .undone_by(|_| {
            Ok(Some(Inverse {
                tool: "dim".into(),
                arguments: json!({ "level": 100 }),
            }))
        })
}

#[tokio::test]
async fn a_read_leaves_one_queued_outcome() {
    let tool = FakeTool::new(read("show")).takes(json!({ "name": { "type": "string" } }), &[]);
    let bench = lamp(vec![tool]);

    bench
        .call("lamp_show", json!({ "name": "desk" }))
        .await
        .unwrap();

    let kept = bench.only_row();
    assert!(!kept.durable);
    let row = kept.entry;
    assert_eq!(row.kind, EntryKind::Outcome);
    assert_eq!(row.user, "claude");
    assert_eq!(row.credential, "0123456789ab");
    assert_eq!(row.transport, "http");
    assert_eq!(row.ip_address.as_deref(), Some("192.0.2.9"));
    assert_eq!(row.action, "show");
    assert_eq!(
        (row.target_type.as_str(), row.target_id.as_str()),
        ("lamp", "desk-lamp")
    );
    assert_eq!(row.effect.as_deref(), Some("read"));
    assert_eq!(row.arguments.as_deref(), Some(r#"{"name":"desk"}"#));
    assert_eq!(row.arguments_digest, Some(digest(r#"{"name":"desk"}"#)));
    assert_eq!(row.outcome.as_deref(), Some("ok"));
    assert_eq!(row.request_id, "req-1");
    assert_eq!(row.details, None);
    assert_eq!(row.timestamp.0, 1_700_000_000_000_000);
    assert!(row.duration_us.is_some());
    assert_eq!(row.id.len(), 36);
}

#[tokio::test]
async fn a_change_has_its_intent_and_its_outcome_on_disk_before_the_answer() {
    let bench = lamp(vec![dim()]);

    bench
        .call("lamp_dim", json!({ "level": 40 }))
        .await
        .unwrap();

    let [intent, outcome] = <[_; 2]>::try_from(bench.audit.rows()).unwrap();
    assert!(intent.durable && outcome.durable);
    assert_eq!(intent.entry.kind, EntryKind::Intent);
    assert_eq!(intent.entry.outcome, None);
    assert_eq!(
        intent.entry.arguments_digest,
        outcome.entry.arguments_digest
    );
    assert_eq!(
        details(intent.entry.details.as_ref())["targets"][0]["name"],
        "desk"
    );
    assert_eq!(outcome.entry.outcome.as_deref(), Some("ok"));
    assert_eq!(
        details(outcome.entry.details.as_ref()),
        json!({ "inverse": { "tool": "dim", "arguments": { "level": 100 } } })
    );
}

#[tokio::test]
async fn a_change_whose_intent_cannot_be_kept_does_not_run() {
    let server = FakeServer::new("lamp", "lamp", vec![dim()]);
    let runs = Arc::clone(&server.runs);
    let bench = Bench::new(vec![server]);
    bench.audit.break_for(EntryKind::Intent);

    let error = bench
        .call("lamp_dim", json!({ "level": 40 }))
        .await
        .unwrap_err();

    assert_eq!(
        error.envelope().reason.as_deref(),
        Some("audit_unavailable")
    );
    assert!(error.envelope().retryable);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    let metrics = bench.metrics.encode(false);
    assert!(
        metrics.contains("homelab_mcp_audit_write_failures_total 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn an_answer_whose_outcome_cannot_be_kept_is_withheld() {
    let bench = lamp(vec![FakeTool::new(read("show")), dim()]);
    bench.audit.break_for(EntryKind::Outcome);

    let read = bench.call("lamp_show", json!({})).await.unwrap_err();
    let change = bench.call("lamp_dim", json!({})).await.unwrap_err();

    assert_eq!(read.envelope().reason.as_deref(), Some("audit_unavailable"));
    assert!(read.envelope().retryable);
    assert_eq!(
        change.envelope().reason.as_deref(),
        Some("audit_unavailable")
    );
    assert!(change.envelope().message.starts_with("the call ran"));
    assert!(!change.envelope().retryable);
}

#[tokio::test]
async fn an_answer_that_reveals_a_secret_waits_for_its_row() {
    let mut spec = read("get_pin");
    spec.secret = true;
    spec.sensitive_output = &["pin"];
    let tool =
        FakeTool::new(spec).answers(|_| Ok(json!({ "pin": "1234-5678", "secret": "other" })));
    let bench = lamp(vec![tool]);

    let reply = bench
        .run(call("lamp_get_pin", json!({})).role(Role::Admin))
        .await
        .unwrap();

    assert_eq!(
        reply.structured,
        json!({ "pin": "1234-5678", "secret": "***REDACTED***" })
    );
    let kept = bench.only_row();
    assert!(kept.durable);
    assert!(!format!("{kept:?}").contains("1234-5678"));
}

#[tokio::test]
async fn sensitive_arguments_are_neither_kept_nor_recognisable_by_their_digest() {
    let bench = lamp(vec![dim()]);

    bench
        .call("lamp_dim", json!({ "level": 1, "pin": "1234" }))
        .await
        .unwrap();
    bench
        .call("lamp_dim", json!({ "level": 1, "pin": "9999" }))
        .await
        .unwrap();

    let rows = bench.audit.rows();
    for kept in &rows {
        let masked = json!({ "level": 1, "pin": "***REDACTED***" });
        assert_eq!(kept.entry.arguments, Some(canonical(&masked)));
        assert_eq!(kept.entry.arguments_digest, rows[0].entry.arguments_digest);
    }
}

#[tokio::test]
async fn a_canary_reaches_no_answer_error_row_log_or_metric() {
    const CANARY: &str = "canary-7f3a9c";
    let leak = |_| {
        Ok(json!({
            "log": format!("password is {CANARY}"),
            "nested": [{ "note": CANARY, "password": "another" }],
        }))
    };
    let fail = |_| {
        Err(homelab_core::error::ToolError::internal(format!(
            "saw {CANARY}"
        )))
    };
    let properties = json!({ "note": { "type": "string" } });
    let bench = lamp(vec![
        FakeTool::new(read("leak"))
            .takes(properties.clone(), &[])
            .answers(leak),
        FakeTool::new(read("panic")).runs(|_, _| Box::pin(async { panic!("saw {CANARY}") })),
        FakeTool::new(write("fail"))
            .takes(properties, &[])
            .answers(fail)
            .undone_by(|_| {
                Ok(Some(Inverse {
                    tool: "fail".into(),
                    arguments: json!({ "note": CANARY }),
                }))
            }),
    ]);
    bench.redactor.learn(&Secret::new(CANARY));
    let (logs, _capturing) = Logs::capture();

    let reply = bench.call("leak", json!({ "note": CANARY })).await.unwrap();
    let error = bench
        .call("fail", json!({ "note": CANARY }))
        .await
        .unwrap_err();
    let wrong = bench
        .call("leak", json!({ CANARY: 1, "note": 5 }))
        .await
        .unwrap_err();
    let unknown = bench
        .call(CANARY, json!({ "note": CANARY }))
        .await
        .unwrap_err();
    let panicked = bench.call("panic", json!({})).await.unwrap_err();
    bench.dispatcher.flush().await;

    assert!(logs.text().contains("a tool panicked"), "{}", logs.text());
    let seen = format!(
        "{reply:?} {error:?} {wrong:?} {unknown:?} {panicked:?} {:?} {} {}",
        bench.audit.rows(),
        logs.text(),
        bench.metrics.encode(true),
    );
    assert!(!seen.contains(CANARY), "{seen}");
    assert!(!seen.contains("another"), "{seen}");
    let last = bench.audit.rows()[2].entry.details.clone();
    assert_eq!(details(last.as_ref())["inverse"]["incomplete"], true);
}

#[tokio::test]
async fn a_call_is_one_log_line_without_its_arguments() {
    let tool = FakeTool::new(read("show")).takes(json!({ "name": { "type": "string" } }), &[]);
    let bench = lamp(vec![tool, dim()]);
    let (logs, _capturing) = Logs::capture();

    bench
        .call("lamp_show", json!({ "name": "bedroom" }))
        .await
        .unwrap();
    bench
        .call("lamp_dim", json!({ "level": 40 }))
        .await
        .unwrap();
    bench
        .call("lamp_dim", json!({ "level": "bedroom" }))
        .await
        .unwrap_err();

    let lines = logs.lines("homelab_mcp::call");
    let levels: Vec<_> = lines
        .iter()
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(levels, ["DEBUG", "INFO", "INFO"]);
    for part in [
        "claude called show on desk-lamp: ok",
        r#"request.id="req-1""#,
        r#"caller.id="0123456789ab""#,
        r#"server.name="desk-lamp""#,
        r#"tool.name="show""#,
        r#"outcome="ok""#,
        "duration_us=",
    ] {
        assert!(lines[0].contains(part), "{part} not in {}", lines[0]);
    }
    assert!(!lines.concat().contains("bedroom"));
}

#[tokio::test]
async fn a_refusal_is_kept_with_what_the_caller_is_not_told() {
    let bench = lamp(vec![dim()]);

    let error = bench
        .run(call("lamp_dim", json!({ "level": 1, "oops": "x" })).role(Role::Viewer))
        .await;

    assert_eq!(error.unwrap_err().code(), Code::NotFound);
    let row = bench.only_row().entry;
    assert_eq!(row.outcome.as_deref(), Some("permission_denied"));
    assert_eq!(row.action, "dim");
    assert_eq!(row.target_id, "desk-lamp");
    assert_eq!(details(row.details.as_ref())["reason"], "hidden");
    // A member that the tool does not know may be a secret under a misspelt name.
    assert_eq!(
        row.arguments.as_deref(),
        Some(r#"{"level":1,"oops":"***REDACTED***"}"#)
    );
}

#[tokio::test]
async fn an_unknown_name_is_kept_without_the_callers_text() {
    let bench = lamp(vec![dim()]);

    bench
        .call("rm_rf", json!({ "password": "hunter2" }))
        .await
        .unwrap_err();

    let row = bench.only_row().entry;
    assert_eq!(
        (row.action.as_str(), row.outcome.as_deref()),
        ("_unknown", Some("not_found"))
    );
    assert_eq!(row.arguments, None);
    let metrics = bench.metrics.encode(false);
    let series =
        r#"homelab_mcp_tool_calls_total{server="_unknown",tool="_unknown",outcome="invalid"} 1"#;
    assert!(metrics.contains(series), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn repeats_of_one_refusal_become_one_row_with_a_count() {
    let bench = lamp(vec![dim()]);
    let wrong = || bench.call("lamp_dim", json!({ "level": "much" }));

    for _ in 0..5 {
        wrong().await.unwrap_err();
    }
    let at_once = bench.audit.rows().len();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let after_a_minute = bench.audit.rows();
    wrong().await.unwrap_err();

    assert_eq!(at_once, 1);
    assert_eq!(after_a_minute.len(), 2);
    let repeats = &after_a_minute[1].entry;
    assert_eq!(details(repeats.details.as_ref())["repeated"], 4);
    assert_eq!(repeats.outcome.as_deref(), Some("invalid_argument"));
    assert_eq!(bench.audit.rows().len(), 3);
}

#[tokio::test]
async fn different_refusals_are_not_gathered_and_the_end_writes_what_is_open() {
    let bench = lamp(vec![dim()]);

    bench
        .call("lamp_dim", json!({ "level": "a" }))
        .await
        .unwrap_err();
    bench
        .call("lamp_dim", json!({ "level": "b" }))
        .await
        .unwrap_err();
    bench
        .call("lamp_dim", json!({ "level": "b" }))
        .await
        .unwrap_err();
    let before = bench.audit.rows().len();
    bench.dispatcher.flush().await;

    assert_eq!(before, 2);
    assert_eq!(bench.audit.rows().len(), 3);
}

#[tokio::test]
async fn a_flood_of_different_refusals_stays_bounded() {
    let bench = lamp(vec![dim()]);

    for number in 0..1_100 {
        let arguments = json!({ "level": format!("x{number}") });
        bench.call("lamp_dim", arguments).await.unwrap_err();
    }
    bench.dispatcher.flush().await;

    // 1,024 by themselves, the first of the others, and one row for the rest.
    assert_eq!(bench.audit.rows().len(), 1_026);
}

#[tokio::test]
async fn long_arguments_are_counted_instead_of_kept() {
    let tool = FakeTool::new(read("show")).takes(json!({ "text": { "type": "string" } }), &[]);
    let bench = lamp(vec![tool]);

    bench
        .call("show", json!({ "text": "x".repeat(20_000) }))
        .await
        .unwrap();

    let row = bench.only_row().entry;
    assert_eq!(row.arguments.as_deref(), Some(r#"{"omitted_bytes":20011}"#));
    assert!(row.arguments_digest.is_some());
}
