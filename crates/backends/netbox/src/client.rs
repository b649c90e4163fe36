//! One NetBox as the tools see it.

use homelab_backend::Env;
use homelab_backend::api::Book;
use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolResult};
use homelab_core::tool::Target;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::api::{Api, By};
use crate::call::Call;
use crate::config::Config;
use crate::kinds::Endpoint;
use crate::objects::Seen;
use crate::types::{Brief, Version, slugs};

/// One instance of the server.
pub(crate) struct NetBox {
    pub(crate) api: Api,
    pub(crate) config: Config,
    pub(crate) book: Book,
    /// Held by allocations with a key between the look for it and the allocation.
    pub(crate) keyed: Mutex<()>,
    /// In which state objects were when a change of them was foreseen.
    pub(crate) seen: Seen,
}

impl NetBox {
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Ok(Self {
            api: Api::new(instance, &config, env)?,
            book: Book::new(instance, env),
            config,
            keyed: Mutex::new(()),
            seen: Seen::default(),
        })
    }

    /// Which version it is, asked anew.
    pub(crate) async fn fresh_version(&self) -> ToolResult<Version> {
        self.api.fresh_version().await
    }

    /// Whether the token's user may see objects of a kind.
    pub(crate) async fn may_list(&self, of: &'static Endpoint) -> ToolResult<bool> {
        let call = Call::list(of).with("limit", 1).with("brief", 1);
        match self.api.read::<Value>(&call).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing_right(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether an error says that the token is well but may not do this.
pub(crate) fn is_missing_right(error: &homelab_core::error::ToolError) -> bool {
    error.code() == Code::UpstreamUnauthorized
        && error.envelope().reason.as_deref() == Some("privilege_missing")
}

/// Who asks for a change by this tool.
pub(crate) fn by<'a>(tool: &'static str, ctx: &'a CallContext) -> By<'a> {
    By {
        tool,
        caller: &ctx.principal.name,
    }
}

/// An object that a call will touch.
pub(crate) fn target(of: &Endpoint, id: u64, name: String, tags: &[Brief]) -> Target {
    Target {
        kind: of.noun.replace(' ', "_").to_lowercase(),
        id: id.to_string(),
        name: Some(name),
        tags: slugs(tags),
    }
}

/// Sets a field if there is a value.
pub(crate) fn set(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}
