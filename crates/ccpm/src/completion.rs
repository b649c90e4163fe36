//! Completion reports and their reviews.

use homelab_core::ccpm::rules::synonym;
use homelab_core::ccpm::{
    AgentStatus, CcpmCode, CcpmError, CcpmResult, Choice as _, CompletionReport,
    CompletionReportBody, CompletionReportCreate, CompletionReview, Decision, Listing,
    MessagePriority, Paging, ReportId, ReportText, ReviewStatus, Task, TaskEventKind, TaskStatus,
};
use homelab_core::store::Numbered;

use crate::api::{Call, Done};
use crate::check::{self, cut};
use crate::messages::Letter;
use crate::resolve;
use crate::service::Service;
use crate::task_moves::{may_move, not_yours};
use crate::work::{Work, begin};

/// What its cursors are called.
const LIST: &str = "reports";
/// Longest summary.
const SUMMARY: usize = 4_000;
/// Longest text.
const LONGEST: usize = 65_536;

/// The parts of a report. Of free text, the beginning is the summary and the rest one entry of
/// `changes`.
fn parts(report: ReportText) -> CcpmResult<CompletionReportBody> {
    let body = match report {
        ReportText::Text(text) => {
            check::text("report", &text, LONGEST)?;
            let summary = cut(&text, SUMMARY);
            let rest: String = text.chars().skip(SUMMARY).collect();
            CompletionReportBody {
                summary,
                changes: Some(rest)
                    .filter(|rest| !rest.is_empty())
                    .into_iter()
                    .collect(),
                ..CompletionReportBody::default()
            }
        }
        ReportText::Parts(body) => *body,
    };
    check::text("report.summary", &body.summary, SUMMARY)?;
    check::optional("report.verification", body.verification.as_deref(), LONGEST)?;
    for (field, list) in [
        ("report.changes", &body.changes),
        ("report.files", &body.files),
        ("report.commits", &body.commits),
        ("report.follow_ups", &body.follow_ups),
        ("report.known_issues", &body.known_issues),
    ] {
        check::list(field, list, 500, LONGEST)?;
    }
    Ok(body)
}

fn unfit(task: &Task, wanted: &str) -> CcpmError {
    let (key, status) = (&task.key, task.status);
    CcpmError::new(
        CcpmCode::Conflict,
        format!("`{key}` is `{status}`, and this needs a task that is {wanted}"),
    )
    .detail("current", status)
}

impl Service {
    pub(crate) async fn report_submitted(
        &self,
        call: &Call,
        task: &str,
        new: CompletionReportCreate,
    ) -> CcpmResult<Done<CompletionReport>> {
        let to = synonym(new.target_status.unwrap_or(TaskStatus::InReview))?;
        if !matches!(to, TaskStatus::InReview | TaskStatus::Done) {
            return Err(CcpmError::invalid(
                "target_status",
                "a report moves a task to `in_review` or `done`",
            ));
        }
        let body = parts(new.report.clone())?;
        let mut work = begin!(self, call, "submit_completion_report", task, &new);
        let by = new.submitted_by.as_deref().unwrap_or("me");
        let author = resolve::agent(&mut *work.rows, &call.actor, by).await?;
        resolve::own(&call.actor, &author.id)?;
        let mut task = resolve::task(&mut *work.rows, task).await?.value;
        if !may_move(&call.actor, &task) {
            return Err(not_yours(&task));
        }
        if !matches!(task.status, TaskStatus::InProgress | TaskStatus::InReview) {
            return Err(unfit(&task, "`in_progress` or `in_review`")
                .hint("begin the task before reporting on it"));
        }
        if to == TaskStatus::Done && self.settings().require_review {
            return Err(CcpmError::new(
                CcpmCode::IllegalTransition,
                "work has to be reviewed before it is done",
            )
            .hint("report with `target_status` `in_review`")
            .detail("current", task.status)
            .detail("allowed", [TaskStatus::InReview]));
        }
        let report = CompletionReport {
            id: ReportId::new(self.id()),
            task_id: task.id.clone(),
            submitted_by_id: author.id,
            created_at: work.now,
            report: body,
            review_status: ReviewStatus::Pending,
            reviewer_id: None,
            review_note: None,
            reviewed_at: None,
        };
        work.rows.save_report(&report).await?;
        let id = Some(report.id.to_string());
        work.note(&task, TaskEventKind::Report, [None, id], None)
            .await?;
        work.move_task(&mut task, to, None).await?;
        work.finish(Done::created(report)).await
    }

    pub(crate) async fn reports_listed(
        &self,
        task: &str,
        page: &Paging,
    ) -> CcpmResult<Listing<CompletionReport>> {
        let limit = page.rows()?;
        let after = page.after::<1>(LIST)?.map(|[number]| number);
        let mut rows = self.reading().await?;
        let task = resolve::task(&mut *rows, task).await?.value;
        let found = rows.reports(&task.id, after, limit + 1).await?;
        let page = Listing::from_rows(found, limit, LIST, |row| [row.number]);
        Ok(page.map(|Numbered { value, .. }| value))
    }

    pub(crate) async fn report_reviewed(
        &self,
        call: &Call,
        task: &str,
        report: &str,
        review: CompletionReview,
    ) -> CcpmResult<Done<CompletionReport>> {
        let decision = review.decision.known("decision")?;
        check::optional("note", review.note.as_deref(), 4_000)?;
        let target = format!("{task}/{report}");
        let mut work = begin!(self, call, "review_completion_report", &target, &review);
        let mut task = resolve::task(&mut *work.rows, task).await?.value;
        let mut report = work.report(&task, report).await?;
        if call.actor.agent.as_ref() == Some(&report.submitted_by_id) {
            return Err(
                CcpmError::new(CcpmCode::Forbidden, "nobody reviews their own report")
                    .hint("ask another agent to look at it"),
            );
        }
        if call.actor.agent.is_some() {
            work.me().await?;
        }
        let (status, to) = match decision {
            Decision::Accept => (ReviewStatus::Accepted, TaskStatus::Done),
            _ => (ReviewStatus::Rejected, TaskStatus::InProgress),
        };
        if report.review_status != ReviewStatus::Pending {
            if report.review_status == status && report.review_note == review.note {
                return work.finish(Done::changed(report)).await;
            }
            let current = report.review_status;
            return Err(CcpmError::new(
                CcpmCode::Conflict,
                format!("this report was reviewed already: it is `{current}`"),
            )
            .detail("current", current));
        }
        if task.status != TaskStatus::InReview {
            return Err(unfit(&task, "`in_review`"));
        }
        report.review_status = status;
        report.reviewer_id = call.actor.agent.clone();
        report.review_note.clone_from(&review.note);
        report.reviewed_at = Some(work.now);
        work.rows.save_report(&report).await?;
        let change = [
            Some(ReviewStatus::Pending.to_string()),
            Some(status.to_string()),
        ];
        work.note(&task, TaskEventKind::Report, change, review.note.clone())
            .await?;
        work.move_task(&mut task, to, review.note.as_deref())
            .await?;
        if status == ReviewStatus::Rejected {
            work.tell_author(&task, &report).await?;
        }
        work.finish(Done::changed(report)).await
    }
}

impl Work<'_> {
    /// A report of this task.
    async fn report(&mut self, task: &Task, text: &str) -> CcpmResult<CompletionReport> {
        let found = match ReportId::parse(text) {
            Some(id) => self.rows.report(&id).await?,
            None => None,
        };
        found
            .filter(|report| report.task_id == task.id)
            .ok_or_else(|| CcpmError::not_found("completion report", &cut(text, 64)))
    }

    /// The author of a rejected report learns why.
    async fn tell_author(&mut self, task: &Task, report: &CompletionReport) -> CcpmResult<()> {
        let Some(author) = self.rows.agent(&report.submitted_by_id).await? else {
            return Ok(());
        };
        if author.status == AgentStatus::Disabled {
            return Ok(());
        }
        let from = match self.actor.agent {
            Some(_) => Some(self.me().await?),
            None => None,
        };
        let key = &task.key;
        let note = report.review_note.clone();
        let body = note.unwrap_or_else(|| "no reason was given".to_owned());
        let letter = Letter {
            task: Some(task.id.clone()),
            ..Letter::notice(
                &format!("{key}: the report was rejected"),
                body,
                MessagePriority::High,
            )
        };
        self.post(from.as_ref(), &author, &letter).await.map(drop)
    }
}
