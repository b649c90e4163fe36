//! The server under test in both modes, on both databases. The remote mode's other service is our own,
//! behind its real HTTP door on a loopback port.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use homelab_backend::{Env, Shared};
use homelab_backend_ccpm::kind;
use homelab_ccpm::{Identities, Parts, Service, Settings};
use homelab_core::audit::AuditKey;
use homelab_core::call::{
    CallContext, Caller, Confirmer, CredentialKind, Principal, Progress, Transport,
};
use homelab_core::clock::{Clock, Entropy, ManualClock, Micros, OsEntropy};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::id::RequestId;
use homelab_core::keyring::Keyring;
use homelab_core::observe::Silent;
use homelab_core::policy::{Grants, Role, RoleDefaults};
use homelab_core::redact::Redactor;
use homelab_core::secret::Secret;
use homelab_core::server::{Registry, Server};
use homelab_core::store::Stores;
use homelab_gateway::approval::{ApprovalParts, ApprovalService, Faults};
use homelab_gateway::auth::keys::{NewKey, generate};
use homelab_gateway::auth::{AuthParts, Authenticator, WithoutKey};
use homelab_gateway::mcp::{HandlerParts, Sealer, ToolListChanges};
use homelab_gateway::metrics::{Build, Metrics};
use homelab_gateway::pipeline::{Dispatcher, DispatcherParts, PipelineOptions};
use homelab_gateway::rest::{CcpmDoor, Readiness};
use homelab_gateway::transport::http::{HttpOptions, HttpParts, router};
use homelab_gateway::transport::listen::{self, Limits};
use homelab_store::audit_writer::AuditWriter;
use homelab_store::{Database, Target};
use homelab_testkit::Postgres;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
const TODAY: &str = "2026-06-01T00:00:00Z";

/// Where the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Embedded,
    Remote,
}

/// Where everything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A server, and agents that call it.
pub(crate) struct World {
    pub(crate) server: Arc<dyn Server>,
    pub(crate) env: Env,
    pub(crate) clock: Arc<ManualClock>,
    running: Option<JoinHandle<()>>,
    _database: Database,
    _folder: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

impl World {
    /// With the agents `boss` (a person's), `builder` and `scout`; none where there is no PostgreSQL.
    pub(crate) async fn open(mode: Mode, engine: Engine) -> Option<Self> {
        let world = Self::empty(mode, engine).await?;
        for (name, kind) in [
            ("boss", "human"),
            ("builder", "developer"),
            ("scout", "monitoring"),
        ] {
            let arguments = json!({ "name": name, "type": kind });
            world.call(name, "ccpm_register_agent", arguments).await;
        }
        Some(world)
    }

    /// Without agents.
    pub(crate) async fn empty(mode: Mode, engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let target = match engine {
            Engine::Sqlite => Target::Sqlite {
                path: folder.path().join("homelab.db"),
            },
            Engine::Postgres => postgres()?,
        };
        let clock = Arc::new(ManualClock::at(Micros::from_rfc3339(TODAY).expect("a day")));
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let database = Database::open(&target, clock.clone(), entropy.clone()).await;
        let database = database.expect("a database");
        let stores = database.stores();
        let service = Arc::new(Service::new(Parts {
            store: stores.ccpm.clone(),
            signals: stores.signals.clone(),
            audit: Some(stores.audit.clone()),
            clock: clock.clone(),
            entropy: entropy.clone(),
            settings: Settings::default(),
            version: "0.0.0".to_owned(),
        }));
        let env = env(&stores, &clock, service.clone());
        let (settings, running) = match mode {
            Mode::Embedded => (json!({}), None),
            Mode::Remote => {
                let (settings, running) = serve(&stores, &clock, service).await;
                (settings, Some(running))
            }
        };
        Some(Self {
            server: kind().open("ccpm", settings, &env),
            env,
            clock,
            running,
            _database: database,
            _folder: folder,
        })
    }

    /// Calls a tool as the pipeline does, as an operator of this name: its arguments fit the input
    /// schema, its result the output schema.
    pub(crate) async fn run(&self, who: &str, tool: &str, args: Value) -> ToolResult<Value> {
        self.run_in(&context(who, Role::Operator), tool, args).await
    }

    pub(crate) async fn run_in(
        &self,
        ctx: &CallContext,
        tool: &str,
        args: Value,
    ) -> ToolResult<Value> {
        run(&*self.server, ctx, tool, args).await
    }

    /// The result of a call that must succeed.
    pub(crate) async fn call(&self, who: &str, tool: &str, args: Value) -> Value {
        match self.run(who, tool, args).await {
            Ok(output) => output,
            Err(error) => panic!("{tool} failed for {who}: {error}"),
        }
    }

    /// The same as an administrator.
    pub(crate) async fn admin(&self, who: &str, tool: &str, args: Value) -> ToolResult<Value> {
        self.run_in(&context(who, Role::Admin), tool, args).await
    }

    /// The error of a call that must fail.
    pub(crate) async fn fail(&self, who: &str, tool: &str, args: Value) -> ToolError {
        match self.run(who, tool, args).await {
            Ok(output) => panic!("{tool} answered {output}"),
            Err(error) => error,
        }
    }

    /// A new task of this title; its id.
    pub(crate) async fn task(&self, who: &str, more: Value) -> String {
        let mut arguments = json!({ "title": "Fix the fan" });
        for (name, value) in more.as_object().expect("an object") {
            arguments[name] = value.clone();
        }
        let made = self.call(who, "ccpm_create_task", arguments).await;
        text(&made["task"]["id"])
    }

    /// Moves a task.
    pub(crate) async fn to(&self, who: &str, task: &str, status: &str) -> Value {
        let arguments = json!({ "id": task, "status": status });
        self.call(who, "ccpm_update_task_status", arguments).await
    }
}

/// Calls a tool of any server.
pub(crate) async fn run(
    server: &dyn Server,
    ctx: &CallContext,
    tool: &str,
    args: Value,
) -> ToolResult<Value> {
    let mut tools = server.tools().iter();
    let index = tools
        .position(|info| info.spec.name == tool)
        .unwrap_or_else(|| panic!("no tool `{tool}`"));
    let info = &server.tools()[index];
    let input = Value::Object((*info.input_schema).clone());
    if let Err(error) = jsonschema::validate(&input, &args) {
        panic!("{tool} does not take {args}: {error}");
    }
    let output = server.run(index, args, ctx).await?.output;
    let schema = Value::Object((*info.output_schema).clone());
    if let Err(error) = jsonschema::validate(&schema, &output) {
        panic!("{tool} does not give {output}: {error}");
    }
    Ok(output)
}

pub(crate) fn context(who: &str, role: Role) -> CallContext {
    CallContext {
        principal: Arc::new(Principal::new(who, who, CredentialKind::Agent, role)),
        request_id: RequestId::new("r"),
        transport: Transport::Http,
        session: None,
        peer: None,
        deadline: None,
        cancel: CancellationToken::new(),
        progress: Progress::default(),
        confirm: Confirmer::default(),
    }
}

pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

pub(crate) fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}

fn postgres() -> Option<Target> {
    let url = Postgres::shared()?.fresh_database().expect("a database");
    Some(Target::Postgres {
        url: Secret::new(url),
    })
}

pub(crate) fn env(stores: &Stores, clock: &Arc<ManualClock>, service: Arc<Service>) -> Env {
    let key = Keyring::generate(&OsEntropy);
    Env {
        stores: stores.clone(),
        keyring: Arc::new(Keyring::parse(&key).expect("a generated key")),
        clock: clock.clone(),
        entropy: Arc::new(OsEntropy),
        redactor: Redactor::default(),
        observer: Arc::new(Silent),
        shared: Shared::default().with(service),
    }
}

/// Serves the contract's routes; the settings of a client with a key that may act for everybody.
async fn serve(
    stores: &Stores,
    clock: &Arc<ManualClock>,
    service: Arc<Service>,
) -> (Value, JoinHandle<()>) {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let (row, secret) = generate(
        NewKey {
            name: "gateway-2".to_owned(),
            kind: CredentialKind::Agent,
            role: Role::Admin,
            grants: Grants::default(),
            expires_at: None,
        },
        &**clock,
        &*entropy,
    );
    stores.keys.insert(row).await.expect("a new key");
    let shutdown = CancellationToken::new();
    let app = router(door(stores, clock, service, &shutdown));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a bound port");
    let running = tokio::spawn(async move {
        listen::serve(vec![listener], app, None, Limits::default(), shutdown)
            .await
            .expect("it serves");
    });
    let settings = json!({
        "task_api": format!("http://{address}/api"),
        "messaging_api": format!("http://{address}/api/v1"),
        "token": secret.expose(),
    });
    (settings, running)
}

/// What the program puts together, around this service.
fn door(
    stores: &Stores,
    clock: &Arc<ManualClock>,
    service: Arc<Service>,
    shutdown: &CancellationToken,
) -> HttpParts {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let metrics = Metrics::new(Build {
        version: "0",
        commit: "",
        rustc: "",
    });
    let audit = Arc::new(AuditWriter::start(
        stores.audit.clone(),
        AuditKey::new(&[7; 32]),
        "chain".to_owned(),
    ));
    let registry = Arc::new(ArcSwap::from_pointee(Registry::default()));
    let approvals = ApprovalService::new(ApprovalParts {
        store: stores.approvals.clone(),
        settings: stores.settings.clone(),
        log: stores.audit.clone(),
        signals: stores.signals.clone(),
        audit: audit.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        metrics: metrics.clone(),
        faults: Faults::default(),
    });
    let dispatcher = Dispatcher::new(DispatcherParts {
        registry: registry.clone(),
        settings: stores.settings.clone(),
        audit: audit.clone(),
        policy: Arc::new(RoleDefaults),
        approvals,
        taints: stores.taints.clone(),
        everywhere: None,
        kill_file: None,
        clock: clock.clone(),
        entropy: entropy.clone(),
        redactor: Redactor::default(),
        metrics: metrics.clone(),
        options: PipelineOptions::default(),
    });
    HttpParts {
        handler: Arc::new(HandlerParts {
            caller: dispatcher.clone() as Arc<dyn Caller>,
            metrics: metrics.clone(),
            changes: ToolListChanges::default(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            shutdown: shutdown.clone(),
            sealer: Sealer::new([7; 32]),
            output_schemas_in_aggregate: false,
        }),
        authenticator: Authenticator::new(AuthParts {
            keys: stores.keys.clone(),
            audit,
            clock: clock.clone() as Arc<dyn Clock>,
            entropy,
            metrics,
            without_key: WithoutKey::Refused,
        }),
        registry,
        approvals: None,
        ccpm: Some(CcpmDoor {
            service,
            identities: Arc::new(ArcSwap::from_pointee(Identities::default())),
            gate: dispatcher.gate(),
            instance: "ccpm".into(),
        }),
        ready: Arc::new(AlwaysReady),
        options: HttpOptions::default(),
    }
}

struct AlwaysReady;

#[async_trait]
impl Readiness for AlwaysReady {
    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
