//! The server under test in both modes, on both databases. The remote mode's other service is our own,
//! behind its real HTTP door on a loopback port.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use homelab_backend::{Env, Shared};
use homelab_backend_ccpm::kind;
use homelab_ccpm::{Identities, Parts, Service, Settings};
use homelab_core::audit::AuditKey;
use homelab_core::call::{Caller, CredentialKind};
use homelab_core::clock::ManualClock;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::policy::{Grants, Role, RoleDefaults};
use homelab_core::redact::Redactor;
use homelab_core::secret::Secret;
use homelab_core::server::Registry;
use homelab_gateway::approval::{ApprovalParts, ApprovalService, Faults};
use homelab_gateway::auth::keys::{NewKey, generate};
use homelab_gateway::auth::{AuthParts, Authenticator, WithoutKey};
use homelab_gateway::mcp::{HandlerParts, Sealer, ToolListChanges};
use homelab_gateway::metrics::{Build, Metrics};
use homelab_gateway::pipeline::{Dispatcher, DispatcherParts, PipelineOptions};
use homelab_gateway::rest::{CcpmDoor, Readiness};
use homelab_gateway::transport::http::{HttpOptions, HttpParts, router};
use homelab_gateway::transport::listen::{self, Limits};
use homelab_harness::{Bench, Ground, today};
use homelab_store::Target;
use homelab_store::audit_writer::AuditWriter;
use homelab_testkit::Postgres;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use homelab_harness::{context_of, reason};

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
    bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    running: Option<JoinHandle<()>>,
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
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
        let clock = today();
        let mut ground = match engine {
            Engine::Sqlite => Ground::new(clock.clone()).await,
            Engine::Postgres => Ground::over(postgres()?, clock.clone()).await,
        };
        let service = Arc::new(service(&ground.env));
        ground.env.shared = Shared::default().with(service.clone());
        let (settings, running) = match mode {
            Mode::Embedded => (json!({}), None),
            Mode::Remote => {
                let (settings, running) = serve(&ground.env, service).await;
                (settings, Some(running))
            }
        };
        Some(Self {
            bench: Bench::on(ground, "ccpm", kind(), settings),
            clock,
            running,
        })
    }

    /// Opens the server anew, with other settings.
    pub(crate) fn reopen_with(&mut self, settings: Value) {
        self.bench.reopen_with(settings);
    }

    /// The result of a call as an operator of this name, which must succeed.
    pub(crate) async fn call(&self, who: &str, tool: &str, args: Value) -> Value {
        self.call_in(tool, args, &context_of(who, Role::Operator))
            .await
    }

    /// The error of such a call that must fail.
    pub(crate) async fn fail(&self, who: &str, tool: &str, args: Value) -> ToolError {
        self.fail_in(tool, args, &context_of(who, Role::Operator))
            .await
    }

    /// Calls a tool as an administrator of this name.
    pub(crate) async fn admin(&self, who: &str, tool: &str, args: Value) -> ToolResult<Value> {
        let ran = self
            .run_in(tool, args, &context_of(who, Role::Admin))
            .await?;
        Ok(ran.output)
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

pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

fn postgres() -> Option<Target> {
    let url = Postgres::shared()?.fresh_database().expect("a database");
    Some(Target::Postgres {
        url: Secret::new(url),
    })
}

fn service(env: &Env) -> Service {
    Service::new(Parts {
        store: env.stores.ccpm.clone(),
        signals: env.stores.signals.clone(),
        audit: Some(env.stores.audit.clone()),
        clock: env.clock.clone(),
        entropy: env.entropy.clone(),
        settings: Settings::default(),
        version: "0.0.0".to_owned(),
    })
}

/// Serves the contract's routes; the settings of a client with a key that may act for everybody.
async fn serve(env: &Env, service: Arc<Service>) -> (Value, JoinHandle<()>) {
    let (row, secret) = generate(
        NewKey {
            name: "gateway-2".to_owned(),
            kind: CredentialKind::Agent,
            role: Role::Admin,
            grants: Grants::default(),
            expires_at: None,
        },
        &*env.clock,
        &*env.entropy,
    );
    env.stores.keys.insert(row).await.expect("a new key");
    let shutdown = CancellationToken::new();
    let app = router(door(env, service, &shutdown));
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
fn door(env: &Env, service: Arc<Service>, shutdown: &CancellationToken) -> HttpParts {
    let Env {
        stores,
        clock,
        entropy,
        ..
    } = env;
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
            clock: clock.clone(),
            entropy: entropy.clone(),
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
