//! A server that plays Cloudflare, and the server under test.

use std::ops::Deref;
use std::sync::Arc;

use homelab_backend_cloudflare::kind;
use homelab_core::clock::ManualClock;
use homelab_core::tool::Target;
use homelab_harness::{Bench, clock_at};
use homelab_lab::cloudflare::{Cloudflare, Plan, RecordSeed, TOKEN};
use serde_json::{Value, json};

pub(crate) use homelab_harness::{column, field, hint, reason};

/// When every test takes place.
pub(crate) const NOW: &str = "2026-11-20T02:00:00Z";

/// The zone of most tests.
pub(crate) const ZONE: &str = "lab.example";

pub(crate) struct World {
    pub(crate) api: Cloudflare,
    bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    /// Id of [`ZONE`].
    pub(crate) zone: String,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
}

impl World {
    /// An account with one zone on the free plan, asked with a token that may do everything.
    pub(crate) async fn lab() -> Self {
        Self::on(Plan::Free).await
    }

    /// The same on another plan.
    pub(crate) async fn on(plan: Plan) -> Self {
        let clock = clock_at(NOW);
        let api = Cloudflare::with(Arc::clone(&clock) as _, None)
            .await
            .expect("a loopback port");
        let zone = api.add_zone(ZONE, plan);
        let settings = json!({ "url": api.base_url(), "token": TOKEN });
        Self {
            bench: Bench::open(kind(), settings, clock.clone()).await,
            api,
            clock,
            zone,
            lenient: false,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let mut all = json!({ "url": self.api.base_url(), "token": TOKEN });
        for (key, value) in settings.as_object().expect("a section") {
            all[key] = value.clone();
        }
        self.bench.reopen_with(all);
    }

    /// Puts a record there; its id.
    pub(crate) fn record(&self, kind: &str, name: &str, content: &str) -> String {
        let seed = RecordSeed::new(kind, name, content);
        self.api.add_record(&self.zone, &seed)
    }

    /// Kinds and names of what a call touches.
    pub(crate) async fn targets(&self, tool: &str, args: Value) -> Vec<String> {
        let targets = self.bench.targets(tool, args).await;
        let named = |target: Target| format!("{} {}", target.kind, target.name.unwrap_or_default());
        targets.into_iter().map(named).collect()
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.api.log().lines();
        lines.retain(|line| !line.starts_with("GET ") && !line.ends_with("/graphql"));
        lines
    }
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.api.log().unexpected();
        if !std::thread::panicking() && !self.lenient {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}
