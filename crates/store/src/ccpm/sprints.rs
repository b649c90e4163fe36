//! Sprints.

use async_trait::async_trait;
use homelab_core::ccpm::{Choice, Sprint, SprintId, SprintStatus};
use homelab_core::store::{Numbered, SprintRows, StoreResult};

use super::{Rows, body, numbered, read};
use crate::table::{Table, table};

pub(crate) const TABLE: &Table = &table!(
    "ccpm_sprints", order "number",
    text "id", int "number", text "status", text "body",
);

const ENTITY: &str = "ccpm_sprints";

const BY_ID: &str = "SELECT body FROM ccpm_sprints WHERE id = $1";

const ACTIVE: &str = "SELECT body FROM ccpm_sprints WHERE status = 'active'";

const LIST: &str = "SELECT number, body FROM ccpm_sprints WHERE number < $1 \
     AND ($3 = '' OR status = $3) ORDER BY number DESC LIMIT $2";

const SAVE: &str = "INSERT INTO ccpm_sprints (id, number, status, body) \
     VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM ccpm_sprints), $2, $3) \
     ON CONFLICT (id) DO UPDATE SET status = excluded.status, body = excluded.body";

#[async_trait]
impl SprintRows for Rows {
    async fn sprint(&mut self, id: &SprintId) -> StoreResult<Option<Sprint>> {
        let args = [id.as_str().into()];
        self.conn().one(ENTITY, BY_ID, &args, read).await
    }

    async fn active_sprint(&mut self) -> StoreResult<Option<Sprint>> {
        self.conn().one(ENTITY, ACTIVE, &[], read).await
    }

    async fn sprints(
        &mut self,
        status: Option<SprintStatus>,
        after: Option<i64>,
        limit: u32,
    ) -> StoreResult<Vec<Numbered<Sprint>>> {
        let args = [
            after.unwrap_or(i64::MAX).into(),
            i64::from(limit).into(),
            status.as_ref().map_or("", Choice::as_str).into(),
        ];
        self.conn().all(ENTITY, LIST, &args, numbered).await
    }

    async fn save_sprint(&mut self, sprint: &Sprint) -> StoreResult<()> {
        let body = body(sprint)?;
        let args = [
            sprint.id.as_str().into(),
            sprint.status.as_str().into(),
            (&body).into(),
        ];
        self.conn().run(SAVE, &args).await.map(drop)
    }
}
