//! A server that plays NetBox with a small lab in it, and the server under test.

use std::sync::Arc;

use homelab_backend::{Env, Shared};
use homelab_backend_netbox::kind;
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
use homelab_lab::netbox::{NetBox, Release, TOKEN, TOKEN_V1};
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
const TODAY: &str = "2026-06-01T00:00:00Z";

pub(crate) struct World {
    pub(crate) netbox: NetBox,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) env: Env,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
    _folder: TempDir,
}

impl World {
    /// A site with two servers, a switch, a virtual machine and some networks.
    pub(crate) async fn lab() -> Self {
        Self::release(Release::V4_7).await
    }

    /// The same in another release; before 4.5 with a token of version 1.
    pub(crate) async fn release(release: Release) -> Self {
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let clock = Arc::new(ManualClock::at(today));
        let netbox = NetBox::with(release, clock.clone(), None)
            .await
            .expect("a loopback port");
        furnish(&netbox);
        netbox.log().clear();
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, clock).await;
        let token = if release < Release::V4_5 {
            TOKEN_V1
        } else {
            TOKEN
        };
        let settings = json!({ "url": netbox.url(), "token": token });
        Self {
            server: kind().open("netbox", settings, &env),
            netbox,
            env,
            lenient: false,
            _folder: folder,
        }
    }

    /// Opens the server anew; a setting that is given wins.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let mut all = json!({ "url": self.netbox.url(), "token": TOKEN });
        for (key, value) in settings.as_object().expect("a section") {
            all[key] = value.clone();
        }
        self.server = kind().open("netbox", all, &self.env);
    }

    /// Asks as a user who may do these things alone.
    pub(crate) fn as_user(&mut self, permissions: &[&str]) {
        let token = "nbt_labsmall00000.7777777788889999000000000000000000000003";
        self.netbox.add_user("small", token, permissions);
        self.reopen(&json!({ "token": token }));
    }

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    pub(crate) async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        run(&*self.server, tool, args, &context()).await
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

    /// The error of a call whose arguments the schema would refuse already.
    pub(crate) async fn refuse(&self, tool: &str, args: Value) -> ToolError {
        let index = index(&*self.server, tool);
        match self.server.run(index, args, &context()).await {
            Ok(ran) => panic!("{tool} answered {}", ran.output),
            Err(error) => error,
        }
    }

    pub(crate) async fn preview(&self, tool: &str, args: Value) -> Preview {
        let preview = self.server.preview(index(&*self.server, tool), args);
        preview.expect("a preview").await.expect("a plan")
    }

    pub(crate) async fn targets(&self, tool: &str, args: Value) -> Vec<Target> {
        let targets = self.server.targets(index(&*self.server, tool), args);
        targets.expect("targets").await.expect("resolved targets")
    }

    pub(crate) async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let inverse = self.server.inverse(index(&*self.server, tool), args);
        inverse
            .expect("an inverse")
            .await
            .expect("a computed inverse")
    }

    /// Runs a call's inverse, which must succeed and take.
    pub(crate) async fn undo(&self, inverse: Option<Inverse>) -> Value {
        let inverse = inverse.expect("an inverse");
        self.call(&inverse.tool, inverse.arguments).await
    }

    pub(crate) fn effect(&self, tool: &str, args: Value) -> Effect {
        self.server
            .effect(index(&*self.server, tool), args)
            .expect("fitting arguments")
    }

    pub(crate) async fn health(&self) -> Health {
        self.server.health().await
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.netbox.log().lines();
        lines.retain(|line| !line.starts_with("GET "));
        lines
    }

    /// The body of the last request that changes something.
    pub(crate) fn last_body(&self) -> Value {
        let requests = self.netbox.log().all();
        let last = requests.iter().rev().find(|one| one.method != "GET");
        serde_json::from_slice(&last.expect("a change").body).expect("JSON")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.netbox.log().unexpected();
        if !std::thread::panicking() && !self.lenient {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

/// Devices `n1` (`eth0`, `eth1`, `console`), `n2` (`eth0`), `sw1` (`eth0`, `1`, `2`), the machine
/// `vm1` (`ens18`), prefixes `192.0.2.0/28` and `198.51.100.0/24` (also in the VRF `blue`), a range.
fn furnish(netbox: &NetBox) {
    let named = |name: &str| json!({ "name": name, "slug": name.to_lowercase() });
    netbox.add("extras/tags", named("Lab"));
    netbox.add("tenancy/tenants", named("Home"));
    netbox.add("dcim/sites", named("Cellar"));
    netbox.add("dcim/sites", named("Attic"));
    netbox.add("dcim/racks", json!({ "name": "R1", "site": 1 }));
    netbox.add("dcim/manufacturers", named("Acme"));
    netbox.add(
        "dcim/device-types",
        json!({ "manufacturer": 1, "model": "S1", "slug": "s1" }),
    );
    for role in ["Server", "Switch"] {
        netbox.add("dcim/device-roles", named(role));
    }
    for (name, role, ports) in [
        ("n1", 1, &["eth0", "eth1"][..]),
        ("n2", 1, &["eth0"]),
        ("sw1", 2, &["eth0", "1", "2"]),
    ] {
        let device = json!({ "name": name, "device_type": 1, "role": role, "site": 1, "rack": 1 });
        let device = netbox.add("dcim/devices", device);
        for port in ports {
            let port = json!({ "device": device, "name": port, "type": "1000base-t" });
            netbox.add("dcim/interfaces", port);
        }
    }
    netbox.add(
        "dcim/console-ports",
        json!({ "device": 1, "name": "console", "type": "rj-45" }),
    );
    netbox.add("virtualization/cluster-types", named("Proxmox"));
    netbox.add(
        "virtualization/clusters",
        json!({ "name": "pve", "type": 1 }),
    );
    let machine = json!({ "name": "vm1", "cluster": 1, "vcpus": 2, "memory": 4096, "disk": 32000 });
    netbox.add("virtualization/virtual-machines", machine);
    netbox.add(
        "virtualization/interfaces",
        json!({ "virtual_machine": 1, "name": "ens18" }),
    );
    netbox.add("ipam/vrfs", json!({ "name": "blue" }));
    netbox.add(
        "ipam/prefixes",
        json!({ "prefix": "192.0.2.0/28", "description": "servers" }),
    );
    netbox.add("ipam/prefixes", json!({ "prefix": "198.51.100.0/24" }));
    netbox.add(
        "ipam/prefixes",
        json!({ "prefix": "198.51.100.0/24", "vrf": 1 }),
    );
    netbox.add(
        "ipam/ip-ranges",
        json!({ "start_address": "198.51.100.50/24", "end_address": "198.51.100.53/24" }),
    );
    netbox.add(
        "ipam/vlan-groups",
        json!({ "name": "House", "slug": "house", "vid_ranges": [[100, 102]] }),
    );
    netbox.add(
        "ipam/vlans",
        json!({ "vid": 10, "name": "mgmt", "site": 1 }),
    );
}

/// Calls a tool as the pipeline does.
async fn run(
    server: &dyn Server,
    tool: &str,
    args: Value,
    ctx: &CallContext,
) -> ToolResult<Ran<Value>> {
    let index = index(server, tool);
    let info = &server.tools()[index];
    let input = Value::Object((*info.input_schema).clone());
    if let Err(error) = jsonschema::validate(&input, &args) {
        panic!("{tool} does not take {args}: {error}");
    }
    let ran = server.run(index, args, ctx).await?;
    let output = Value::Object((*info.output_schema).clone());
    if let Err(error) = jsonschema::validate(&output, &ran.output) {
        panic!("{tool} does not give {}: {error}", ran.output);
    }
    Ok(ran)
}

fn index(server: &dyn Server, tool: &str) -> usize {
    let mut tools = server.tools().iter();
    tools
        .position(|info| info.spec.name == tool)
        .unwrap_or_else(|| panic!("no tool `{tool}`"))
}

fn context() -> CallContext {
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
pub(crate) fn column(list: &Value, rows: &str, member: &str) -> Vec<Value> {
    let rows = list[rows].as_array().expect("a list");
    rows.iter().map(|row| row[member].clone()).collect()
}

/// Whether one of the lines has the text.
pub(crate) fn says(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

/// An environment of its own, without a server.
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
