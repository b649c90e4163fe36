//! What a scrape sees, and that the tool which judges expositions agrees.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::call::Transport;
use homelab_core::observe::{Observation, Observer as _, Outcome as Ended};
use homelab_gateway::metrics::{Operation, Outcome};
use homelab_testkit::{Peer, Proc, command};
use serde_json::json;

use crate::support::{Bench, FakeServer, FakeTool, metrics, read, registry, write};

fn bench() -> Bench {
    let tools = vec![FakeTool::new(read("show")), FakeTool::new(write("dim"))];
    Bench::new(vec![FakeServer::new("lamp", "desk", tools)])
}

#[test]
fn every_tool_starts_with_zeros() {
    let text = bench().metrics.encode(false);

    for tool in ["show", "dim"] {
        for outcome in [
            "ok",
            "tool_error",
            "denied",
            "invalid",
            "timeout",
            "backend_down",
        ] {
            let series = format!(
                "homelab_mcp_tool_calls_total{{server=\"desk\",tool=\"{tool}\",outcome=\"{outcome}\"}} 0\n"
            );
            assert!(text.contains(&series), "{series} not in {text}");
        }
    }
}

#[tokio::test]
async fn calls_are_counted_by_how_they_ended() {
    let bench = bench();

    bench.call("show", json!({})).await.unwrap();
    bench
        .call("show", json!({ "format": "xml" }))
        .await
        .unwrap_err();

    let text = bench.metrics.encode(false);
    let counted = |outcome: Outcome| {
        let outcome = outcome.as_str();
        format!(
            "homelab_mcp_tool_calls_total{{server=\"desk\",tool=\"show\",outcome=\"{outcome}\"}} 1\n"
        )
    };
    assert!(text.contains(&counted(Outcome::Ok)));
    assert!(text.contains(&counted(Outcome::Invalid)));
    assert!(text.contains("homelab_mcp_backend_up{server=\"desk\"} 1\n"));
    assert!(text.contains("homelab_mcp_tool_result_bytes_count{server=\"desk\"} 1\n"));
    assert!(text.contains("homelab_mcp_audit_events_total{kind=\"outcome\"} 2\n"));
}

#[test]
fn what_a_caller_wrote_never_becomes_a_label() {
    let bench = bench();
    let operation = |method, tool, revision| Operation {
        method,
        tool,
        error_type: None,
        transport: Transport::Http,
        revision,
    };
    let took = Duration::from_millis(3);

    bench.metrics.operation(
        operation("tools/call", Some("lamp_show"), "2026-07-28"),
        took,
    );
    bench
        .metrics
        .operation(operation("tools/call", Some("evil"), "1999-01-01"), took);
    bench
        .metrics
        .operation(operation("evil/method", None, ""), took);

    let text = bench.metrics.encode(false);
    assert!(!text.contains("evil") && !text.contains("1999"), "{text}");
    assert!(text.contains(r#"gen_ai_tool_name="lamp_show""#));
    assert!(text.contains(r#"mcp_method_name="_other""#));
    assert!(text.contains(r#"gen_ai_tool_name="_unknown""#));
}

#[test]
fn requests_to_an_upstream_are_counted_by_status_and_their_repetitions_are_added_up() {
    let bench = bench();
    let request = |outcome, retries| Observation {
        service: "desk",
        operation: "read",
        outcome,
        duration: Duration::from_millis(30),
        retries,
    };

    for (outcome, retries) in [
        (Ended::Success, 0),
        (Ended::ServerError, 2),
        (Ended::Timeout, 1),
        (Ended::Cancelled, 0),
    ] {
        bench.metrics.observe(&request(outcome, retries));
    }

    let text = bench.metrics.encode(false);
    for (class, count) in [("2xx", 1), ("5xx", 1), ("error", 2)] {
        let series = format!(
            "homelab_mcp_backend_request_duration_seconds_count{{server=\"desk\",\
             operation=\"read\",status_class=\"{class}\"}} {count}\n"
        );
        assert!(text.contains(&series), "{series} not in {text}");
    }
    assert!(text.contains("homelab_mcp_backend_retries_total{server=\"desk\"} 3\n"));
}

#[tokio::test]
async fn an_instance_that_was_removed_does_not_look_down_for_ever() {
    let bench = bench();
    bench.call("show", json!({})).await.unwrap();

    bench.registry.store(Arc::new(registry(vec![])));
    bench.call("show", json!({})).await.unwrap_err();

    assert!(
        !bench
            .metrics
            .encode(false)
            .contains("homelab_mcp_backend_up")
    );
}

#[test]
fn sessions_are_open_until_their_guard_is_dropped() {
    let metrics = metrics();
    let gauge = |open: u32| format!("homelab_mcp_sessions{{transport=\"sse\"}} {open}\n");

    let guard = metrics.session(Transport::Sse);
    let during = metrics.encode(false);
    drop(guard);

    assert!(during.contains(&gauge(1)));
    assert!(metrics.encode(false).contains(&gauge(0)));
}

#[test]
fn openmetrics_ends_with_its_mark_and_classic_text_does_not() {
    let bench = bench();

    let openmetrics = bench.metrics.encode(true);
    let classic = bench.metrics.encode(false);

    assert!(openmetrics.ends_with("# EOF\n"));
    assert!(openmetrics.contains("# TYPE homelab_mcp_tool_calls counter\n"));
    assert!(classic.contains("# TYPE homelab_mcp_tool_calls_total counter\n"));
    assert!(!classic.contains("# EOF"));
}

#[test]
fn every_series_has_help_and_type() {
    let text = busy().metrics.encode(false);
    let named = |start: &str| -> HashSet<&str> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(start));
        lines.filter_map(|rest| rest.split(' ').next()).collect()
    };
    let (help, types) = (named("# HELP "), named("# TYPE "));

    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| {
                series
                    .strip_suffix(suffix)
                    .filter(|name| types.contains(name))
            })
            .unwrap_or(series);
        assert!(help.contains(family) && types.contains(family), "{line}");
    }
    assert!(types.contains("process_resident_memory_bytes"));
}

/// Metrics with every family in them.
fn busy() -> Bench {
    let bench = bench();
    let operation = Operation {
        method: "tools/call",
        tool: Some("lamp_show"),
        error_type: Some("tool_error"),
        transport: Transport::Stdio,
        revision: "2025-11-25",
    };
    bench
        .metrics
        .operation(operation, Duration::from_millis(30));
    bench.metrics.auth_failure("unknown");
    bench.metrics.audit_write_failure();
    bench.metrics.backend_up(&"desk".into(), false);
    bench.metrics.observe(&Observation {
        service: "desk",
        operation: "read",
        outcome: Ended::ClientError,
        duration: Duration::from_millis(30),
        retries: 1,
    });
    drop(bench.metrics.session(Transport::Http));
    bench
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let Some(promtool) = Peer::Promtool.require() else {
        return;
    };
    let text = busy().metrics.encode(false);

    let mut check = Proc::spawn(command(promtool).args(["check", "metrics"])).unwrap();
    check
        .take_stdin()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let status = check.wait(Duration::from_secs(30)).unwrap();

    let said = format!("{}{}", check.stdout(), check.stderr());
    assert!(status.success() && said.is_empty(), "{status}: {said}");
}
