//! Taking the next task, by several at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use homelab_ccpm::Ccpm as _;
use homelab_core::ccpm::{SprintPatch, SprintStatus, TaskCreate, TaskPriority, TaskStatus};
use rstest::rstest;

use crate::lab::{Engine, Lab, told};

#[rstest]
#[tokio::test]
async fn the_most_important_ready_task_that_is_nobodys_comes_first(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let sprint = lab.sprint("now").await;
    let new = |title: &str, priority| TaskCreate {
        title: title.into(),
        priority: Some(priority),
        sprint_id: Some(sprint.id.clone()),
        ..TaskCreate::default()
    };
    let first = lab.planned(new("plain", TaskPriority::Medium)).await;
    lab.planned(TaskCreate {
        depends_on: vec![first.id.clone()],
        ..new("not ready", TaskPriority::Critical)
    })
    .await;
    lab.planned(TaskCreate {
        assignee: Some("planner".into()),
        ..new("taken", TaskPriority::Critical)
    })
    .await;
    lab.planned(TaskCreate {
        sprint_id: None,
        ..new("in the backlog", TaskPriority::Critical)
    })
    .await;
    lab.planned(new("important", TaskPriority::High)).await;
    let claim = async |sprint| {
        let done = lab
            .service
            .claim_next_task(&lab.builder, sprint)
            .await
            .unwrap();
        done.value
    };

    let one = claim(Some(sprint.id.as_str())).await.unwrap();
    let two = claim(None).await.unwrap();
    let none = claim(None).await;

    assert_eq!(
        (one.title.as_str(), two.title.as_str()),
        ("important", "plain")
    );
    assert_eq!(one.status, TaskStatus::InProgress);
    assert_eq!(one.assignee_name.as_deref(), Some("Builder"));
    assert_eq!(none, None);
    let patch = SprintPatch {
        status: Some(SprintStatus::Active),
        ..SprintPatch::default()
    };
    lab.service
        .update_sprint(&lab.planner, sprint.id.as_str(), patch, None)
        .await
        .unwrap();
    assert_eq!(claim(Some("active")).await, None);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn claimers_in_two_processes_never_get_the_same_task(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let sprint = lab.sprint("now").await;
    for number in 0..10 {
        lab.planned(TaskCreate {
            title: format!("task {number}"),
            sprint_id: Some(sprint.id.clone()),
            ..TaskCreate::default()
        })
        .await;
    }
    let services = [Arc::clone(&lab.service), lab.another_process().await];
    let calls = [lab.builder.clone(), lab.watcher.clone()];

    let claims: Vec<_> = (0..16)
        .map(|number| {
            let (service, call) = (Arc::clone(&services[number % 2]), calls[number % 2].clone());
            tokio::spawn(async move { service.claim_next_task(&call, None).await.unwrap().value })
        })
        .collect();
    let mut taken = Vec::new();
    for claim in claims {
        taken.extend(claim.await.unwrap().map(|task| task.key));
    }

    let different: BTreeSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), different.len()), (10, 10));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_begin_one_task_the_second_is_told_who_has_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let lab = Arc::new(lab);
    let task = lab.task("one").await;
    lab.go(&lab.planner, &task, TaskStatus::Todo).await.unwrap();

    let begin = |by: homelab_ccpm::Call| {
        let (lab, task) = (Arc::clone(&lab), task.clone());
        tokio::spawn(async move { lab.go(&by, &task, TaskStatus::InProgress).await })
    };
    let (one, two) = (begin(lab.builder.clone()), begin(lab.watcher.clone()));
    let results = [one.await.unwrap(), two.await.unwrap()];

    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 1));
    let winner = won[0].as_ref().unwrap().assignee_name.clone().unwrap();
    let refused = lost[0].as_ref().unwrap_err();
    assert_eq!(told(refused, "assignee").2, winner.as_str());
}
