//! The program's own doors and pipeline with neither audit nor rules, so that a measurement can say
//! what the two cost together. The program itself has no such mode.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use homelab_backend::{Env, Shared};
use homelab_core::audit::AuditEntry;
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::keyring::Keyring;
use homelab_core::observe::Silent;
use homelab_core::policy::RoleDefaults;
use homelab_core::redact::Redactor;
use homelab_core::server::Registry;
use homelab_core::store::{AuditSink, StoreResult};
use homelab_gateway::approval::{ApprovalParts, ApprovalService, Faults};
use homelab_gateway::auth::{AuthParts, Authenticator, WithoutKey};
use homelab_gateway::mcp::{HandlerParts, Sealer, ToolListChanges};
use homelab_gateway::metrics::{Build, Metrics};
use homelab_gateway::pipeline::{Dispatcher, DispatcherParts, PipelineOptions};
use homelab_gateway::rest::Readiness;
use homelab_gateway::transport::http::{HttpOptions, HttpParts, router};
use homelab_gateway::transport::listen::{self, Limits};
use homelab_store::{Database, Target};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Keeps nothing.
struct Nothing;

#[async_trait]
impl AuditSink for Nothing {
    async fn durable(&self, _: AuditEntry) -> StoreResult<()> {
        Ok(())
    }

    async fn queued(&self, _: AuditEntry) -> StoreResult<()> {
        Ok(())
    }

    async fn flush(&self) -> StoreResult<()> {
        Ok(())
    }
}

#[async_trait]
impl Readiness for Nothing {
    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Serves until it is killed.
pub(crate) fn serve(database: &Path, port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let target = Target::Sqlite {
            path: database.to_owned(),
        };
        let stores = Database::open(&target, clock.clone(), entropy.clone())
            .await?
            .stores();
        let redactor = Redactor::default();
        let env = Env {
            stores: stores.clone(),
            keyring: Arc::new(Keyring::parse(&Keyring::generate(&*entropy))?),
            clock: clock.clone(),
            entropy: entropy.clone(),
            redactor: redactor.clone(),
            observer: Arc::new(Silent),
            shared: Shared::default(),
        };
        let mut registry = Registry::default();
        registry.insert(homelab_backend_homelab::kind().open("homelab", json!({}), &env));
        let registry = Arc::new(ArcSwap::from_pointee(registry));
        let metrics = Metrics::new(Build {
            version: "0",
            commit: "",
            rustc: "",
        });
        let approvals = ApprovalService::new(ApprovalParts {
            store: stores.approvals,
            settings: stores.settings.clone(),
            log: stores.audit,
            signals: stores.signals,
            audit: Arc::new(Nothing),
            clock: clock.clone(),
            entropy: entropy.clone(),
            metrics: metrics.clone(),
            faults: Faults::default(),
        });
        let dispatcher = Dispatcher::new(DispatcherParts {
            registry: registry.clone(),
            settings: stores.settings,
            audit: Arc::new(Nothing),
            policy: Arc::new(RoleDefaults),
            approvals: approvals.clone(),
            taints: stores.taints,
            everywhere: None,
            kill_file: None,
            clock: clock.clone(),
            entropy: entropy.clone(),
            redactor,
            metrics: metrics.clone(),
            options: PipelineOptions::default(),
        });
        let authenticator = Authenticator::new(AuthParts {
            keys: stores.keys,
            audit: Arc::new(Nothing),
            clock: clock.clone(),
            entropy: entropy.clone(),
            metrics: metrics.clone(),
            without_key: WithoutKey::Refused,
        });
        let shutdown = CancellationToken::new();
        let routes = router(HttpParts {
            handler: Arc::new(HandlerParts {
                caller: dispatcher,
                metrics,
                changes: ToolListChanges::default(),
                clock,
                entropy,
                shutdown: shutdown.clone(),
                sealer: Sealer::new([7; 32]),
                output_schemas_in_aggregate: false,
            }),
            authenticator,
            registry,
            approvals: Some(approvals),
            ccpm: None,
            ready: Arc::new(Nothing),
            options: HttpOptions::default(),
        });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(listen::serve(vec![listener], routes, None, Limits::default(), shutdown).await?)
    })
}
