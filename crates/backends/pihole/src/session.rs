//! Sessions, of which a Pi-hole has few: one for each Pi-hole, whoever calls; opened once however
//! many wait for it, renewed once when it has run out, given back at the end.

use std::sync::Arc;
use std::time::Duration;

use homelab_backend::Env;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::{Client, HeaderName, Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::call::Call;
use crate::explain::Who;
use crate::types::{SessionRow, Sessions as Rows};

const SID: HeaderName = HeaderName::from_static("x-ftl-sid");
/// A refused login is not repeated for so long: those who waited for it get its answer.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Seconds after which a session of ours that nobody uses counts as left behind by a process that
/// ended without logging out. To one that lives it costs a login.
const LEFT_BEHIND_S: i64 = 60;
/// How long a logout may take.
const LOGOUT: Duration = Duration::from_secs(3);
/// How our sessions are known among the others.
const AGENT: &str = "homelab-mcp/";

/// What a request goes with.
#[derive(Clone)]
pub(crate) enum Proof {
    /// The Pi-hole has no password.
    Open,
    /// A session.
    Seat(Arc<Secret>),
}

/// The session with one Pi-hole.
pub(crate) struct Session(Arc<Shared>);

struct Shared {
    env: Env,
    who: Who,
    client: Client,
    password: Option<SecretRef>,
    /// Held while logging in, so that there is one login however many wait for it.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    proof: Option<Proof>,
    refused: Option<(Micros, ToolError)>,
    /// What others left behind was looked for.
    tidied: bool,
}

#[derive(Deserialize)]
struct Granted {
    session: Grant,
}

#[derive(Deserialize)]
struct Grant {
    valid: bool,
    sid: Option<Secret>,
}

impl Session {
    pub(crate) fn new(env: Env, who: Who, client: Client, password: Option<SecretRef>) -> Self {
        Self(Arc::new(Shared {
            env,
            who,
            client,
            password,
            state: Arc::default(),
        }))
    }

    /// What to send the next request with; logs in if need be.
    pub(crate) async fn proof(&self) -> ToolResult<Proof> {
        let guard = Arc::clone(&self.0.state).lock_owned().await;
        if let Some(proof) = &guard.proof {
            return Ok(proof.clone());
        }
        if let Some((at, error)) = &guard.refused
            && self.0.env.clock.now() < at.later(REFUSED_FOR)
        {
            return Err(error.clone());
        }
        // A task of its own: a caller who goes away in the middle must not leave a session that
        // nobody knows.
        let shared = Arc::clone(&self.0);
        let login = tokio::spawn(async move { shared.log_in(guard).await });
        login
            .await
            .unwrap_or_else(|_| Err(ToolError::internal("the login was interrupted")))
    }

    /// Drops a session that was refused, unless another has taken its place already. False where
    /// there is nothing to renew.
    pub(crate) async fn forget(&self, used: &Proof) -> bool {
        let mut state = self.0.state.lock().await;
        match (&state.proof, used) {
            (Some(Proof::Seat(current)), Proof::Seat(used)) if Arc::ptr_eq(current, used) => {
                state.proof = None;
                // Where something else than Pi-hole refused it, its seat would stay taken.
                let (shared, sid) = (Arc::clone(&self.0), Arc::clone(used));
                tokio::spawn(async move { shared.log_out(&sid).await });
            }
            // A password was set there since.
            (Some(Proof::Open), Proof::Open) => state.proof = None,
            _ => {}
        }
        self.0.password.is_some()
    }

    /// Gives the session back.
    pub(crate) async fn close(&self) {
        let proof = self.0.state.lock().await.proof.take();
        if let Some(Proof::Seat(sid)) = proof {
            self.0.log_out(&sid).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Ok(mut state) = self.0.state.try_lock() else {
            return;
        };
        if let (Some(Proof::Seat(sid)), Ok(runtime)) = (state.proof.take(), Handle::try_current()) {
            let shared = Arc::clone(&self.0);
            runtime.spawn(async move { shared.log_out(&sid).await });
        }
    }
}

impl Proof {
    /// The request with the session.
    pub(crate) fn sign(&self, request: Request) -> Request {
        match self {
            Self::Open => request,
            Self::Seat(sid) => request.secret_header(SID, sid),
        }
    }
}

impl Shared {
    async fn log_in(&self, mut state: OwnedMutexGuard<State>) -> ToolResult<Proof> {
        match self.granted().await {
            Ok(proof) => {
                state.refused = None;
                state.proof = Some(proof.clone());
                if let Proof::Seat(sid) = &proof
                    && !std::mem::replace(&mut state.tidied, true)
                {
                    self.tidy(sid).await;
                }
                Ok(proof)
            }
            Err(error) => {
                if matches!(
                    error.code(),
                    Code::UpstreamUnauthorized | Code::RateLimited | Code::NotConfigured
                ) {
                    state.refused = Some((self.env.clock.now(), error.clone()));
                } else {
                    // It may have been granted without our hearing of it.
                    state.tidied = false;
                }
                Err(error)
            }
        }
    }

    async fn granted(&self) -> ToolResult<Proof> {
        let Some(reference) = &self.password else {
            return Ok(Proof::Open);
        };
        let password = self.env.secret(reference).await?;
        let call = Call::post(
            "login",
            "/api/auth",
            json!({ "password": password.expose() }),
        );
        let response = self.client.send(call.request().hide(&password)).await?;
        let status = response.status.as_u16();
        let json = serde_json::from_slice::<serde_json::Value>(&response.body).is_ok();
        // A page instead of an answer, or no such call. What fails for a while is told as that.
        if matches!(status, 404 | 405 | 301 | 302 | 307 | 308) || (status == 200 && !json) {
            return Err(self.stranger(status).await);
        }
        if status == 401 && self.needs_no_password().await {
            return Ok(Proof::Open);
        }
        let response = self.who.accepted(response, &call, &self.env.redactor)?;
        let granted: Granted = response.json()?;
        match granted.session {
            Grant {
                valid: true,
                sid: Some(sid),
            } => {
                self.env.redactor.learn(&sid);
                Ok(Proof::Seat(Arc::new(sid)))
            }
            // No password is set there.
            Grant { valid: true, .. } => Ok(Proof::Open),
            Grant { .. } => Err(self.who.not_accepted()),
        }
    }

    /// Whether everybody may do everything there: a password is refused then, because none is set.
    async fn needs_no_password(&self) -> bool {
        let call = Call::get("auth_status", "/api/auth", &[]);
        match self.client.send(call.request()).await {
            Ok(response) if response.status == StatusCode::OK => response
                .json::<Granted>()
                .is_ok_and(|status| status.session.valid),
            _ => false,
        }
    }

    /// What answers there, if it does not know how to log in.
    async fn stranger(&self, status: u16) -> ToolError {
        #[derive(Deserialize)]
        struct Version {
            version: serde_json::Value,
        }
        let probe = Request::get("version_5", "/admin/api.php", &[]).query("version", "");
        let old = match self.client.send(probe).await {
            Ok(response) => response
                .json::<Version>()
                .is_ok_and(|old| !old.version.is_null()),
            Err(_) => false,
        };
        if old {
            self.who.too_old()
        } else {
            self.who.not_pihole(status)
        }
    }

    /// Ends the sessions that processes of ours left behind. That it fails harms nobody: they run
    /// out by themselves.
    async fn tidy(&self, sid: &Arc<Secret>) {
        let proof = Proof::Seat(Arc::clone(sid));
        let call = Call::get("sessions", "/api/auth/sessions", &[]);
        let rows = match self.client.send(proof.sign(call.request())).await {
            Ok(response) if response.status == StatusCode::OK => response.json::<Rows>(),
            _ => return,
        };
        let sessions = rows.map(|rows| rows.sessions).unwrap_or_default();
        let now = self.env.clock.now().0.div_euclid(1_000_000);
        for id in left_behind(&sessions, now) {
            let call = Call::delete("end_session", "/api/auth/session/{}", &[&id]);
            if self.client.send(proof.sign(call.request())).await.is_err() {
                return;
            }
        }
    }

    async fn log_out(&self, sid: &Arc<Secret>) {
        let call = Call::new("logout", Method::DELETE, "/api/auth", &[]);
        let request = Proof::Seat(Arc::clone(sid)).sign(call.request());
        // One that cannot be given back runs out by itself.
        drop(self.client.send(request.timeout(LOGOUT)).await);
    }
}

/// Sessions of ours, from this machine, that nobody has used for a while.
fn left_behind(sessions: &[SessionRow], now: i64) -> Vec<i64> {
    let own = sessions.iter().find(|row| row.current_session);
    let Some(own) = own else { return Vec::new() };
    let stale = |row: &&SessionRow| {
        let ours = row
            .user_agent
            .as_deref()
            .is_some_and(|agent| agent.starts_with(AGENT));
        ours && !row.current_session
            && row.remote_addr == own.remote_addr
            && row.last_active + LEFT_BEHIND_S < now
    };
    sessions.iter().filter(stale).map(|row| row.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_and_idle_was_left_behind() {
        let row = |id: i64, agent: &str, from: &str, active: i64| SessionRow {
            id,
            current_session: id == 0,
            user_agent: Some(agent.to_owned()),
            remote_addr: from.to_owned(),
            last_active: active,
        };
        let rows = [
            row(0, "homelab-mcp/0.1.0", "192.0.2.5", 1000),
            row(1, "homelab-mcp/0.1.0", "192.0.2.5", 900),
            row(2, "homelab-mcp/0.1.0", "192.0.2.5", 990),
            row(3, "homelab-mcp/0.1.0", "192.0.2.6", 900),
            row(4, "Mozilla/5.0", "192.0.2.5", 900),
        ];

        assert_eq!(left_behind(&rows, 1000), [1]);
        assert_eq!(left_behind(&rows[1..], 1000), [0; 0]);
    }
}
