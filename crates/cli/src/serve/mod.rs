//! Serving: opens everything, lets clients in, follows the configuration, ends in order.

pub(crate) mod auth;
mod demo;
mod http;
mod ready;
mod reload;
mod signals;
mod systemd;
mod welcome;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use homelab_core::server::Endpoint;
use homelab_gateway::mcp::{HandlerParts, Sealer, ToolListChanges};
use homelab_gateway::transport::stdio;
use tokio_util::sync::CancellationToken;

use crate::commands::serve::Args;
use crate::commands::tools::pinned;
use crate::config::{Config, Loaded, Places};
use crate::exit::{Exit, Failure};
use crate::logging::{self, LevelHandle};
use crate::services::Services;
use crate::session::Session;
pub(crate) use demo::use_nothing_real;
use reload::{Files, Reload};
use signals::Signals;

/// How often is tidied what agents share.
const UPKEEP: Duration = Duration::from_mins(5);

/// How often is looked for memories without a vector.
const EMBEDDING: Duration = Duration::from_secs(15);

/// Everything that a running server consists of.
struct Running<'a> {
    session: &'a Session,
    loaded: Loaded,
    /// The configuration before options of the command line and the system changed it.
    as_loaded: Config,
    places: Places,
    /// `--read-only`, which no configuration takes back.
    read_only: bool,
    services: Services,
    level: LevelHandle,
    changes: ToolListChanges,
    signals: Signals,
    /// The configuration's files as they were before they were read.
    files: Files,
    shutdown: CancellationToken,
}

/// Serves until told to stop.
pub(crate) async fn run(args: &Args, session: &Session) -> Result<Exit> {
    let places = match (args.demo, args.stdio) {
        (true, _) => Places::Nowhere,
        (false, true) => Places::NotWorkingDirectory,
        (false, false) => Places::All,
    };
    let signals = Signals::listen();
    let files = reload::look(session, places);
    let mut loaded = session.load(places)?;
    loaded.config.policy.read_only |= args.read_only;
    let as_loaded = loaded.config.clone();
    if !args.listen.is_empty() {
        loaded.config.server.listen.clone_from(&args.listen);
    }
    if args.demo {
        use_nothing_real(&mut loaded.config);
    }
    let log = &loaded.config.log;
    let level = logging::start(
        &log.level,
        log.format,
        &session.environment,
        &session.redactor,
    )?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let demo = if args.demo {
        Some(demo::Demo::prepare(session)?)
    } else {
        None
    };
    let data = match &demo {
        Some(demo) => demo.data_dir()?,
        None => session.open_data_dir(&loaded.config)?,
    };
    demo::warn_if_real_use_of_demo_data(args.demo, &data);
    let lab = match &demo {
        Some(_) => Some(demo::start(&mut loaded.config, &data).await?),
        None => None,
    };
    let services = Services::open_in(session, &loaded.config, data).await?;
    pinned::warn(services.stores.settings.as_ref()).await?;
    if let Some(lab) = &lab {
        demo::fill(&services, lab).await?;
    }
    let running = Running {
        session,
        loaded,
        as_loaded,
        places,
        read_only: args.read_only,
        services,
        level,
        changes: ToolListChanges::default(),
        signals,
        files,
        shutdown: CancellationToken::new(),
    };
    let served = if args.stdio {
        Box::pin(running.over_stdio(args.server.as_deref())).await
    } else {
        running.over_http(demo.as_ref()).await
    };
    drop(lab);
    served
}

impl Running<'_> {
    /// What every door stands in front of.
    fn parts(&self) -> Arc<HandlerParts> {
        Arc::new(HandlerParts {
            caller: self.services.dispatcher.clone(),
            metrics: self.services.metrics.clone(),
            changes: self.changes.clone(),
            clock: self.session.clock.clone(),
            entropy: self.session.entropy.clone(),
            shutdown: self.shutdown.clone(),
            sealer: Sealer::new(self.services.audit_key.derive("mcp request state")),
            output_schemas_in_aggregate: self.loaded.config.server.output_schemas,
        })
    }

    /// Follows changes of the configuration and waits for the signal to stop, besides `served`.
    async fn beside<T>(&self, served: impl Future<Output = T>) -> T {
        let reload = Reload::new(self);
        let housekeeping = async {
            tokio::join!(
                reload.follow(),
                self.signals.stop_on_request(&self.shutdown),
                systemd::keep_alive(&self.session.environment),
                self.services.teamwork.service.upkeep_every(UPKEEP),
                self.services.memory.work(EMBEDDING),
            )
        };
        tokio::select! {
            served = served => served,
            // None of them ends.
            _ = housekeeping => unreachable!("housekeeping goes on for ever"),
        }
    }

    async fn over_stdio(self, server: Option<&str>) -> Result<Exit> {
        let endpoint = match server {
            Some(name) => Endpoint::Server(name.into()),
            None => Endpoint::All,
        };
        if let Some(name) = server {
            self.refuse_unknown_server(name)?;
        }
        let principal = self
            .services
            .stdio_principal(self.loaded.config.local.stdio_role);
        tracing::info!("serving standard input and output");
        let serving = Box::pin(stdio::serve(self.parts(), endpoint, principal));
        let served = self.beside(serving).await;
        let closed = self.services.close().await;
        served.context("serving standard input and output")?;
        closed?;
        Ok(Exit::Ok)
    }

    fn refuse_unknown_server(&self, name: &str) -> Result<()> {
        let registry = self.services.registry.load();
        if registry.instance(name).is_some() || registry.of_kind(name).next().is_some() {
            return Ok(());
        }
        let known: Vec<String> = registry
            .servers()
            .map(|one| one.instance().to_owned())
            .collect();
        Err(Failure::usage(format!("there is no server `{name}`"))
            .hint(format!("configured are: {}", known.join(", ")))
            .into())
    }
}
