//! Reporting that work is done, and looking at such reports.

use homelab_core::call::CallContext;
use homelab_core::ccpm::{
    CompletionReportBody, CompletionReportCreate, CompletionReview, Decision, Metadata, Paging,
    ReportText, ReviewStatus, TaskStatus, TestCounts,
};
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::faults::ok;
use crate::team::{Team, invalid};
use crate::types::{ReportRow, Told};

/// A report: free text, or its parts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Report {
    /// Free text.
    Text(#[schemars(length(min = 1, max = 65536))] String),
    /// Its parts.
    Parts(Box<Parts>),
}

/// What was done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parts {
    /// In a few sentences.
    #[schemars(length(min = 1, max = 4000))]
    summary: String,
    /// What changed.
    #[serde(default)]
    #[schemars(length(max = 200), inner(length(max = 2000)))]
    changes: Vec<String>,
    /// Files that changed.
    #[serde(default)]
    #[schemars(length(max = 500), inner(length(max = 500)))]
    files: Vec<String>,
    /// Commits.
    #[serde(default)]
    #[schemars(length(max = 200), inner(length(max = 200)))]
    commits: Vec<String>,
    /// How tests went.
    tests: Option<Tests>,
    /// How it was checked.
    #[schemars(length(max = 8000))]
    verification: Option<String>,
    /// What is left to do.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 2000)))]
    follow_ups: Vec<String>,
    /// What is known to be wrong.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 2000)))]
    known_issues: Vec<String>,
    /// How long it took.
    #[schemars(range(min = 0, max = 1_000_000))]
    time_spent_minutes: Option<u64>,
}

/// How tests went.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tests {
    /// Passed.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    passed: Option<i64>,
    /// Failed.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    failed: Option<i64>,
    /// Not run.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    skipped: Option<i64>,
}

impl From<Report> for ReportText {
    fn from(report: Report) -> Self {
        match report {
            Report::Text(text) => Self::Text(text),
            Report::Parts(parts) => Self::Parts(Box::new(CompletionReportBody {
                summary: parts.summary,
                changes: parts.changes,
                files: parts.files,
                commits: parts.commits,
                tests: parts.tests.map(|tests| TestCounts {
                    passed: tests.passed,
                    failed: tests.failed,
                    skipped: tests.skipped,
                    more: Metadata::new(),
                }),
                verification: parts.verification,
                follow_ups: parts.follow_ups,
                known_issues: parts.known_issues,
                time_spent_minutes: parts.time_spent_minutes,
            })),
        }
    }
}

/// Where a reported task goes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// To be looked at.
    InReview,
    /// Done, where no review is needed.
    Done,
}

/// Which task, and what was done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmitReport {
    /// UUID or key of the task.
    #[schemars(length(min = 1, max = 64))]
    id: String,
    /// Text, or an object with `summary` and more.
    report: Report,
    /// Who did it; default you, others are for administrators.
    #[schemars(length(max = 64))]
    by: Option<String>,
    /// Default `in_review`.
    target_status: Option<Goal>,
}

/// A report.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneReport {
    report: ReportRow,
}

/// Report that a task in progress is done; it moves on to review.
#[tool(
    write,
    permission = "ccpm:report:submit",
    title = "Submit a completion report"
)]
pub(crate) async fn ccpm_submit_completion_report(
    team: &Team,
    args: SubmitReport,
    ctx: &CallContext,
) -> ToolResult<Told<OneReport>> {
    let asked = team.asked(ctx).await?;
    let by = asked.whose(args.by.as_deref()).await?;
    let new = CompletionReportCreate {
        report: args.report.into(),
        submitted_by: Some(by),
        target_status: args.target_status.map(|goal| match goal {
            Goal::InReview => TaskStatus::InReview,
            Goal::Done => TaskStatus::Done,
        }),
    };
    let done = asked
        .service()
        .submit_completion_report(&asked.call, &args.id, new)
        .await;
    asked
        .tell(done.map(|done| OneReport {
            report: done.value.into(),
        }))
        .await
}

/// Which report, and what is said to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewReport {
    /// UUID or key of the task.
    #[schemars(length(min = 1, max = 64))]
    task_id: String,
    /// Id of the report; default the latest that nobody looked at.
    #[schemars(length(max = 64))]
    report_id: Option<String>,
    /// Whether the work is done.
    decision: Decision,
    /// Why; sent to the author of a rejected report.
    #[schemars(length(max = 4000))]
    note: Option<String>,
}

/// Accept a completion report (the task is done) or reject it (back to its author). Nobody reviews their own.
#[tool(
    write,
    permission = "ccpm:report:review",
    title = "Review a completion report",
    untrusted("report.report")
)]
pub(crate) async fn ccpm_review_report(
    team: &Team,
    args: ReviewReport,
    ctx: &CallContext,
) -> ToolResult<Told<OneReport>> {
    let asked = team.asked(ctx).await?;
    let report = if let Some(report) = args.report_id {
        report
    } else {
        let reports = asked
            .service()
            .list_completion_reports(&asked.call, &args.task_id, &Paging::first(200))
            .await;
        let pending = ok(reports)?
            .data
            .into_iter()
            .rfind(|report| report.review_status == ReviewStatus::Pending)
            .ok_or_else(|| invalid("task_id", "no report of this task waits for a review"));
        ok(pending)?.id.0
    };
    let review = CompletionReview {
        decision: args.decision,
        note: args.note,
    };
    let done = asked
        .service()
        .review_completion_report(&asked.call, &args.task_id, &report, review)
        .await;
    asked
        .tell(done.map(|done| OneReport {
            report: done.value.into(),
        }))
        .await
}
