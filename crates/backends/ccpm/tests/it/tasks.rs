//! Tasks, reports, sprints and the board.

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{Engine, Mode, World, reason, text};

#[rstest]
#[tokio::test]
async fn a_task_goes_from_its_making_to_its_accepted_report(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::open(mode, engine).await else {
        return;
    };
    let task = world
        .task(
            "boss",
            json!({
                "description": "It is loud.", "assignee": "Builder", "priority": "high",
                "type": "bug", "labels": ["nas"], "acceptance_criteria": ["quiet"],
                "due_at": "2026-07-01T00:00:00Z",
            }),
        )
        .await;

    let shown = world
        .call("scout", "ccpm_get_task", json!({ "task_id": "TASK-1" }))
        .await;
    let too_early = world
        .fail(
            "builder",
            "ccpm_submit_completion_report",
            json!({ "id": task, "report": "x" }),
        )
        .await;
    let illegal = world
        .fail(
            "builder",
            "ccpm_update_task_status",
            json!({ "id": task, "status": "done" }),
        )
        .await;
    let foreign = world
        .fail(
            "scout",
            "ccpm_update_task_status",
            json!({ "id": task, "status": "in_progress" }),
        )
        .await;
    world.to("builder", &task, "in_progress").await;
    let report = world
        .call(
            "builder",
            "ccpm_submit_completion_report",
            json!({
                "id": "TASK-1",
                "report": { "summary": "Replaced it.", "tests": { "passed": 3 }, "follow_ups": ["dust"] },
            }),
        )
        .await;
    let own = world
        .fail(
            "builder",
            "ccpm_review_report",
            json!({ "task_id": task, "decision": "accept" }),
        )
        .await;
    let accepted = world
        .call(
            "boss",
            "ccpm_review_report",
            json!({ "task_id": task, "decision": "accept" }),
        )
        .await;
    let done = world
        .call("boss", "ccpm_get_task", json!({ "task_id": task }))
        .await;

    let shown = &shown["task"];
    assert_eq!(
        (&shown["id"], &shown["key"]),
        (&json!(task), &json!("TASK-1"))
    );
    assert_eq!(
        (&shown["assignee"], &shown["status"]),
        (&json!("builder"), &json!("todo"))
    );
    assert_eq!(shown["acceptance_criteria"][0]["text"], "quiet");
    assert_eq!(shown["due_at"], "2026-07-01T00:00:00Z");
    assert_eq!(too_early.code(), Code::Conflict);
    assert_eq!(
        (illegal.code(), reason(&illegal)),
        (Code::Conflict, "illegal_transition")
    );
    assert_eq!(foreign.code(), Code::Conflict, "it is the builder's");
    assert_eq!(report["report"]["report"]["tests"]["passed"], 3);
    assert_eq!(own.code(), Code::PermissionDenied);
    assert_eq!(accepted["report"]["review_status"], "accepted");
    assert_eq!(done["task"]["status"], "done");
}

#[rstest]
#[tokio::test]
async fn a_rejected_report_sends_the_task_and_a_message_back(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let task = world.task("boss", json!({ "assignee": "builder" })).await;
    world.to("builder", &task, "in_progress").await;
    world
        .call(
            "builder",
            "ccpm_submit_completion_report",
            json!({ "id": task, "report": "Done!" }),
        )
        .await;

    let arguments = json!({ "task_id": task, "decision": "reject", "note": "It is still loud." });
    world.call("boss", "ccpm_review_report", arguments).await;
    let inbox = world.call("builder", "ccpm_check_inbox", json!({})).await;
    let shown = world
        .call("builder", "ccpm_get_task", json!({ "task_id": task }))
        .await;

    assert!(
        text(&inbox["items"][0]["body"]).contains("still loud"),
        "{inbox}"
    );
    assert_eq!(shown["task"]["status"], "in_progress");
}

#[rstest]
#[tokio::test]
async fn the_next_task_is_claimed_by_one_alone_in_order_of_importance(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::open(mode, engine).await else {
        return;
    };
    let todo = async |title: &str, priority: &str, depends_on: Vec<String>| {
        let more = json!({ "title": title, "priority": priority, "depends_on": depends_on });
        let task = world.task("boss", more).await;
        world.to("boss", &task, "todo").await;
        task
    };
    let first = todo("first", "medium", Vec::new()).await;
    todo("later", "critical", vec![first.clone()]).await;
    todo("second", "low", Vec::new()).await;

    let (one, other) = tokio::join!(
        world.call("builder", "ccpm_claim_next_task", json!({})),
        world.call("scout", "ccpm_claim_next_task", json!({})),
    );
    let none = world.call("boss", "ccpm_claim_next_task", json!({})).await;

    let mut titles = [text(&one["task"]["title"]), text(&other["task"]["title"])];
    titles.sort();
    assert_eq!(titles, ["first", "second"]);
    assert_eq!(one["task"]["assignee"], "builder");
    assert_eq!(other["task"]["assignee"], "scout");
    assert_eq!(none.get("task"), None);
}

#[rstest]
#[tokio::test]
async fn tasks_are_listed_by_status_assignee_text_and_readiness(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let base = world
        .task("boss", json!({ "title": "base", "assignee": "me" }))
        .await;
    world
        .task(
            "boss",
            json!({ "title": "top", "depends_on": ["TASK-1"], "assignee": "scout" }),
        )
        .await;
    world.task("boss", json!({ "title": "loose" })).await;

    let titles = async |arguments: Value| -> Vec<String> {
        let list = world.call("boss", "ccpm_list_tasks", arguments).await;
        let items = list["items"].as_array().expect("items").clone();
        items.iter().map(|task| text(&task["title"])).collect()
    };
    assert_eq!(titles(json!({ "assignee": "me" })).await, ["base"]);
    assert_eq!(titles(json!({ "assignee": "SCOUT" })).await, ["top"]);
    assert_eq!(titles(json!({ "assignee": "none" })).await, ["loose"]);
    assert_eq!(
        titles(json!({ "status": ["todo", "done"] })).await,
        ["base", "top"]
    );
    assert_eq!(titles(json!({ "status": "backlog" })).await, ["loose"]);
    assert_eq!(titles(json!({ "ready": false })).await, ["top"]);
    assert_eq!(titles(json!({ "q": "OO" })).await, ["loose"]);
    assert_eq!(
        titles(json!({ "sprint_id": "none", "limit": 2 }))
            .await
            .len(),
        2
    );
    let blocked = world
        .fail(
            "scout",
            "ccpm_update_task_status",
            json!({ "id": "TASK-2", "status": "in_progress" }),
        )
        .await;
    assert_eq!(blocked.code(), Code::Conflict);
    let cycle = world
        .fail(
            "boss",
            "ccpm_update_task",
            json!({ "id": base, "depends_on": ["TASK-2"] }),
        )
        .await;
    assert!(
        matches!(cycle.code(), Code::InvalidArgument | Code::Conflict),
        "{cycle}"
    );
}

#[rstest]
#[tokio::test]
async fn a_change_of_a_task_can_be_undone_and_minds_its_version(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };
    let task = world.task("boss", json!({ "title": "old" })).await;
    let change = json!({ "id": task, "title": "new", "assignee": "scout", "labels": ["x"] });

    let undo = world.inverse("ccpm_update_task", change.clone()).await;
    let undo = undo.expect("it can be undone");
    let changed = world.call("boss", "ccpm_update_task", change).await;
    let stale = world
        .fail(
            "boss",
            "ccpm_update_task",
            json!({ "id": task, "title": "z", "expected_version": 1 }),
        )
        .await;
    let undone = world.call("boss", &undo.tool, undo.arguments).await;
    let todo = json!({ "id": task, "status": "todo" });
    let back = world.inverse("ccpm_update_task_status", todo).await;
    let back = back.expect("it can be undone");

    assert_eq!(changed["task"]["assignee"], "scout");
    assert_eq!(reason(&stale), "version_conflict");
    assert_eq!(undone["task"]["title"], "old");
    assert_eq!(undone["task"].get("assignee"), None);
    assert_eq!(undone["task"].get("labels"), None);
    assert_eq!(back.arguments["status"], "backlog");
}

#[rstest]
#[tokio::test]
async fn a_sprint_begins_shows_its_board_and_ends(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::open(mode, engine).await else {
        return;
    };
    let none = world
        .call("boss", "ccpm_get_active_sprint", json!({}))
        .await;
    let made = world
        .call(
            "boss",
            "ccpm_create_sprint",
            json!({ "name": "June", "goal": "quiet", "starts_on": "2026-06-01", "ends_on": "2026-06-14" }),
        )
        .await;
    let second = world
        .call("boss", "ccpm_create_sprint", json!({ "name": "July" }))
        .await;
    let sprint = text(&made["sprint"]["id"]);

    world
        .call("boss", "ccpm_start_sprint", json!({ "sprint_id": sprint }))
        .await;
    let two = world
        .fail(
            "boss",
            "ccpm_start_sprint",
            json!({ "sprint_id": second["sprint"]["id"] }),
        )
        .await;
    let task = world
        .task(
            "boss",
            json!({ "sprint_id": "active", "assignee": "builder" }),
        )
        .await;
    world
        .task("boss", json!({ "sprint_id": sprint, "title": "Dust" }))
        .await;
    world.to("builder", &task, "in_progress").await;
    let active = world
        .call("boss", "ccpm_get_active_sprint", json!({}))
        .await;
    let board = world.call("boss", "ccpm_board", json!({})).await;
    let markdown = world
        .call("boss", "ccpm_board", json!({ "markdown": true }))
        .await;
    let ended = world
        .call(
            "boss",
            "ccpm_complete_sprint",
            json!({ "sprint_id": "active", "unfinished_to": second["sprint"]["id"] }),
        )
        .await;
    let moved = world
        .call(
            "boss",
            "ccpm_list_tasks",
            json!({ "sprint_id": second["sprint"]["id"] }),
        )
        .await;
    let list = world
        .call(
            "boss",
            "ccpm_list_sprints",
            json!({ "status": "completed" }),
        )
        .await;

    assert_eq!(
        (&none["is_active"], none.get("active")),
        (&json!(false), None)
    );
    assert_eq!(made["sprint"]["starts_on"], "2026-06-01");
    assert_eq!(two.code(), Code::Conflict);
    assert_eq!(active["active"]["task_counts"]["in_progress"], 1);
    let counts: Vec<(String, u64)> = board["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| {
            (
                text(&column["status"]),
                column["count"].as_u64().expect("a count"),
            )
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(
        counts,
        [("todo".to_owned(), 1), ("in_progress".to_owned(), 1)]
    );
    assert_eq!(board["open_by_assignee"]["builder"], 1);
    assert!(text(&markdown["markdown"]).contains("- **TASK-1** Fix the fan (medium, builder)"));
    assert_eq!(ended["sprint"]["status"], "completed");
    assert_eq!(moved["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(list["items"][0]["name"], "June");
}

#[rstest]
#[tokio::test]
async fn what_is_not_there_is_told_with_the_next_step(
    #[values(Mode::Embedded, Mode::Remote)] mode: Mode,
) {
    let Some(world) = World::open(mode, Engine::Sqlite).await else {
        return;
    };

    let task = world
        .fail("boss", "ccpm_get_task", json!({ "task_id": "TASK-99" }))
        .await;
    let agent = world
        .fail(
            "boss",
            "ccpm_create_task",
            json!({ "title": "t", "assignee": "bilder" }),
        )
        .await;
    let sprint = world.fail("boss", "ccpm_board", json!({})).await;

    assert_eq!(task.code(), Code::NotFound);
    assert_eq!(
        (agent.code(), reason(&agent)),
        (Code::NotFound, "agent_not_found")
    );
    let told = agent.to_string();
    assert!(told.contains("builder"), "{told}");
    assert_eq!(sprint.code(), Code::NotFound);
    if mode == Mode::Remote {
        assert_eq!(task.envelope().upstream_status, Some(404));
    }
}
