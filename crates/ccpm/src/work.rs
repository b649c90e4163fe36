//! One change: a transaction, what it will tell, and the answer that is kept for a repetition.

use homelab_core::ccpm::{
    Agent, AgentId, CcpmCode, CcpmError, CcpmResult, Message, SessionReport, Sprint, Task,
};
use homelab_core::clock::Micros;
use homelab_core::store::{CcpmRows, KeptAnswer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::api::{Actor, Call, Done};
use crate::bus::Change;
use crate::service::Service;

/// A change that has begun.
pub(crate) struct Work<'s> {
    pub(crate) service: &'s Service,
    pub(crate) rows: Box<dyn CcpmRows>,
    pub(crate) now: Micros,
    pub(crate) actor: &'s Actor,
    news: Vec<Change>,
    /// Kept with the answer, where the request has a key.
    request: Option<Request>,
}

/// A request with an idempotency key.
struct Request {
    scope: String,
    key: String,
    digest: String,
}

/// What a request comes to.
pub(crate) enum Begun<'s, T> {
    /// It came before; this was the answer.
    Again(Done<T>),
    /// It is new.
    Work(Work<'s>),
}

/// Begins a change: `begin!(service, call, "operation", "what it is done to", &body)`. Answers a
/// repeated request at once.
macro_rules! begin {
    ($service:expr, $call:expr, $operation:literal, $target:expr, $body:expr) => {
        match $service.begin($call, $operation, $target, $body).await? {
            $crate::work::Begun::Again(done) => return Ok(done),
            $crate::work::Begun::Work(work) => work,
        }
    };
}
pub(crate) use begin;

impl Service {
    /// Opens a transaction that writes, unless the request came before.
    pub(crate) async fn begin<'s, T: DeserializeOwned>(
        &'s self,
        call: &'s Call,
        operation: &str,
        target: &str,
        body: &(impl Serialize + Sync),
    ) -> CcpmResult<Begun<'s, T>> {
        let request = request(call, operation, target, body)?;
        let mut rows = self.parts.store.write().await?;
        let now = self.now();
        if let Some(request) = &request
            && let Some(kept) = rows.answer(&request.scope, &request.key).await?
            && kept.at > now.earlier(self.settings().answers_kept)
        {
            return again(request, &kept).map(Begun::Again);
        }
        Ok(Begun::Work(Work {
            service: self,
            rows,
            now,
            actor: &call.actor,
            news: Vec::new(),
            request,
        }))
    }

    /// The same for upkeep, which nobody asks for.
    pub(crate) async fn upkeep_work<'s>(&'s self, actor: &'s Actor) -> CcpmResult<Work<'s>> {
        Ok(Work {
            service: self,
            rows: self.parts.store.write().await?,
            now: self.now(),
            actor,
            news: Vec::new(),
            request: None,
        })
    }
}

/// The request as it is recognised, if it has a key.
fn request(
    call: &Call,
    operation: &str,
    target: &str,
    body: &impl Serialize,
) -> CcpmResult<Option<Request>> {
    let Some(key) = &call.idempotency_key else {
        return Ok(None);
    };
    if !(8..=128).contains(&key.len()) || key.bytes().any(|byte| !(0x21..0x7f).contains(&byte)) {
        return Err(CcpmError::invalid(
            "idempotency_key",
            "an idempotency key has 8 to 128 characters of ASCII without spaces",
        ));
    }
    let actor = &call.actor;
    Ok(Some(Request {
        scope: digest(&(&actor.principal, operation, target))?,
        key: key.clone(),
        digest: digest(&(actor.agent.as_ref().map(AgentId::as_str), body))?,
    }))
}

fn digest(of: &impl Serialize) -> CcpmResult<String> {
    let bytes = serde_json::to_vec(of).map_err(no_json)?;
    Ok(hex::encode(Sha256::digest(bytes)))
}

fn no_json(error: serde_json::Error) -> CcpmError {
    CcpmError::new(CcpmCode::Internal, "an answer cannot be kept").caused_by(error)
}

fn again<T: DeserializeOwned>(request: &Request, kept: &KeptAnswer) -> CcpmResult<Done<T>> {
    if kept.digest != request.digest {
        return Err(CcpmError::new(
            CcpmCode::IdempotencyConflict,
            "this idempotency key was used for another request",
        )
        .hint("take a new key for a new request"));
    }
    let mut done: Done<T> = serde_json::from_str(&kept.answer).map_err(no_json)?;
    done.replayed = true;
    Ok(done)
}

impl Work<'_> {
    /// Keeps everything and tells of it.
    pub(crate) async fn finish<T: Serialize>(mut self, done: Done<T>) -> CcpmResult<Done<T>> {
        if let Some(request) = self.request.take() {
            let answer = serde_json::to_string(&done).map_err(no_json)?;
            let kept = KeptAnswer {
                scope: request.scope,
                key: request.key,
                digest: request.digest,
                answer,
                at: self.now,
            };
            self.rows.keep_answer(&kept).await?;
        }
        self.rows.commit().await?;
        self.service.tell(self.news);
        Ok(done)
    }

    /// The agent that acts.
    pub(crate) async fn me(&mut self) -> CcpmResult<Agent> {
        crate::resolve::acting(&mut *self.rows, self.actor).await
    }

    pub(crate) async fn save_agent(&mut self, agent: &Agent) -> CcpmResult<()> {
        self.rows.save_agent(agent).await?;
        self.news.push(Change::Agent {
            id: agent.id.clone(),
        });
        Ok(())
    }

    pub(crate) async fn save_message(&mut self, message: &Message) -> CcpmResult<()> {
        self.rows.save_message(message).await?;
        self.news.push(Change::Inbox {
            agent: message.to_agent_id.clone(),
            message: message.id.clone(),
            status: message.status,
        });
        Ok(())
    }

    /// Saves the next version of a task.
    pub(crate) async fn save_task(&mut self, task: &mut Task) -> CcpmResult<()> {
        task.version += 1;
        task.updated_at = self.now;
        self.rows.save_task(task).await?;
        self.news.push(Change::Task {
            id: task.id.clone(),
            key: task.key.clone(),
            status: task.status,
        });
        Ok(())
    }

    /// Saves the next version of a sprint.
    pub(crate) async fn save_sprint(&mut self, sprint: &mut Sprint) -> CcpmResult<()> {
        sprint.version += 1;
        self.rows.save_sprint(sprint).await?;
        self.news.push(Change::Sprint {
            id: sprint.id.clone(),
            status: sprint.status,
        });
        Ok(())
    }

    pub(crate) async fn save_session(&mut self, session: &SessionReport) -> CcpmResult<()> {
        self.rows.save_session(session).await?;
        self.news.push(Change::Session {
            id: session.id.clone(),
            agent: session.agent_id.clone(),
            status: session.status,
        });
        Ok(())
    }
}
