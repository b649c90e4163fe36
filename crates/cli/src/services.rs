//! Puts the program together: database, keys, audit, servers, and the one path that calls take.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use homelab_backend::api::CacheDir;
use homelab_backend::{Env, Shared};
use homelab_core::audit::{AuditEntry, AuditKey, EntryKind};
use homelab_core::call::{CallContext, Caller, Confirmer, Principal, Progress, Transport};
use homelab_core::facts::{FactsHandle, FactsSource};
use homelab_core::id::{RequestId, uuid_v7};
use homelab_core::keyring::Keyring;
use homelab_core::policy::Role;
use homelab_core::redact::Redactor;
use homelab_core::secret::Secret;
use homelab_core::server::Registry;
use homelab_core::store::{ApiKey, AuditSink as _, Stores};
use homelab_gateway::approval::{ApprovalParts, ApprovalService, Control, FaultPoint, Faults};
use homelab_gateway::auth::local;
use homelab_gateway::metrics::{Build, Metrics};
use homelab_gateway::pipeline::{Dispatcher, DispatcherParts, PipelineOptions};
use homelab_memory::Current;
use homelab_policy::Engine;
use homelab_ssh::{Hosts, Parts};
use homelab_store::audit_writer::AuditWriter;
use homelab_store::checkpointer::{Checkpointer, Due};
use homelab_store::{AuditTrail, Database};
use tokio_util::sync::CancellationToken;

use crate::commands::credentials::all_credentials;
use crate::config::{Config, Loaded};
use crate::data_dir::{DataDir, KILL_FILE, KNOWN_HOSTS, Lock, uid};
use crate::environment::Environment;
use crate::key_files::{self, MasterKeys};
use crate::pin::Pins;
use crate::session::Session;
use crate::teamwork::Teamwork;
use crate::{policy, servers, target};

/// How long servers may take to give back what their upstreams keep for us.
const CLOSING: Duration = Duration::from_secs(5);

/// The program, ready to run calls.
pub(crate) struct Services {
    /// The data directory.
    pub(crate) data: DataDir,
    /// The open database.
    pub(crate) database: Database,
    /// Its stores.
    pub(crate) stores: Stores,
    /// Keys of stored passwords.
    pub(crate) master: MasterKeys,
    /// Key of the audit's hash chain.
    pub(crate) audit_key: AuditKey,
    /// Where audit rows go.
    pub(crate) audit: Arc<AuditWriter>,
    /// The audit as a whole.
    pub(crate) trail: AuditTrail,
    checkpointer: Checkpointer,
    pins: Pins,
    /// The servers.
    pub(crate) registry: Arc<ArcSwap<Registry>>,
    /// Our own agents, messages and tasks.
    pub(crate) teamwork: Teamwork,
    /// What agents learned.
    pub(crate) memory: Arc<Current>,
    /// What new servers are given.
    pub(crate) env: Env,
    /// The hosts behind SSH.
    pub(crate) hosts: Arc<Hosts>,
    /// Decides on calls.
    pub(crate) policy: Arc<Engine>,
    /// Counts and measures.
    pub(crate) metrics: Arc<Metrics>,
    /// Moves held calls on.
    pub(crate) approvals: Arc<ApprovalService>,
    /// The path that every call takes.
    pub(crate) dispatcher: Arc<Dispatcher>,
    uid: u32,
    _lock: Lock,
}

impl Services {
    /// Opens everything that the configuration names. Nothing is asked of any upstream.
    pub(crate) async fn open(session: &Session, loaded: &Loaded) -> Result<Self> {
        let data = session.open_data_dir(&loaded.config)?;
        Self::open_in(session, &loaded.config, data).await
    }

    /// The same in a data directory that is open already.
    pub(crate) async fn open_in(session: &Session, config: &Config, data: DataDir) -> Result<Self> {
        let lock = data.lock_shared()?;
        let target = target::target(config, &data)?;
        let (clock, entropy) = (session.clock.clone(), session.entropy.clone());
        let database = Database::open(&target, clock.clone(), entropy.clone())
            .await
            .map_err(|error| target::unopened(&target, error))?;
        let stores = database.stores();
        let settings = stores.settings.as_ref();
        let redactor = &session.redactor;
        let master = key_files::master(config, &data, settings, entropy.as_ref(), redactor).await?;
        let audit_keys =
            key_files::audit(config, &data, settings, entropy.as_ref(), redactor).await?;
        learn_stored(&stores, &master, redactor).await?;
        let chain = uuid_v7(clock.as_ref(), entropy.as_ref());
        let audit = Arc::new(AuditWriter::start(
            stores.audit.clone(),
            audit_keys.chain.clone(),
            chain.clone(),
        ));
        let metrics = Metrics::new(build());
        let audit_key = audit_keys.chain.clone();
        let trail = database.audit(audit_keys);
        let due = Due {
            rows: config.audit.checkpoint_rows.into(),
            after: Duration::from_mins(config.audit.checkpoint_minutes.into()),
        };
        let checkpointer = Checkpointer::start(trail.clone(), chain, audit.progress(), due);
        let teamwork = Teamwork::new(config, &stores, clock.clone(), entropy.clone());
        let keyring = master.ring.clone();
        let facts = Arc::new(FactsHandle::default());
        let memory = Arc::new(Current::default());
        let shared = shared(&data, &teamwork, &facts, &memory);
        let env = environment(session, &stores, keyring, &metrics, shared);
        let (env, hosts) = with_hosts(session, config, &data, env)?;
        let registry = Arc::new(ArcSwap::from_pointee(servers::registry(config, &env)));
        let pins = Pins::start(
            &config.audit.pin,
            &checkpointer.made(),
            &stores.settings,
            &metrics,
            &clock,
            redactor,
        )?;
        let approvals = ApprovalService::new(ApprovalParts {
            store: stores.approvals.clone(),
            settings: stores.settings.clone(),
            log: stores.audit.clone(),
            signals: stores.signals.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            metrics: metrics.clone(),
            faults: faults(&session.environment),
        });
        let control = Control::new(approvals.clone(), stores.audit.clone());
        let rules = policy::compile(config).map_err(|problems| policy_failure(&problems))?;
        let policy = Arc::new(Engine::new(rules, stores.budgets.clone(), clock.clone()));
        let dispatcher = Dispatcher::new(DispatcherParts {
            registry: registry.clone(),
            settings: stores.settings.clone(),
            audit: audit.clone(),
            policy: policy.clone(),
            approvals: approvals.clone(),
            taints: stores.taints.clone(),
            everywhere: Some(control.clone()),
            kill_file: Some(data.file(KILL_FILE)),
            clock,
            entropy,
            redactor: redactor.clone(),
            metrics: metrics.clone(),
            options: options(config),
        });
        connect(&dispatcher, &control, &facts);
        let uid = uid(data.path());
        Ok(Self {
            data,
            database,
            stores,
            master,
            audit_key,
            audit,
            trail,
            checkpointer,
            pins,
            registry,
            teamwork,
            memory,
            env,
            hosts,
            policy,
            metrics,
            approvals,
            dispatcher,
            uid,
            _lock: lock,
        })
    }

    /// Refuses every change from now on, whatever the configuration says.
    pub(crate) fn force_read_only(&self, config: &Config) -> Result<()> {
        let mut config = config.clone();
        config.policy.read_only = true;
        let rules = policy::compile(&config).map_err(|problems| policy_failure(&problems))?;
        self.policy.replace(rules);
        Ok(())
    }

    /// The person at the command line.
    pub(crate) fn cli_principal(&self, role: Role) -> Arc<Principal> {
        local(Transport::Cli, self.uid, role)
    }

    /// The client that started this process.
    pub(crate) fn stdio_principal(&self, role: Role) -> Arc<Principal> {
        local(Transport::Stdio, self.uid, role)
    }

    /// A call of the command line.
    pub(crate) fn cli_context(&self, role: Role) -> CallContext {
        CallContext {
            principal: self.cli_principal(role),
            request_id: RequestId::new(self.new_id()),
            transport: Transport::Cli,
            session: None,
            peer: None,
            deadline: None,
            cancel: CancellationToken::new(),
            progress: Progress::default(),
            confirm: Confirmer::default(),
        }
    }

    /// A new UUIDv7.
    pub(crate) fn new_id(&self) -> String {
        uuid_v7(self.env.clock.as_ref(), self.env.entropy.as_ref())
    }

    /// Records, durably, that the command line changed something other than by a call.
    pub(crate) async fn record(&self, event: Event<'_>) -> Result<()> {
        let who = format!("cli:{}", self.uid);
        let entry = AuditEntry {
            id: self.new_id(),
            timestamp: self.env.clock.now(),
            kind: EntryKind::Event,
            user: event.by.map_or(&who, |key| &key.name).clone(),
            credential: event.by.map_or(&who, |key| &key.id).clone(),
            transport: Transport::Cli.as_str().to_owned(),
            ip_address: None,
            action: event.action.to_owned(),
            target_type: event.target_type.to_owned(),
            target_id: event.target_id.to_owned(),
            effect: None,
            arguments: None,
            arguments_digest: None,
            outcome: Some("ok".to_owned()),
            duration_us: None,
            request_id: self.new_id(),
            details: event
                .details
                .map(|text| self.env.redactor.text(&text).into_owned()),
        };
        self.audit.durable(entry).await.context("writing the audit")
    }

    /// Gives back what upstreams keep for us. One that does not answer holds nothing up for long.
    async fn close_servers(&self) {
        let registry = self.registry.load_full();
        let closing = registry.servers().map(|server| server.close());
        drop(tokio::time::timeout(CLOSING, join_all(closing)).await);
    }

    /// Ends: every queued audit row is written first, and the last one signed.
    pub(crate) async fn close(self) -> Result<()> {
        self.close_servers().await;
        self.dispatcher.flush().await;
        self.audit
            .shutdown()
            .await
            .context("writing the last audit rows")?;
        // Rows without a signature are safe; the error was logged, and `audit head` signs them.
        drop(self.checkpointer.close().await);
        drop(self.checkpointer);
        self.pins.close().await;
        self.database.close().await;
        Ok(())
    }
}

fn options(config: &Config) -> PipelineOptions {
    PipelineOptions {
        page_tokens: config.limits.page_tokens,
        most_tokens: config.limits.answer_tokens,
    }
}

/// Tells those who were made before the path that calls take where it is.
fn connect(dispatcher: &Arc<Dispatcher>, control: &Control, facts: &FactsHandle) {
    let caller: Arc<dyn Caller> = dispatcher.clone();
    control.connect(Arc::downgrade(&caller));
    let source: Arc<dyn FactsSource> = dispatcher.clone();
    facts.connect(Arc::downgrade(&source));
}

/// What several servers share.
fn shared(
    data: &DataDir,
    teamwork: &Teamwork,
    facts: &Arc<FactsHandle>,
    memory: &Arc<Current>,
) -> Shared {
    Shared::default()
        .with(teamwork.service.clone())
        .with(Arc::new(CacheDir(data.file("cache"))))
        .with(facts.clone())
        .with(memory.clone())
}

/// What the backends are given.
fn environment(
    session: &Session,
    stores: &Stores,
    keyring: Arc<Keyring>,
    metrics: &Arc<Metrics>,
    shared: Shared,
) -> Env {
    Env {
        stores: stores.clone(),
        keyring,
        clock: session.clock.clone(),
        entropy: session.entropy.clone(),
        redactor: session.redactor.clone(),
        observer: metrics.clone(),
        shared,
    }
}

/// The hosts behind SSH, and an environment in which the backends find them. The hosts look secrets up
/// in the environment without them.
fn with_hosts(
    session: &Session,
    config: &Config,
    data: &DataDir,
    mut env: Env,
) -> Result<(Env, Arc<Hosts>)> {
    let parts = Parts {
        known_hosts: data.file(KNOWN_HOSTS),
        secrets: Arc::new(env.clone()),
        agent_socket: session.environment.path("SSH_AUTH_SOCK"),
        clock: env.clock.clone(),
        entropy: env.entropy.clone(),
    };
    let hosts = Hosts::new(config.ssh.clone(), parts).context("making the SSH hosts")?;
    let hosts = Arc::new(hosts);
    env.shared = env.shared.with(hosts.clone());
    Ok((env, hosts))
}

/// Teaches the redactor every stored password, so that none shows up in a log or an answer, even if
/// a caller repeats it before anybody has asked for it.
async fn learn_stored(stores: &Stores, master: &MasterKeys, redactor: &Redactor) -> Result<()> {
    let stored = all_credentials(stores.credentials.as_ref()).await?;
    let passwords: Vec<Secret> = stored
        .iter()
        .filter_map(|one| master.ring.decrypt(one.password_encrypted.as_deref()?).ok())
        .filter(|password| !is_plain_word(password))
        .collect();
    redactor.learn_all(&passwords);
    Ok(())
}

/// A password such as `raspberry` is also a word of names and notes: it would blot them out in every
/// answer. It is only searched for once somebody has asked for it.
fn is_plain_word(password: &Secret) -> bool {
    let text = password.expose();
    text.len() < 12 && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A change that the command line made.
pub(crate) struct Event<'a> {
    /// What was done, such as `key_created`.
    pub(crate) action: &'a str,
    /// Kind of thing it was done to.
    pub(crate) target_type: &'a str,
    /// Which one.
    pub(crate) target_id: &'a str,
    /// The owner key where one was asked for.
    pub(crate) by: Option<&'a ApiKey>,
    /// More, without secrets.
    pub(crate) details: Option<String>,
}

/// Debug builds end where this variable says, for tests of what a crash leaves behind.
fn faults(environment: &Environment) -> Faults {
    let point = environment.get("HOMELAB_TEST_ABORT_AT");
    match point.and_then(FaultPoint::parse) {
        Some(point) if cfg!(debug_assertions) => Faults::abort_at(point),
        _ => Faults::default(),
    }
}

/// Loading the configuration refuses such rules; this is what is left if somebody changed it since.
fn policy_failure(problems: &[homelab_policy::Problem]) -> anyhow::Error {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("the rules cannot be used: {}", texts.join("; "))
}

fn build() -> Build {
    Build {
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("HOMELAB_BUILD_COMMIT").unwrap_or_default(),
        rustc: option_env!("HOMELAB_BUILD_RUSTC").unwrap_or_default(),
    }
}
