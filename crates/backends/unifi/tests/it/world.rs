//! A console that plays UniFi Network, and the server under test.

use std::sync::Arc;

use homelab_backend::{Env, Shared};
use homelab_backend_unifi::kind;
use homelab_core::call::{CallContext, Confirmer, CredentialKind, Principal, Progress, Transport};
use homelab_core::clock::{ManualClock, Micros, SeededEntropy};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::id::RequestId;
use homelab_core::keyring::Keyring;
use homelab_core::observe::Silent;
use homelab_core::policy::Role;
use homelab_core::redact::Redactor;
use homelab_core::server::{Health, Server};
use homelab_core::tool::{Effect, Inverse, Preview, Ran, Target};
use homelab_lab::unifi::{
    ACCOUNT, API_KEY, ClientSeed, DeviceKind, DeviceSeed, Flavour, Options, Release, Unifi,
};
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-06-01T00:00:00Z";

pub(crate) const GATEWAY: &str = "00:00:5e:00:53:01";
pub(crate) const SWITCH: &str = "00:00:5e:00:53:02";
pub(crate) const AP: &str = "00:00:5e:00:53:03";
pub(crate) const NAS: &str = "00:00:5e:00:53:10";
pub(crate) const PHONE: &str = "00:00:5e:00:53:11";
pub(crate) const PRINTER: &str = "00:00:5e:00:53:12";

/// With what the server under test signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    Both,
    Key,
    Account,
}

pub(crate) struct World {
    pub(crate) unifi: Unifi,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) env: Env,
    with: With,
    _folder: TempDir,
}

impl World {
    /// A console of release 10.5 with zones, asked with a key and an administrator.
    pub(crate) async fn lab() -> Self {
        Self::of(Options::default(), With::Both).await
    }

    pub(crate) async fn with(with: With) -> Self {
        Self::of(Options::default(), with).await
    }

    /// A console of another release.
    pub(crate) async fn release(release: Release, with: With) -> Self {
        let options = Options {
            release,
            ..Options::default()
        };
        Self::of(options, with).await
    }

    /// An old application by itself, with rules instead of zones.
    pub(crate) async fn classic() -> Self {
        let options = Options {
            flavour: Flavour::Classic,
            release: Release::V8_6,
            zone_based: false,
            ..Options::default()
        };
        Self::of(options, With::Account).await
    }

    pub(crate) async fn of(options: Options, with: With) -> Self {
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let clock = Arc::new(ManualClock::at(today));
        let options = Options {
            clock: clock.clone(),
            ..options
        };
        let unifi = Unifi::with(options).await.expect("a loopback port");
        fill(&unifi);
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, clock.clone()).await;
        let settings = settings_of(&unifi, with, &json!({}));
        Self {
            server: kind().open("unifi", settings, &env),
            unifi,
            clock,
            env,
            with,
            _folder: folder,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.unifi, self.with, settings);
        self.server = kind().open("unifi", settings, &self.env);
    }

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    pub(crate) async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        self.run_in(tool, args, &context()).await
    }

    pub(crate) async fn run_in(
        &self,
        tool: &str,
        args: Value,
        ctx: &CallContext,
    ) -> ToolResult<Ran<Value>> {
        let index = self.index(tool);
        let info = &self.server.tools()[index];
        let input = Value::Object((*info.input_schema).clone());
        if let Err(error) = jsonschema::validate(&input, &args) {
            panic!("{tool} does not take {args}: {error}");
        }
        let ran = self.server.run(index, args, ctx).await?;
        let output = Value::Object((*info.output_schema).clone());
        if let Err(error) = jsonschema::validate(&output, &ran.output) {
            panic!("{tool} does not give {}: {error}", ran.output);
        }
        Ok(ran)
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

    /// The error of a call that must fail.
    pub(crate) async fn fail(&self, tool: &str, args: Value) -> ToolError {
        match self.run(tool, args).await {
            Ok(ran) => panic!("{tool} answered {}", ran.output),
            Err(error) => error,
        }
    }

    pub(crate) async fn preview(&self, tool: &str, args: Value) -> Preview {
        let preview = self.server.preview(self.index(tool), args);
        preview.expect("a preview").await.expect("a plan")
    }

    pub(crate) async fn targets(&self, tool: &str, args: Value) -> Vec<Target> {
        let targets = self.server.targets(self.index(tool), args);
        targets.expect("targets").await.expect("resolved targets")
    }

    pub(crate) async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let inverse = self.server.inverse(self.index(tool), args);
        inverse
            .expect("an inverse")
            .await
            .expect("a computed inverse")
    }

    /// Runs a call's inverse, which must succeed and take.
    pub(crate) async fn undo(&self, inverse: Inverse) -> Value {
        self.call(&inverse.tool, inverse.arguments).await
    }

    pub(crate) fn effect(&self, tool: &str, args: Value) -> Effect {
        self.server
            .effect(self.index(tool), args)
            .expect("fitting arguments")
    }

    pub(crate) async fn health(&self) -> Health {
        self.server.health().await
    }

    /// `METHOD path` of the requests that change something, without logins.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.unifi.log().lines();
        let reads = |line: &str| {
            line.starts_with("GET ") || line.ends_with("login") || line.contains("/system-log/")
        };
        lines.retain(|line| !reads(line));
        lines
    }

    /// The bodies of the requests to a path.
    pub(crate) fn bodies(&self, path: &str) -> Vec<Value> {
        let requests = self.unifi.log().all();
        let to_path = requests
            .iter()
            .filter(|one| one.path.contains(path) && !one.body.is_empty());
        to_path
            .map(|one| serde_json::from_slice(&one.body).expect("JSON"))
            .collect()
    }

    fn index(&self, tool: &str) -> usize {
        let mut tools = self.server.tools().iter();
        tools
            .position(|info| info.spec.name == tool)
            .unwrap_or_else(|| panic!("no tool `{tool}`"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.unifi.log().unexpected();
        if !std::thread::panicking() {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

fn fill(unifi: &Unifi) {
    unifi.add_device(DeviceSeed::new(GATEWAY, "gateway", DeviceKind::Gateway));
    unifi.add_device(DeviceSeed {
        poe: true,
        ..DeviceSeed::new(SWITCH, "sw-rack", DeviceKind::Switch)
    });
    unifi.add_device(DeviceSeed::new(AP, "ap-hall", DeviceKind::AccessPoint));
    unifi.add_network("trusted", 30, "192.0.2.129/26");
    unifi.add_network("guests", 60, "198.51.100.129/25");
    unifi.add_wlan("homelab", "trusted", "demo-only-kestrel");
    unifi.add_wlan("homelab-guests", "guests", "");
    unifi.add_client(ClientSeed {
        ip: Some("192.0.2.140".into()),
        network: "trusted".into(),
        uplink: SWITCH.into(),
        port: 3,
        ..ClientSeed::wired(NAS, "nas")
    });
    unifi.add_client(ClientSeed {
        ip: Some("192.0.2.141".into()),
        network: "trusted".into(),
        uplink: AP.into(),
        ..ClientSeed::wireless(PHONE, "phone", "homelab")
    });
    unifi.add_client(ClientSeed {
        online: false,
        network: "trusted".into(),
        uplink: SWITCH.into(),
        ..ClientSeed::wired(PRINTER, "printer")
    });
    unifi.add_port_forward(&json!({
        "name": "web", "enabled": true, "proto": "tcp", "src": "any", "dst_port": "443",
        "fwd": "192.0.2.140", "fwd_port": "8443",
    }));
}

/// Address and credentials, unless the settings say otherwise. A device that restarts is looked at
/// often.
fn settings_of(unifi: &Unifi, with: With, settings: &Value) -> Value {
    let mut all = json!({ "url": unifi.url(), "restart_poll_ms": 10 });
    if with != With::Account {
        all["api_key"] = API_KEY.into();
    }
    if with != With::Key {
        all["username"] = ACCOUNT.0.into();
        all["password"] = ACCOUNT.1.into();
    }
    for (key, value) in settings.as_object().expect("a section") {
        all[key] = value.clone();
    }
    all
}

pub(crate) fn context() -> CallContext {
    CallContext {
        principal: Arc::new(Principal::new(
            "cli:0",
            "cli:0",
            CredentialKind::Local,
            Role::Admin,
        )),
        request_id: RequestId::new("r"),
        transport: Transport::Cli,
        session: None,
        peer: None,
        deadline: None,
        cancel: CancellationToken::new(),
        progress: Progress::default(),
        confirm: Confirmer::default(),
    }
}

pub(crate) fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}

pub(crate) fn hint(error: &ToolError) -> &str {
    error.envelope().hint.as_deref().unwrap_or_default()
}

pub(crate) fn field(error: &ToolError) -> &str {
    error.envelope().field.as_deref().unwrap_or_default()
}

/// One member of all rows of a list.
pub(crate) fn column(list: &Value, member: &str) -> Vec<Value> {
    let rows = list["items"].as_array().expect("a list");
    rows.iter().map(|row| row[member].clone()).collect()
}

/// Whether one of the lines has the text.
pub(crate) fn says(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

async fn env(folder: &TempDir, clock: Arc<ManualClock>) -> Env {
    let path = folder.path().join("homelab.db");
    let entropy = Arc::new(SeededEntropy::new(1));
    let database = Database::open(&Place::Sqlite { path }, clock.clone(), entropy)
        .await
        .expect("a database");
    let entropy = SeededEntropy::new(2);
    let key = Keyring::generate(&entropy);
    Env {
        stores: database.stores(),
        keyring: Arc::new(Keyring::parse(&key).expect("a generated key")),
        clock,
        entropy: Arc::new(entropy),
        redactor: Redactor::default(),
        observer: Arc::new(Silent),
        shared: Shared::default(),
    }
}
