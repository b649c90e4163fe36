//! Completion reports.

use async_trait::async_trait;
use homelab_core::ccpm::{CompletionReport, ReportId, TaskId};
use homelab_core::store::{Numbered, ReportRows, StoreResult};

use super::{Rows, body, numbered, read};
use crate::table::{Table, table};

pub(crate) const TABLE: &Table = &table!(
    "ccpm_completion_reports", order "task_id, number",
    text "id", text "task_id", int "number", text "body",
);

const ENTITY: &str = "ccpm_completion_reports";

const BY_ID: &str = "SELECT body FROM ccpm_completion_reports WHERE id = $1";

const OF_TASK: &str = "SELECT number, body FROM ccpm_completion_reports \
     WHERE task_id = $1 AND number > $2 ORDER BY number LIMIT $3";

const SAVE: &str = "INSERT INTO ccpm_completion_reports (id, task_id, number, body) \
     VALUES ($1, $2, \
     (SELECT COALESCE(MAX(number), 0) + 1 FROM ccpm_completion_reports WHERE task_id = $2), $3) \
     ON CONFLICT (id) DO UPDATE SET body = excluded.body";

#[async_trait]
impl ReportRows for Rows {
    async fn report(&mut self, id: &ReportId) -> StoreResult<Option<CompletionReport>> {
        let args = [id.as_str().into()];
        self.conn().one(ENTITY, BY_ID, &args, read).await
    }

    async fn reports(
        &mut self,
        task: &TaskId,
        after: Option<i64>,
        limit: u32,
    ) -> StoreResult<Vec<Numbered<CompletionReport>>> {
        let args = [
            task.as_str().into(),
            after.unwrap_or_default().into(),
            i64::from(limit).into(),
        ];
        self.conn().all(ENTITY, OF_TASK, &args, numbered).await
    }

    async fn save_report(&mut self, report: &CompletionReport) -> StoreResult<()> {
        let body = body(report)?;
        let args = [
            report.id.as_str().into(),
            report.task_id.as_str().into(),
            (&body).into(),
        ];
        self.conn().run(SAVE, &args).await.map(drop)
    }
}
