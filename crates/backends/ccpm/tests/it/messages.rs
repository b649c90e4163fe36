//! Sending, reading and dealing with messages.

use std::sync::{Arc, Mutex};

use homelab_core::call::Progress;
use homelab_core::error::Code;
use homelab_core::policy::{Grants, Pattern, Role};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{Engine, Mode, World, context_of, reason, text};

fn message(to: impl Into<Value>) -> Value {
    json!({ "to": to.into(), "subject": "The fan", "body": "It is loud." })
}

#[rstest]
#[tokio::test]
async fn a_message_is_sent_by_name_read_answered_and_completed(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::open(mode, engine).await else {
        return;
    };
    let task = world.task("boss", json!({})).await;
    let mut arguments = message("BUILDER");
    arguments["requires_response"] = true.into();
    arguments["priority"] = "urgent".into();
    arguments["type"] = "request".into();
    arguments["task_id"] = "TASK-1".into();

    let sent = world.call("boss", "ccpm_send_message", arguments).await;
    world
        .call("scout", "ccpm_send_message", message("builder"))
        .await;
    let inbox = world.call("builder", "ccpm_check_inbox", json!({})).await;
    let reply = world
        .call(
            "builder",
            "ccpm_reply_message",
            json!({ "msg_id": sent["messages"][0]["id"], "body": "On it." }),
        )
        .await;
    let complete = json!({ "msg_id": sent["messages"][0]["id"], "response": "Replaced it." });
    let done = world
        .call("builder", "ccpm_mark_message_complete", complete.clone())
        .await;
    let again = world
        .call("builder", "ccpm_mark_message_complete", complete)
        .await;
    let other = world
        .fail(
            "builder",
            "ccpm_mark_message_complete",
            json!({ "msg_id": sent["messages"][0]["id"], "response": "Did not." }),
        )
        .await;
    let thread = world
        .call(
            "boss",
            "ccpm_get_thread",
            json!({ "thread_id": sent["messages"][0]["thread_id"] }),
        )
        .await;

    assert_eq!(sent["messages"][0]["to"], "builder");
    assert_eq!(inbox["unread_messages"], 2);
    let first = &inbox["items"][0];
    assert_eq!(
        (&first["from"], &first["priority"]),
        (&json!("boss"), &json!("urgent"))
    );
    assert_eq!(
        (&first["task_id"], &first["status"]),
        (&json!(task), &json!("unread"))
    );
    assert_eq!(reply["message"]["to"], "boss");
    assert_eq!(done["message"]["status"], "completed");
    assert_eq!(done["unread_messages"], 1);
    assert_eq!(again["message"], done["message"]);
    assert_eq!(
        (other.code(), reason(&other)),
        (Code::Conflict, "already_completed")
    );
    let bodies: Vec<String> = thread["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|message| text(&message["body"]))
        .collect();
    assert_eq!(bodies, ["It is loud.", "On it.", "Replaced it."]);
    assert_eq!(thread["unread_messages"], 2);
}

#[rstest]
#[tokio::test]
async fn a_list_gets_it_as_a_whole_or_nobody_does(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };

    let refused = world
        .fail(
            "boss",
            "ccpm_send_message",
            message(json!(["builder", "scuot"])),
        )
        .await;
    let nothing = world.call("builder", "ccpm_check_inbox", json!({})).await;
    let sent = world
        .call(
            "boss",
            "ccpm_send_message",
            message(json!(["builder", "Scout"])),
        )
        .await;

    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::NotFound, "agent_not_found")
    );
    assert!(refused.envelope().message.contains("scuot"), "{refused}");
    assert_eq!(nothing["items"], json!([]));
    assert_eq!(sent["messages"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        sent["messages"][0]["thread_id"],
        sent["messages"][1]["thread_id"]
    );
}

#[rstest]
#[tokio::test]
async fn all_are_written_to_with_a_permission_of_its_own(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let mut narrow = context_of("boss", Role::Operator);
    let mut principal = (*narrow.principal).clone();
    principal.grants = Grants {
        allow: Vec::new(),
        deny: vec![Pattern::new("ccpm:message:broadcast")],
    };
    narrow.principal = Arc::new(principal);

    let refused = world
        .fail_in("ccpm_send_message", message("@all"), &narrow)
        .await;
    let sent = world
        .call("boss", "ccpm_send_message", message("@all"))
        .await;

    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(
        sent["messages"].as_array().map(Vec::len),
        Some(2),
        "not to itself"
    );
}

#[rstest]
#[tokio::test]
async fn sent_twice_with_one_key_it_is_one_message(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let mut arguments = message("builder");
    arguments["idempotency_key"] = "fan-2026-06-01".into();

    let first = world
        .call("boss", "ccpm_send_message", arguments.clone())
        .await;
    let second = world
        .call("boss", "ccpm_send_message", arguments.clone())
        .await;
    arguments["body"] = "Something else.".into();
    let other = world.fail("boss", "ccpm_send_message", arguments).await;
    let inbox = world.call("builder", "ccpm_check_inbox", json!({})).await;

    assert_eq!(
        (&first["replayed"], &second["replayed"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(first["messages"], second["messages"]);
    assert_eq!(reason(&other), "idempotency_conflict");
    assert_eq!(inbox["items"].as_array().map(Vec::len), Some(1));
}

#[rstest]
#[tokio::test]
async fn a_long_body_is_shown_in_part_and_paged_by_urgency(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    for priority in ["low", "high", "normal"] {
        let mut arguments = message("builder");
        arguments["priority"] = priority.into();
        arguments["body"] = "ä".repeat(600).into();
        world.call("boss", "ccpm_send_message", arguments).await;
    }

    let first = world
        .call("builder", "ccpm_check_inbox", json!({ "limit": 2 }))
        .await;
    let rest = world
        .call(
            "builder",
            "ccpm_check_inbox",
            json!({ "cursor": first["next_cursor"], "full_body": true }),
        )
        .await;
    let low = world
        .call("builder", "ccpm_check_inbox", json!({ "priority": "low" }))
        .await;

    assert_eq!(first["items"][0]["priority"], "high");
    assert_eq!(text(&first["items"][0]["body"]).chars().count(), 501);
    assert_eq!(first["items"][0]["body_is_cut"], true);
    assert_eq!(rest["items"][0]["priority"], "low");
    assert_eq!(text(&rest["items"][0]["body"]).chars().count(), 600);
    assert_eq!(low["items"].as_array().map(Vec::len), Some(1));
}

#[rstest]
#[tokio::test]
async fn waiting_ends_with_the_message_and_reports_progress(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let reports = Arc::new(Mutex::new(0));
    let mut ctx = context_of("builder", Role::Operator);
    let counted = reports.clone();
    ctx.progress = Progress::to(move |_| *counted.lock().expect("a counter") += 1);

    let waiting = world.call_in("ccpm_wait_for_message", json!({ "timeout_s": 60 }), &ctx);
    let sending = world.call("boss", "ccpm_send_message", message("builder"));
    let (waited, _) = tokio::join!(waiting, sending);
    let nobody = world
        .call("scout", "ccpm_wait_for_message", json!({ "timeout_s": 1 }))
        .await;

    assert_eq!(waited["message"]["body"], "It is loud.");
    assert_eq!(waited["timed_out"], false);
    assert!(*reports.lock().expect("a counter") >= 1);
    assert_eq!(
        (nobody.get("message"), &nobody["timed_out"]),
        (None, &json!(true))
    );
}

#[rstest]
#[tokio::test]
async fn messages_expire(#[values(Mode::Embedded, Mode::Remote)] mode: Mode) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let mut arguments = message("builder");
    arguments["expires_in_hours"] = 1.into();
    world.call("boss", "ccpm_send_message", arguments).await;

    let before = world.call("builder", "ccpm_check_inbox", json!({})).await;
    world.clock.advance_seconds(3601);
    let after = world.call("builder", "ccpm_check_inbox", json!({})).await;

    assert_eq!(before["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(after["items"], json!([]));
    assert_eq!(after["unread_messages"], 0);
}
