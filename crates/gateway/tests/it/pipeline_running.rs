//! What bounds a running tool: time, cancellation, places, panics, and what it reads back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homelab_core::audit::EntryKind;
use homelab_core::call::{Caller as _, Progress, ProgressUpdate};
use homelab_core::error::{Code, ToolError};
use homelab_core::secret::Secret;
use homelab_core::tool::{Mismatch, Ran, ToolSpec};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::{Bench, FakeServer, FakeTool, call, ran, read, write};

/// Takes this long, virtual time.
fn slow(spec: ToolSpec, seconds: u64) -> FakeTool {
    FakeTool::new(spec).runs(move |_, _| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(ran(json!({ "done": true })))
        })
    })
}

fn lamp(tools: Vec<FakeTool>) -> Bench {
    Bench::new(vec![FakeServer::new("lamp", "lamp", tools)])
}

#[rstest]
#[case(read("show"), true, None)]
#[case(
    write("dim"),
    false,
    Some("it may or may not have taken effect: read the state before you repeat it")
)]
#[tokio::test(start_paused = true)]
async fn a_tool_ends_at_its_limit(
    #[case] spec: ToolSpec,
    #[case] retryable: bool,
    #[case] hint: Option<&str>,
) {
    let bench = lamp(vec![slow(spec, 3600)]);
    let started = Instant::now();

    let error = bench.call(spec.name, json!({})).await.unwrap_err();

    assert_eq!(started.elapsed(), spec.timeout);
    assert_eq!(error.code(), Code::Timeout);
    assert_eq!(error.envelope().retryable, retryable);
    assert_eq!(error.envelope().hint.as_deref(), hint);
    let last = bench.audit.rows().pop().unwrap().entry;
    assert_eq!(last.outcome.as_deref(), Some("timeout"));
    assert_eq!(last.duration_us, Some(30_000_000));
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_set_an_earlier_deadline_and_no_later_one() {
    let bench = lamp(vec![slow(read("show"), 3600)]);
    let mut early = call("show", json!({}));
    early.context.deadline = Some(Instant::now() + Duration::from_secs(2));
    let mut late = call("show", json!({}));
    late.context.deadline = Some(Instant::now() + Duration::from_hours(2));
    let started = Instant::now();

    let first = bench.run(early).await.unwrap_err();
    let after_early = started.elapsed();
    bench.run(late).await.unwrap_err();

    assert_eq!(
        first.envelope().message,
        "`show` took longer than its limit of 2 s"
    );
    assert_eq!(after_early, Duration::from_secs(2));
    assert_eq!(started.elapsed(), Duration::from_secs(32));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_stops_its_tool_and_is_recorded() {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    let tool = FakeTool::new(read("show")).runs(move |_, context| {
        let flag = Arc::clone(&flag);
        Box::pin(async move {
            // Work that the tool left behind sees the end of the call too.
            tokio::spawn(async move {
                context.cancel.cancelled().await;
                flag.store(true, Ordering::SeqCst);
            });
            std::future::pending().await
        })
    });
    let bench = lamp(vec![tool]);
    let call = call("show", json!({}));
    let cancel = call.context.cancel.clone();

    let (reply, ()) = tokio::join!(bench.run(call), async {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    tokio::task::yield_now().await;

    let error = reply.unwrap_err();
    assert_eq!(error.code(), Code::Timeout);
    assert_eq!(error.envelope().reason.as_deref(), Some("cancelled"));
    assert!(stopped.load(Ordering::SeqCst));
    assert_eq!(bench.only_row().entry.outcome.as_deref(), Some("timeout"));
}

#[rstest]
#[case::cancelled(true)]
#[case::too_late(false)]
#[tokio::test(start_paused = true)]
async fn a_change_that_comes_too_late_is_not_begun(#[case] cancelled: bool) {
    let server = FakeServer::new("lamp", "lamp", vec![FakeTool::new(write("dim"))]);
    let runs = Arc::clone(&server.runs);
    let bench = Bench::new(vec![server]);
    let mut call = call("dim", json!({}));
    if cancelled {
        call.context.cancel.cancel();
    } else {
        call.context.deadline = Some(Instant::now());
    }

    let error = bench.run(call).await.unwrap_err();

    assert_eq!(error.code(), Code::Timeout);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_read_whose_caller_vanished_is_recorded_as_cancelled() {
    let bench = lamp(vec![slow(read("show"), 20)]);

    let gone = tokio::time::timeout(Duration::from_secs(1), bench.call("show", json!({}))).await;
    tokio::task::yield_now().await;

    assert!(gone.is_err());
    let row = bench.only_row().entry;
    assert_eq!(row.outcome.as_deref(), Some("timeout"));
    assert!(row.details.unwrap().contains("cancelled"));
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_caller_vanished_runs_to_its_end_and_is_recorded() {
    let bench = lamp(vec![slow(write("dim"), 20)]);

    let gone = tokio::time::timeout(Duration::from_secs(1), bench.call("dim", json!({}))).await;
    tokio::time::sleep(Duration::from_secs(20)).await;

    assert!(gone.is_err());
    let kinds: Vec<_> = bench
        .audit
        .rows()
        .into_iter()
        .map(|kept| (kept.entry.kind, kept.entry.outcome))
        .collect();
    assert_eq!(
        kinds,
        [
            (EntryKind::Intent, None),
            (EntryKind::Outcome, Some("ok".to_owned())),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_an_instances_places_wait_their_turn_within_their_limit() {
    let server = FakeServer::new("lamp", "lamp", vec![slow(read("show"), 20)]).one_at_a_time();
    let bench = Bench::new(vec![server]);
    let started = Instant::now();
    let mut hurried = call("show", json!({}));
    hurried.context.deadline = Some(started + Duration::from_secs(15));

    let (first, second, third) = tokio::join!(
        bench.call("show", json!({})),
        async {
            let reply = bench.call("show", json!({})).await;
            (reply, started.elapsed())
        },
        bench.run(hurried),
    );

    assert!(first.is_ok());
    // Its own 20 s do not fit behind the first one's.
    assert_eq!(second.0.unwrap_err().code(), Code::Timeout);
    assert_eq!(second.1, Duration::from_secs(30));
    let third = third.unwrap_err();
    assert_eq!(third.code(), Code::RateLimited);
    assert_eq!(third.envelope().reason.as_deref(), Some("busy"));
}

#[rstest]
#[case::while_it_runs(false)]
#[case::before_it_runs(true)]
#[tokio::test]
async fn a_panicking_tool_is_an_error_and_the_next_call_works(#[case] early: bool) {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&broken);
    let tool = FakeTool::new(write("dim")).runs(move |_, _| {
        let is_broken = flag.swap(false, Ordering::SeqCst);
        assert!(!(early && is_broken), "boom hunter2-hunter2");
        Box::pin(async move {
            assert!(!is_broken, "boom hunter2-hunter2");
            Ok(ran(json!({})))
        })
    });
    let bench = lamp(vec![tool]);
    bench.redactor.learn(&Secret::new("hunter2-hunter2"));

    let error = bench.call("dim", json!({})).await.unwrap_err();
    let after = bench.call("dim", json!({})).await;

    assert_eq!(error.code(), Code::Internal);
    assert_eq!(error.envelope().reason.as_deref(), Some("panic"));
    assert_eq!(error.envelope().instance.as_deref(), Some("lamp"));
    assert!(!format!("{error:?}").contains("hunter2"));
    assert!(after.is_ok());
    let outcomes: Vec<_> = bench
        .audit
        .rows()
        .into_iter()
        .filter_map(|kept| kept.entry.outcome)
        .collect();
    assert_eq!(outcomes, ["internal", "ok"]);
}

#[rstest]
#[case::targets(true)]
#[case::inverse(false)]
#[tokio::test]
async fn a_panicking_hook_does_not_reach_the_process(#[case] in_targets: bool) {
    let tool = FakeTool::new(write("dim"));
    let tool = if in_targets {
        tool.touches(|_| panic!("boom"))
    } else {
        tool.undone_by(|_| panic!("boom"))
    };
    let server = FakeServer::new("lamp", "lamp", vec![tool]);
    let runs = Arc::clone(&server.runs);
    let bench = Bench::new(vec![server]);

    let reply = bench.call("dim", json!({})).await;

    // Without targets nobody knows what would be touched; without an inverse it just has none.
    assert_eq!(reply.is_err(), in_targets);
    assert_eq!(runs.load(Ordering::SeqCst), u64::from(!in_targets));
}

#[tokio::test]
async fn progress_reaches_the_caller_without_secrets() {
    let tool = FakeTool::new(read("show")).runs(|_, context| {
        Box::pin(async move {
            context
                .progress
                .report(1.0, Some(2.0), "using hunter2-hunter2\u{7}".to_owned());
            context.progress.report(2.0, None, None);
            Ok(ran(json!({})))
        })
    });
    let bench = lamp(vec![tool]);
    bench.redactor.learn(&Secret::new("hunter2-hunter2"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let mut call = call("show", json!({}));
    call.context.progress = Progress::to(move |update| sink.lock().unwrap().push(update));

    bench.run(call).await.unwrap();

    let update = |progress, total, message: Option<&str>| ProgressUpdate {
        progress,
        total,
        message: message.map(str::to_owned),
    };
    assert_eq!(
        *seen.lock().unwrap(),
        [
            update(1.0, Some(2.0), Some("using ***REDACTED***")),
            update(2.0, None, None),
        ]
    );
}

#[tokio::test]
async fn fields_that_did_not_take_are_an_error() {
    let tool = FakeTool::new(write("dim")).runs(|_, _| {
        Box::pin(async {
            Ok(Ran {
                output: json!({ "level": 0 }),
                mismatches: vec![Mismatch {
                    field: "level",
                    wanted: "40".into(),
                    found: "0".into(),
                }],
            })
        })
    });
    let bench = lamp(vec![tool]);

    let error = bench.call("dim", json!({})).await.unwrap_err();

    assert_eq!(error.code(), Code::Conflict);
    assert_eq!(error.envelope().reason.as_deref(), Some("not_applied"));
    assert_eq!(error.envelope().field.as_deref(), Some("level"));
    assert!(
        error
            .envelope()
            .message
            .contains("`level` is `0`, not `40`")
    );
}

#[tokio::test]
async fn an_error_says_which_instance_and_which_request() {
    let tool = FakeTool::new(read("show")).answers(|_| {
        Err(ToolError::new(Code::UpstreamUnreachable, "no route to \u{202e}host").hint("set `url`"))
    });
    let bench = lamp(vec![tool]);

    let error = bench.call("show", json!({})).await.unwrap_err();

    assert_eq!(
        json!(error),
        json!({
            "code": "upstream_unreachable",
            "message": "no route to host",
            "hint": "set `url`",
            "retryable": true,
            "instance": "lamp",
            "request_id": "req-1",
        })
    );
}

#[tokio::test]
async fn a_result_that_is_no_object_is_a_fault_of_ours() {
    let bench = lamp(vec![
        FakeTool::new(read("show")).answers(|_| Ok(json!([1]))),
    ]);

    let error = bench.call("show", json!({})).await.unwrap_err();

    assert_eq!(error.code(), Code::Internal);
}

#[tokio::test]
async fn calls_in_flight_are_counted_while_they_run() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let tool = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        FakeTool::new(read("show")).runs(move |_, _| {
            let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
            Box::pin(async move {
                entered.notify_one();
                leave.notified().await;
                Ok(ran(Value::Object(serde_json::Map::new())))
            })
        })
    };
    let bench = Arc::new(lamp(vec![tool]));
    let gauge =
        |running: u32| format!("homelab_mcp_inflight_requests{{server=\"lamp\"}} {running}\n");

    let dispatcher = Arc::clone(&bench.dispatcher);
    let task = tokio::spawn(async move { dispatcher.call(call("show", json!({}))).await });
    entered.notified().await;
    let during = bench.metrics.encode(false);
    leave.notify_one();
    task.await.unwrap().unwrap();

    assert!(during.contains(&gauge(1)), "{during}");
    assert!(bench.metrics.encode(false).contains(&gauge(0)));
}
