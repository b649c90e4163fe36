//! Held calls, marks and news in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use homelab_core::approval::{Approval, Refusal, State};
use homelab_core::clock::Micros;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{
    ApprovalFilter, Approvals, Asked, Signals, Step, StoreResult, TaintMark, Taints, Topic,
};
use tokio::sync::Notify;

/// Approvals behind one lock.
#[derive(Default)]
pub(crate) struct MemoryApprovals(Mutex<Vec<Approval>>);

#[async_trait]
impl Approvals for MemoryApprovals {
    async fn ask(&self, new: Approval, most: u32, cool_down: Duration) -> StoreResult<Asked> {
        let now = new.created_at;
        let mut kept = self.0.lock().unwrap();
        let same = kept
            .iter()
            .rev()
            .map(|one| one.clone().as_of(now))
            .find(|one| one.digest == new.digest);
        if let Some(same) = same {
            let cooled = i64::try_from(cool_down.as_micros()).unwrap();
            match same.state {
                State::Pending | State::Approved => return Ok(Asked::Same(same)),
                State::Denied if now.0 - same.updated_at.0 < cooled => {
                    return Ok(Asked::DeniedBefore(same));
                }
                _ => {}
            }
        }
        let waiting = kept
            .iter()
            .map(|one| one.clone().as_of(now))
            .filter(|one| {
                one.state == State::Pending && one.requester.credential == new.requester.credential
            })
            .count();
        if waiting >= usize::try_from(most).unwrap() {
            return Ok(Asked::TooMany);
        }
        kept.push(new.clone());
        Ok(Asked::New(new))
    }

    async fn get(&self, id: &str, now: Micros) -> StoreResult<Option<Approval>> {
        let kept = self.0.lock().unwrap();
        let found = kept.iter().find(|one| one.id == id);
        Ok(found.map(|one| one.clone().as_of(now)))
    }

    async fn list(
        &self,
        filter: &ApprovalFilter,
        page: &PageRequest,
        now: Micros,
    ) -> StoreResult<Page<Approval>> {
        let kept = self.0.lock().unwrap();
        let fits = |one: &Approval| {
            filter.state.is_none_or(|state| one.state == state)
                && filter
                    .credential
                    .as_ref()
                    .is_none_or(|wanted| *wanted == one.requester.credential)
        };
        let rows: Vec<_> = kept
            .iter()
            .rev()
            .map(|one| one.clone().as_of(now))
            .filter(fits)
            .collect();
        let total = u64::try_from(rows.len()).unwrap();
        Ok(Page::from_rows(rows, page, total, |one| one.id.clone()))
    }

    async fn step(
        &self,
        id: &str,
        step: &Step<'_>,
    ) -> StoreResult<Option<Result<Approval, Refusal>>> {
        let mut kept = self.0.lock().unwrap();
        let Some(found) = kept.iter_mut().find(|one| one.id == id) else {
            return Ok(None);
        };
        let stepped = step(found.clone());
        if let Ok(after) = &stepped {
            *found = after.clone();
        }
        Ok(Some(stepped))
    }

    async fn forget_before(&self, before: Micros) -> StoreResult<u64> {
        let mut kept = self.0.lock().unwrap();
        let all = kept.len();
        kept.retain(|one| one.updated_at >= before || one.until >= before);
        Ok(u64::try_from(all - kept.len()).unwrap())
    }
}

/// Marks by scope and source.
#[derive(Default)]
pub(crate) struct MemoryTaints(Mutex<BTreeMap<(String, String), Micros>>);

#[async_trait]
impl Taints for MemoryTaints {
    async fn mark(&self, scope: &str, source: &str, at: Micros) -> StoreResult<()> {
        let key = (scope.to_owned(), source.to_owned());
        self.0.lock().unwrap().insert(key, at);
        Ok(())
    }

    async fn marks(&self, scope: &str, since: Micros) -> StoreResult<Vec<TaintMark>> {
        let kept = self.0.lock().unwrap();
        let marks = kept
            .iter()
            .filter(|((of, _), at)| of == scope && **at >= since);
        Ok(marks
            .map(|((_, source), at)| TaintMark {
                source: source.clone(),
                at: *at,
            })
            .collect())
    }

    async fn scopes(&self, since: Micros) -> StoreResult<Vec<(String, TaintMark)>> {
        let kept = self.0.lock().unwrap();
        let marks = kept.iter().filter(|(_, at)| **at >= since);
        Ok(marks
            .map(|((scope, source), at)| {
                let mark = TaintMark {
                    source: source.clone(),
                    at: *at,
                };
                (scope.clone(), mark)
            })
            .collect())
    }

    async fn clear(&self, scope: &str) -> StoreResult<u64> {
        let mut kept = self.0.lock().unwrap();
        let before = kept.len();
        kept.retain(|(of, _), _| of != scope);
        Ok(u64::try_from(before - kept.len()).unwrap())
    }

    async fn forget_before(&self, before: Micros) -> StoreResult<()> {
        self.0.lock().unwrap().retain(|_, at| *at >= before);
        Ok(())
    }
}

/// News within this process.
#[derive(Default)]
pub(crate) struct MemorySignals(Notify);

#[async_trait]
impl Signals for MemorySignals {
    async fn changed(&self, _topic: Topic, within: Duration) {
        drop(tokio::time::timeout(within, self.0.notified()).await);
    }
}
