//! The server's handle on the service: who asks, and what models it was made with.

use std::sync::Arc;
use std::time::Duration;

use homelab_backend::Env;
use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::KIND;
use homelab_memory::embed::MiniLm;
use homelab_memory::{Caller, Current, Edit, MemoryService, Owners, Parts, Settings};

use crate::config::Config;
use crate::providers::models;

/// One instance of the server.
pub(crate) struct Memory {
    service: Arc<MemoryService>,
}

impl Memory {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        let models = models(instance, config, Arc::new(MiniLm), env)?;
        let days = u64::from(config.state_ttl_days);
        let service = Arc::new(MemoryService::new(Parts {
            store: env.stores.memories.clone(),
            embedder: models.embedder,
            older: models.older,
            llm: models.llm,
            clock: env.clock.clone(),
            entropy: env.entropy.clone(),
            settings: Settings {
                owners: Owners::new(&config.owners)?,
                on_secret: config.on_secret,
                state_ttl: Duration::from_hours(days * 24),
                model_deadline: Duration::from_secs(config.llm.timeout_s),
                ..Settings::default()
            },
        }));
        // Several instances work on the same memories: the one that is called like the kind leads.
        if let Some(current) = env.shared.get::<Current>()
            && (instance == KIND || current.service().is_none())
        {
            current.set(service.clone());
        }
        Ok(Self { service })
    }

    pub(crate) fn service(&self) -> &MemoryService {
        &self.service
    }

    /// Whoever calls, as the owner that authentication and configuration make of it.
    pub(crate) fn caller(&self, ctx: &CallContext) -> Caller {
        let request = Some(ctx.request_id.as_str());
        self.service.owners().caller(&ctx.principal.name, request)
    }

    /// The change that brings back what a memory said at a version.
    ///
    /// # Errors
    /// `not_found` if there is no such memory for the caller, `invalid_argument` if it has no such version.
    pub(crate) async fn earlier(
        &self,
        caller: &Caller,
        id: &str,
        version: u32,
    ) -> ToolResult<Edit> {
        let known = self.service.get(caller, id).await?;
        let wanted = [(known.id, version)];
        let store = self.service.store();
        let found = store.revisions(caller.visible(), &wanted).await?;
        let Some(then) = found.into_iter().next() else {
            let message = format!("the memory has no version {version}");
            return Err(ToolError::invalid("revert_to", message)
                .hint("see its versions with `get_memory_history`"));
        };
        Ok(Edit {
            content: Some(then.content),
            metadata: Some(then.metadata),
            category: Some(then.category),
            importance: Some(then.importance),
            about: Some(then.about),
            expires_at: then.expires_at,
            ..Edit::default()
        })
    }
}
