//! Who is there, and who may be whom.

use homelab_core::error::Code;
use homelab_core::policy::Role;
use rstest::rstest;
use serde_json::json;

use crate::world::{Engine, Mode, World, context_of, reason, text};

#[rstest]
#[tokio::test]
async fn agents_are_registered_once_and_listed(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::open(mode, engine).await else {
        return;
    };

    let again = world
        .call(
            "scout",
            "ccpm_register_agent",
            json!({ "name": "SCOUT", "type": "monitoring" }),
        )
        .await;
    let other_type = world
        .fail(
            "scout",
            "ccpm_register_agent",
            json!({ "name": "scout", "type": "human" }),
        )
        .await;
    let first = world
        .call("scout", "ccpm_list_agents", json!({ "limit": 2 }))
        .await;
    let rest = world
        .call(
            "scout",
            "ccpm_list_agents",
            json!({ "cursor": first["next_cursor"] }),
        )
        .await;
    let people = world
        .call("scout", "ccpm_list_agents", json!({ "type": "human" }))
        .await;

    assert_eq!(
        (&again["created"], &again["agent"]["name"]),
        (&json!(false), &json!("scout"))
    );
    assert_eq!(again["unread_messages"], 0);
    assert_eq!(other_type.code(), Code::Conflict);
    let names = |list: &serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items");
        items.iter().map(|agent| text(&agent["name"])).collect()
    };
    assert_eq!(names(&first), ["boss", "builder"]);
    assert_eq!(names(&rest), ["scout"]);
    assert_eq!(names(&people), ["boss"]);
}

#[rstest]
#[tokio::test]
async fn who_is_no_agent_is_told_how_to_become_one(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };

    for (tool, arguments) in [
        ("ccpm_check_inbox", json!({})),
        (
            "ccpm_send_message",
            json!({ "to": "boss", "subject": "s", "body": "b" }),
        ),
        ("ccpm_create_session", json!({})),
        ("ccpm_claim_next_task", json!({})),
        ("ccpm_get_resume_context", json!({})),
        ("ccpm_list_tasks", json!({ "assignee": "me" })),
    ] {
        let error = world.fail("stranger", tool, arguments).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::PermissionDenied, "no_agent"),
            "{tool}"
        );
        let hint = error.envelope().hint.as_deref().unwrap_or_default();
        assert!(hint.contains("ccpm_register_agent"), "{hint}");
    }
    let list = world.call("stranger", "ccpm_list_agents", json!({})).await;
    assert_eq!(list.get("unread_messages"), None);
}

#[rstest]
#[tokio::test]
async fn nobody_reads_or_acts_as_another_but_administrators(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let task = world.task("boss", json!({ "assignee": "builder" })).await;
    world.to("builder", &task, "in_progress").await;

    for (tool, arguments) in [
        ("ccpm_check_inbox", json!({ "agent_id": "boss" })),
        ("ccpm_create_session", json!({ "agent_id": "boss" })),
        ("ccpm_get_resume_context", json!({ "agent_id": "BOSS" })),
        (
            "ccpm_submit_completion_report",
            json!({ "id": task, "report": "done", "by": "builder" }),
        ),
    ] {
        let error = world.fail("scout", tool, arguments.clone()).await;
        assert_eq!(error.code(), Code::PermissionDenied, "{tool}");
        assert_eq!(reason(&error), "other_agent", "{tool}");

        let admin = world.admin("root", tool, arguments).await;
        assert!(admin.is_ok(), "{tool}: {admin:?}");
    }
}

#[rstest]
#[tokio::test]
async fn an_administrator_with_an_agent_keeps_both_sets_of_rights(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let task = world
        .task("builder", json!({ "assignee": "builder" }))
        .await;

    let own = world
        .admin(
            "boss",
            "ccpm_send_message",
            json!({ "to": "scout", "subject": "s", "body": "b" }),
        )
        .await;
    let others = world
        .admin(
            "boss",
            "ccpm_update_task_status",
            json!({ "id": task, "status": "in_progress" }),
        )
        .await;

    assert_eq!(own.expect("its own message")["messages"][0]["to"], "scout");
    assert_eq!(
        others.expect("another's task")["task"]["status"],
        "in_progress"
    );
}

#[rstest]
#[tokio::test]
async fn who_calls_tools_is_there_and_who_does_not_goes_offline(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };

    world.clock.advance_seconds(11 * 60);
    world.call("builder", "ccpm_check_inbox", json!({})).await;
    let active = world
        .call("builder", "ccpm_list_agents", json!({ "status": "active" }))
        .await;
    let offline = world
        .call(
            "builder",
            "ccpm_list_agents",
            json!({ "status": "offline" }),
        )
        .await;

    assert_eq!(active["items"][0]["name"], "builder");
    assert_eq!(active["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(offline["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_settings_say_who_is_which_agent() {
    let Some(world) = World::open(Mode::Embedded, Engine::Sqlite).await else {
        return;
    };
    let settings = json!({ "agents": { "ci": "builder" }, "agent_id": "scout" });
    let server = homelab_backend_ccpm::kind().open("ccpm", settings, &world.env);
    world
        .call(
            "boss",
            "ccpm_send_message",
            json!({ "to": "builder", "subject": "s", "body": "b" }),
        )
        .await;

    let inbox = async |who: &str| {
        let context = context_of(who, Role::Operator);
        let ran = homelab_harness::run(&*server, "ccpm_check_inbox", json!({}), &context).await;
        ran.expect("an inbox").output
    };
    let ci = inbox("ci").await;
    let anybody = inbox("anybody").await;

    assert_eq!(ci["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(anybody["items"].as_array().map(Vec::len), Some(0));
}
