//! Uses of budgets, counted over all processes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use homelab_core::clock::Micros;
use homelab_core::store::{Budgets, StoreResult, Take, UsedUp};

use crate::db::{Conn, Lock};
use crate::shared::Shared;
use crate::table::{Table, table};
use crate::text::refuse_as_key;

pub(crate) const TABLE: &Table = &table!(
    "budget_uses", order "id",
    text "id", text "key", int "at",
);

const ENTITY: &str = "budget_uses";

/// [`Budgets`] on either engine.
pub(crate) struct BudgetStore(pub(crate) Shared);

#[async_trait]
impl Budgets for BudgetStore {
    async fn take(&self, takes: &[Take<'_>], now: Micros) -> StoreResult<Result<(), UsedUp>> {
        let mut windows = BTreeMap::new();
        for take in takes {
            refuse_as_key(ENTITY, "key", take.key)?;
            let longest = windows.entry(take.key).or_insert(take.window);
            *longest = take.window.max(*longest);
        }
        if windows.is_empty() {
            return Ok(Ok(()));
        }
        let mut tx = self.0.db.write(Lock::Budgets).await?;
        let mut conn = tx.conn();
        let mut used_up: Option<UsedUp> = None;
        for take in takes {
            let Some(free_at) = free_at(&mut conn, take, now).await? else {
                continue;
            };
            if used_up.as_ref().is_none_or(|other| other.free_at < free_at) {
                let key = take.key.to_owned();
                used_up = Some(UsedUp { key, free_at });
            }
        }
        if let Some(used_up) = used_up {
            return Ok(Err(used_up));
        }
        for (key, window) in windows {
            conn.run(
                "DELETE FROM budget_uses WHERE key = $1 AND at <= $2",
                &[key.into(), now.earlier(window).0.into()],
            )
            .await?;
            conn.run(
                "INSERT INTO budget_uses (id, key, at) VALUES ($1, $2, $3)",
                &[self.0.id().as_str().into(), key.into(), now.0.into()],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    async fn used(&self, key: &str, since: Micros) -> StoreResult<u32> {
        if key.contains('\0') {
            return Ok(0);
        }
        let mut session = self.0.db.read().await?;
        let used = session
            .conn()
            .one(
                ENTITY,
                "SELECT COUNT(*) AS used FROM budget_uses WHERE key = $1 AND at >= $2",
                &[key.into(), since.0.into()],
                |row| row.count("used"),
            )
            .await?;
        Ok(u32::try_from(used.unwrap_or_default()).unwrap_or(u32::MAX))
    }
}

/// When there is room for one more use; nothing if there is now.
async fn free_at(conn: &mut Conn<'_>, take: &Take<'_>, now: Micros) -> StoreResult<Option<Micros>> {
    let (key, begin) = (take.key, now.earlier(take.window).0);
    let used = conn
        .one(
            ENTITY,
            "SELECT COUNT(*) AS used FROM budget_uses WHERE key = $1 AND at > $2",
            &[key.into(), begin.into()],
            |row| row.int("used"),
        )
        .await?
        .unwrap_or_default();
    let too_many = used - i64::from(take.most);
    if too_many < 0 {
        return Ok(None);
    }
    let leaves = conn
        .one(
            ENTITY,
            "SELECT at FROM budget_uses WHERE key = $1 AND at > $2 \
             ORDER BY at, id LIMIT 1 OFFSET $3",
            &[key.into(), begin.into(), too_many.into()],
            |row| row.int("at"),
        )
        .await?;
    // A budget of nothing has no use that could leave.
    let leaves = leaves.map_or(now, Micros);
    Ok(Some(leaves.later(take.window)))
}
