//! The server's handle on the service: who asks, as which agent, and what goes with every answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homelab_backend::Env;
use homelab_ccpm::{Actor, Call, Ccpm, Identities, other_agent};
use homelab_core::call::CallContext;
use homelab_core::ccpm::{Agent, AgentId, CcpmCode, CcpmError, CcpmResult, Task};
use homelab_core::clock::{Clock, Micros};
use homelab_core::error::{Code, ToolError, ToolResult};

use crate::client::Remote;
use crate::faults;
use crate::types::Told;

/// How often an agent that calls tools is noted to be there.
const BEAT: Duration = Duration::from_mins(1);

/// One instance of the server.
pub(crate) struct Team {
    service: Arc<dyn Ccpm>,
    /// The same service, where it is another one.
    remote: Option<Arc<Remote>>,
    identities: Identities,
    pub(crate) clock: Arc<dyn Clock>,
    /// When agents were last noted to be there.
    beats: Mutex<HashMap<AgentId, Micros>>,
}

impl Team {
    pub(crate) fn embedded(service: Arc<dyn Ccpm>, identities: Identities, env: &Env) -> Self {
        Self {
            service,
            remote: None,
            identities,
            clock: env.clock.clone(),
            beats: Mutex::default(),
        }
    }

    pub(crate) fn remote(remote: Arc<Remote>, identities: Identities, env: &Env) -> Self {
        Self {
            service: remote.clone(),
            remote: Some(remote),
            identities,
            clock: env.clock.clone(),
            beats: Mutex::default(),
        }
    }

    pub(crate) fn service(&self) -> &dyn Ccpm {
        &*self.service
    }

    /// The caller as an agent, if it is one.
    pub(crate) async fn asked(&self, ctx: &CallContext) -> ToolResult<Asked<'_>> {
        let principal = &ctx.principal;
        let own = self.find(self.identities.agent_of(principal)).await;
        let own = match own {
            Ok(agent) => Some(agent),
            Err(error) if error.status() < 500 && error.status() != 401 => None,
            Err(error) => return Err(faults::told(error)),
        };
        let call = Call::by(self.identities.actor(principal, own.as_ref()));
        self.note_presence(&call).await;
        Ok(Asked {
            team: self,
            call,
            name: self.identities.agent_of(principal).to_owned(),
        })
    }

    /// Who calls tools is there. Not worth failing for.
    async fn note_presence(&self, call: &Call) {
        let Some(agent) = &call.actor.agent else {
            return;
        };
        let now = self.clock.now();
        let last = self.beats().get(agent).copied();
        if last.is_some_and(|last| last.later(BEAT) > now) {
            return;
        }
        self.beats().insert(agent.clone(), now);
        if let Err(error) = self.service.heartbeat(call, agent.as_str()).await {
            tracing::debug!(%error, "an agent's presence was not noted");
        }
    }

    fn beats(&self) -> std::sync::MutexGuard<'_, HashMap<AgentId, Micros>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent by name or id, without asking twice for what is known.
    async fn find(&self, name: &str) -> CcpmResult<Agent> {
        match &self.remote {
            Some(remote) => remote.find_agent(name).await,
            None => self.service.agent(&system(), name).await,
        }
    }

    /// A task as it is now, for hooks that know no caller.
    pub(crate) async fn task_now(&self, task: &str) -> ToolResult<Task> {
        let found = self.service.task(&system(), task).await;
        found.map_err(faults::told)
    }
}

/// We ourselves, for look-ups that every caller may make.
fn system() -> Call {
    Call::by(Actor {
        principal: "homelab-mcp".to_owned(),
        is_admin: true,
        ..Actor::default()
    })
}

/// One call of a tool: the service and who asks it.
pub(crate) struct Asked<'a> {
    team: &'a Team,
    pub(crate) call: Call,
    /// Name or id of the caller's agent, whether or not it is registered.
    name: String,
}

impl Asked<'_> {
    pub(crate) fn service(&self) -> &dyn Ccpm {
        self.team.service()
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.call.actor.is_admin
    }

    /// Refuses who is no agent.
    ///
    /// # Errors
    /// `permission_denied` with reason `no_agent`.
    pub(crate) fn must_be_agent(&self) -> ToolResult<&str> {
        let Some(agent) = &self.call.actor.agent else {
            return Err(ToolError::new(
                Code::PermissionDenied,
                format!("you are no agent: there is none named `{}`", self.name),
            )
            .reason("no_agent")
            .hint("register one with `ccpm_register_agent`, or let the owner name yours in `agents` of this server's section"));
        };
        Ok(agent.as_str())
    }

    /// The agent that a call is about: the caller's own if none is named. Another's is only for
    /// administrators.
    ///
    /// # Errors
    /// `permission_denied` with reason `other_agent`, or `no_agent`.
    pub(crate) async fn whose(&self, named: Option<&str>) -> ToolResult<String> {
        let Some(named) = named.filter(|name| !name.eq_ignore_ascii_case("me")) else {
            return Ok(self.must_be_agent()?.to_owned());
        };
        if self.is_admin() {
            return Ok(named.to_owned());
        }
        let own = self.must_be_agent()?;
        let agent = self.team.find(named).await;
        let agent = agent.map_err(faults::told)?;
        if agent.id.as_str() == own {
            return Ok(own.to_owned());
        }
        Err(faults::told(other_agent(&agent.name)))
    }

    /// The same call under a key of the caller's.
    pub(crate) fn with_key(&self, key: Option<String>) -> Call {
        match key {
            Some(key) => self.call.clone().with_key(key),
            None => self.call.clone(),
        }
    }

    /// The value with what goes with every answer, or the error.
    pub(crate) async fn tell<T>(&self, result: CcpmResult<T>) -> ToolResult<Told<T>> {
        let value = result.map_err(faults::told)?;
        Ok(Told {
            value,
            unread_messages: self.unread().await,
            warnings: self.warnings(),
        })
    }

    /// Not worth failing for.
    async fn unread(&self) -> Option<u64> {
        let agent = self.call.actor.agent.as_ref()?;
        let own = self.service().agent(&self.call, agent.as_str()).await;
        own.inspect_err(|error| tracing::debug!(%error, "unread messages were not counted"))
            .ok()?
            .unread_count
    }

    fn warnings(&self) -> Option<Vec<String>> {
        let warning = self.team.remote.as_ref()?.warning()?;
        Some(vec![warning])
    }
}

/// An error about an argument of a tool.
pub(crate) fn invalid(field: &str, message: &str) -> CcpmError {
    CcpmError::new(CcpmCode::ValidationFailed, message).detail("field", field)
}
