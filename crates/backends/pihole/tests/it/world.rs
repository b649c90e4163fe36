//! Servers that play Pi-hole, and the server under test.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use homelab_backend_pihole::kind;
use homelab_core::call::{CallContext, Progress};
use homelab_core::clock::ManualClock;
use homelab_harness::{Bench, context_with, today};
use homelab_lab::pihole::{Options, PASSWORD, Pihole};
use serde_json::{Value, json};

pub(crate) use homelab_harness::{column, field, hint, reason};

pub(crate) struct World {
    pub(crate) pihole: Pihole,
    /// The replica, where there is one.
    pub(crate) second: Option<Pihole>,
    pub(crate) bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
}

impl World {
    /// One Pi-hole without rules and lists.
    pub(crate) async fn lab() -> Self {
        Self::with(Options::default(), json!({})).await
    }

    /// The same with settings besides address and password; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        Self::with(Options::default(), settings).await
    }

    /// Two that are kept in step.
    pub(crate) async fn pair() -> Self {
        let mut world = Self::lab().await;
        let options = Options {
            clock: world.clock.clone(),
            ..Options::default()
        };
        let second = Pihole::with(options).await.expect("a loopback port");
        let replicas = json!([{ "name": "pihole-2", "url": second.url() }]);
        world.second = Some(second);
        world.reopen(&json!({ "replicas": replicas }));
        world
    }

    pub(crate) async fn with(options: Options, settings: Value) -> Self {
        let clock = today();
        let options = Options {
            clock: clock.clone(),
            ..options
        };
        let pihole = Pihole::with(options).await.expect("a loopback port");
        Self {
            bench: Bench::open(kind(), settings_of(&pihole, &settings), clock.clone()).await,
            pihole,
            second: None,
            clock,
            lenient: false,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.pihole, settings);
        self.bench.reopen_with(settings);
    }

    pub(crate) fn second(&self) -> &Pihole {
        self.second.as_ref().expect("a replica")
    }

    /// The result of a call that must succeed and take.
    pub(crate) async fn call(&self, tool: &str, args: Value) -> Value {
        match self.run(tool, args).await {
            Ok(ran) => {
                assert_eq!(ran.mismatches, [], "{tool} did not take: {}", ran.output);
                ran.output
            }
            Err(error) => panic!("{tool} failed: {error}"),
        }
    }

    /// What the first Pi-hole answered to a call that must succeed and take.
    pub(crate) async fn first(&self, tool: &str, args: Value) -> Value {
        self.call(tool, args).await["hosts"][0]["result"].clone()
    }

    /// Runs a call, then what was computed to undo it before it ran; both must take.
    pub(crate) async fn there_and_back(&self, tool: &str, args: Value) {
        let inverse = self.inverse(tool, args.clone()).await;
        let inverse = inverse.unwrap_or_else(|| panic!("{tool} has no inverse for {args}"));
        self.call(tool, args).await;
        self.call(&inverse.tool, without_nulls(inverse.arguments))
            .await;
    }

    /// `METHOD path` of the requests that change something, without logins.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.pihole.log().lines();
        lines.retain(|line| !line.starts_with("GET ") && !line.ends_with("/api/auth"));
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
        if std::thread::panicking() || self.lenient {
            return;
        }
        let servers = std::iter::once(&self.pihole).chain(&self.second);
        for pihole in servers {
            assert_eq!(pihole.log().unexpected(), [""; 0], "outside the contract");
        }
    }
}

/// As the pipeline passes the arguments of an inverse on.
fn without_nulls(mut args: Value) -> Value {
    if let Some(fields) = args.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    args
}

/// Address and password, unless the settings say otherwise. After a restart it is asked at once.
pub(crate) fn settings_of(pihole: &Pihole, settings: &Value) -> Value {
    let mut all = json!({ "url": pihole.url(), "password": PASSWORD, "restart_wait_ms": 10 });
    for (key, value) in settings.as_object().expect("a section") {
        all[key] = value.clone();
    }
    without_nulls(all)
}

/// A context that keeps the messages of its progress.
pub(crate) fn reporting() -> (CallContext, Arc<Mutex<Vec<String>>>) {
    let reports = Arc::<Mutex<Vec<String>>>::default();
    let sink = Arc::clone(&reports);
    let progress = Progress::to(move |update| {
        let message = update.message.unwrap_or_default();
        sink.lock().expect("no panic").push(message);
    });
    (context_with(progress), reports)
}
