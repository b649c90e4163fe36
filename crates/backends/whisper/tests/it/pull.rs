use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use homelab_core::call::Progress;
use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::ollama::{Chunks, Ending, PullPlan};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, context, context_with, hint, reason};

const MODEL: &str = "mistral:7b";

fn args() -> Value {
    json!({ "model_name": MODEL })
}

async fn world(plan: PullPlan) -> World {
    let world = World::ollama().await;
    world.ollama.set_pull(plan);
    world
}

#[rstest]
#[case::line_by_line(Chunks::Lines)]
#[case::cut_anywhere(Chunks::Bytes(7))]
#[case::byte_by_byte(Chunks::Bytes(1))]
#[case::all_at_once(Chunks::Whole)]
#[tokio::test]
async fn a_pull_fetches_the_model_however_its_lines_arrive(#[case] chunks: Chunks) {
    let world = world(PullPlan {
        chunks,
        extra_status: Some("größe prüfen 🟢".to_owned()),
        ..PullPlan::default()
    })
    .await;

    let pulled = world.call("ollama_pull_model", args()).await;

    assert_eq!(pulled["name"], MODEL);
    assert_eq!(pulled["layers"], 4);
    assert_eq!(pulled["bytes"], pulled["size_bytes"]);
    assert!(world.ollama.installed().contains(&MODEL.to_owned()));
    assert_eq!(world.ollama.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn progress_rises_and_comes_at_most_twice_a_second() {
    let world = world(PullPlan {
        pause: Duration::from_millis(60),
        ..PullPlan::default()
    })
    .await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let progress = Progress::to(move |update| {
        sink.lock().unwrap().push((Instant::now(), update));
    });

    world
        .run_in("ollama_pull_model", args(), &context_with(progress))
        .await
        .unwrap();

    let seen = seen.lock().unwrap();
    assert!(seen.len() >= 2, "{seen:?}");
    assert!(
        seen.windows(2)
            .all(|pair| pair[0].1.progress < pair[1].1.progress),
        "{seen:?}"
    );
    for pair in seen.windows(2) {
        assert!(
            pair[1].0 - pair[0].0 >= Duration::from_millis(450),
            "{seen:?}"
        );
    }
    assert_eq!(seen[0].1.message.as_deref(), Some("pulling manifest"));
}

#[tokio::test]
async fn an_error_in_the_middle_of_the_stream_fails_the_pull_with_its_words() {
    let world = world(PullPlan {
        ending: Ending::ErrorLine {
            after: 4,
            error: "write /root/.ollama/models: no space left on device".to_owned(),
        },
        ..PullPlan::default()
    })
    .await;

    let error = world.fail("ollama_pull_model", args()).await;

    assert_eq!(reason(&error), "pull_failed");
    assert!(
        error.envelope().message.contains("no space left"),
        "{error}"
    );
    assert!(!world.ollama.installed().contains(&MODEL.to_owned()));
}

#[tokio::test]
async fn a_stream_that_ends_without_success_is_no_success() {
    let world = world(PullPlan {
        ending: Ending::EndOfStream { after: 6 },
        ..PullPlan::default()
    })
    .await;

    let error = world.fail("ollama_pull_model", args()).await;

    assert_eq!(reason(&error), "pull_cut");
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn a_connection_that_breaks_is_worth_another_try() {
    let world = world(PullPlan {
        ending: Ending::Broken { after: 6 },
        ..PullPlan::default()
    })
    .await;

    let error = world.fail("ollama_pull_model", args()).await;

    assert_eq!(reason(&error), "cut");
    assert!(error.envelope().retryable);
    assert!(hint(&error).contains("pull it again"), "{error}");
}

#[tokio::test]
async fn an_interrupted_pull_goes_on_where_it_stopped() {
    let world = world(PullPlan {
        ending: Ending::Broken { after: 12 },
        ..PullPlan::default()
    })
    .await;
    world.fail("ollama_pull_model", args()).await;
    let here = world.ollama.downloaded(MODEL);
    assert!(here > 0);

    world.ollama.set_pull(PullPlan::default());
    let pulled = world.call("ollama_pull_model", args()).await;

    assert_eq!(pulled["bytes_already_there"], here);
}

#[tokio::test]
async fn cancelling_ends_a_pull_that_has_fallen_silent() {
    let world = world(PullPlan {
        ending: Ending::Silence { after: 3 },
        ..PullPlan::default()
    })
    .await;
    let started = Arc::new(tokio::sync::Notify::new());
    let seen = Arc::clone(&started);
    let ctx = context_with(Progress::to(move |_| seen.notify_one()));
    let cancel = ctx.cancel.clone();
    let waiting = tokio::spawn(async move {
        started.notified().await;
        cancel.cancel();
    });

    let ran = world.run_in("ollama_pull_model", args(), &ctx).await;
    waiting.await.unwrap();

    let error = ran.unwrap_err();
    assert_eq!(reason(&error), "cancelled");
    assert_eq!(error.code(), Code::Timeout);
}

#[tokio::test]
async fn a_slow_start_is_waited_for() {
    let world = World::ollama().await;
    let late = Fault::Delay(Duration::from_millis(300));
    world.ollama.faults().next(1, "/api/pull", late);

    let pulled = world.call("ollama_pull_model", args()).await;

    assert_eq!(pulled["name"], MODEL);
}

#[tokio::test]
async fn a_model_that_no_registry_has_is_not_found() {
    let world = World::ollama().await;

    let error = world
        .fail("ollama_pull_model", json!({ "model_name": "nobody:1b" }))
        .await;

    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(reason(&error), "model_unknown");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_reported_with_its_status() {
    let world = World::ollama().await;
    world
        .ollama
        .faults()
        .next(1, "/api/pull", Fault::Status(502));

    let error = world.fail("ollama_pull_model", args()).await;

    assert_eq!(error.envelope().upstream_status, Some(502));
}

#[tokio::test]
async fn an_answer_that_is_a_web_page_is_no_pull() {
    let world = World::ollama().await;
    world.ollama.faults().next(1, "/api/pull", Fault::NotJson);

    let error = world.fail("ollama_pull_model", args()).await;

    assert_eq!(reason(&error), "unexpected_answer");
}

#[tokio::test]
async fn a_new_model_is_undone_by_deleting_it_and_an_old_one_not_at_all() {
    let world = World::ollama().await;

    let fresh = world.inverse("ollama_pull_model", args()).await.unwrap();
    let known = json!({ "model_name": "llama3.1:8b" });
    let old = world.inverse("ollama_pull_model", known.clone()).await;

    assert_eq!(fresh.tool, "ollama_delete_model");
    assert_eq!(fresh.arguments, args());
    assert_eq!(old, None);
    let preview = world.preview("ollama_pull_model", known).await;
    assert!(preview.summary.contains("up to date"), "{preview:?}");
    let targets = world.targets("ollama_pull_model", args()).await;
    assert_eq!(targets[0].id, MODEL);
}

#[tokio::test]
async fn a_name_without_a_tag_means_the_latest() {
    let world = World::ollama().await;

    let ran = world
        .run_in(
            "ollama_pull_model",
            json!({ "model_name": "llama3.2" }),
            &context(),
        )
        .await
        .unwrap();

    assert_eq!(ran.mismatches, []);
    assert_eq!(ran.output["name"], "llama3.2:latest");
}
