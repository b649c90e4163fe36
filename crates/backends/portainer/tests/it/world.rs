//! A server that plays Portainer with two engines behind it, and the server under test.

use std::ops::Deref;
use std::sync::Arc;

use homelab_backend_portainer::kind;
use homelab_core::clock::ManualClock;
use homelab_harness::{Bench, clock_at};
use homelab_lab::docker::Docker;
use homelab_lab::portainer::{ADMIN_KEY, Portainer};
use serde_json::{Value, json};

pub(crate) use homelab_harness::{column, context, env, field, hint, reason, run, says};

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-12-01T00:00:00Z";

/// A small compose file.
pub(crate) const BLOG: &str =
    "services:\n  web:\n    image: lab/web:1\n  db:\n    image: lab/db:1\n";

pub(crate) struct World {
    pub(crate) portainer: Portainer,
    bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    /// Ids of the environments `local` and `nas`.
    pub(crate) local: u64,
    pub(crate) nas: u64,
    _engines: [Docker; 2],
}

impl World {
    /// Two engines without stacks.
    pub(crate) async fn lab() -> Self {
        Self::configured(json!({})).await
    }

    /// The same with settings besides address and token; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        let clock = clock_at(TODAY);
        let portainer = Portainer::with(clock.clone(), None)
            .await
            .expect("a loopback port");
        let engines = [
            Docker::start().await.expect("a loopback port"),
            Docker::start().await.expect("a loopback port"),
        ];
        let local = portainer.add_environment("local", &engines[0]);
        let nas = portainer.add_environment("nas", &engines[1]);
        let settings = settings_of(&portainer.url(), &settings);
        Self {
            bench: Bench::open(kind(), settings, clock.clone()).await,
            portainer,
            clock,
            local,
            nas,
            _engines: engines,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.portainer.url(), settings);
        self.bench.reopen_with(settings);
    }

    /// Deploys the small compose file.
    pub(crate) async fn blog(&self) -> Value {
        let args = json!({ "name": "blog", "endpoint": "local", "stack_file": BLOG, "env": [{ "name": "PASSWORD", "value": "tell-nobody" }] });
        self.call("deploy_stack", args).await
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.portainer.log().lines();
        lines.retain(|line| !line.starts_with("GET "));
        lines
    }

    /// The body of the last request to a path.
    pub(crate) fn body(&self, path: &str) -> Value {
        let requests = self.portainer.log().all();
        let last = requests
            .iter()
            .rev()
            .find(|one| one.path.ends_with(path) && !one.body.is_empty());
        serde_json::from_slice(&last.expect("a request").body).expect("JSON")
    }

    /// Names of the tools that are not listed, as far as the version is known.
    pub(crate) fn lacking(&self) -> Vec<&str> {
        let tools = self.server.tools().iter().enumerate();
        let lacking = tools.filter(|(index, _)| self.server.lacks(*index));
        lacking.map(|(_, info)| info.spec.name).collect()
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
        let unexpected = self.portainer.log().unexpected();
        if !std::thread::panicking() {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

/// Address and the administrator's token, unless the settings say otherwise. Deployments are looked
/// at often.
fn settings_of(url: &str, settings: &Value) -> Value {
    let mut all =
        json!({ "url": url, "api_key": ADMIN_KEY, "deploy_poll_ms": 10, "deploy_timeout_s": 30 });
    for (key, value) in settings.as_object().expect("a section") {
        all[key] = value.clone();
    }
    all
}
