//! Completion reports: what was done, and what a reviewer says to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::{AgentId, Metadata, ReportId, TaskId, TaskStatus};
use crate::clock::Micros;

choice! {
    /// How a report stands.
    ReviewStatus {
        /// Nobody looked at it.
        Pending = "pending",
        /// The work is done.
        Accepted = "accepted",
        /// It is not.
        Rejected = "rejected",
    }
}

choice! {
    /// What a reviewer says.
    Decision {
        /// The work is done.
        Accept = "accept",
        /// It is not.
        Reject = "reject",
    }
}

/// How tests went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestCounts {
    /// Passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<i64>,
    /// Failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<i64>,
    /// Not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<i64>,
    /// Anything else that was counted.
    #[serde(flatten)]
    pub more: Metadata,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletionReportBody {
    /// In a few sentences.
    #[schemars(length(min = 1, max = 4000))]
    pub summary: String,
    /// What changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Files that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
    /// How tests went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestCounts>,
    /// How it was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<String>,
    /// What is left to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<String>,
    /// What is known to be wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_issues: Vec<String>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub time_spent_minutes: Option<u64>,
}

/// A report as it comes in: free text, or its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ReportText {
    /// Free text; its beginning becomes the summary.
    Text(#[schemars(length(min = 1, max = 65536))] String),
    /// Its parts.
    Parts(Box<CompletionReportBody>),
}

/// Reports that a task is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletionReportCreate {
    /// What was done.
    pub report: ReportText,
    /// Who did it: id or name; the caller if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub submitted_by: Option<String>,
    /// Where the task goes: `in_review` (if absent) or `done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_status: Option<TaskStatus>,
}

/// A kept report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompletionReport {
    /// Its id.
    pub id: ReportId,
    /// The task.
    pub task_id: TaskId,
    /// Who did it.
    pub submitted_by_id: AgentId,
    /// When it came in.
    pub created_at: Micros,
    /// What was done.
    pub report: CompletionReportBody,
    /// How it stands.
    pub review_status: ReviewStatus,
    /// Who looked at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer_id: Option<AgentId>,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_note: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<Micros>,
}

/// Reviews a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletionReview {
    /// What the reviewer says.
    pub decision: Decision,
    /// Why; sent to the author of a rejected report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4000))]
    pub note: Option<String>,
}
