//! Agents.

use async_trait::async_trait;
use homelab_core::ccpm::rules::fold_name;
use homelab_core::ccpm::{Agent, AgentId, Choice};
use homelab_core::store::{AgentQuery, AgentRows, Numbered, StoreResult};

use super::{Rows, body, numbered, read};
use crate::row::Row;
use crate::table::{Table, table};
use crate::text::flat;

pub(crate) const TABLE: &Table = &table!(
    "ccpm_agents", order "number",
    text "id", int "number", text "name_key", text "tag_key", text "kind", text "status",
    int "seen_at", text "body",
);

const ENTITY: &str = "ccpm_agents";

const BY_ID: &str = "SELECT body FROM ccpm_agents WHERE id = $1";

const BY_NAME: &str = "SELECT body FROM ccpm_agents WHERE name_key = $1";

const BY_TAG: &str = "SELECT body FROM ccpm_agents WHERE tag_key = $1 ORDER BY number LIMIT 2";

const LIST: &str = "SELECT number, body FROM ccpm_agents WHERE number > $1 \
     AND ($3 = '' OR kind = $3) \
     AND ($4 = '' OR CASE WHEN status = 'active' AND seen_at < $5 THEN 'offline' \
     ELSE status END = $4) \
     ORDER BY number LIMIT $2";

const NAMES: &str = "SELECT body FROM ccpm_agents ORDER BY number LIMIT 1000";

const SAVE: &str = "INSERT INTO ccpm_agents \
     (id, number, name_key, tag_key, kind, status, seen_at, body) \
     VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM ccpm_agents), $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (id) DO UPDATE SET name_key = excluded.name_key, tag_key = excluded.tag_key, \
     kind = excluded.kind, status = excluded.status, seen_at = excluded.seen_at, \
     body = excluded.body";

fn name(row: Row<'_>) -> StoreResult<String> {
    read::<Agent>(row).map(|agent| agent.name)
}

#[async_trait]
impl AgentRows for Rows {
    async fn agent(&mut self, id: &AgentId) -> StoreResult<Option<Agent>> {
        let args = [id.as_str().into()];
        self.conn().one(ENTITY, BY_ID, &args, read).await
    }

    async fn agent_named(&mut self, folded: &str) -> StoreResult<Option<Agent>> {
        if folded.contains('\0') {
            return Ok(None);
        }
        self.conn()
            .one(ENTITY, BY_NAME, &[folded.into()], read)
            .await
    }

    async fn agents_tagged(&mut self, tag: &str) -> StoreResult<Vec<Agent>> {
        let tag = flat(tag);
        self.conn()
            .all(ENTITY, BY_TAG, &[(&tag).into()], read)
            .await
    }

    async fn agents(&mut self, query: &AgentQuery) -> StoreResult<Vec<Numbered<Agent>>> {
        let args = [
            query.after.unwrap_or_default().into(),
            i64::from(query.limit).into(),
            query.kind.as_ref().map_or("", Choice::as_str).into(),
            query.status.as_ref().map_or("", Choice::as_str).into(),
            query.offline_before.0.into(),
        ];
        self.conn().all(ENTITY, LIST, &args, numbered).await
    }

    async fn agent_names(&mut self) -> StoreResult<Vec<String>> {
        self.conn().all(ENTITY, NAMES, &[], name).await
    }

    async fn save_agent(&mut self, agent: &Agent) -> StoreResult<()> {
        let body = body(agent)?;
        let (name, tag) = (fold_name(&agent.name), agent.tag.as_deref().map(flat));
        let args = [
            agent.id.as_str().into(),
            (&name).into(),
            tag.as_deref().into(),
            agent.kind.as_str().into(),
            agent.status.as_str().into(),
            agent.last_seen_at.unwrap_or(agent.created_at).0.into(),
            (&body).into(),
        ];
        self.conn().run(SAVE, &args).await.map(drop)
    }
}
