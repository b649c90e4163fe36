//! A cluster that plays Proxmox, and the server under test.

use std::ops::Deref;
use std::sync::Arc;

use homelab_backend::Shared;
use homelab_backend_proxmox::kind;
use homelab_core::clock::ManualClock;
use homelab_harness::{Bench, today};
use homelab_lab::proxmox::{GuestSeed, Options, Proxmox, ROOT_TOKEN, Release};
use serde_json::{Value, json};

pub(crate) use homelab_harness::{
    TODAY, column, context, env, eventually, field, hint, reason, reporting, run,
};

pub(crate) struct World {
    pub(crate) cluster: Proxmox,
    pub(crate) bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    /// Two nodes with a few guests, asked with a token that may do everything.
    pub(crate) async fn lab() -> Self {
        Self::with(Options::default(), json!({})).await
    }

    /// The same in another release.
    pub(crate) async fn release(release: Release) -> Self {
        let options = Options {
            release,
            ..Options::default()
        };
        Self::with(options, json!({})).await
    }

    /// The same with settings besides hosts and credentials; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        Self::with(Options::default(), settings).await
    }

    pub(crate) async fn with(options: Options, settings: Value) -> Self {
        let clock = today();
        let options = Options {
            clock: clock.clone(),
            ..options
        };
        let cluster = Proxmox::with(options).await.expect("loopback ports");
        cluster
            .add_guest(GuestSeed::machine(100, "web", "pve1").with(json!({ "tags": "prod;web" })));
        cluster.add_guest(GuestSeed::machine(101, "build", "pve2").stopped());
        cluster.add_guest(GuestSeed::container(200, "dns", "pve2"));
        let settings = settings_of(&cluster, &settings);
        Self {
            bench: Bench::named("pve", kind(), settings, clock.clone(), Shared::default()).await,
            cluster,
            clock,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.cluster, settings);
        self.bench.reopen_with(settings);
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.cluster.log().lines();
        lines.retain(|line| !line.starts_with("GET ") && !line.ends_with("/access/ticket"));
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
        let unexpected = self.cluster.log().unexpected();
        if !std::thread::panicking() {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

/// Hosts and root's token, unless the settings say otherwise. A task is looked at often.
fn settings_of(cluster: &Proxmox, settings: &Value) -> Value {
    let (id, secret) = ROOT_TOKEN;
    let mut all = json!({ "hosts": [cluster.url()], "task_poll_ms": 10, "task_wait_s": 20 });
    let own = settings.as_object().expect("a section");
    if !own.contains_key("username") && !own.contains_key("token_id") {
        all["token_id"] = id.into();
        all["token_secret"] = secret.into();
    }
    for (key, value) in own {
        all[key] = value.clone();
    }
    all
}
