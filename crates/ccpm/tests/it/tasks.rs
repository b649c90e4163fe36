//! Making, changing and listing tasks.

use homelab_ccpm::{Call, Ccpm as _};
use homelab_core::ccpm::{
    CcpmCode, Paging, TaskCreate, TaskEventKind, TaskFilter, TaskId, TaskPatch, TaskPriority,
    TaskSort, TaskStatus,
};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, FIRST, Lab, START, told};

async fn keys(lab: &Lab, by: &Call, filter: &TaskFilter) -> Vec<String> {
    let mut page = Paging::first(2);
    let mut found = Vec::new();
    loop {
        let shown = lab.service.list_tasks(by, filter, &page).await.unwrap();
        found.extend(shown.data.into_iter().map(|task| task.key));
        let Some(next) = shown.page.next_cursor else {
            return found;
        };
        page.cursor = Some(next);
    }
}

#[rstest]
#[tokio::test]
async fn a_task_has_a_key_and_is_found_by_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let first = lab.task("first").await;
    let second = lab
        .planned(TaskCreate {
            title: "second".into(),
            assignee: Some("BUILDER".into()),
            acceptance_criteria: vec!["it works".into()],
            parent_id: Some(first.id.clone()),
            ..TaskCreate::default()
        })
        .await;

    assert_eq!(
        (first.key.as_str(), first.status),
        ("TASK-1", TaskStatus::Backlog)
    );
    assert_eq!(
        (second.key.as_str(), second.status),
        ("TASK-2", TaskStatus::Todo)
    );
    assert_eq!(first.reporter_id, lab.planner.actor.agent);
    assert_eq!(
        first.allowed_transitions,
        [TaskStatus::Todo, TaskStatus::Cancelled]
    );
    assert_eq!(second.assignee_name.as_deref(), Some("Builder"));
    let found = lab.service.task(&lab.watcher, "task-2").await.unwrap();
    assert_eq!(found, second);
    let events = lab
        .service
        .list_task_events(&lab.planner, "TASK-2", &FIRST)
        .await
        .unwrap();
    let kinds: Vec<_> = events.data.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [TaskEventKind::Created, TaskEventKind::Assigned]);
    for absent in [
        "TASK-3",
        "no key",
        "11111111-1111-1111-1111-111111111111",
        "a\0",
    ] {
        let refused = lab.service.task(&lab.planner, absent).await.unwrap_err();
        assert_eq!(refused.code(), CcpmCode::NotFound);
    }
}

#[rstest]
#[tokio::test]
async fn a_change_of_an_older_version_is_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let task = lab.task("old").await;
    let patch = |title: &str| TaskPatch {
        title: Some(title.into()),
        ..TaskPatch::default()
    };
    let update = async |title, version| {
        let id = task.id.as_str();
        lab.service
            .update_task(&lab.watcher, id, patch(title), version)
            .await
    };

    let new = update("new", Some(1)).await.unwrap().value;
    let late = update("newer", Some(1)).await.unwrap_err();
    let same = update("new", Some(2)).await.unwrap().value;

    assert_eq!((new.version, new.title.as_str()), (2, "new"));
    assert_eq!(told(&late, "current").2, &json!(2));
    assert_eq!(same.version, 2);
    let cleared: TaskPatch = serde_json::from_value(json!({
        "due_at": "2026-01-02T03:04:05Z", "assignee": "builder"
    }))
    .unwrap();
    let id = task.id.as_str();
    let due = lab
        .service
        .update_task(&lab.planner, id, cleared, None)
        .await
        .unwrap()
        .value;
    assert!(due.due_at.is_some() && due.assignee_id.is_some());
    let cleared: TaskPatch =
        serde_json::from_value(json!({ "due_at": null, "assignee": null })).unwrap();
    let free = lab
        .service
        .update_task(&lab.planner, id, cleared, None)
        .await
        .unwrap()
        .value;
    assert!(free.due_at.is_none() && free.assignee_id.is_none());
}

#[rstest]
#[tokio::test]
async fn dependencies_never_lead_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let first = lab.task("first").await;
    let on = |ids: &[&TaskId]| TaskPatch {
        depends_on: Some(ids.iter().map(|id| (*id).clone()).collect()),
        ..TaskPatch::default()
    };
    let second = lab
        .planned(TaskCreate {
            title: "second".into(),
            depends_on: vec![first.id.clone(), first.id.clone()],
            ..TaskCreate::default()
        })
        .await;
    let third = lab
        .planned(TaskCreate {
            title: "third".into(),
            depends_on: vec![second.id.clone()],
            ..TaskCreate::default()
        })
        .await;
    let update = async |id: &TaskId, patch| {
        lab.service
            .update_task(&lab.planner, id.as_str(), patch, None)
            .await
    };

    let round = update(&first.id, on(&[&third.id])).await.unwrap_err();
    let itself = update(&first.id, on(&[&first.id])).await.unwrap_err();
    let absent = TaskId::new("00000000-0000-0000-0000-000000000000");
    let absent = update(&first.id, on(&[&absent])).await.unwrap_err();

    assert_eq!(
        second.depends_on.as_slice(),
        std::slice::from_ref(&first.id)
    );
    assert_eq!(
        second.blocked_by_open.as_slice(),
        std::slice::from_ref(&first.id)
    );
    let way = json!([first.id, third.id, second.id, first.id]);
    assert_eq!(
        told(&round, "cycle"),
        ("validation_failed".into(), 422, &way)
    );
    assert_eq!(itself.status(), 422);
    assert_eq!(
        told(&absent, "field"),
        ("not_found".into(), 404, &json!("depends_on"))
    );
    update(&third.id, on(&[])).await.unwrap();
    update(&first.id, on(&[&third.id])).await.unwrap();
}

/// Five tasks: more important ones first by priority, with labels, texts and dependencies.
async fn shelf(lab: &Lab) {
    let new = |title: &str, priority| TaskCreate {
        title: title.into(),
        priority: Some(priority),
        ..TaskCreate::default()
    };
    let first = lab.planned(new("Replace disk", TaskPriority::Low)).await;
    lab.clock.advance_seconds(1);
    lab.planned(TaskCreate {
        labels: vec!["Storage".into(), "100%".into()],
        description: Some("scrub the POOL weekly".into()),
        due_at: Some(START.plus_seconds(900)),
        ..new("Scrub", TaskPriority::Medium)
    })
    .await;
    lab.clock.advance_seconds(1);
    lab.planned(TaskCreate {
        depends_on: vec![first.id.clone()],
        assignee: Some("builder".into()),
        ..new("Rebuild", TaskPriority::Critical)
    })
    .await;
    lab.clock.advance_seconds(1);
    lab.planned(TaskCreate {
        labels: vec!["storage".into()],
        due_at: Some(START.plus_seconds(100)),
        ..new("Check", TaskPriority::Medium)
    })
    .await;
    lab.clock.advance_seconds(1);
    lab.planned(TaskCreate {
        assignee: Some("watcher".into()),
        ..new("Watch", TaskPriority::Critical)
    })
    .await;
}

#[rstest]
#[case(json!({}), "3 5 2 4 1")]
#[case(json!({"sort": "created_at"}), "5 4 3 2 1")]
#[case(json!({"sort": "updated_at"}), "5 4 3 2 1")]
#[case(json!({"sort": "due_at"}), "4 2 1 3 5")]
#[case(json!({"status": "todo"}), "3 5")]
#[case(json!({"status": "backlog,open"}), "3 5 2 4 1")]
#[case(json!({"status": ["backlog"], "sort": "due_at"}), "4 2 1")]
#[case(json!({"assignee": "me"}), "3")]
#[case(json!({"assignee": "none"}), "2 4 1")]
#[case(json!({"assignee": "Watcher", "status": "todo"}), "5")]
#[case(json!({"priority": "medium"}), "2 4")]
#[case(json!({"label": "STORAGE"}), "2 4")]
#[case(json!({"label": "100%"}), "2")]
#[case(json!({"label": "stor"}), "")]
#[case(json!({"q": "pool"}), "2")]
#[case(json!({"q": "re"}), "3 1")]
#[case(json!({"q": "task-4"}), "4")]
#[case(json!({"q": "%"}), "")]
#[case(json!({"ready": true}), "5 2 4 1")]
#[case(json!({"ready": false}), "3")]
#[case(json!({"sprint_id": "none", "ready": true, "status": "todo"}), "5")]
#[tokio::test]
async fn tasks_are_filtered_and_ordered(
    #[case] filter: serde_json::Value,
    #[case] expected: &str,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    shelf(&lab).await;
    let filter: TaskFilter = serde_json::from_value(filter).unwrap();

    let found = keys(&lab, &lab.builder, &filter).await;

    let expected: Vec<_> = expected
        .split_whitespace()
        .map(|n| format!("TASK-{n}"))
        .collect();
    assert_eq!(found, expected);
}

#[rstest]
#[tokio::test]
async fn a_filter_that_means_nothing_names_its_field(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    shelf(&lab).await;
    let list = async |filter: serde_json::Value, page: Paging| {
        let filter: TaskFilter = serde_json::from_value(filter).unwrap();
        lab.service.list_tasks(&lab.builder, &filter, &page).await
    };

    for (filter, field) in [
        (json!({"status": "parked"}), "status"),
        (json!({"sort": "size"}), "sort"),
        (json!({"priority": "soon"}), "priority"),
        (json!({"q": "x".repeat(201)}), "q"),
    ] {
        let refused = list(filter, Paging::default()).await.unwrap_err();
        assert_eq!(told(&refused, "field").2, field);
    }
    let first = list(json!({}), Paging::first(1)).await.unwrap();
    let moved = Paging {
        cursor: first.page.next_cursor,
        ..Paging::default()
    };
    let other = list(json!({"sort": TaskSort::DueAt}), moved)
        .await
        .unwrap_err();
    assert_eq!(
        told(&other, "field"),
        ("bad_request".into(), 400, &json!("cursor"))
    );
    assert!(serde_json::from_value::<TaskFilter>(json!({"statuses": "todo"})).is_err());
    let absent = list(json!({"sprint_id": "active"}), Paging::default()).await;
    assert_eq!(absent.unwrap_err().status(), 404);
}

#[rstest]
#[tokio::test]
async fn a_comment_is_part_of_what_happened(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let task = lab.task("talk").await;
    let said = lab
        .service
        .comment_task(&lab.watcher, "TASK-1", "looks odd")
        .await
        .unwrap();
    assert_eq!(said.value.actor_id, lab.watcher.actor.agent);

    let events = lab
        .service
        .list_task_events(&lab.builder, task.id.as_str(), &Paging::first(1))
        .await
        .unwrap();
    let next = Paging {
        limit: None,
        cursor: events.page.next_cursor,
    };
    let rest = lab
        .service
        .list_task_events(&lab.builder, "TASK-1", &next)
        .await
        .unwrap();

    assert_eq!(rest.data, [said.value]);
}
