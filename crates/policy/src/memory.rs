//! Budgets in memory: for tests, and for programs without a database.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use homelab_core::clock::Micros;
use homelab_core::store::{Budgets, StoreResult, Take, UsedUp};

/// Counts uses in this process alone.
#[derive(Debug, Default)]
pub struct MemoryBudgets(Mutex<HashMap<String, Vec<Micros>>>);

#[async_trait]
impl Budgets for MemoryBudgets {
    async fn take(&self, takes: &[Take<'_>], now: Micros) -> StoreResult<Result<(), UsedUp>> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for take in takes {
            let used = uses.entry(take.key.to_owned()).or_default();
            used.retain(|at| at.later(take.window) > now);
            if used.len() >= take.most as usize {
                let oldest = used.first().copied().unwrap_or(now);
                return Ok(Err(UsedUp {
                    key: take.key.to_owned(),
                    free_at: oldest.later(take.window),
                }));
            }
        }
        for take in takes {
            uses.entry(take.key.to_owned()).or_default().push(now);
        }
        Ok(Ok(()))
    }

    async fn used(&self, key: &str, since: Micros) -> StoreResult<u32> {
        let uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = uses.get(key).into_iter().flatten();
        let number = used.filter(|at| **at >= since).count();
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }
}
