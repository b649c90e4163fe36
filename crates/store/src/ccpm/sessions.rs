//! Sessions and their context items.

use async_trait::async_trait;
use homelab_core::ccpm::{AgentId, Choice, ContextItem, ContextType, SessionId, SessionReport};
use homelab_core::clock::Micros;
use homelab_core::store::{ContextTotals, Numbered, SessionQuery, SessionRows, StoreResult};

use super::{Rows, body, numbered, read};
use crate::table::{Table, table};
use crate::text::refuse_as_key;

pub(crate) const TABLE: &Table = &table!(
    "ccpm_sessions", order "number",
    text "id", int "number", text "agent_id", text "status", int "started_at",
    int "last_activity_at", text "body",
);

pub(crate) const CONTEXTS: &Table = &table!(
    "ccpm_contexts", order "report_id, seq",
    text "id", text "report_id", text "context_type", text "context_key", int "seq", int "bytes",
    int "updated_at", text "body",
);

const ENTITY: &str = "ccpm_sessions";
const ITEMS: &str = "ccpm_contexts";

const BY_ID: &str = "SELECT body FROM ccpm_sessions WHERE id = $1";

macro_rules! list {
    ($led_by:literal) => {
        concat!(
            "SELECT number, body FROM ccpm_sessions WHERE ",
            $led_by,
            " AND number < $1 AND started_at >= $4 \
             AND ($5 = '' OR CASE WHEN status = 'active' AND last_activity_at < $6 \
             THEN 'abandoned' ELSE status END = $5) \
             ORDER BY number DESC LIMIT $2"
        )
    };
}

const OF_AGENT: &str = list!("agent_id = $3");
const ANY: &str = list!("$3 = ''");

const STALE: &str = "SELECT body FROM ccpm_sessions \
     WHERE status = 'active' AND last_activity_at < $1 LIMIT $2";

const SAVE: &str = "INSERT INTO ccpm_sessions \
     (id, number, agent_id, status, started_at, last_activity_at, body) \
     VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM ccpm_sessions), $2, $3, $4, $5, $6) \
     ON CONFLICT (id) DO UPDATE SET status = excluded.status, \
     last_activity_at = excluded.last_activity_at, body = excluded.body";

const CONTEXT: &str = "SELECT body FROM ccpm_contexts \
     WHERE report_id = $1 AND context_type = $2 AND context_key = $3";

const LIST_CONTEXTS: &str = "SELECT body FROM ccpm_contexts WHERE report_id = $1 AND seq > $2 \
     AND ($4 = '' OR context_type || '' = $4) ORDER BY seq LIMIT $3";

const TOTALS: &str = "SELECT COUNT(*) AS items, COALESCE(CAST(SUM(bytes) AS BIGINT), 0) AS bytes, \
     COALESCE(MAX(seq), 0) AS last FROM ccpm_contexts WHERE report_id = $1";

const SAVE_CONTEXT: &str = "INSERT INTO ccpm_contexts \
     (id, report_id, context_type, context_key, seq, bytes, updated_at, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, bytes = excluded.bytes, \
     updated_at = excluded.updated_at, body = excluded.body";

const PURGE: &str = "DELETE FROM ccpm_contexts WHERE updated_at < $1";

#[async_trait]
impl SessionRows for Rows {
    async fn session(&mut self, id: &SessionId) -> StoreResult<Option<SessionReport>> {
        let args = [id.as_str().into()];
        self.conn().one(ENTITY, BY_ID, &args, read).await
    }

    async fn sessions(
        &mut self,
        query: &SessionQuery<'_>,
    ) -> StoreResult<Vec<Numbered<SessionReport>>> {
        let args = [
            query.after.unwrap_or(i64::MAX).into(),
            i64::from(query.limit).into(),
            query.agent.map_or("", AgentId::as_str).into(),
            query.since.map_or(i64::MIN, |since| since.0).into(),
            query.status.as_ref().map_or("", Choice::as_str).into(),
            query.abandoned_before.0.into(),
        ];
        let sql = if query.agent.is_some() { OF_AGENT } else { ANY };
        self.conn().all(ENTITY, sql, &args, numbered).await
    }

    async fn stale_sessions(
        &mut self,
        before: Micros,
        limit: u32,
    ) -> StoreResult<Vec<SessionReport>> {
        let args = [before.0.into(), i64::from(limit).into()];
        self.conn().all(ENTITY, STALE, &args, read).await
    }

    async fn save_session(&mut self, session: &SessionReport) -> StoreResult<()> {
        let body = body(session)?;
        let args = [
            session.id.as_str().into(),
            session.agent_id.as_str().into(),
            session.status.as_str().into(),
            session.started_at.0.into(),
            session.last_activity_at.0.into(),
            (&body).into(),
        ];
        self.conn().run(SAVE, &args).await.map(drop)
    }

    async fn context(
        &mut self,
        session: &SessionId,
        context_type: ContextType,
        key: &str,
    ) -> StoreResult<Option<ContextItem>> {
        if key.contains('\0') {
            return Ok(None);
        }
        let args = [
            session.as_str().into(),
            context_type.as_str().into(),
            key.into(),
        ];
        self.conn().one(ITEMS, CONTEXT, &args, read).await
    }

    async fn contexts(
        &mut self,
        session: &SessionId,
        context_type: Option<ContextType>,
        after: Option<i64>,
        limit: u32,
    ) -> StoreResult<Vec<ContextItem>> {
        let args = [
            session.as_str().into(),
            after.unwrap_or_default().into(),
            i64::from(limit).into(),
            context_type.as_ref().map_or("", Choice::as_str).into(),
        ];
        self.conn().all(ITEMS, LIST_CONTEXTS, &args, read).await
    }

    async fn context_totals(&mut self, session: &SessionId) -> StoreResult<ContextTotals> {
        let args = [session.as_str().into()];
        let found = self
            .conn()
            .one(ITEMS, TOTALS, &args, |row| {
                Ok(ContextTotals {
                    count: row.count("items")?,
                    bytes: row.count("bytes")?,
                    last: row.int("last")?,
                })
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    async fn save_context(&mut self, item: &ContextItem, bytes: u64) -> StoreResult<()> {
        refuse_as_key(ITEMS, "context_key", &item.context_key)?;
        let body = body(item)?;
        let args = [
            item.id.as_str().into(),
            item.report_id.as_str().into(),
            item.context_type.as_str().into(),
            (&item.context_key).into(),
            item.seq.into(),
            i64::try_from(bytes).unwrap_or(i64::MAX).into(),
            item.updated_at.0.into(),
            (&body).into(),
        ];
        self.conn().run(SAVE_CONTEXT, &args).await.map(drop)
    }

    async fn purge_contexts(&mut self, before: Micros) -> StoreResult<u64> {
        self.conn().run(PURGE, &[before.0.into()]).await
    }
}
