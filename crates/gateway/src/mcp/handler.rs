//! Our tools as an MCP server: one handler for every transport, over [`Caller`].

use std::sync::{Arc, OnceLock};

use homelab_core::call::{
    CallContext, Confirmer, Format, Principal, Progress, ToolCall, Transport,
};
use homelab_core::server::Endpoint;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, CustomRequest, CustomResult, ErrorCode, Extensions,
    Implementation, ListPromptsRequestMethod, ListPromptsResult,
    ListResourceTemplatesRequestMethod, ListResourceTemplatesResult, ListResourcesRequestMethod,
    ListResourcesResult, ListToolsResult, MetaObject, PaginatedRequestParams, ProtocolVersion,
    ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::changes::ToolListChanges;
use super::elicit::{Rounds, takes_forms};
use super::parts::{
    HandlerParts, SERVER_INFO, SERVER_NAME, SERVER_TITLE, SERVER_VERSION, Served, TOOL_ERROR,
    call_context, label, surveyor,
};
use super::{convert, elicit, progress};
use crate::transport::Identity;

/// How long a client may keep a listing without asking again. Changes are announced, so this only
/// bounds how long a client that does not listen stays behind.
const LIST_TTL_MS: u64 = 60_000;

/// One endpoint's tools, for one connection or one request.
///
/// Made anew for each stateless request, so making one only counts references.
pub struct Handler {
    parts: Arc<HandlerParts>,
    endpoint: Endpoint,
    transport: Transport,
    /// Who calls where no request says so (stdio).
    local: Option<Arc<Principal>>,
    /// The connection's own session, where requests carry none in a header.
    session: Option<Arc<str>>,
    /// Ends the task that passes announcements on, with this handler.
    announcements: OnceLock<DropGuard>,
}

impl Handler {
    /// A handler whose callers are found in each request's extensions.
    pub fn new(parts: Arc<HandlerParts>, endpoint: Endpoint, transport: Transport) -> Self {
        Self {
            parts,
            endpoint,
            transport,
            local: None,
            session: None,
            announcements: OnceLock::new(),
        }
    }

    /// Everything comes from this principal.
    #[must_use]
    pub fn for_principal(mut self, principal: Arc<Principal>) -> Self {
        self.local = Some(principal);
        self
    }

    /// Everything belongs to this session.
    #[must_use]
    pub fn in_session(mut self, session: impl Into<Arc<str>>) -> Self {
        self.session = Some(session.into());
        self
    }

    fn identity(&self, extensions: &Extensions) -> Result<Identity, ErrorData> {
        let parts = extensions.get::<http::request::Parts>();
        let stated = parts.and_then(|parts| parts.extensions.get::<Identity>());
        match (stated, &self.local) {
            (Some(identity), _) => Ok(identity.clone()),
            (None, Some(principal)) => Ok(Identity {
                principal: principal.clone(),
                request_id: self.parts.request_id(),
                peer: None,
            }),
            // The routes put one in before anything gets here.
            (None, None) => Err(ErrorData::internal_error("the request has no caller", None)),
        }
    }

    fn session_of(&self, extensions: &Extensions) -> Option<Arc<str>> {
        self.session.clone().or_else(|| {
            let parts = extensions.get::<http::request::Parts>()?;
            let id = parts.headers.get("mcp-session-id")?.to_str().ok()?;
            Some(id.into())
        })
    }

    fn listed(
        &self,
        request: Option<PaginatedRequestParams>,
        context: &RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params(
                "unknown cursor: this list has one page",
                None,
            ));
        }
        let identity = self.identity(&context.extensions)?;
        let listed = self
            .parts
            .caller
            .list(&self.endpoint, &identity.principal)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        let with_output_schemas = self.parts.lists_output_schemas(&self.endpoint);
        let tools = listed
            .iter()
            .map(|listed| convert::tool(listed, with_output_schemas))
            .collect();
        let mut result = ListToolsResult::with_all_items(tools);
        // The list depends on who asks, so no shared cache may keep it.
        if speaks_modern(context) {
            result = result
                .with_ttl_ms(LIST_TTL_MS)
                .with_cache_scope(CacheScope::Private);
            result.meta = Some(server_meta());
        }
        Ok(result)
    }

    async fn called(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let identity = self.identity(&context.extensions)?;
        let principal = identity.principal.clone();
        let capabilities = context.client_capabilities();
        let is_modern = speaks_modern(context);
        let rounds = if is_modern {
            Some(Rounds::of(&request, &self.parts.sealer, &principal)?)
        } else {
            None
        };
        let can_be_asked = capabilities.as_ref().is_some_and(takes_forms);
        let (by_request, questions) = elicit::by_request();
        let confirm = match &rounds {
            _ if !can_be_asked => Confirmer::default(),
            Some(rounds) => Confirmer::through(rounds.clone()),
            None => by_request,
        };
        let work = async {
            match context.meta.get_progress_token() {
                None => {
                    self.run(request, context, identity, Progress::default(), confirm)
                        .await
                }
                Some(token) => {
                    progress::forward(context.peer.clone(), token, |progress| {
                        self.run(request, context, identity, progress, confirm)
                    })
                    .await
                }
            }
        };
        let mut result = elicit::attend(&context.peer, questions, work).await?;
        if let Some(question) = rounds
            .as_ref()
            .filter(|_| result.is_error == Some(true))
            .and_then(|rounds| rounds.question(&self.parts.sealer, &principal))
        {
            return Ok(question.with_meta(server_meta()).into());
        }
        if is_modern {
            result.meta = Some(server_meta());
        }
        Ok(result.into())
    }

    async fn run(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
        identity: Identity,
        progress: Progress,
        confirm: Confirmer,
    ) -> Result<CallToolResult, ErrorData> {
        let session = self.session_of(&context.extensions);
        let call = ToolCall {
            endpoint: self.endpoint.clone(),
            name: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            format: Format::default(),
            context: CallContext {
                confirm,
                ..call_context(
                    identity,
                    self.transport,
                    session,
                    context.ct.clone(),
                    progress,
                )
            },
        };
        match self.parts.caller.call(call).await {
            Ok(reply) => Ok(convert::success(
                reply,
                self.parts.lists_output_schemas(&self.endpoint),
            )),
            Err(error) => match convert::protocol_error(&error) {
                Some(error) => Err(error),
                None => Ok(convert::failure(&error)),
            },
        }
    }
}

fn speaks_modern(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

fn revision(context: &RequestContext<RoleServer>) -> String {
    context
        .protocol_version()
        .map(|version| version.as_str().to_owned())
        .unwrap_or_default()
}

fn server_meta() -> MetaObject {
    let mut meta = MetaObject::default();
    let info = serde_json::json!({
        "name": SERVER_NAME,
        "title": SERVER_TITLE,
        "version": SERVER_VERSION,
    });
    meta.insert(SERVER_INFO.to_owned(), info);
    meta
}

/// Kept short: some clients put it into every system prompt.
fn instructions(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::All => "Tools of a home lab; the first word of a name is the system it acts on. \
                          Errors say what to do next."
            .to_owned(),
        Endpoint::Server(name) => {
            format!("Tools of `{name}` in a home lab. Errors say what to do next.")
        }
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(
                Implementation::new(SERVER_NAME, SERVER_VERSION).with_title(SERVER_TITLE),
            )
            .with_instructions(instructions(&self.endpoint))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let since = Instant::now();
        let result = self.listed(request, &context);
        self.parts.served(&Served {
            method: "tools/list",
            tool: None,
            revision: &revision(&context),
            transport: self.transport,
            error: result.as_ref().err().map(|error| label(error.code)),
            since,
        });
        result
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let since = Instant::now();
        let name = request.name.clone();
        let result = self.called(request, &context).await;
        self.parts.served(&Served {
            method: "tools/call",
            tool: Some(&name),
            revision: &revision(&context),
            transport: self.transport,
            error: match &result {
                Ok(CallToolResponse::Complete(result)) => {
                    (result.is_error == Some(true)).then_some(TOOL_ERROR)
                }
                Ok(_) => None,
                Err(error) => Some(label(error.code)),
            },
            since,
        });
        result
    }

    /// The SDK reads the schema of a called tool here to check `Mcp-Param-*` headers; without this
    /// it would skip the check.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let listed = self.parts.caller.list(&self.endpoint, &surveyor()).ok()?;
        let listed = listed.iter().find(|listed| listed.name == name)?;
        Some(convert::tool(listed, false))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let ended = CancellationToken::new();
        if self.announcements.set(ended.clone().drop_guard()).is_ok() {
            tokio::spawn(announce(context.peer, self.parts.changes.clone(), ended));
        }
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.parts.changes.subscribe();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                () = self.parts.shutdown.cancelled() => return Ok(()),
                changed = changes.changed() => {
                    if changed.is_err() {
                        context.cancelled().await;
                        return Ok(());
                    }
                }
            }
            if context.accepted().tools_list_changed == Some(true)
                && context.sink().notify_tool_list_changed().await.is_err()
            {
                return Ok(());
            }
        }
    }

    /// The SDK hands over what it could not read as the method it names: a known one then has
    /// wrong parameters.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method;
        if SERVED.contains(&method.as_str()) {
            return Err(ErrorData::invalid_params(
                format!("the parameters of `{method}` are missing or have a wrong type"),
                None,
            ));
        }
        Err(ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("unknown method `{method}`"),
            None,
        ))
    }

    // What is not declared is not there; the SDK's defaults would answer with empty lists.

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<
            ListResourceTemplatesRequestMethod,
        >())
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }
}

/// The methods with parameters that are answered here. Not `initialize`: whoever speaks a revision
/// that has it never gets here with it, and to all others it is unknown.
const SERVED: [&str; 4] = [
    "server/discover",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
];

/// Passes announcements on until the session ends or its client is gone.
async fn announce(peer: Peer<RoleServer>, changes: ToolListChanges, ended: CancellationToken) {
    let mut changed = changes.subscribe();
    loop {
        let news = tokio::select! {
            () = ended.cancelled() => return,
            news = changed.changed() => news.is_ok(),
        };
        if !news || peer.notify_tool_list_changed().await.is_err() {
            return;
        }
    }
}
