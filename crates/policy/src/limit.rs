//! Rate limits: how fast one caller may repeat one tool. Counted in this process, because a shared
//! counter would cost every read a write to the database; what has to hold over all replicas is a
//! budget.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use homelab_core::policy::Sight;
use tokio::time::Instant;

use crate::config::LimitConfig;
use crate::matcher::Matcher;

/// After so many calls, counters of callers that have been quiet are forgotten.
const SWEEP_EVERY: u32 = 4_096;

/// Time that does not jump when the machine's clock is set.
#[derive(Debug, Clone, Copy)]
struct Steady(Instant);

/// Since the limiter was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Elapsed(Duration);

impl Add<Nanos> for Elapsed {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.into()))
    }
}

impl Reference for Elapsed {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.into()).unwrap_or(self.0))
    }
}

impl Clock for Steady {
    type Instant = Elapsed;

    fn now(&self) -> Elapsed {
        Elapsed(self.0.elapsed())
    }
}

type Limiter = RateLimiter<u64, HashMapStateStore<u64>, Steady, NoOpMiddleware<Elapsed>>;

/// A compiled limit.
pub(crate) struct Limit {
    pub(crate) name: Arc<str>,
    pub(crate) matcher: Matcher,
    pub(crate) rate: u32,
    pub(crate) per_s: u32,
    /// Turns caller and tool into a key without keeping or copying either.
    hasher: RandomState,
    clock: Steady,
    limiter: Limiter,
    calls: AtomicU32,
}

impl Limit {
    /// `None` if it allows nothing, which its checks report.
    pub(crate) fn compile(config: &LimitConfig, matcher: Matcher) -> Option<Self> {
        let rate = NonZeroU32::new(config.rate)?;
        let period = Duration::from_secs(config.per_s.into()).checked_div(config.rate)?;
        let quota = Quota::with_period(period)?.allow_burst(rate);
        let clock = Steady(Instant::now());
        Some(Self {
            name: config.name.as_str().into(),
            matcher,
            rate: config.rate,
            per_s: config.per_s,
            hasher: RandomState::new(),
            clock,
            limiter: Limiter::new(quota, HashMapStateStore::default(), clock),
            calls: AtomicU32::new(0),
        })
    }

    /// Counts one call; how long to wait if it comes too fast.
    pub(crate) fn take(&self, sight: &Sight<'_>) -> Result<(), Duration> {
        if self.calls.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let caller = &sight.principal.credential;
        let key = self.hasher.hash_one((caller, sight.kind, sight.spec.name));
        self.limiter
            .check_key(&key)
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }
}
