//! Another CCPM service over HTTP: how it is asked, as whom, and what may be asked twice.
//!
//! Every change carries an idempotency key, the caller's or one of its own for all attempts of one
//! call, so it is repeated like a read. A service that does not know such keys may then do it twice
//! if it answers and the answer is lost; the contract's does not.

use std::time::Duration;

use homelab_backend::Env;
use homelab_ccpm::{Actor, Call, Done};
use homelab_core::ccpm::{Agent, AgentId, CcpmCode, CcpmError, CcpmResult, Listing};
use homelab_core::id::uuid_v7;
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::{Client, Method, Request, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::directory::{Directory, Source};
use crate::wire::{self, Shape};
use crate::{faults, wire::AGENT};

/// Most agents that are read for names.
const MOST_AGENTS: usize = 5_000;
/// How often an inbox is looked at by who waits for a message.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

static AGENT_ID: header::HeaderName = header::HeaderName::from_static("x-agent-id");
static KEY: header::HeaderName = header::HeaderName::from_static("idempotency-key");
static REPLAYED: header::HeaderName = header::HeaderName::from_static("idempotency-replayed");

/// Which of the two addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Tasks,
    Messaging,
}

/// The other service.
pub(crate) struct Remote {
    tasks: Client,
    messaging: Client,
    token: Option<SecretRef>,
    env: Env,
    pub(crate) directory: Directory,
}

/// One request by the contract.
pub(crate) struct Ask {
    api: Api,
    operation: &'static str,
    method: Method,
    template: &'static str,
    parameters: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Value>,
    if_match: Option<i64>,
    /// What everybody may ask, also who is no agent.
    is_shared: bool,
}

impl Ask {
    pub(crate) fn get(api: Api, operation: &'static str, template: &'static str) -> Self {
        Self::new(api, operation, Method::GET, template)
    }

    pub(crate) fn new(
        api: Api,
        operation: &'static str,
        method: Method,
        template: &'static str,
    ) -> Self {
        Self {
            api,
            operation,
            method,
            template,
            parameters: Vec::new(),
            query: Vec::new(),
            body: None,
            if_match: None,
            is_shared: false,
        }
    }

    /// Fills the next `{}` of the path.
    pub(crate) fn at(mut self, parameter: impl Into<String>) -> Self {
        self.parameters.push(parameter.into());
        self
    }

    /// Adds the members of a filter or page to the query; what is false or absent says nothing.
    pub(crate) fn query(mut self, filter: &impl Serialize) -> Self {
        if let Ok(Value::Object(members)) = serde_json::to_value(filter) {
            for (name, value) in members {
                match value {
                    Value::String(text) => self.query.push((name, text)),
                    Value::Number(number) => self.query.push((name, number.to_string())),
                    Value::Bool(flag) => self.query.push((name, flag.to_string())),
                    _ => {}
                }
            }
        }
        self
    }

    /// Sends this as JSON.
    pub(crate) fn body(mut self, body: &impl Serialize) -> CcpmResult<Self> {
        let body = serde_json::to_value(body).map_err(|_| {
            CcpmError::new(
                CcpmCode::Internal,
                "the request could not be written as JSON",
            )
        })?;
        self.body = Some(body);
        Ok(self)
    }

    pub(crate) fn if_match(mut self, version: Option<i64>) -> Self {
        self.if_match = version;
        self
    }

    pub(crate) fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    fn is_read(&self) -> bool {
        self.method == Method::GET
    }
}

/// A successful answer.
pub(crate) struct Answer {
    pub(crate) body: Value,
    is_created: bool,
    is_replayed: bool,
}

impl Answer {
    pub(crate) fn one<T: DeserializeOwned>(self, shape: &Shape) -> CcpmResult<T> {
        wire::one(self.body, shape)
    }

    pub(crate) fn list<T: DeserializeOwned>(self, shape: &Shape) -> CcpmResult<Listing<T>> {
        wire::list(self.body, shape)
    }

    pub(crate) fn done<T>(self, read: impl FnOnce(Value) -> CcpmResult<T>) -> CcpmResult<Done<T>> {
        Ok(Done {
            value: read(self.body)?,
            created: self.is_created,
            replayed: self.is_replayed,
        })
    }

    pub(crate) fn done_one<T: DeserializeOwned>(self, shape: &Shape) -> CcpmResult<Done<T>> {
        self.done(|body| wire::one(body, shape))
    }
}

impl Remote {
    pub(crate) fn new(
        tasks: Client,
        messaging: Client,
        token: Option<SecretRef>,
        env: &Env,
    ) -> Self {
        Self {
            tasks,
            messaging,
            token,
            directory: Directory::new(env.clock.clone()),
            env: env.clone(),
        }
    }

    /// An agent by name, id or tag, from the kept list.
    pub(crate) async fn find_agent(&self, name: &str) -> CcpmResult<Agent> {
        self.directory.resolve(name, self).await
    }

    /// The id of an agent that a call names; `me` is the caller's own.
    pub(crate) async fn agent_id(&self, call: &Call, name: &str) -> CcpmResult<String> {
        if name.eq_ignore_ascii_case("me") {
            let own = call.actor.agent.as_ref();
            return own.map(|id| id.0.clone()).ok_or_else(no_agent);
        }
        if call
            .actor
            .agent
            .as_ref()
            .is_some_and(|id| id.as_str() == name)
        {
            return Ok(name.to_owned());
        }
        Ok(self.find_agent(name).await?.id.0)
    }

    /// What to bear in mind about the names that were used.
    pub(crate) fn warning(&self) -> Option<String> {
        self.directory.warning()
    }

    /// Asks as the caller's agent. An administrator whose agent may not do it does it without one:
    /// the token decides then.
    pub(crate) async fn ask(&self, call: &Call, ask: Ask) -> CcpmResult<Answer> {
        let actor = &call.actor;
        if actor.agent.is_none() && !actor.is_admin && !ask.is_shared {
            // The token may be anybody's, and its rights are not the caller's.
            return Err(no_agent());
        }
        let agent = actor.agent.as_ref().map(AgentId::as_str);
        let answer = self
            .send(&ask, agent, call.idempotency_key.as_deref())
            .await;
        match answer {
            Err(error) if may_without_agent(actor, &error) => {
                self.send(&ask, None, call.idempotency_key.as_deref()).await
            }
            answer => answer,
        }
    }

    async fn send(&self, ask: &Ask, agent: Option<&str>, key: Option<&str>) -> CcpmResult<Answer> {
        let token = self.token().await?;
        let request = self.request(ask, agent, key, token.as_ref());
        let client = match ask.api {
            Api::Tasks => &self.tasks,
            Api::Messaging => &self.messaging,
        };
        let response = client.send(request).await.map_err(faults::unanswered)?;
        if !response.status.is_success() {
            return Err(faults::refused(response));
        }
        let body = if response.body.trim_ascii().is_empty() {
            Value::Null
        } else {
            response.json().map_err(faults::unanswered)?
        };
        Ok(Answer {
            body,
            is_created: response.status.as_u16() == 201,
            is_replayed: response
                .headers
                .get(&REPLAYED)
                .is_some_and(|value| value == "true"),
        })
    }

    async fn token(&self) -> CcpmResult<Option<Secret>> {
        let Some(token) = &self.token else {
            return Ok(None);
        };
        let token = self.env.secret(token).await;
        token.map(Some).map_err(|error| {
            let envelope = error.envelope();
            CcpmError::new(CcpmCode::Unavailable, envelope.message.clone())
                .retryable(false)
                .hint(envelope.hint.clone().unwrap_or_default())
                .detail("tool_code", "not_configured")
                .detail("reason", &envelope.reason)
        })
    }

    fn request(
        &self,
        ask: &Ask,
        agent: Option<&str>,
        key: Option<&str>,
        token: Option<&Secret>,
    ) -> Request {
        let parameters: Vec<&dyn std::fmt::Display> = ask
            .parameters
            .iter()
            .map(|parameter| parameter as &dyn std::fmt::Display)
            .collect();
        let mut request =
            Request::new(ask.operation, ask.method.clone(), ask.template, &parameters)
                .header(header::ACCEPT, "application/json");
        for (name, value) in &ask.query {
            request = request.query(name, value);
        }
        if let Some(agent) = agent {
            request = request.header(AGENT_ID.clone(), agent);
        }
        if let Some(version) = ask.if_match {
            request = request.header(header::IF_MATCH, &format!("\"{version}\""));
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        if !ask.is_read() {
            let own;
            let key = if let Some(key) = key {
                key
            } else {
                own = uuid_v7(&*self.env.clock, &*self.env.entropy);
                &own
            };
            request = request.header(KEY.clone(), key).idempotent();
        }
        if let Some(token) = token {
            request = request.bearer(token);
        }
        request
    }
}

fn may_without_agent(actor: &Actor, error: &CcpmError) -> bool {
    let is_anothers = error.status() == 409 && error.details().contains_key("assignee");
    actor.is_admin && actor.agent.is_some() && (error.status() == 403 || is_anothers)
}

fn no_agent() -> CcpmError {
    CcpmError::new(CcpmCode::Forbidden, "the caller is no agent")
        .hint("register one with `ccpm_register_agent`, or let the owner name it in `agents` of this server's section")
        .detail("reason", "no_agent")
}

#[async_trait::async_trait]
impl Source for Remote {
    async fn all_agents(&self) -> CcpmResult<Vec<Agent>> {
        let mut agents = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut ask = Ask::get(Api::Messaging, "list_agents", "/agents");
            ask.query.push(("limit".to_owned(), "200".to_owned()));
            if let Some(cursor) = cursor.take() {
                ask.query.push(("cursor".to_owned(), cursor));
            }
            let page: Listing<Agent> = self.send(&ask, None, None).await?.list(&AGENT)?;
            let is_empty = page.data.is_empty();
            agents.extend(page.data);
            match page.page.next_cursor {
                Some(next) if !is_empty && agents.len() < MOST_AGENTS => cursor = Some(next),
                _ => return Ok(agents),
            }
        }
    }
}
