//! Context items of sessions.

use homelab_core::ccpm::{
    CcpmCode, CcpmError, CcpmResult, Choice as _, ContextFilter, ContextId, ContextItem,
    ContextItemCreate, Importance, Listing, Paging, SessionStatus,
};

use crate::api::{Call, Done};
use crate::check;
use crate::resolve;
use crate::service::Service;
use crate::sessions::{ITEMS, closed, find};
use crate::work::begin;

/// What its cursors are called.
const LIST: &str = "contexts";
/// Most bytes of one value as JSON.
const VALUE: u64 = 64 * 1024;
/// Most bytes of all values of a session.
const ALL: u64 = 2 * 1024 * 1024;

fn too_large(message: String, most: u64) -> CcpmError {
    CcpmError::new(CcpmCode::PayloadTooLarge, message)
        .hint("keep a reference to where it is instead")
        .detail("field", "value")
        .detail("most", most)
}

impl Service {
    pub(crate) async fn contexts_listed(
        &self,
        session: &str,
        filter: &ContextFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<ContextItem>> {
        let limit = page.rows()?;
        let after = page.after::<1>(LIST)?.map(|[seq]| seq);
        let of_type = filter
            .context_type
            .map(|one| one.known("context_type"))
            .transpose()?;
        let mut rows = self.reading().await?;
        let session = find(&mut *rows, session).await?;
        let found = rows
            .contexts(&session.id, of_type, after, limit + 1)
            .await?;
        Ok(Listing::from_rows(found, limit, LIST, |item| [item.seq]))
    }

    pub(crate) async fn context_logged(
        &self,
        call: &Call,
        session: &str,
        new: ContextItemCreate,
    ) -> CcpmResult<Done<ContextItem>> {
        let context_type = new.context_type.known("context_type")?;
        let importance = new
            .importance
            .unwrap_or(Importance::Normal)
            .known("importance")?;
        check::text("context_key", &new.context_key, 200)?;
        let bytes = serde_json::to_vec(&new.value).map_or(u64::MAX, |json| json.len() as u64);
        if bytes > VALUE {
            return Err(too_large(
                "the value has more than 64 KiB as JSON".into(),
                VALUE,
            ));
        }
        let mut work = begin!(self, call, "log_session_context", session, &new);
        let session = find(&mut *work.rows, session).await?;
        resolve::own(&call.actor, &session.agent_id)?;
        let mut session = self.session_as_of(session, work.now);
        if session.status != SessionStatus::Active {
            return Err(closed(&session));
        }
        let known = work
            .rows
            .context(&session.id, context_type, &new.context_key)
            .await?;
        let totals = work.rows.context_totals(&session.id).await?;
        let replaced = known.as_ref().map_or(0, |item| {
            serde_json::to_vec(&item.value).map_or(0, |json| json.len() as u64)
        });
        if known.is_none() && totals.count >= u64::from(ITEMS) {
            return Err(too_large(
                format!("a session keeps at most {ITEMS} context items"),
                ITEMS.into(),
            ));
        }
        if totals.bytes.saturating_sub(replaced) + bytes > ALL {
            return Err(too_large(
                "a session keeps at most 2 MiB of context".into(),
                ALL,
            ));
        }
        let is_new = known.is_none();
        let (id, created_at) = known.map_or_else(
            || (ContextId::new(self.id()), work.now),
            |item| (item.id, item.created_at),
        );
        let item = ContextItem {
            id,
            report_id: session.id.clone(),
            context_type,
            context_key: new.context_key,
            value: new.value,
            importance,
            seq: totals.last + 1,
            created_at,
            updated_at: work.now,
        };
        work.rows.save_context(&item, bytes).await?;
        session.last_activity_at = work.now;
        work.save_session(&session).await?;
        let done = if is_new {
            Done::created(item)
        } else {
            Done::changed(item)
        };
        work.finish(done).await
    }
}
