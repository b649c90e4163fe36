//! The other service's agents, kept for a while: names are resolved before anything is sent, and a
//! service that is away for a moment does not stop those who know each other.

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use homelab_core::ccpm::{Agent, AgentId, CcpmCode, CcpmError, CcpmResult};
use homelab_core::clock::{Clock, Micros};
use tokio::sync::Mutex;

/// How long a list is used without asking again.
const FRESH: Duration = Duration::from_mins(5);
/// How old a list may be that is used because no newer one can be had.
const OLDEST: Duration = Duration::from_hours(24);
/// A name that a list of more than this age does not have is looked for in a new one.
const FOR_UNKNOWN: Duration = Duration::from_secs(10);
/// After a failure the next attempt waits so long.
const PAUSE: Duration = Duration::from_secs(5);
/// Names in an error.
const MOST_NAMED: usize = 5;

/// Fetches the whole list.
#[async_trait::async_trait]
pub(crate) trait Source: Send + Sync {
    async fn all_agents(&self) -> CcpmResult<Vec<Agent>>;
}

#[derive(Clone)]
struct Kept {
    agents: Arc<Vec<Agent>>,
    at: Micros,
}

/// The list, and when it is fetched anew.
pub(crate) struct Directory {
    clock: Arc<dyn Clock>,
    kept: Lock<Option<Kept>>,
    /// When the last attempt failed; empty after a success. Held during an attempt, so that there
    /// is one at a time and whoever waits for it finds its result.
    failed: Mutex<Option<(Micros, CcpmError)>>,
}

impl Directory {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Lock::default(),
            failed: Mutex::default(),
        }
    }

    /// The agents, at most five minutes old, or the last ones known if no newer ones can be had.
    pub(crate) async fn agents(&self, source: &dyn Source) -> CcpmResult<Arc<Vec<Agent>>> {
        self.within(FRESH, source).await
    }

    /// The agent of this id, name or tag.
    ///
    /// # Errors
    /// `agent_not_found` with names like it, `agent_ambiguous`, or that there is no list.
    pub(crate) async fn resolve(&self, name: &str, source: &dyn Source) -> CcpmResult<Agent> {
        let agents = self.agents(source).await?;
        match pick(&agents, name) {
            Err(error) if error.code() == CcpmCode::AgentNotFound => {
                let newer = self.within(FOR_UNKNOWN, source).await?;
                pick(&newer, name)
            }
            found => found,
        }
    }

    /// Says how old the list is, if no newer one could be had.
    pub(crate) fn warning(&self) -> Option<String> {
        let kept = self.kept()?;
        let age = self.age(&kept);
        (age > FRESH).then(|| format!("agent list is {} s old", age.as_secs()))
    }

    /// Forgets nothing, but fetches anew on the next use: a change of ours made it old.
    pub(crate) fn outdate(&self) {
        if let Some(kept) = &mut *self.lock() {
            kept.at = kept.at.earlier(FRESH);
        }
    }

    async fn within(&self, age: Duration, source: &dyn Source) -> CcpmResult<Arc<Vec<Agent>>> {
        if let Some(kept) = self.kept()
            && self.age(&kept) < age
        {
            return Ok(kept.agents);
        }
        let mut failed = self.failed.lock().await;
        let kept = self.kept();
        if let Some(kept) = &kept
            && self.age(kept) < age
        {
            return Ok(kept.agents.clone());
        }
        let now = self.clock.now();
        let error = match &*failed {
            Some((at, error)) if at.later(PAUSE) > now => error.clone(),
            _ => match source.all_agents().await {
                Ok(agents) => {
                    let agents = Arc::new(agents);
                    *self.lock() = Some(Kept {
                        agents: agents.clone(),
                        at: now,
                    });
                    *failed = None;
                    return Ok(agents);
                }
                Err(error) => {
                    tracing::warn!(%error, "the agent list could not be fetched");
                    *failed = Some((now, error.clone()));
                    error
                }
            },
        };
        // Refused is not away: a list that we may not read any more is not used either.
        let is_away = error.status() >= 500 || error.status() == 429;
        match kept.filter(|kept| is_away && self.age(kept) < OLDEST) {
            Some(kept) => Ok(kept.agents),
            None => Err(error),
        }
    }

    fn age(&self, kept: &Kept) -> Duration {
        let micros = self.clock.now().0.saturating_sub(kept.at.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    fn kept(&self) -> Option<Kept> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By id, by exact name, by name in any case, by a tag that only one has.
fn pick(agents: &[Agent], name: &str) -> CcpmResult<Agent> {
    let wanted = AgentId::parse(name);
    let by_id = |agent: &&Agent| {
        agent.id.as_str() == name || wanted.as_ref().is_some_and(|id| agent.id == *id)
    };
    let exact = || agents.iter().find(|agent| agent.name == name);
    if let Some(agent) = agents.iter().find(by_id).or_else(exact) {
        return Ok(agent.clone());
    }
    let folded = name.to_lowercase();
    let named = |agent: &&Agent| agent.name.to_lowercase() == folded;
    let tagged = |agent: &&Agent| {
        let tag = agent.tag.as_deref();
        tag.is_some_and(|tag| tag.to_lowercase() == folded)
    };
    let alike: Vec<&Agent> = agents.iter().filter(named).collect();
    let alike = if alike.is_empty() {
        agents.iter().filter(tagged).collect()
    } else {
        alike
    };
    match alike.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(unknown(agents, name)),
        several => {
            let names: Vec<&str> = several.iter().map(|agent| agent.name.as_str()).collect();
            let ids: Vec<&str> = several.iter().map(|agent| agent.id.as_str()).collect();
            Err(CcpmError::new(
                CcpmCode::AgentAmbiguous,
                format!("`{name}` may be any of {}", names.join(", ")),
            )
            .hint(format!("name one by its id: {}", ids.join(", ")))
            .detail("candidates", names)
            .detail("field", "to"))
        }
    }
}

fn unknown(agents: &[Agent], name: &str) -> CcpmError {
    let folded = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = agents
        .iter()
        .map(|agent| {
            (
                distance(&agent.name.to_lowercase(), &folded),
                agent.name.as_str(),
            )
        })
        .filter(|(distance, _)| *distance <= folded.chars().count().max(3) / 2)
        .collect();
    near.sort_unstable();
    let names: Vec<&str> = near
        .iter()
        .take(MOST_NAMED)
        .map(|(_, name)| *name)
        .collect();
    let error = CcpmError::new(
        CcpmCode::AgentNotFound,
        format!("there is no agent `{name}`"),
    );
    let error = if names.is_empty() {
        error.hint("call `ccpm_list_agents` to see who is there")
    } else {
        error.hint(format!("did you mean {}?", names.join(", ")))
    };
    error.detail("candidates", names)
}

/// Letters to change from one text to the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut before = row.clone();
        before[0] = line + 1;
        for (column, candidate) in other.iter().enumerate() {
            let replaced = row[column] + usize::from(letter != *candidate);
            before[column + 1] = replaced.min(row[column + 1] + 1).min(before[column] + 1);
        }
        row = before;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use homelab_core::clock::ManualClock;
    use serde_json::json;

    use super::*;

    #[derive(Default)]
    struct Fake {
        agents: Lock<Vec<Agent>>,
        asked: AtomicUsize,
        is_away: AtomicBool,
    }

    #[async_trait::async_trait]
    impl Source for Fake {
        async fn all_agents(&self) -> CcpmResult<Vec<Agent>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if self.is_away.load(Ordering::SeqCst) {
                return Err(CcpmError::new(CcpmCode::Unavailable, "it is away"));
            }
            Ok(self.agents.lock().unwrap().clone())
        }
    }

    fn agent(id: &str, name: &str, tag: Option<&str>) -> Agent {
        serde_json::from_value(json!({
            "id": id, "name": name, "tag": tag, "type": "other", "status": "idle",
        }))
        .unwrap()
    }

    fn world() -> (Directory, Fake, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Micros(0)));
        let fake = Fake::default();
        *fake.agents.lock().unwrap() = vec![
            agent("a1", "Builder", Some("ci")),
            agent("a2", "scout", None),
            agent("a3", "Scout", None),
        ];
        (Directory::new(clock.clone()), fake, clock)
    }

    #[tokio::test]
    async fn many_at_once_fetch_once_and_five_minutes_pass_before_the_next() {
        let (directory, fake, clock) = world();

        let (one, two, three) = tokio::join!(
            directory.agents(&fake),
            directory.agents(&fake),
            directory.resolve("BUILDER", &fake),
        );
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(three.unwrap().id.as_str(), "a1");
        clock.advance_seconds(299);
        directory.agents(&fake).await.unwrap();
        assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
        clock.advance_seconds(2);
        directory.agents(&fake).await.unwrap();
        assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_service_that_is_away_is_stood_in_for_by_the_old_list_for_a_day() {
        let (directory, fake, clock) = world();
        directory.agents(&fake).await.unwrap();
        fake.is_away.store(true, Ordering::SeqCst);

        clock.advance_seconds(400);
        let found = directory.resolve("builder", &fake).await;
        assert_eq!(found.unwrap().name, "Builder");
        assert_eq!(
            directory.warning().as_deref(),
            Some("agent list is 400 s old")
        );
        directory.agents(&fake).await.unwrap();
        assert_eq!(
            fake.asked.load(Ordering::SeqCst),
            2,
            "it is not asked at once again"
        );

        clock.advance_seconds(24 * 3600);
        assert_eq!(directory.agents(&fake).await.unwrap_err().status(), 503);
    }

    #[tokio::test]
    async fn an_unknown_name_is_looked_for_in_a_new_list_once() {
        let (directory, fake, clock) = world();
        directory.agents(&fake).await.unwrap();
        clock.advance_seconds(11);
        fake.agents
            .lock()
            .unwrap()
            .push(agent("a4", "newcomer", None));

        let found = directory.resolve("newcomer", &fake).await;
        let unknown = directory.resolve("bulder", &fake).await.unwrap_err();

        assert_eq!(found.unwrap().id.as_str(), "a4");
        assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
        assert_eq!(unknown.details()["candidates"], json!(["Builder"]));
    }

    #[tokio::test]
    async fn exact_names_come_before_others_and_ambiguity_is_told() {
        let (directory, fake, _) = world();

        assert_eq!(
            directory.resolve("Scout", &fake).await.unwrap().id.as_str(),
            "a3"
        );
        assert_eq!(
            directory.resolve("ci", &fake).await.unwrap().id.as_str(),
            "a1"
        );
        let error = directory.resolve("SCOUT", &fake).await.unwrap_err();
        assert_eq!(error.code(), CcpmCode::AgentAmbiguous);
        assert_eq!(error.details()["candidates"], json!(["scout", "Scout"]));
        assert!(error.text().contains("a2, a3"), "{error}");
    }
}
