//! Sessions, and going on where one left off.

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::json;

use crate::world::{Engine, Mode, World, reason, text};

#[rstest]
#[tokio::test]
async fn a_session_leaves_what_the_next_one_needs(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::open(mode, engine).await else {
        return;
    };
    let first_start = world
        .call("builder", "ccpm_get_resume_context", json!({}))
        .await;
    let task = world.task("boss", json!({ "assignee": "builder" })).await;

    let begun = world
        .call(
            "builder",
            "ccpm_create_session",
            json!({ "agent_tag": "b1", "trigger_type": "task", "summary": "The fan", "task_ids": ["TASK-1"] }),
        )
        .await;
    let session = text(&begun["session"]["id"]);
    let log = async |kind: &str, key: &str, value: serde_json::Value, importance: &str| {
        world
            .call(
                "builder",
                "ccpm_log_session_context",
                json!({
                    "report_id": session, "context_type": kind, "context_key": key,
                    "value": value, "importance": importance,
                }),
            )
            .await
    };
    let new = log("decision", "fan", json!({ "model": "A12" }), "high").await;
    let replaced = log("decision", "fan", json!({ "model": "B7" }), "high").await;
    log("blocker", "part", json!("not delivered"), "normal").await;
    log("next_step", "order", json!("order the part"), "normal").await;
    world.clock.advance_seconds(90);
    let end = json!({
        "report_id": session, "summary": "Half done.", "status": "completed",
        "tokens_input": 1200, "cost_usd": 0.5, "next_steps": ["mount it"],
    });
    let ended = world
        .call("builder", "ccpm_complete_session", end.clone())
        .await;
    let again = world.call("builder", "ccpm_complete_session", end).await;
    let closed = world
        .fail(
            "builder",
            "ccpm_log_session_context",
            json!({ "report_id": session, "context_type": "note", "context_key": "k", "value": 1 }),
        )
        .await;
    let resume = world
        .call("builder", "ccpm_get_resume_context", json!({}))
        .await;

    assert_eq!(
        (&first_start["found"], first_start.get("report")),
        (&json!(false), None)
    );
    assert_eq!(begun["session"]["task_ids"], json!([task]));
    assert_eq!(
        (&new["created"], &replaced["created"]),
        (&json!(true), &json!(false))
    );
    let metrics = &ended["session"]["metrics"];
    assert_eq!(
        (&metrics["tokens_input"], &metrics["cost_usd"]),
        (&json!(1200), &json!(0.5))
    );
    assert_eq!(
        metrics["duration_seconds"], 90,
        "what is not given is reckoned"
    );
    assert_eq!(again["session"]["id"], ended["session"]["id"]);
    assert_eq!(
        (closed.code(), reason(&closed)),
        (Code::Conflict, "session_closed")
    );
    assert_eq!(resume["found"], true);
    assert_eq!(resume["report"]["summary"], "Half done.");
    assert_eq!(resume["next_steps"][0], "mount it");
    assert_eq!(resume["open_blockers"][0]["context_key"], "part");
    assert_eq!(
        resume["context"]["decision"][0]["value"],
        json!({ "model": "B7" })
    );
    assert_eq!(resume["open_tasks"][0]["key"], "TASK-1");
}

#[rstest]
#[tokio::test]
async fn nobody_writes_into_anothers_session(#[values(Mode::Embedded, Mode::Remote)] mode: Mode) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let begun = world
        .call("builder", "ccpm_create_session", json!({}))
        .await;
    let session = text(&begun["session"]["id"]);

    let log = world
        .fail(
            "scout",
            "ccpm_log_session_context",
            json!({ "report_id": session, "context_type": "note", "context_key": "k", "value": 1 }),
        )
        .await;
    let end = world
        .fail(
            "scout",
            "ccpm_complete_session",
            json!({ "report_id": session, "summary": "s" }),
        )
        .await;

    assert_eq!(log.code(), Code::PermissionDenied);
    assert_eq!(end.code(), Code::PermissionDenied);
}
