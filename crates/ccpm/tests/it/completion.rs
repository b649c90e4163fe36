//! Completion reports and their reviews.

use homelab_ccpm::{Call, Ccpm as _, Settings};
use homelab_core::ccpm::{
    CcpmCode, CompletionReportBody, CompletionReportCreate, CompletionReview, Decision,
    InboxFilter, ReportText, ReviewStatus, TaskStatus,
};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, FIRST, Lab, told};

fn report(text: &str) -> CompletionReportCreate {
    CompletionReportCreate {
        report: ReportText::Text(text.into()),
        submitted_by: None,
        target_status: None,
    }
}

fn review(decision: Decision) -> CompletionReview {
    CompletionReview {
        decision,
        note: Some("as I see it".into()),
    }
}

#[rstest]
#[tokio::test]
async fn a_report_is_reviewed_by_another_and_moves_the_task(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let task = lab.begun("work").await;
    let key = task.key.as_str();
    let submit = async |text| {
        let new = report(text);
        lab.service
            .submit_completion_report(&lab.builder, key, new)
            .await
    };
    let decide = async |by: &Call, id: &str, decision| {
        let review = review(decision);
        lab.service
            .review_completion_report(by, key, id, review)
            .await
    };

    let first = submit("done").await.unwrap();
    assert!(first.created);
    let first = first.value;
    assert_eq!(
        lab.service.task(&lab.builder, key).await.unwrap().status,
        TaskStatus::InReview
    );
    let own = decide(&lab.builder, first.id.as_str(), Decision::Accept)
        .await
        .unwrap_err();
    assert_eq!(own.code(), CcpmCode::Forbidden);

    let rejected = decide(&lab.watcher, first.id.as_str(), Decision::Reject)
        .await
        .unwrap()
        .value;
    assert_eq!(rejected.review_status, ReviewStatus::Rejected);
    assert_eq!(rejected.reviewer_id, lab.watcher.actor.agent);
    let back = lab.service.task(&lab.builder, key).await.unwrap();
    assert_eq!(back.status, TaskStatus::InProgress);
    let filter = InboxFilter::default();
    let told_author = lab.service.inbox(&lab.builder, "me", &filter, &FIRST);
    let told_author = told_author.await.unwrap().data;
    assert_eq!(told_author[0].body, "as I see it");

    let second = submit("now really done").await.unwrap().value;
    let accepted = decide(&lab.planner, second.id.as_str(), Decision::Accept)
        .await
        .unwrap()
        .value;
    let again = decide(&lab.planner, second.id.as_str(), Decision::Accept)
        .await
        .unwrap()
        .value;
    let other = decide(&lab.planner, second.id.as_str(), Decision::Reject)
        .await
        .unwrap_err();

    assert_eq!(again, accepted);
    assert_eq!(told(&other, "current").2, "accepted");
    assert_eq!(
        lab.service.task(&lab.builder, key).await.unwrap().status,
        TaskStatus::Done
    );
    let all = lab
        .service
        .list_completion_reports(&lab.planner, key, &FIRST);
    let all = all.await.unwrap().data;
    let summaries: Vec<_> = all.iter().map(|one| one.report.summary.as_str()).collect();
    assert_eq!(summaries, ["done", "now really done"]);
}

#[rstest]
#[tokio::test]
async fn only_begun_work_is_reported_on(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let task = lab.task("work").await;
    let submit = async |by: &Call, new| {
        lab.service
            .submit_completion_report(by, &task.key, new)
            .await
    };

    let early = submit(&lab.planner, report("done")).await.unwrap_err();
    let foreign = submit(&lab.watcher, report("done")).await.unwrap_err();
    let for_other = CompletionReportCreate {
        submitted_by: Some("builder".into()),
        ..report("done")
    };
    let for_other = submit(&lab.planner, for_other).await.unwrap_err();

    assert_eq!(
        told(&early, "current"),
        ("conflict".into(), 409, &json!("backlog"))
    );
    assert_eq!(foreign.status(), 403);
    assert_eq!(for_other.status(), 403);
    assert_eq!(
        told(
            &submit(&lab.planner, report("")).await.unwrap_err(),
            "field"
        )
        .2,
        "report"
    );
}

#[rstest]
#[case(true, false)]
#[case(false, true)]
#[tokio::test]
async fn a_report_ends_a_task_at_once_only_where_no_review_is_required(
    #[case] require_review: bool,
    #[case] ends: bool,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let settings = Settings {
        require_review,
        ..Settings::default()
    };
    let Some(lab) = Lab::with(engine, settings).await else {
        return;
    };
    let task = lab.begun("work").await;
    let new = CompletionReportCreate {
        report: ReportText::Parts(Box::new(CompletionReportBody {
            summary: "all of it".into(),
            time_spent_minutes: Some(5),
            ..CompletionReportBody::default()
        })),
        submitted_by: Some("me".into()),
        target_status: Some(TaskStatus::Done),
    };

    let result = lab
        .service
        .submit_completion_report(&lab.builder, &task.key, new)
        .await;

    let status = lab
        .service
        .task(&lab.builder, &task.key)
        .await
        .unwrap()
        .status;
    if ends {
        assert_eq!(result.unwrap().value.report.time_spent_minutes, Some(5));
        assert_eq!(status, TaskStatus::Done);
    } else {
        assert_eq!(result.unwrap_err().code(), CcpmCode::IllegalTransition);
        assert_eq!(status, TaskStatus::InProgress);
    }
}

#[rstest]
#[tokio::test]
async fn long_free_text_is_kept_whole(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let task = lab.begun("work").await;
    let text = "ä".repeat(5_000);

    let kept = lab
        .service
        .submit_completion_report(&lab.builder, &task.key, report(&text))
        .await
        .unwrap()
        .value
        .report;

    assert_eq!(format!("{}{}", kept.summary, kept.changes[0]), text);
    assert_eq!(kept.summary.chars().count(), 4_000);
}
