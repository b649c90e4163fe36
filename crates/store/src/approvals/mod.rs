//! Held calls.

mod rows;

use std::time::Duration;

use async_trait::async_trait;
use homelab_core::approval::{Approval, Refusal, State};
use homelab_core::clock::Micros;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{ApprovalFilter, Approvals, Asked, Step, StoreError, StoreResult, Topic};

use self::rows::{body, read};
use crate::db::{Arg, Conn, Lock};
use crate::shared::Shared;
use crate::table::{Table, table};

pub(crate) const TABLE: &Table = &table!(
    "approvals", order "created_at, id",
    text "id", text "state", text "digest", text "credential", int "until", int "created_at",
    int "updated_at", text "body",
);

const ENTITY: &str = "approvals";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, state, digest, until, created_at, updated_at, body FROM approvals ",
            $rest
        )
    };
}

const BY_ID: &str = select!("WHERE id = $1");

const ALIVE_OF_DIGEST: &str = select!(
    "WHERE digest = $1 AND state IN ('pending', 'approved') AND until > $2 \
     ORDER BY created_at DESC, id DESC LIMIT 1"
);

const DENIED_OF_DIGEST: &str = select!(
    "WHERE digest = $1 AND state = 'denied' AND updated_at > $2 \
     ORDER BY updated_at DESC, id DESC LIMIT 1"
);

const PENDING: &str = "SELECT COUNT(*) AS pending FROM approvals \
     WHERE credential = $1 AND state = 'pending' AND until > $2";

const INSERT: &str = "INSERT INTO approvals \
     (id, state, digest, credential, until, created_at, updated_at, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";

const FORGET: &str =
    "DELETE FROM approvals WHERE updated_at < $1 AND until < $1 AND state <> 'executing'";

const UPDATE: &str =
    "UPDATE approvals SET state = $2, until = $3, updated_at = $4, body = $5 WHERE id = $1";

/// Rows newest first; `$1`, `$2` are time and id of the last row of the page before.
macro_rules! list {
    ($condition:literal) => {
        concat!(
            "SELECT id, state, digest, until, created_at, updated_at, body, \
             (SELECT COUNT(*) FROM approvals WHERE ",
            $condition,
            ") AS total FROM approvals WHERE (created_at, id) < ($1, $2) AND ",
            $condition,
            " ORDER BY created_at DESC, id DESC LIMIT $3"
        )
    };
}

const LIST_ALL: &str = list!("TRUE");

/// [`Approval::as_of`] `$5` as a condition: `$4` before its time has run out, and what turns into it
/// afterwards.
const LIST_STATE: &str =
    list!("((state = $4 AND until > $5) OR (state IN ($6, $7, $8) AND until <= $5))");

const LIST_CREDENTIAL: &str = list!("credential = $4");

const LIST_BOTH: &str = list!(
    "credential = $9 \
     AND ((state = $4 AND until > $5) OR (state IN ($6, $7, $8) AND until <= $5))"
);

/// The answer to a new approval where nothing is to be kept.
async fn settled(
    conn: &mut Conn<'_>,
    new: &Approval,
    most: u32,
    cool_down: Duration,
) -> StoreResult<Option<Asked>> {
    let (now, digest) = (new.created_at, new.digest.as_str());
    let alive = [digest.into(), now.0.into()];
    if let Some(same) = conn.one(ENTITY, ALIVE_OF_DIGEST, &alive, read).await? {
        return Ok(Some(Asked::Same(same)));
    }
    let denied = [digest.into(), now.earlier(cool_down).0.into()];
    if let Some(denied) = conn.one(ENTITY, DENIED_OF_DIGEST, &denied, read).await? {
        return Ok(Some(Asked::DeniedBefore(denied)));
    }
    let credential = new.requester.credential.as_str();
    let pending = conn
        .one(ENTITY, PENDING, &[credential.into(), now.0.into()], |row| {
            row.count("pending")
        })
        .await?;
    let is_full = pending.unwrap_or_default() >= u64::from(most);
    Ok(is_full.then_some(Asked::TooMany))
}

/// [`Approvals`] on either engine.
pub(crate) struct ApprovalStore(pub(crate) Shared);

#[async_trait]
impl Approvals for ApprovalStore {
    async fn ask(&self, new: Approval, most: u32, cool_down: Duration) -> StoreResult<Asked> {
        if new.state != State::Pending {
            return Err(StoreError::Invalid {
                entity: ENTITY,
                field: "state",
                detail: "a new approval is pending".into(),
            });
        }
        // A caller in a loop gets its answer by reads alone, so that it holds up no writer.
        let mut session = self.0.db.point().await?;
        if let Some(answer) = settled(&mut session.conn(), &new, most, cool_down).await? {
            return Ok(answer);
        }
        drop(session);
        let body = body(&new)?;
        let (now, digest) = (new.created_at, new.digest.as_str());
        let credential = new.requester.credential.as_str();
        let mut tx = self.0.db.write(Lock::Approvals).await?;
        let mut conn = tx.conn();
        // Once more behind the lock: another call may have come in between.
        if let Some(answer) = settled(&mut conn, &new, most, cool_down).await? {
            return Ok(answer);
        }
        let args = [
            new.id.as_str().into(),
            new.state.as_str().into(),
            digest.into(),
            credential.into(),
            new.until.0.into(),
            now.0.into(),
            new.updated_at.0.into(),
            body.as_str().into(),
        ];
        if conn.run(INSERT, &args).await? == 0 {
            return Err(StoreError::Conflict {
                entity: ENTITY,
                field: "id",
                value: new.id,
            });
        }
        self.0.commit(tx, Topic::Approvals).await?;
        Ok(Asked::New(new.as_of(now)))
    }

    async fn get(&self, id: &str, now: Micros) -> StoreResult<Option<Approval>> {
        if id.contains('\0') {
            return Ok(None);
        }
        let mut session = self.0.db.point().await?;
        let found = session
            .conn()
            .one(ENTITY, BY_ID, &[id.into()], read)
            .await?;
        Ok(found.map(|approval| approval.as_of(now)))
    }

    async fn list(
        &self,
        filter: &ApprovalFilter,
        page: &PageRequest,
        now: Micros,
    ) -> StoreResult<Page<Approval>> {
        let before = page.after.as_deref().map(cursor).transpose()?;
        if filter
            .credential
            .as_ref()
            .is_some_and(|text| text.contains('\0'))
        {
            return Ok(Page::from_rows(Vec::new(), page, 0, |_| String::new()));
        }
        let mut session = self.0.db.read().await?;
        let mut conn = session.conn();
        let limit = page.limit + 1;
        let rows = listed(&mut conn, filter, before.as_ref(), limit, now).await?;
        let total = match rows.first() {
            Some((_, total)) => *total,
            // A cursor at the very end: the count comes with any row.
            None if before.is_some() => listed(&mut conn, filter, None, 1, now)
                .await?
                .first()
                .map_or(0, |(_, total)| *total),
            None => 0,
        };
        let page = Page::from_rows(rows, page, total, |(approval, _)| {
            serde_json::json!([approval.created_at.0, approval.id]).to_string()
        });
        Ok(page.map(|(approval, _)| approval.as_of(now)))
    }

    async fn step(
        &self,
        id: &str,
        step: &Step<'_>,
    ) -> StoreResult<Option<Result<Approval, Refusal>>> {
        if id.contains('\0') {
            return Ok(None);
        }
        let mut tx = self.0.db.write(Lock::Approvals).await?;
        let mut conn = tx.conn();
        let Some(before) = conn.one(ENTITY, BY_ID, &[id.into()], read).await? else {
            return Ok(None);
        };
        let after = match step(before.clone()) {
            Ok(after) => after,
            Err(refusal) => return Ok(Some(Err(refusal))),
        };
        if after == before {
            return Ok(Some(Ok(after)));
        }
        refuse_other(&before, &after)?;
        let body = body(&after)?;
        let args = [
            id.into(),
            after.state.as_str().into(),
            after.until.0.into(),
            after.updated_at.0.into(),
            body.as_str().into(),
        ];
        conn.run(UPDATE, &args).await?;
        self.0.commit(tx, Topic::Approvals).await?;
        Ok(Some(Ok(after)))
    }

    async fn forget_before(&self, before: Micros) -> StoreResult<u64> {
        let mut tx = self.0.db.write(Lock::Approvals).await?;
        let forgotten = tx.conn().run(FORGET, &[before.0.into()]).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

/// Whoever approved did so for this caller and this action.
fn refuse_other(before: &Approval, after: &Approval) -> StoreResult<()> {
    let is_bound = after.id == before.id
        && after.digest == before.digest
        && after.requester == before.requester
        && after.action == before.action
        && after.created_at == before.created_at;
    if is_bound {
        return Ok(());
    }
    Err(StoreError::Internal(
        "a step would change what its approval is bound to".into(),
    ))
}

fn cursor(text: &str) -> StoreResult<(i64, String)> {
    serde_json::from_str::<(i64, String)>(text)
        .ok()
        .filter(|(_, id)| !id.contains('\0'))
        .ok_or_else(|| StoreError::Invalid {
            entity: ENTITY,
            field: "cursor",
            detail: "this cursor is not one of ours".into(),
        })
}

async fn listed(
    conn: &mut Conn<'_>,
    filter: &ApprovalFilter,
    before: Option<&(i64, String)>,
    limit: u32,
    now: Micros,
) -> StoreResult<Vec<(Approval, u64)>> {
    let (time, id) = before.map_or((i64::MAX, ""), |(time, id)| (*time, id.as_str()));
    let mut args: Vec<Arg<'_>> = vec![time.into(), id.into(), i64::from(limit).into()];
    if let Some(state) = filter.state {
        args.extend([Arg::from(state.as_str()), now.0.into()]);
        args.extend(lapsing_into(state).map(Arg::from));
    }
    args.extend(filter.credential.as_ref().map(Arg::from));
    let sql = match (filter.state, &filter.credential) {
        (None, None) => LIST_ALL,
        (Some(_), None) => LIST_STATE,
        (None, Some(_)) => LIST_CREDENTIAL,
        (Some(_), Some(_)) => LIST_BOTH,
    };
    conn.all(ENTITY, sql, &args, |row| {
        Ok((read(row)?, row.count("total")?))
    })
    .await
}

/// The stored states that stand as this one when their time has run out, at most three.
fn lapsing_into(state: State) -> [&'static str; 3] {
    let mut stored = State::ALL
        .into_iter()
        .filter(|stored| stored.lapsed() == state);
    // The empty text is no state.
    [(); 3].map(|()| stored.next().map_or("", State::as_str))
}

/// Takes the right to run from all approved calls: after a restore it is not known which of them
/// have run since the backup was made.
pub(crate) async fn lapse(conn: &mut Conn<'_>, now: Micros) -> StoreResult<()> {
    for state in [State::Approved, State::Executing] {
        let args = [
            state.as_str().into(),
            state.lapsed().as_str().into(),
            now.0.into(),
        ];
        let sql = "UPDATE approvals SET state = $2, updated_at = $3 WHERE state = $1";
        conn.run(sql, &args).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_has_a_place_for_every_state_that_lapses() {
        for state in State::ALL {
            let lapsing = State::ALL
                .into_iter()
                .filter(|stored| stored.lapsed() == state);

            assert!(lapsing.count() <= lapsing_into(state).len());
        }
    }
}
