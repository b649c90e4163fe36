//! A container's output: streams, terminals, long logs, and waiting for more.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use homelab_core::call::Progress;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::world::{World, context, texts};

async fn finished(world: &World, name: &str, script: &str) {
    world
        .container(name, json!({ "command": ["sh", "-c", script] }))
        .await;
    let done = world
        .call(
            "wait_container",
            json!({ "container": name, "until": "stopped", "timeout_s": 120 }),
        )
        .await;
    assert_eq!(done["reached"], true, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_streams_are_read_and_told_apart() {
    let Some(world) = World::real().await else {
        return;
    };
    finished(
        &world,
        "log-both",
        "echo out; echo oops >&2; printf '\\033[31mred\\033[0m\\n'; printf end",
    )
    .await;

    let both = world
        .call("get_container_logs", json!({ "container": "log-both" }))
        .await;
    let errors = world
        .call(
            "get_container_logs",
            json!({ "container": "log-both", "stream": "stderr" }),
        )
        .await;
    let last = world
        .call(
            "get_container_logs",
            json!({ "container": "log-both", "tail": 1, "stream": "stdout" }),
        )
        .await;
    let timed = world
        .call(
            "get_container_logs",
            json!({ "container": "log-both", "tail": 1, "timestamps": true }),
        )
        .await;

    let mut lines = texts(&both["lines"], "text");
    lines.sort_unstable();
    assert_eq!(lines, ["end", "oops", "out", "red"]);
    assert_eq!(errors["lines"], json!([{ "text": "oops", "stderr": true }]));
    assert_eq!(texts(&last["lines"], "text"), ["end"]);
    assert!(
        timed["lines"][0]["text"].as_str().unwrap().contains('T'),
        "{timed}"
    );
    assert_eq!(both["state"], "exited");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_raw_output_of_a_terminal_is_read_too() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = homelab_testkit::DockerEngine::shared().expect("an engine");
    engine
        .cli(&[
            "run",
            "--tty",
            "--name",
            "log-tty",
            crate::world::IMAGE,
            "sh",
            "-c",
            "echo one; echo two >&2",
        ])
        .unwrap();

    let logs = world
        .call("get_container_logs", json!({ "container": "log-tty" }))
        .await;

    assert_eq!(texts(&logs["lines"], "text"), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_of_output_are_read_from_their_end_in_no_time() {
    let Some(world) = World::real().await else {
        return;
    };
    // A million lines of a hundred bytes.
    let line = "x".repeat(99);
    let script = format!("echo Needle; yes {line} | head -n 1100000");
    finished(&world, "log-flood", &script).await;

    let started = Instant::now();
    let end = world
        .call(
            "get_container_logs",
            json!({ "container": "log-flood", "tail": 2000 }),
        )
        .await;
    let took = started.elapsed();
    let found = world
        .call(
            "get_container_logs",
            json!({ "container": "log-flood", "grep": "NEEDLE", "tail": 5 }),
        )
        .await;

    // Two thousand lines are more than one answer holds: the last ones are kept.
    let lines = end["lines"].as_array().unwrap().len() as u64;
    assert_eq!(lines + end["earlier_lines"].as_u64().unwrap(), 2000);
    assert!(lines > 500 && end.to_string().len() < 300_000, "{lines}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(texts(&found["lines"], "text"), ["Needle"]);
    let scanned = found["scanned_bytes"].as_u64().unwrap();
    assert!(scanned > 100_000_000, "{scanned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_picked_by_time() {
    let Some(world) = World::real().await else {
        return;
    };
    finished(&world, "log-time", "echo early; sleep 2; echo late").await;
    let timed = world
        .call(
            "get_container_logs",
            json!({ "container": "log-time", "timestamps": true }),
        )
        .await;
    let late = timed["lines"][1]["text"]
        .as_str()
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();

    let since = world
        .call(
            "get_container_logs",
            json!({ "container": "log-time", "since": late }),
        )
        .await;
    let until = world
        .call(
            "get_container_logs",
            json!({ "container": "log-time", "until": late_minus_a_second(&late) }),
        )
        .await;
    let never = world
        .call(
            "get_container_logs",
            json!({ "container": "log-time", "until": "1d" }),
        )
        .await;

    assert_eq!(texts(&since["lines"], "text"), ["late"]);
    assert_eq!(texts(&until["lines"], "text"), ["early"]);
    assert_eq!(never["lines"], json!([]));
    let error = world
        .fail(
            "get_container_logs",
            json!({ "container": "log-time", "since": "yesterday" }),
        )
        .await;
    assert_eq!(error.envelope().field.as_deref(), Some("since"));
}

fn late_minus_a_second(late: &str) -> String {
    use homelab_core::clock::Micros;
    Micros::from_rfc3339(late)
        .expect("a time")
        .plus_seconds(-1)
        .to_rfc3339()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_lines_are_reported_until_the_container_stops() {
    let Some(world) = World::real().await else {
        return;
    };
    world
        .container(
            "log-follow",
            json!({ "command": ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 1; done"] }),
        )
        .await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let mut ctx = context();
    ctx.progress = Progress::to(move |update| {
        sink.lock()
            .unwrap()
            .push(update.message.unwrap_or_default());
    });

    let followed = world
        .run_in(
            "get_container_logs",
            json!({ "container": "log-follow", "follow_s": 60 }),
            &ctx,
        )
        .await
        .unwrap()
        .output;

    assert_eq!(followed["follow_ended"], "container_stopped");
    assert_eq!(
        texts(&followed["lines"], "text"),
        ["line 1", "line 2", "line 3"]
    );
    assert_eq!(*seen.lock().unwrap(), ["line 1", "line 2", "line 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn following_ends_with_its_time_or_its_caller_and_leaves_no_connection_behind() {
    // An engine of its own, whose open files nobody else changes.
    let Some(engine) = homelab_testkit::DockerEngine::start().unwrap() else {
        return;
    };
    let world = World::at(&engine.socket()).await;
    world
        .container(
            "log-endless",
            json!({ "command": ["sh", "-c", "while :; do echo tick; sleep 0.2; done"] }),
        )
        .await;
    let args = |seconds: u32| json!({ "container": "log-endless", "follow_s": seconds });
    world
        .run_in("get_container_logs", args(1), &context())
        .await
        .unwrap();
    let before = open_files(&engine);

    let timed = world
        .run_in("get_container_logs", args(1), &context())
        .await
        .unwrap()
        .output;
    let ticked = Arc::new(Notify::new());
    let mut ctx = context();
    let notify = Arc::clone(&ticked);
    ctx.progress = Progress::to(move |_| notify.notify_one());
    let started = Instant::now();
    let (followed, ()) = tokio::join!(world.run_in("get_container_logs", args(300), &ctx), async {
        ticked.notified().await;
        ctx.cancel.cancel();
    });
    // A caller who drops the call is gone without a word.
    for _ in 0..5 {
        let ctx = context();
        let call = world.run_in("get_container_logs", args(300), &ctx);
        tokio::time::timeout(Duration::from_millis(500), call)
            .await
            .unwrap_err();
    }

    assert_eq!(timed["follow_ended"], "time");
    assert_eq!(followed.unwrap().output["follow_ended"], "cancelled");
    assert!(started.elapsed() < Duration::from_mins(1));
    let mut after = open_files(&engine);
    let deadline = Instant::now() + Duration::from_secs(10);
    while after > before + 2 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
        after = open_files(&engine);
    }
    assert!(after <= before + 2, "{before} files before, {after} after");
}

fn open_files(engine: &homelab_testkit::DockerEngine) -> u64 {
    let info = engine.cli(&["info", "--format", "{{json .}}"]).unwrap();
    let info: Value = serde_json::from_str(&info).unwrap();
    info["NFd"].as_u64().unwrap()
}
