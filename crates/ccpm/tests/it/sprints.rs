//! Sprints and the board.

use homelab_ccpm::{Ccpm as _, Done};
use homelab_core::ccpm::{
    CcpmCode, CcpmResult, Day, Paging, Sprint, SprintCreate, SprintFilter, SprintPatch,
    SprintStatus, TaskCreate, TaskStatus,
};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, FIRST, Lab, told};

async fn set(lab: &Lab, sprint: &Sprint, status: SprintStatus) -> CcpmResult<Done<Sprint>> {
    let patch = SprintPatch {
        status: Some(status),
        ..SprintPatch::default()
    };
    let id = sprint.id.as_str();
    lab.service
        .update_sprint(&lab.planner, id, patch, None)
        .await
}

#[rstest]
#[tokio::test]
async fn at_most_one_sprint_is_active(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let (first, second) = (lab.sprint("first").await, lab.sprint("second").await);
    assert_eq!(lab.service.active_sprint(&lab.planner).await.unwrap(), None);

    set(&lab, &first, SprintStatus::Active).await.unwrap();
    let refused = set(&lab, &second, SprintStatus::Active).await.unwrap_err();
    set(&lab, &first, SprintStatus::Completed).await.unwrap();
    set(&lab, &second, SprintStatus::Active).await.unwrap();

    assert_eq!(
        told(&refused, "active"),
        ("conflict".into(), 409, &json!(first.id))
    );
    let active = lab.service.sprint(&lab.watcher, "active").await.unwrap();
    assert_eq!((active.name.as_str(), active.version), ("second", 2));
    let again = set(&lab, &first, SprintStatus::Active).await.unwrap_err();
    assert_eq!(
        told(&again, "allowed"),
        ("illegal_transition".into(), 422, &json!([]))
    );
    let filter = SprintFilter {
        status: Some(SprintStatus::Completed),
    };
    let done = lab.service.list_sprints(&lab.planner, &filter, &FIRST);
    assert_eq!(done.await.unwrap().data[0].name, "first");
    let all = lab
        .service
        .list_sprints(&lab.planner, &SprintFilter::default(), &Paging::first(1))
        .await
        .unwrap();
    assert_eq!(
        (all.data[0].name.as_str(), all.page.has_more),
        ("second", true)
    );
}

#[rstest]
#[tokio::test]
async fn what_is_unfinished_moves_on_when_a_sprint_ends(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let (first, second) = (lab.sprint("first").await, lab.sprint("second").await);
    let new = |title: &str| TaskCreate {
        title: title.into(),
        sprint_id: Some(first.id.clone()),
        ..TaskCreate::default()
    };
    let open = lab.planned(new("open")).await;
    let begun = lab.planned(new("begun")).await;
    lab.go(&lab.builder, &begun, TaskStatus::InProgress)
        .await
        .unwrap();
    let over = lab.planned(new("over")).await;
    lab.go(&lab.planner, &over, TaskStatus::Cancelled)
        .await
        .unwrap();
    set(&lab, &first, SprintStatus::Active).await.unwrap();

    let patch = SprintPatch {
        status: Some(SprintStatus::Completed),
        unfinished_to: Some(Some(second.id.clone())),
        ..SprintPatch::default()
    };
    lab.service
        .update_sprint(&lab.planner, "active", patch, Some(2))
        .await
        .unwrap();
    let read = async |key: &str| lab.service.task(&lab.planner, key).await.unwrap();

    assert_eq!(read(&open.key).await.sprint_id, Some(second.id.clone()));
    assert_eq!(read(&begun.key).await.status, TaskStatus::InProgress);
    assert_eq!(read(&over.key).await.sprint_id, Some(first.id.clone()));

    set(&lab, &second, SprintStatus::Cancelled).await.unwrap();
    let (open, begun) = (read(&open.key).await, read(&begun.key).await);
    assert_eq!((open.sprint_id, open.status), (None, TaskStatus::Backlog));
    assert_eq!(
        (begun.sprint_id, begun.status),
        (None, TaskStatus::InProgress)
    );
    let late = lab
        .service
        .create_task(&lab.planner, new("late"))
        .await
        .unwrap_err();
    assert_eq!(told(&late, "current").2, "completed");
}

#[rstest]
#[tokio::test]
async fn a_board_shows_tasks_side_by_side_and_counts_them(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let sprint = lab.sprint("now").await;
    for number in 0..3 {
        lab.planned(TaskCreate {
            title: format!("task {number}"),
            sprint_id: Some(sprint.id.clone()),
            assignee: (number == 0).then(|| "builder".to_owned()),
            ..TaskCreate::default()
        })
        .await;
    }
    let last = lab.service.task(&lab.planner, "TASK-3").await.unwrap();
    for to in [
        TaskStatus::InProgress,
        TaskStatus::InReview,
        TaskStatus::Done,
    ] {
        lab.go(&lab.planner, &last, to).await.unwrap();
    }

    let board = lab
        .service
        .board(&lab.watcher, sprint.id.as_str(), 1)
        .await
        .unwrap();
    let none = lab.service.board(&lab.watcher, "none", 1).await.unwrap();

    let counts: Vec<_> = board.columns.iter().map(|column| column.count).collect();
    assert_eq!(counts, [0, 2, 0, 0, 0, 1, 0]);
    assert_eq!(board.columns[1].tasks.len(), 1);
    assert_eq!(board.open_by_assignee["Builder"], 1);
    assert_eq!(board.open_by_assignee["none"], 1);
    let shown = board.sprint.unwrap();
    assert_eq!(shown.task_counts["todo"], 2);
    assert!((shown.progress_percent.unwrap() - 33.3).abs() < 1e-9);
    assert!(none.columns.iter().all(|column| column.count == 0));
}

#[rstest]
#[tokio::test]
async fn a_sprint_ends_after_it_began(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let new = |last: &str| SprintCreate {
        name: "days".into(),
        starts_on: Day::parse("2026-03-01"),
        ends_on: Day::parse(last),
        ..SprintCreate::default()
    };

    let refused = lab
        .service
        .create_sprint(&lab.planner, new("2026-02-28"))
        .await;
    let kept = lab
        .service
        .create_sprint(&lab.planner, new("2026-03-14"))
        .await
        .unwrap();
    let early = SprintPatch {
        unfinished_to: Some(Some(kept.value.id.clone())),
        ..SprintPatch::default()
    };
    let id = kept.value.id.as_str();
    let early = lab
        .service
        .update_sprint(&lab.planner, id, early, None)
        .await;
    let late = SprintPatch {
        goal: Some("less".into()),
        expected_version: Some(7),
        ..SprintPatch::default()
    };
    let late = lab
        .service
        .update_sprint(&lab.planner, id, late, None)
        .await;

    assert_eq!(told(&refused.unwrap_err(), "field").2, "ends_on");
    assert_eq!(kept.value.ends_on.unwrap().to_string(), "2026-03-14");
    assert_eq!(told(&early.unwrap_err(), "field").2, "unfinished_to");
    assert_eq!(late.unwrap_err().code(), CcpmCode::VersionConflict);
}
