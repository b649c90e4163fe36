//! A team service of the time before the contract: numbers for ids, bare lists, other names, statuses of
//! its own, errors as `{"detail": …}`, and no idempotency keys. It shows how tolerant a client is.
//!
//! Source: written by hand after what such services have in common; there is no vendor.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::upstream::Upstream;
use crate::{Faults, RequestLog};

/// The token that it asks for.
pub const TOKEN: &str = "legacy-token-0123456789";

/// The service; it ends when this is dropped.
pub struct CcpmLegacy {
    upstream: Upstream,
    state: Shared,
}

#[derive(Default)]
struct Kept {
    agents: Vec<Value>,
    messages: Vec<Value>,
    tasks: Vec<Value>,
    contexts: Vec<Value>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Kept>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CcpmLegacy {
    /// Starts it with the agents `orchestrator` (1), `Builder` (2, tag `ci`), `scout` (3) and `Scout`
    /// (4), and two tasks.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        let state = Shared::default();
        {
            let mut kept = state.lock();
            kept.agents = vec![
                json!({ "agent_id": 1, "agent_name": "orchestrator", "agent_type": "boss" }),
                json!({ "agent_id": 2, "agent_name": "Builder", "agent_tag": "ci", "status": "napping" }),
                json!({ "agent_id": 3, "agent_name": "scout" }),
                json!({ "agent_id": 4, "agent_name": "Scout" }),
            ];
            kept.tasks = vec![
                json!({
                    "task_id": 11, "name": "Fix the fan", "status": "parked", "priority": "p1",
                    "assigned_to": "Builder", "created_at": "2026-01-02 03:04:05", "sprint_id": null,
                }),
                json!({ "task_id": 12, "title": "Dust", "status": "todo", "dependencies": [11] }),
            ];
        }
        let routes = Router::new()
            .route(
                "/api/health",
                get(|| async { Json(json!({ "status": "healthy" })) }),
            )
            .route("/api/tasks", get(tasks))
            .route("/api/tasks/{id}", get(task))
            .route("/api/tasks/{id}/status", put(set_status))
            .route(
                "/api/sprints/active",
                get(|| async { missing("No active sprint") }),
            )
            .route("/api/sprints", get(|| async { Json(json!([])) }))
            .route("/api/v1/agents", get(agents))
            .route("/api/v1/agents/{id}", get(agent))
            .route(
                "/api/v1/agents/{id}/heartbeat",
                post(|| async { StatusCode::NO_CONTENT }),
            )
            .route("/api/v1/agents/{id}/inbox", get(inbox))
            .route("/api/v1/messages", post(send))
            .route("/api/v1/messages/{id}/complete", post(complete))
            .route("/api/v1/session-reports", post(begin))
            .route(
                "/api/v1/session-reports/resume",
                get(|| async { missing("No reports") }),
            )
            .route("/api/v1/session-reports/{id}/contexts", post(log))
            .layer(from_fn(with_token))
            .with_state(state.clone());
        Ok(Self {
            upstream: Upstream::serve(routes).await?,
            state,
        })
    }

    /// Address of its task API.
    pub fn task_api(&self) -> String {
        format!("{}/api", self.upstream.url())
    }

    /// Address of its messaging API.
    pub fn messaging_api(&self) -> String {
        format!("{}/api/v1", self.upstream.url())
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }

    /// The messages that it keeps.
    pub fn messages(&self) -> Vec<Value> {
        self.state.lock().messages.clone()
    }

    /// Adds an agent of this name.
    pub fn add_agent(&self, name: &str) {
        let mut kept = self.state.lock();
        let id = kept.agents.len() + 1;
        kept.agents
            .push(json!({ "agent_id": id, "agent_name": name }));
    }
}

async fn with_token(request: Request, next: Next) -> Response {
    let expected = format!("Bearer {TOKEN}");
    let sent = request.headers().get(header::AUTHORIZATION);
    if sent.and_then(|value| value.to_str().ok()) == Some(&expected) {
        return next.run(request).await;
    }
    let answer = json!({ "detail": "Not authenticated" });
    (StatusCode::UNAUTHORIZED, Json(answer)).into_response()
}

fn missing(what: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "detail": what }))).into_response()
}

fn with_id(rows: &[Value], member: &str, id: &str) -> Option<usize> {
    rows.iter().position(|row| row[member].to_string() == id)
}

async fn agents(State(state): State<Shared>) -> Json<Value> {
    Json(json!({ "agents": state.lock().agents }))
}

async fn agent(State(state): State<Shared>, Path(id): Path<String>) -> Response {
    let kept = state.lock();
    match with_id(&kept.agents, "agent_id", &id) {
        Some(at) => Json(kept.agents[at].clone()).into_response(),
        None => missing("Agent not found"),
    }
}

async fn inbox(State(state): State<Shared>, Path(id): Path<String>) -> Json<Value> {
    let kept = state.lock();
    let own = kept.messages.iter().filter(|message| {
        message["recipient_id"].to_string() == id && message["status"] == "unread"
    });
    Json(own.cloned().collect())
}

async fn send(
    State(state): State<Shared>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut kept = state.lock();
    // It knows ids alone.
    let to: Option<u64> = body["to"].as_str().and_then(|id| id.parse().ok());
    let known = to.filter(|id| with_id(&kept.agents, "agent_id", &id.to_string()).is_some());
    let Some(to) = known else {
        let answer = json!({ "detail": [{ "loc": ["body", "to"], "msg": "unknown recipient" }] });
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(answer)).into_response();
    };
    let from = headers
        .get("x-agent-id")
        .and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let message = json!({
        "msg_id": 100 + kept.messages.len(),
        "sender_id": from,
        "recipient_id": to,
        "subject": body["subject"],
        "content": body["body"],
        "priority": "asap",
        "status": "unread",
        "sent_at": 1_767_225_600,
    });
    kept.messages.push(message.clone());
    (StatusCode::CREATED, Json(json!({ "message": message }))).into_response()
}

async fn complete(State(state): State<Shared>, Path(id): Path<String>) -> Response {
    let mut kept = state.lock();
    match with_id(&kept.messages, "msg_id", &id) {
        Some(at) => {
            kept.messages[at]["status"] = "completed".into();
            Json(kept.messages[at].clone()).into_response()
        }
        None => missing("Message not found"),
    }
}

async fn tasks(State(state): State<Shared>) -> Json<Value> {
    Json(state.lock().tasks.clone().into())
}

async fn task(State(state): State<Shared>, Path(id): Path<String>) -> Response {
    let kept = state.lock();
    match with_id(&kept.tasks, "task_id", &id) {
        Some(at) => Json(json!({ "task": kept.tasks[at] })).into_response(),
        None => missing("Task not found"),
    }
}

async fn set_status(
    State(state): State<Shared>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let mut kept = state.lock();
    match with_id(&kept.tasks, "task_id", &id) {
        Some(at) => {
            kept.tasks[at]["status"] = body["status"].clone();
            Json(json!({ "data": kept.tasks[at] })).into_response()
        }
        None => missing("Task not found"),
    }
}

async fn begin(Json(body): Json<Value>) -> Response {
    let session = json!({ "report_id": 7, "agent_id": body["agent_id"], "started_at": null });
    (StatusCode::CREATED, Json(session)).into_response()
}

async fn log(
    State(state): State<Shared>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let context = json!({
        "session_id": id, "type": body["context_type"], "key": body["context_key"],
        "value": body["value"],
    });
    state.lock().contexts.push(context.clone());
    Json(context).into_response()
}
