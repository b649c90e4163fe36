//! A server that plays Proxmox Backup Server, and the server under test.

use std::ops::Deref;
use std::sync::Arc;

use homelab_backend_pbs::kind;
use homelab_core::clock::{ManualClock, Micros};
use homelab_harness::{Bench, today};
use homelab_lab::pbs::{Options, Pbs, ROOT_TOKEN, Release, SnapshotSeed};
use serde_json::{Value, json};

pub(crate) use homelab_harness::{
    TODAY, column, context, env, eventually, field, hint, reason, reporting, run, says,
};

pub(crate) const HOUR: i64 = 3600;

pub(crate) struct World {
    pub(crate) pbs: Pbs,
    bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
}

impl World {
    /// A few backups, asked with a token that may do everything.
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

    /// The same with settings besides address and credentials; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        Self::with(Options::default(), settings).await
    }

    pub(crate) async fn with(options: Options, settings: Value) -> Self {
        let clock = today();
        let options = Options {
            clock: clock.clone(),
            ..options
        };
        let pbs = Pbs::with(options).await.expect("a loopback port");
        for seed in [
            verified(snapshot("vm", "100", 50)),
            verified(snapshot("vm", "100", 26)),
            snapshot("vm", "100", 2),
            snapshot("ct", "200", 60),
            SnapshotSeed {
                ns: "home/lab".into(),
                ..snapshot("host", "nas", 1)
            },
        ] {
            pbs.add_snapshot(seed);
        }
        pbs.add_store("archive");
        let settings = settings_of(&pbs, &settings);
        Self {
            bench: Bench::open(kind(), settings, clock.clone()).await,
            pbs,
            clock,
            lenient: false,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.pbs, settings);
        self.bench.reopen_with(settings);
    }

    /// Asks with a token that has these privileges alone.
    pub(crate) fn as_token(&mut self, path: &str, privileges: &[&str]) {
        self.pbs.add_token("root@pam!small", "small-secret");
        self.pbs.grant("root@pam!small", path, privileges);
        self.reopen(&json!({ "token_id": "root@pam!small", "token_secret": "small-secret" }));
    }

    /// `METHOD path` of the requests that change something; a dry run is not told from a prune.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.pbs.log().lines();
        lines.retain(|line| !line.starts_with("GET ") && !line.ends_with("/access/ticket"));
        lines
    }

    /// The bodies of the requests to a path.
    pub(crate) fn bodies(&self, path: &str) -> Vec<Value> {
        let requests = self.pbs.log().all();
        let to_path = requests.iter().filter(|one| one.path.ends_with(path));
        to_path
            .map(|one| serde_json::from_slice(&one.body).expect("JSON"))
            .collect()
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
        let unexpected = self.pbs.log().unexpected();
        if !std::thread::panicking() && !self.lenient {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

pub(crate) fn snapshot(kind: &str, id: &str, hours: i64) -> SnapshotSeed {
    SnapshotSeed::new("main", kind, id, hours * HOUR)
}

pub(crate) fn verified(seed: SnapshotSeed) -> SnapshotSeed {
    SnapshotSeed {
        verified: Some(true),
        ..seed
    }
}

/// The name of a backup so many hours old.
pub(crate) fn name(group: &str, hours: i64) -> String {
    let today = Micros::from_rfc3339(TODAY).expect("a day");
    format!("{group}/{}", today.plus_seconds(-hours * HOUR))
}

/// Address and root's token, unless the settings say otherwise. A task is looked at often.
fn settings_of(pbs: &Pbs, settings: &Value) -> Value {
    let (id, secret) = ROOT_TOKEN;
    let mut all = json!({ "url": pbs.url(), "task_poll_ms": 10, "task_wait_s": 20 });
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
